//! What was acknowledged to somebody who may outlive the catalog, and the check that it is all there, and nothing else.

use std::collections::BTreeMap;
use std::path::Path;

use proximadb_meta_core::MetadataBackend;
use proximadb_meta_core::report::RestoreOptions;

use crate::failure::{At as _, Failure, Outcome};
use crate::found::{Found, check_indexes, difference, short};
use crate::perform::Done;
use crate::script::{Change, Rows, SHARED, Script, Step};

/// Every writer's acknowledged steps.
#[derive(Clone, Debug)]
pub struct Tracks {
    writers: Vec<Track>,
    backups: Vec<Saved>,
    acknowledged: u64,
    /// The power is being cut: what is said from now on proves nothing.
    cut: bool,
}

/// One writer's.
#[derive(Clone, Debug)]
struct Track {
    /// As of the last acknowledged step.
    script: Script,
    /// Steps that it said it did: more than acknowledged ones once the power is being cut.
    said: u64,
    /// Each record as it was returned last: also times and incarnation.
    texts: BTreeMap<String, String>,
}

/// A backup that was acknowledged.
#[derive(Clone, Debug)]
struct Saved {
    id: String,
    writer: usize,
    /// The writer's own records then: it was waiting for the backup.
    rows: Rows,
}

impl Tracks {
    /// Nothing acknowledged yet. `pace`: one checkpoint and one backup in so many steps of a writer.
    #[must_use]
    pub fn new(seed: u64, writers: usize, pace: u64) -> Self {
        let track = |w| Track { script: Script::new(seed, w, pace), said: 0, texts: BTreeMap::new() };
        Self { writers: (0..writers).map(track).collect(), backups: Vec::new(), acknowledged: 0, cut: false }
    }

    /// How far each writer is.
    #[must_use]
    pub fn positions(&self) -> Vec<u64> {
        self.writers.iter().map(|t| t.script.done()).collect()
    }

    /// Acknowledged steps of all writers, over all runs.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// To be called before the power is cut. A sync that is under way when a file system is shut down may answer that all is well
    /// and have lost everything: Linux does so with XFS and ext4. When real power goes, nobody is left to hear that answer.
    pub fn cut(&mut self) {
        self.cut = true;
    }

    /// A writer's script as of its last acknowledged step.
    #[must_use]
    pub fn script(&self, writer: usize) -> Option<&Script> {
        self.writers.get(writer).map(|t| &t.script)
    }

    /// The line that says that a script's next step is done.
    #[must_use]
    pub fn line(script: &Script, done: &Done) -> String {
        let texts = done.records.iter().map(|r| format!("{r:?}")).chain(done.backup.clone());
        let head = format!("{}\t{}", script.writer(), script.done());
        texts.fold(head, |line, text| line + "\t" + &text)
    }

    /// Notes such a line.
    ///
    /// # Errors
    /// A line that does not follow from the script.
    pub fn acknowledge(&mut self, line: &str) -> Outcome {
        let mut parts = line.split('\t');
        let mut number = || parts.next().and_then(|n| n.parse::<u64>().ok());
        let (Some(w), Some(n)) = (number(), number()) else {
            return Err(Failure::new(format!("not an acknowledgement: {line:?}")));
        };
        let w = usize::try_from(w)?;
        let track = self.writers.get_mut(w).ok_or_else(|| Failure::new(format!("there is no writer {w}")))?;
        ensure!(track.said == n, "writer {w} did step {n} after {}", track.said);
        track.said += 1;
        if self.cut {
            return Ok(());
        }
        match track.script.advance() {
            Step::Acts(acts) => {
                for act in acts {
                    if matches!(act.change, Change::Delete) {
                        track.texts.remove(&act.id);
                    } else {
                        let text = parts.next().ok_or_else(|| Failure::new(format!("{} was not returned", act.id)))?;
                        track.texts.insert(act.id, text.to_owned());
                    }
                }
            }
            Step::Backup => {
                let id = parts.next().unwrap_or_default().to_owned();
                self.backups.push(Saved { id, writer: w, rows: track.script.rows().clone() });
            }
            Step::Count | Step::Checkpoint => {}
        }
        self.acknowledged += 1;
        Ok(())
    }

    /// Notes a checkpoint or backup that failed and was passed over: writer and step.
    ///
    /// # Errors
    /// A line that does not follow from the script.
    pub fn skip(&mut self, line: &str) -> Outcome {
        let track = line.split_once('\t').and_then(|(w, n)| Some((self.writers.get_mut(w.parse::<usize>().ok()?)?, n)));
        let (track, n) = track.ok_or_else(|| Failure::new(format!("not a skip: {line:?}")))?;
        ensure!(n.parse() == Ok(track.said), "step {n} is passed over after {}", track.said);
        track.said += 1;
        if !self.cut {
            let step = track.script.advance();
            ensure!(matches!(step, Step::Checkpoint | Step::Backup), "step {n} must not be passed over");
        }
        Ok(())
    }

    /// Checks that the catalog holds every acknowledged step, of each writer at most one more than it said, whole, and nothing
    /// else; that records which nobody touched since are the very ones that were returned; and that the indexes agree. Then
    /// goes on from what it holds.
    ///
    /// # Errors
    /// What is lost, half done, or was never attempted.
    pub async fn verify(&mut self, db: &dyn MetadataBackend) -> Outcome {
        let all = db.list_collections(None).await?;
        check_indexes(db, &all).await?;
        let found = Found::new(&all, self.writers.len())?;
        let mut possible = Vec::new();
        for (track, rows) in self.writers.iter().zip(&found.rows) {
            possible.push(track.possible(rows)?);
        }
        let chosen = choose(&possible, found.vectors, found.bytes).ok_or_else(|| {
            let sum = |of: fn(&Script) -> u64| self.writers.iter().map(|t| of(&t.script)).sum::<u64>();
            let (vectors, bytes) = (sum(Script::counted), sum(|s| s.counted() * s.weight()));
            Failure::new(format!(
                "all writers together were acknowledged {vectors} vectors and {bytes} bytes on {SHARED}; it has {} and {}",
                found.vectors, found.bytes
            ))
        })?;
        for ((track, script), texts) in self.writers.iter_mut().zip(chosen).zip(found.texts) {
            track.settle(script, texts)?;
        }
        self.cut = false;
        Ok(())
    }

    /// Checks every backup below a directory, and that the acknowledged ones are among them and hold what their writer had
    /// written. Then forgets them, and removes the directory.
    ///
    /// # Errors
    /// A backup that cannot be restored, is missing, or holds something else.
    pub async fn verify_backups(&mut self, backups: &Path) -> Outcome {
        let mut restored = BTreeMap::new();
        for id in backup_ids(backups)? {
            let memory = proximadb_meta_memory::memory().into_backend();
            let place = backups.to_string_lossy();
            memory.restore(&id, &place, RestoreOptions::default()).await.at(format!("backup {id}"))?;
            restored.insert(id, Found::new(&memory.list_collections(None).await?, self.writers.len())?);
        }
        for saved in std::mem::take(&mut self.backups) {
            let found = restored.get(&saved.id).and_then(|f| f.rows.get(saved.writer));
            let found =
                found.ok_or_else(|| Failure::new(format!("backup {} was acknowledged and is gone", saved.id)))?;
            ensure!(*found == saved.rows, "backup {}: {}", saved.id, difference(&saved.rows, found));
        }
        if backups.exists() {
            std::fs::remove_dir_all(backups)?;
        }
        Ok(())
    }
}

impl Track {
    /// The script at every step at which the writer may have been stopped and its records are these. Several only where a step
    /// changes none of them.
    fn possible(&self, rows: &Rows) -> Outcome<Vec<Script>> {
        let mut possible = Vec::new();
        let mut script = self.script.clone();
        loop {
            if script.rows() == rows {
                possible.push(script.clone());
            }
            if script.done() > self.said {
                break;
            }
            script.advance();
        }
        if possible.is_empty() {
            let (w, done) = (self.script.writer(), self.script.done());
            return Err(Failure::new(format!(
                "writer {w} was acknowledged {done} steps and may have done {} more; the catalog holds something else: {}",
                self.said + 1 - done,
                difference(self.script.rows(), rows)
            )));
        }
        Ok(possible)
    }

    /// Goes on from there. What was not touched on the way must be what was returned, to the byte.
    fn settle(&mut self, script: Script, texts: BTreeMap<String, String>) -> Outcome {
        let mut touched = Vec::new();
        while self.script.done() < script.done() {
            touched.extend(self.script.advance().ids().into_iter().map(str::to_owned));
        }
        for (id, text) in self.texts.iter().filter(|(id, _)| !touched.contains(id)) {
            let is = texts.get(id);
            ensure!(is == Some(text), "{id} was acknowledged as {}, it is {is:?}", short(text));
        }
        self.texts = texts;
        self.said = self.script.done();
        Ok(())
    }
}

/// One script of each writer, so that together they counted this on the record of all.
fn choose(possible: &[Vec<Script>], vectors: u64, bytes: u64) -> Option<Vec<Script>> {
    let Some((first, rest)) = possible.split_first() else {
        return (vectors == 0 && bytes == 0).then(Vec::new);
    };
    first.iter().find_map(|script| {
        let vectors = vectors.checked_sub(script.counted())?;
        let bytes = bytes.checked_sub(script.counted() * script.weight())?;
        let mut chosen = choose(rest, vectors, bytes)?;
        chosen.insert(0, script.clone());
        Some(chosen)
    })
}

/// The directories below a place of backups that have a backup's name.
fn backup_ids(backups: &Path) -> Outcome<Vec<String>> {
    if !backups.exists() {
        return Ok(Vec::new());
    }
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(backups)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if uuid::Uuid::try_parse(&name).is_ok() {
            ids.push(name);
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests;

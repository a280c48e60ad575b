//! What was acknowledged to somebody who may outlive the catalog, and the check that it is all there, and nothing else.

use std::collections::BTreeMap;
use std::path::Path;

use proximadb_meta_core::report::RestoreOptions;
use proximadb_meta_core::{CollectionMetadata, Field, Filter, MetadataBackend};

use crate::failure::{At as _, Failure, Outcome};
use crate::perform::Done;
use crate::script::{Change, Row, Rows, SHARED, Script, Step};

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

/// What a catalog holds, by writer.
#[derive(Debug)]
struct Found {
    rows: Vec<Rows>,
    texts: Vec<BTreeMap<String, String>>,
    vectors: u64,
    bytes: u64,
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

impl Found {
    fn new(all: &[std::sync::Arc<CollectionMetadata>], writers: usize) -> Outcome<Self> {
        let mut found =
            Self { rows: vec![Rows::new(); writers], texts: vec![BTreeMap::new(); writers], vectors: 0, bytes: 0 };
        for r in all {
            if *r.id == *SHARED {
                (found.vectors, found.bytes) = (r.vector_count, r.total_size_bytes);
                continue;
            }
            let owner = Script::writer_of(&r.id);
            let place = owner.and_then(|w| Some((found.rows.get_mut(w)?, found.texts.get_mut(w)?)));
            let (rows, texts) = place.ok_or_else(|| Failure::new(format!("nobody ever made {:?}", r.id)))?;
            rows.insert(r.id.to_string(), Row::of(r));
            texts.insert(r.id.to_string(), format!("{r:?}"));
        }
        Ok(found)
    }
}

/// Point reads and lists by index give the same records as the list of all.
async fn check_indexes(db: &dyn MetadataBackend, all: &[std::sync::Arc<CollectionMetadata>]) -> Outcome {
    for r in all {
        ensure!(db.get_collection(&r.id).await?.as_ref() == Some(r), "{} is not found by its id", r.id);
        let by_name = db.get_collection_by_name(&r.name).await?;
        ensure!(by_name.as_ref() == Some(r), "{} is not found by its name {}", r.id, r.name);
    }
    let owners = (0..5).map(|n| Filter::eq(Field::Owner, format!("o{n}")));
    let tags = (0..6).map(|n| Filter::has_tag(format!("t{n}")));
    for filter in owners.chain(tags) {
        let listed = db.list_collections(Some(filter.clone())).await?;
        let expected: Vec<_> = all.iter().filter(|r| filter.evaluate(r)).cloned().collect();
        ensure!(listed == expected, "{filter} lists {} of {} records", listed.len(), expected.len());
    }
    Ok(())
}

/// The first few ids that differ.
fn difference(expected: &Rows, found: &Rows) -> String {
    let mut ids: Vec<&String> = expected.keys().chain(found.keys()).collect();
    ids.sort_unstable();
    ids.dedup();
    let differing: Vec<String> = ids
        .into_iter()
        .filter(|id| expected.get(*id) != found.get(*id))
        .map(|id| format!("{id}: {} became {}", row(expected.get(id)), row(found.get(id))))
        .collect();
    format!("{} differ; {}", differing.len(), differing.iter().take(6).cloned().collect::<Vec<_>>().join("; "))
}

fn row(row: Option<&Row>) -> String {
    row.map_or_else(|| "nothing".to_owned(), |r| short(&format!("{r:?}")).to_owned())
}

fn short(text: &str) -> &str {
    text.get(..200).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proximadb_meta_core::{Operation, PutIf, StatsDelta};

    use super::*;
    use crate::perform::{perform, prepare};

    const WRITERS: usize = 2;

    /// A catalog in memory after 150 steps of each writer, all of them acknowledged.
    async fn written() -> (Arc<dyn MetadataBackend>, Tracks) {
        let db = proximadb_meta_memory::memory().into_backend();
        let mut tracks = Tracks::new(7, WRITERS, 0);
        prepare(&*db).await.unwrap();
        for _ in 0..150 {
            for w in 0..WRITERS {
                let script = tracks.script(w).unwrap().clone();
                let done = perform(&*db, &script, Path::new("")).await.unwrap();
                tracks.acknowledge(&Tracks::line(&script, &done)).unwrap();
            }
        }
        (db, tracks)
    }

    /// A record of the first writer that its next step does not touch.
    async fn untouched(db: &dyn MetadataBackend, tracks: &Tracks) -> CollectionMetadata {
        let script = tracks.script(0).unwrap();
        let next = script.next();
        let id = script.rows().keys().find(|id| !next.ids().contains(&id.as_str())).unwrap();
        (*db.get_collection(id).await.unwrap().unwrap()).clone()
    }

    async fn found(db: &dyn MetadataBackend, tracks: &Tracks, words: &str) {
        let e = tracks.clone().verify(db).await.unwrap_err().to_string();
        assert!(e.contains(words), "{e}");
    }

    #[tokio::test]
    async fn what_was_acknowledged_passes_also_with_one_step_more() {
        let (db, mut tracks) = written().await;
        tracks.verify(&*db).await.unwrap();
        for w in 0..WRITERS {
            let script = tracks.script(w).unwrap().clone();
            perform(&*db, &script, Path::new("")).await.unwrap();
        }
        let before = tracks.positions();
        tracks.verify(&*db).await.unwrap();
        let moved: u64 = tracks.positions().iter().zip(before).map(|(now, then)| now - then).sum();
        assert_eq!(moved, 2, "it goes on from what is there");
        tracks.verify(&*db).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_said_during_a_cut_may_be_there_or_not() {
        let (db, tracks) = written().await;
        let mut cut = tracks.clone();
        cut.cut();
        let mut scripts: Vec<Script> = (0..WRITERS).map(|w| tracks.script(w).unwrap().clone()).collect();
        let mut lines = Vec::new();
        for _ in 0..6 {
            // Whatever was said by then, the catalog may stand at any step up to there.
            for script in &mut scripts {
                cut.clone().verify(&*db).await.unwrap();
                let done = perform(&*db, script, Path::new("")).await.unwrap();
                lines.push(Tracks::line(script, &done));
                cut.acknowledge(&lines[lines.len() - 1]).unwrap();
                script.advance();
            }
        }
        let mut all = cut.clone();
        all.verify(&*db).await.unwrap();
        assert_eq!((cut.positions(), all.positions()), (vec![150; WRITERS], vec![156; WRITERS]));
        assert_eq!(cut.acknowledged(), tracks.acknowledged(), "none of it counts");
    }

    #[tokio::test]
    async fn a_lost_record_is_found() {
        let (db, tracks) = written().await;
        let record = untouched(&*db, &tracks).await;
        db.delete_collection(&record.id).await.unwrap();
        found(&*db, &tracks, "became nothing").await;
    }

    #[tokio::test]
    async fn an_older_version_is_found() {
        let (db, tracks) = written().await;
        let mut record = untouched(&*db, &tracks).await;
        record.version += 1;
        let put = Operation::Put { record, when: PutIf::Any };
        db.batch_operations(vec![put]).await.unwrap();
        found(&*db, &tracks, "something else").await;
    }

    #[tokio::test]
    async fn the_same_content_in_another_life_is_found() {
        let (db, tracks) = written().await;
        let record = untouched(&*db, &tracks).await;
        let put = Operation::Put { record, when: PutIf::Any };
        db.batch_operations(vec![put]).await.unwrap();
        found(&*db, &tracks, "was acknowledged as").await;
    }

    #[tokio::test]
    async fn two_steps_more_are_found() {
        let (db, tracks) = written().await;
        let mut script = tracks.script(0).unwrap().clone();
        for _ in 0..4 {
            perform(&*db, &script, Path::new("")).await.unwrap();
            script.advance();
        }
        assert!(tracks.clone().verify(&*db).await.is_err());
    }

    #[tokio::test]
    async fn half_a_batch_is_found() {
        let (db, mut tracks) = written().await;
        // Up to where the next step of the first writer is a batch with a change that can be done alone.
        let act = loop {
            let script = tracks.script(0).unwrap().clone();
            if let Step::Acts(acts) = script.next()
                && let [_, .., last] = &acts[..]
                && matches!(last.change, Change::Delete)
            {
                break last.clone();
            }
            let done = perform(&*db, &script, Path::new("")).await.unwrap();
            tracks.acknowledge(&Tracks::line(&script, &done)).unwrap();
        };
        assert!(db.delete_collection(&act.id).await.unwrap());
        found(&*db, &tracks, "may have done 1 more").await;
    }

    #[tokio::test]
    async fn a_lost_or_repeated_count_is_found() {
        for vectors in [1, -1] {
            let (db, tracks) = written().await;
            db.record_stats(SHARED, StatsDelta { vectors, bytes: 0 }).await.unwrap();
            found(&*db, &tracks, "all writers together").await;
        }
    }

    #[tokio::test]
    async fn a_record_nobody_made_is_found() {
        let (db, tracks) = written().await;
        let mut record = untouched(&*db, &tracks).await;
        (record.id, record.name) = ("stranger".into(), "stranger".into());
        db.create_collection(record).await.unwrap();
        found(&*db, &tracks, "nobody ever made").await;
    }
}

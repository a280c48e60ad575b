//! The journal of a copy: what was sent and what was done, so that a later run goes on where an earlier one was cut off.
//!
//! A file of JSON lines. The first says of which copy it is. `begin` stands before a batch is sent: the source's ids it comes
//! from, its counts, and the id and hash of a record by which it is known to be done; `done` after it was acknowledged, `void`
//! when it was refused. A line that was cut off is as if it was never written. The lines outlive the process; they are not
//! synced, and after a power cut may be fewer than what was done, which a resumed copy then counts as unchanged.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind as Io, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proximadb_meta_core::digest::RecordHash;
use proximadb_meta_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::CopyCounts;
use super::plan::Planned;
use super::source::Chunk;
use crate::records::Catalog;

/// The layout of the lines.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Line {
    Copy { format: u32, of: String },
    Begin(Begun),
    Done(u64),
    Void(u64),
}

/// A batch that was sent, or was about to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Begun {
    batch: u64,
    from: Option<String>,
    to: String,
    counts: CopyCounts,
    ahead: Vec<String>,
    kept: Vec<String>,
    probe: Option<(String, String)>,
}

/// What earlier runs of a copy did.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    pub(super) counts: CopyCounts,
    pub(super) ahead: Vec<Arc<str>>,
    pub(super) kept: Vec<Arc<str>>,
    /// Done parts of the source: behind the first id, up to the second. In ascending order, with gaps in between.
    done: Vec<(Option<Arc<str>>, Arc<str>)>,
}

impl Past {
    fn add(&mut self, begun: Begun) {
        self.counts.add(&begun.counts);
        self.ahead.extend(begun.ahead.into_iter().map(Arc::from));
        self.kept.extend(begun.kept.into_iter().map(Arc::from));
        self.done.push((begun.from.map(Arc::from), begun.to.into()));
    }

    /// Puts the done parts in order, and together where they meet or overlap.
    fn tidy(&mut self) {
        self.done.sort_unstable();
        let mut whole: Vec<(Option<Arc<str>>, Arc<str>)> = Vec::new();
        for (from, to) in std::mem::take(&mut self.done) {
            match whole.last_mut() {
                Some((_, end)) if from.as_ref().is_none_or(|from| from <= end) => *end = to.max(end.clone()),
                _ => whole.push((from, to)),
            }
        }
        self.done = whole;
    }

    /// Everything up to here is done; `None`: nothing is.
    pub(super) fn start(&self) -> Option<Arc<str>> {
        self.done.first().filter(|(from, _)| from.is_none()).map(|(_, to)| to.clone())
    }

    /// Whether a record of the source is in a part that is done.
    pub(super) fn covers(&self, id: &str) -> bool {
        let next = self.done.partition_point(|(_, to)| **to < *id);
        self.done.get(next).is_some_and(|(from, _)| from.as_ref().is_none_or(|from| **from < *id))
    }
}

/// The journal of one copy. See [`Journal::resume`].
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Arc<File>,
    begun: BTreeMap<u64, Begun>,
    past: Vec<Begun>,
    next: u64,
}

impl Journal {
    /// Begins a journal, in the place of one that is there. `of`: which copy it is, in any words that hold no secret and that
    /// another copy does not have: where from, where to, which records, how conflicts are resolved. The file's mode is 0600.
    ///
    /// # Errors
    /// `Unavailable`, `PermissionDenied` or `StorageFull` for a file that cannot be written.
    pub fn start(path: &Path, of: &str) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|e| failed(path, e))?;
        let journal =
            Self { path: path.to_owned(), file: file.into(), begun: BTreeMap::new(), past: Vec::new(), next: 0 };
        write(&journal.file, &Line::Copy { format: FORMAT, of: of.to_owned() }).map_err(|e| failed(path, e))?;
        Ok(journal)
    }

    /// Goes on with the journal of an earlier run; `None` where there is none.
    ///
    /// # Errors
    /// `InvalidInput` for the journal of another copy; `Unsupported` for one of a newer format; `Corruption` for a file that is
    /// no journal; as [`start`](Self::start).
    pub fn resume(path: &Path, of: &str) -> Result<Option<Self>> {
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(e) if e.kind() == Io::NotFound => return Ok(None),
            opened => opened.map_err(|e| failed(path, e))?,
        };
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|e| failed(path, e))?;
        // What follows the last line feed was cut off.
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        text.truncate(whole);
        file.set_len(whole as u64).and_then(|()| file.seek(SeekFrom::End(0))).map_err(|e| failed(path, e))?;
        let mut lines = text.lines();
        match lines.next().map(serde_json::from_str) {
            // Cut off before its first line was whole: nothing was sent.
            None => return Self::start(path, of).map(Some),
            Some(Ok(Line::Copy { format: FORMAT, of: other })) if other == of => {}
            Some(Ok(Line::Copy { format: FORMAT, of: other })) => {
                return Err(Error::invalid(format!("{} is the journal of another copy: {other}", path.display()))
                    .with_hint("resume that one as it was begun, or name another journal"));
            }
            Some(Ok(Line::Copy { format, .. })) => {
                return Err(Error::unsupported(format!("{} is of format {format}", path.display()))
                    .with_hint("resume it with the release that began it"));
            }
            Some(_) => return Err(no_journal(path, 1)),
        }
        let mut journal =
            Self { path: path.to_owned(), file: file.into(), begun: BTreeMap::new(), past: Vec::new(), next: 0 };
        for (n, line) in lines.enumerate() {
            match serde_json::from_str(line) {
                Ok(Line::Begin(begun)) => {
                    journal.next = journal.next.max(begun.batch + 1);
                    journal.begun.insert(begun.batch, begun);
                }
                Ok(Line::Done(batch)) => journal.past.extend(journal.begun.remove(&batch)),
                Ok(Line::Void(batch)) => drop(journal.begun.remove(&batch)),
                Ok(Line::Copy { .. }) | Err(_) => return Err(no_journal(path, n + 2)),
            }
        }
        Ok(Some(journal))
    }

    /// What earlier runs did. A batch of which they did not learn the end is looked for in the destination.
    pub(super) async fn settle(&mut self, destination: &Catalog) -> Result<Past> {
        for (batch, begun) in std::mem::take(&mut self.begun) {
            let is_done = match &begun.probe {
                Some((id, hash)) => {
                    let there = destination.get_collection(id).await?;
                    there.is_some_and(|r| RecordHash::of(&r).to_string() == *hash)
                }
                None => true,
            };
            self.append(&if is_done { Line::Done(batch) } else { Line::Void(batch) }).await?;
            self.past.extend(is_done.then_some(begun));
        }
        let mut past = Past::default();
        for begun in std::mem::take(&mut self.past) {
            past.add(begun);
        }
        past.tidy();
        Ok(past)
    }

    /// Notes a batch before it is sent.
    pub(super) async fn begin(&mut self, chunk: &Chunk, planned: &Planned) -> Result<u64> {
        let batch = self.next;
        self.next += 1;
        let begun = Begun {
            batch,
            from: chunk.from.as_deref().map(str::to_owned),
            to: chunk.to.to_string(),
            counts: planned.counts,
            ahead: planned.ahead.iter().map(ToString::to_string).collect(),
            kept: planned.kept.iter().map(ToString::to_string).collect(),
            probe: planned.probe().map(|(id, hash)| (id.to_string(), hash.to_string())),
        };
        self.append(&Line::Begin(begun)).await?;
        Ok(batch)
    }

    /// Notes that a batch is done.
    pub(super) async fn done(&mut self, batch: u64) -> Result<()> {
        self.append(&Line::Done(batch)).await
    }

    /// Notes that a batch was refused.
    pub(super) async fn void(&mut self, batch: u64) -> Result<()> {
        self.append(&Line::Void(batch)).await
    }

    /// Removes the file: the copy is complete.
    pub(super) fn finish(self) -> Result<()> {
        std::fs::remove_file(&self.path).map_err(|e| failed(&self.path, e))
    }

    async fn append(&self, line: &Line) -> Result<()> {
        let (file, text) = (self.file.clone(), text_of(line));
        let written = tokio::task::spawn_blocking(move || (&*file).write_all(&text)).await;
        written.map_err(std::io::Error::other).and_then(|written| written).map_err(|e| failed(&self.path, e))
    }
}

/// A line and its line feed, which are written at once.
fn text_of(line: &Line) -> Vec<u8> {
    // Strings and numbers alone: this cannot fail, and an empty line would be found when it is read.
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text
}

fn write(mut file: &File, line: &Line) -> std::io::Result<()> {
    file.write_all(&text_of(line))
}

fn no_journal(path: &Path, line: usize) -> Error {
    Error::new(ErrorKind::Corruption, format!("{} is no journal of a copy: line {line}", path.display()))
        .with_hint("copy without resuming: what is there already is left unchanged")
}

fn failed(path: &Path, e: std::io::Error) -> Error {
    let kind = match e.kind() {
        Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
        Io::StorageFull | Io::QuotaExceeded => ErrorKind::StorageFull,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("the journal {} cannot be used: {e}", path.display()))
}

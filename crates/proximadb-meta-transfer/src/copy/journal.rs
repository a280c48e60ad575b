//! The journal of a copy: what was sent and what was done, so that a later run goes on where an earlier one was cut off.
//!
//! A file of JSON lines. The first says of which copy it is. `begin` stands before a batch is sent: the source's ids it comes
//! from, its counts, and the id and hash of a record by which it is known to be done; `done` after it was acknowledged, `void`
//! when it was refused. A line that was cut off is as if it was never written.
//!
//! `begin` is synced before the batch is sent, together with every line before it; so are the first line and the file's name
//! when the file is made. `done` and `void` are not: without them the destination is asked, which knows. A power cut so takes
//! lines from the end alone, or leaves zeros in their place.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
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
    file: File,
    /// The same file once more: a sync that outlives a copy that was dropped does not hold the lock.
    synced: Arc<File>,
    /// Bytes of the file.
    length: u64,
    begun: BTreeMap<u64, Begun>,
    past: Vec<Begun>,
    next: u64,
}

impl Journal {
    /// A name for the file of the journal of such a copy, that no other copy has.
    #[must_use]
    pub fn file_name(of: &str) -> String {
        // Any hash would do.
        format!("copy-{}.journal", RecordHash::of_json(of))
    }

    /// Begins a journal, in the place of one that is there. `of`: which copy it is, in any words that hold no secret and that
    /// another copy does not have: where from, where to, which records, how conflicts are resolved. The file's mode is 0600.
    ///
    /// # Errors
    /// `Locked` while another run of the copy has it; `Unavailable`, `PermissionDenied` or `StorageFull` for a file that cannot
    /// be written and synced.
    pub fn start(path: &Path, of: &str) -> Result<Self> {
        let mut options = OpenOptions::new();
        // What is there is cut off when nobody else has it.
        options.create(true).read(true).write(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|e| failed(path, e))?;
        lock(path, &file)?;
        file.set_len(0).map_err(|e| failed(path, e))?;
        let mut journal = Self::of_file(path, file, 0)?;
        journal.append(&Line::Copy { format: FORMAT, of: of.to_owned() })?;
        journal.synced.sync_all().and_then(|()| sync_names(path)).map_err(|e| failed(path, e))?;
        Ok(journal)
    }

    fn of_file(path: &Path, file: File, length: u64) -> Result<Self> {
        let synced = OpenOptions::new().write(true).open(path).map_err(|e| failed(path, e))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            synced: Arc::new(synced),
            length,
            begun: BTreeMap::new(),
            past: Vec::new(),
            next: 0,
        })
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
        lock(path, &file)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| failed(path, e))?;
        bytes.truncate(whole_lines(&bytes));
        let whole = bytes.len() as u64;
        file.set_len(whole).and_then(|()| file.seek(SeekFrom::End(0))).map_err(|e| failed(path, e))?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let before = e.as_bytes().get(..e.utf8_error().valid_up_to()).unwrap_or_default();
            no_journal(path, 1 + before.iter().filter(|b| **b == b'\n').count())
        })?;
        let mut lines = text.lines();
        match lines.next().map(serde_json::from_str) {
            // Cut off before its first line was whole: nothing was sent.
            None => {
                drop(file);
                return Self::start(path, of).map(Some);
            }
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
        let mut journal = Self::of_file(path, file, whole)?;
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
            self.append(&if is_done { Line::Done(batch) } else { Line::Void(batch) })?;
            self.past.extend(is_done.then_some(begun));
        }
        let mut past = Past::default();
        for begun in std::mem::take(&mut self.past) {
            past.add(begun);
        }
        past.tidy();
        Ok(past)
    }

    /// Notes a batch before it is sent. Where anything is sent, [`sync`](Self::sync) comes before that.
    pub(super) fn begin(&mut self, chunk: &Chunk, planned: &Planned) -> Result<u64> {
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
        self.append(&Line::Begin(begun))?;
        Ok(batch)
    }

    /// Notes that a batch is done.
    pub(super) fn done(&mut self, batch: u64) -> Result<()> {
        self.append(&Line::Done(batch))
    }

    /// Notes that a batch was refused.
    pub(super) fn void(&mut self, batch: u64) -> Result<()> {
        self.append(&Line::Void(batch))
    }

    /// Whether nothing was ever sent.
    pub(super) fn is_untouched(&self) -> bool {
        self.next == 0
    }

    /// Removes the file: the copy is complete.
    pub(super) async fn finish(self) -> Result<()> {
        let path = self.path.clone();
        // At once, while it is locked: a later run may make another of the same name.
        std::fs::remove_file(&path).map_err(|e| failed(&path, e))?;
        aside(move || sync_names(&path)).await.map_err(|e| failed(&self.path, e))
    }

    /// Makes every line so far outlive a power cut.
    pub(super) async fn sync(&self) -> Result<()> {
        let (file, length) = (self.synced.clone(), self.length);
        aside(move || file.sync_data()).await.map_err(|e| failed(&self.path, e))?;
        tracing::trace!(bytes = length, "synced the journal");
        Ok(())
    }

    /// Some hundred bytes into the memory of the operating system: no thread is worth it, and a copy that is dropped meanwhile
    /// leaves no writer behind.
    fn append(&mut self, line: &Line) -> Result<()> {
        let text = text_of(line);
        self.file.write_all(&text).map_err(|e| failed(&self.path, e))?;
        self.length += text.len() as u64;
        Ok(())
    }
}

/// Waits for the disk on a thread of its own.
async fn aside(work: impl FnOnce() -> std::io::Result<()> + Send + 'static) -> std::io::Result<()> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(std::io::Error::other(e)))
}

/// Makes the making or the removal of a file outlive a power cut.
fn sync_names(path: &Path) -> std::io::Result<()> {
    // Elsewhere a directory cannot be opened, and its names are synced with the file.
    if !cfg!(unix) {
        return Ok(());
    }
    let directory = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

/// How many of the bytes are whole lines. What follows the last line feed was cut off; from a zero on, which stands in no line,
/// the disk did not get it.
fn whole_lines(bytes: &[u8]) -> usize {
    let written = bytes.split(|b| *b == 0).next().unwrap_or_default();
    written.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1)
}

/// Keeps other runs of the same copy out, as long as the file is open.
fn lock(path: &Path, file: &File) -> Result<()> {
    file.try_lock().map_err(|e| match e {
        TryLockError::WouldBlock => {
            Error::new(ErrorKind::Locked, format!("another run of this copy has the journal {}", path.display()))
        }
        TryLockError::Error(e) => failed(path, e),
    })
}

/// A line and its line feed, which are written at once.
fn text_of(line: &Line) -> Vec<u8> {
    // Strings and numbers alone: this cannot fail, and an empty line would be found when it is read.
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn done_parts_are_put_together_and_gaps_are_left() {
        let mut past = Past::default();
        for (from, to) in
            [(Some("k"), "m"), (Some("b"), "d"), (None, "b"), (Some("c"), "d"), (Some("f"), "h"), (Some("g"), "i")]
        {
            past.done.push((from.map(Arc::from), to.into()));
        }
        past.tidy();
        assert_eq!((past.done.len(), past.start().as_deref()), (3, Some("d")));
        let covered: String = ('a'..='n').filter(|id| past.covers(&id.to_string())).collect();
        assert_eq!(covered, "abcdghilm");
        assert!(!Past::default().covers("a") && Past::default().start().is_none());
        past.done.remove(0);
        assert!(past.start().is_none() && !past.covers("a") && past.covers("g"));
    }
}

//! The files of a directory as they are: what cannot be read is left zero, and what changes meanwhile is read again.

use std::io;

use proximadb_meta_core::{Error, ErrorKind, Result};

use super::report::{InUse, Role};
use crate::files::{LOCK, MARKER, checkpoint_name, failed, numbers, segment_name};
use crate::storage::{Storage, StorageFile};

/// How often a directory that changes is read.
const ATTEMPTS: usize = 4;
/// Behind an error of the disk the reading goes on at the next multiple of this.
const BLOCK: usize = 4096;
/// As much of a marker as tells whether it is one.
const MARKER_BYTES: usize = 4096;

/// A directory that was read.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Its path.
    pub(crate) place: String,
    pub(crate) in_use: InUse,
    /// Files came, went or changed their length while they were read, each time.
    pub(crate) changed: bool,
    /// By name.
    pub(crate) files: Vec<LoadedFile>,
}

/// A file that was read.
#[derive(Debug)]
pub(crate) struct LoadedFile {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The number in the name of a segment or a checkpoint.
    pub(crate) number: u64,
    /// `None`: it was not looked at, or cannot be.
    pub(crate) length: Option<u64>,
    /// What it holds; zeros where the disk refused. Empty unless it is a marker, a segment or a checkpoint.
    pub(crate) bytes: Vec<u8>,
    /// Why it cannot be read, or which part of it.
    pub(crate) trouble: Option<String>,
    /// Where the first byte is that the disk refused, and where the last one ends.
    pub(crate) refused: Option<(usize, usize)>,
}

impl LoadedFile {
    /// Whether the disk refused anything between two offsets: the zeros there mean nothing.
    pub(crate) fn is_refused(&self, from: usize, to: usize) -> bool {
        self.refused.is_some_and(|(first, end)| from < end && first < to)
    }
}

/// Reads a directory. Opens files for reading only.
pub(crate) fn load(storage: &dyn Storage, in_use: InUse) -> Result<Loaded> {
    let at = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => {
            Error::new(ErrorKind::NotFound, format!("there is no directory {}", storage.place().display()))
        }
        _ => failed(storage, "the directory cannot be read", e),
    };
    let mut before = survey(storage).map_err(at)?;
    for attempt in 1.. {
        let mut files: Vec<LoadedFile> = before.iter().map(|(name, length)| describe(name, *length)).collect();
        for file in &mut files {
            read(storage, file);
        }
        let after = survey(storage).map_err(at)?;
        let changed = before != after;
        if !changed || attempt >= ATTEMPTS {
            let place = storage.place().display().to_string();
            return Ok(Loaded { place, in_use, changed, files });
        }
        before = after;
    }
    Err(Error::new(ErrorKind::Internal, "the directory was not read"))
}

/// Names and lengths.
fn survey(storage: &dyn Storage) -> io::Result<Vec<(String, Option<u64>)>> {
    let names = storage.list()?;
    let length = |name: &String| {
        if role(name).0 == Role::Foreign {
            return None;
        }
        storage.open_read(name).and_then(|f| f.length()).ok()
    };
    Ok(names
        .into_iter()
        .map(|name| {
            let length = length(&name);
            (name, length)
        })
        .collect())
}

fn describe(name: &str, length: Option<u64>) -> LoadedFile {
    let (role, number) = role(name);
    LoadedFile { name: name.to_owned(), role, number, length, bytes: Vec::new(), trouble: None, refused: None }
}

/// What a file is by its name, and its number.
fn role(name: &str) -> (Role, u64) {
    let one = [name.to_owned()];
    let number = |of: fn(u64) -> String| numbers(&one, of).first().copied();
    match name {
        LOCK => (Role::Lock, 0),
        MARKER => (Role::Marker, 0),
        _ => match (number(segment_name), number(checkpoint_name), name.strip_suffix(".tmp")) {
            (Some(n), ..) => (Role::Segment, n),
            (_, Some(n), _) => (Role::Checkpoint, n),
            (_, _, Some(base)) if matches!(role(base).0, Role::Marker | Role::Segment | Role::Checkpoint) => {
                (Role::Unfinished, 0)
            }
            _ => (Role::Foreign, 0),
        },
    }
}

fn read(storage: &dyn Storage, file: &mut LoadedFile) {
    let most = match file.role {
        Role::Segment | Role::Checkpoint => usize::MAX,
        Role::Marker => MARKER_BYTES,
        Role::Lock | Role::Unfinished | Role::Foreign => return,
    };
    match storage.open_read(&file.name).and_then(|f| read_what_can_be_read(&*f, most)) {
        Ok(read) => {
            file.trouble =
                read.first.as_ref().zip(read.refused).map(|(e, (from, _))| {
                    format!("{} bytes from byte {from} on cannot be read: {e}", read.bytes_refused)
                });
            (file.bytes, file.refused) = (read.bytes, read.refused);
        }
        Err(e) => file.trouble = Some(e.to_string()),
    }
}

/// What could be read of a file.
#[derive(Debug, Default)]
struct Read {
    bytes: Vec<u8>,
    bytes_refused: usize,
    refused: Option<(usize, usize)>,
    first: Option<io::Error>,
}

/// The content, at most so much of it; what the disk refuses is left zero.
fn read_what_can_be_read(file: &dyn StorageFile, most: usize) -> io::Result<Read> {
    let length = usize::try_from(file.length()?).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?.min(most);
    let mut read = Read::default();
    read.bytes.try_reserve_exact(length).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    read.bytes.resize(length, 0);
    let mut at = 0;
    while let Some(rest) = read.bytes.get_mut(at..).filter(|r| !r.is_empty()) {
        match file.read_at(at as u64, rest) {
            // Somebody cut the file meanwhile.
            Ok(0) => break,
            Ok(n) => at += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => {
                let next = ((at / BLOCK + 1) * BLOCK).min(length);
                read.first.get_or_insert(e);
                read.bytes_refused += next - at;
                read.refused = Some((read.refused.map_or(at, |(from, _)| from), next));
                at = next;
            }
        }
    }
    read.bytes.truncate(at);
    Ok(read)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn names_say_what_a_file_is() {
        let of = |name: &str| role(name);
        assert_eq!(of("LOCK"), (Role::Lock, 0));
        assert_eq!(of("FORMAT"), (Role::Marker, 0));
        assert_eq!(of("wal-0000000012.log"), (Role::Segment, 12));
        assert_eq!(of("wal-12345678901.log"), (Role::Segment, 12_345_678_901));
        assert_eq!(of("checkpoint-0000000003.ckpt"), (Role::Checkpoint, 3));
        for name in ["FORMAT.tmp", "wal-0000000001.log.tmp", "checkpoint-0000000003.ckpt.tmp"] {
            assert_eq!(of(name), (Role::Unfinished, 0), "{name}");
        }
        for name in ["", ".tmp", "LOCK.tmp", "wal-1.log", "wal--000000001.log", "notes.txt", "x.tmp", "FORMAT.tmp.tmp"]
        {
            assert_eq!(of(name), (Role::Foreign, 0), "{name}");
        }
    }

    /// A directory that turns to the next segment in the first `restless` listings, on a disk with an unreadable block.
    #[derive(Debug)]
    struct Restless {
        listings: AtomicUsize,
        restless: usize,
    }

    /// Three blocks and a half; the second one cannot be read.
    #[derive(Debug)]
    struct Bad;

    const LENGTH: usize = BLOCK * 7 / 2;

    fn refused<T>() -> io::Result<T> {
        panic!("looking changes nothing")
    }

    impl StorageFile for Bad {
        fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
            let at = usize::try_from(offset).unwrap();
            let end = if at < BLOCK { BLOCK } else { LENGTH };
            if (BLOCK..2 * BLOCK).contains(&at) {
                return Err(io::Error::other("bad block"));
            }
            let n = into.len().min(end.saturating_sub(at)).min(1000);
            into[..n].fill(7);
            Ok(n)
        }
        fn length(&self) -> io::Result<u64> {
            Ok(LENGTH as u64)
        }
        fn write_at(&mut self, _: u64, _: &[u8]) -> io::Result<usize> {
            refused()
        }
        fn set_length(&mut self, _: u64) -> io::Result<()> {
            refused()
        }
        fn sync_data(&mut self) -> io::Result<()> {
            refused()
        }
    }

    impl Storage for Restless {
        fn place(&self) -> &Path {
            Path::new("restless")
        }
        fn list(&self) -> io::Result<Vec<String>> {
            let n = self.listings.fetch_add(1, Ordering::SeqCst).min(self.restless);
            Ok(vec![segment_name(n as u64 + 1)])
        }
        fn open_read(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
            let now = segment_name(self.listings.load(Ordering::SeqCst).min(self.restless + 1) as u64);
            if name == now { Ok(Box::new(Bad)) } else { Err(io::ErrorKind::NotFound.into()) }
        }
        fn create_dir(&self) -> io::Result<()> {
            refused()
        }
        fn create_new(&self, _: &str) -> io::Result<Box<dyn StorageFile>> {
            refused()
        }
        fn open_write(&self, _: &str) -> io::Result<Box<dyn StorageFile>> {
            refused()
        }
        fn rename(&self, _: &str, _: &str) -> io::Result<()> {
            refused()
        }
        fn remove(&self, _: &str) -> io::Result<()> {
            refused()
        }
        fn sync_dir(&self) -> io::Result<()> {
            refused()
        }
        fn lock(&self, _: &str) -> io::Result<Box<dyn StorageFile>> {
            refused()
        }
    }

    #[test]
    fn a_directory_that_changes_is_read_again_and_a_bad_block_is_left_zero() {
        for (restless, changed, number) in [(0, false, 1), (2, false, 3), (99, true, 4)] {
            let storage = Restless { listings: AtomicUsize::new(0), restless };
            let loaded = load(&storage, InUse::Yes).unwrap();
            assert_eq!((loaded.changed, loaded.files[0].number), (changed, number), "{restless}");
            if !changed {
                let file = &loaded.files[0];
                assert_eq!(file.length, Some(LENGTH as u64));
                let zeros = |part: &[u8]| part.iter().all(|b| *b == 0);
                assert!(zeros(&file.bytes[BLOCK..2 * BLOCK]) && !zeros(&file.bytes[..BLOCK]), "{restless}");
                assert_eq!((file.bytes.len(), file.bytes[2 * BLOCK]), (LENGTH, 7));
                let told = format!("{BLOCK} bytes from byte {BLOCK} on cannot be read: bad block");
                assert_eq!(file.trouble.as_deref(), Some(&*told));
                assert_eq!(file.refused, Some((BLOCK, 2 * BLOCK)));
                assert!(file.is_refused(0, BLOCK + 1) && file.is_refused(2 * BLOCK - 1, LENGTH));
                assert!(!file.is_refused(0, BLOCK) && !file.is_refused(2 * BLOCK, LENGTH));
            }
        }
    }
}

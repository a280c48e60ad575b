//! The names in a log directory, whole reads and writes over short ones, and files that appear complete or not at all.

use std::io;

use proximadb_meta_core::{Error, ErrorKind};

use crate::sabotage::{Sabotage, sabotaged};
use crate::storage::{Storage, StorageFile};

/// Its advisory lock is held while the directory is open.
pub(crate) const LOCK: &str = "LOCK";
/// Says which format the directory has.
pub(crate) const MARKER: &str = "FORMAT";

/// The name of a log segment.
pub(crate) fn segment_name(n: u64) -> String {
    format!("wal-{n:010}.log")
}

/// The name of the checkpoint of everything before segment `n`.
pub(crate) fn checkpoint_name(n: u64) -> String {
    format!("checkpoint-{n:010}.ckpt")
}

/// The name of a file while it is written.
pub(crate) fn temporary_name(name: &str) -> String {
    format!("{name}.tmp")
}

/// The numbers of the names of one kind, sorted.
pub(crate) fn numbers(names: &[String], of: fn(u64) -> String) -> Vec<u64> {
    let number = |n: &String| n.split(['-', '.']).nth(1)?.parse().ok().filter(|x| of(*x) == *n);
    let mut found: Vec<u64> = names.iter().filter_map(number).collect();
    found.sort_unstable();
    found
}

/// Whether a file of this name can be of a log, finished or not; beside the lock and the marker.
pub(crate) fn is_log_file(name: &str) -> bool {
    let whole = name.strip_suffix(".tmp").unwrap_or(name);
    let one = [whole.to_owned()];
    let of_marker = name != whole && whole == MARKER;
    of_marker || !numbers(&one, segment_name).is_empty() || !numbers(&one, checkpoint_name).is_empty()
}

/// An error of the file system in the vocabulary of the contract.
pub(crate) fn failed(storage: &dyn Storage, doing: &str, e: io::Error) -> Error {
    let kind = match e.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ErrorKind::StorageFull
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => ErrorKind::Config,
        _ => ErrorKind::Unavailable,
    };
    let error = Error::new(kind, format!("{doing} in {}: {e}", storage.place().display())).with_source(e);
    match kind {
        ErrorKind::StorageFull => error.with_hint("free some space and try again"),
        ErrorKind::PermissionDenied => error.with_hint("the directory and its files must be readable and writable"),
        _ => error,
    }
}

/// Writes all bytes at an offset.
pub(crate) fn write_all(file: &mut dyn StorageFile, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(offset, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                offset += n as u64;
                bytes = bytes.get(n..).unwrap_or_default();
                if sabotaged(Sabotage::ShortWriteIsEnough) {
                    return Ok(());
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// The whole content of a file.
pub(crate) fn read_all(file: &dyn StorageFile) -> io::Result<Vec<u8>> {
    let length = usize::try_from(file.length()?).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    bytes.resize(length, 0);
    let mut at = 0;
    while let Some(rest) = bytes.get_mut(at..).filter(|r| !r.is_empty()) {
        match file.read_at(at as u64, rest) {
            // Somebody cut the file meanwhile; what was read is what there is.
            Ok(0) => break,
            Ok(n) => at += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(at);
    Ok(bytes)
}

/// Reads a file by its name.
pub(crate) fn read_file(storage: &dyn Storage, name: &str) -> io::Result<Vec<u8>> {
    read_all(&*storage.open_read(name)?)
}

/// A file under its temporary name, replacing what an earlier attempt left there.
pub(crate) fn begin(storage: &dyn Storage, name: &str) -> io::Result<Box<dyn StorageFile>> {
    let temporary = temporary_name(name);
    match storage.create_new(&temporary) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            storage.remove(&temporary)?;
            storage.create_new(&temporary)
        }
        other => other,
    }
}

/// Makes the content of a file that was begun durable. A failure costs nothing yet.
pub(crate) fn settle(file: &mut dyn StorageFile) -> io::Result<()> {
    if sabotaged(Sabotage::UnsyncedFile) || sabotaged(Sabotage::RenameBeforeSync) {
        return Ok(());
    }
    file.sync_data()
}

/// Gives a settled file its name, durably. After a failure nobody knows which name it has.
pub(crate) fn give_name(storage: &dyn Storage, file: &mut dyn StorageFile, name: &str) -> io::Result<()> {
    storage.rename(&temporary_name(name), name)?;
    if sabotaged(Sabotage::RenameBeforeSync) {
        file.sync_data()?;
    }
    if sabotaged(Sabotage::UnsyncedDirectory) { Ok(()) } else { storage.sync_dir() }
}

/// Writes a small file: complete and durable, or not at all.
pub(crate) fn write_file(storage: &dyn Storage, name: &str, bytes: &[u8]) -> io::Result<Box<dyn StorageFile>> {
    let mut file = begin(storage, name)?;
    write_all(&mut *file, 0, bytes)?;
    settle(&mut *file)?;
    give_name(storage, &mut *file, name)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use super::*;
    use crate::storage::FileStorage;

    /// A file that does to each call what its script says: an error, or so many bytes at most.
    #[derive(Debug)]
    struct Scripted {
        content: RefCell<Vec<u8>>,
        script: RefCell<VecDeque<Result<usize, io::ErrorKind>>>,
        length: u64,
    }

    impl Scripted {
        fn new(content: &[u8], script: impl IntoIterator<Item = Result<usize, io::ErrorKind>>) -> Self {
            let length = content.len() as u64;
            Self { content: RefCell::new(content.to_vec()), script: RefCell::new(script.into_iter().collect()), length }
        }

        fn next(&self, wanted: usize) -> io::Result<usize> {
            match self.script.borrow_mut().pop_front() {
                Some(Ok(most)) => Ok(most.min(wanted)),
                Some(Err(kind)) => Err(kind.into()),
                None => Ok(wanted),
            }
        }
    }

    impl StorageFile for Scripted {
        fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
            let n = self.next(bytes.len())?;
            let mut content = self.content.borrow_mut();
            let at = offset as usize;
            if content.len() < at + n {
                content.resize(at + n, 0);
            }
            content[at..at + n].copy_from_slice(&bytes[..n]);
            Ok(n)
        }

        fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
            let content = self.content.borrow();
            let rest = content.get(offset as usize..).unwrap_or_default();
            let n = self.next(into.len())?.min(rest.len());
            into[..n].copy_from_slice(&rest[..n]);
            Ok(n)
        }

        fn length(&self) -> io::Result<u64> {
            Ok(self.length)
        }

        fn set_length(&mut self, _: u64) -> io::Result<()> {
            Ok(())
        }

        fn sync_data(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const BUSY: Result<usize, io::ErrorKind> = Err(io::ErrorKind::Interrupted);

    #[test]
    fn short_and_interrupted_writes_go_on_and_others_end() {
        let mut file = Scripted::new(b"", [Ok(2), BUSY, Ok(1), BUSY]);
        write_all(&mut file, 1, b"abcdef").unwrap();
        assert_eq!(*file.content.borrow(), b"\0abcdef");
        for (script, kind) in [(Ok(0), io::ErrorKind::WriteZero), (Err(io::ErrorKind::Other), io::ErrorKind::Other)] {
            let mut file = Scripted::new(b"", [Ok(2), script]);
            assert_eq!(write_all(&mut file, 0, b"abc").unwrap_err().kind(), kind);
        }
    }

    #[test]
    fn short_and_interrupted_reads_go_on_and_others_end() {
        let file = Scripted::new(b"abcdef", [Ok(2), BUSY, Ok(1), BUSY, Ok(2)]);
        assert_eq!(read_all(&file).unwrap(), b"abcdef");
        let file = Scripted::new(b"abcdef", [Ok(2), Err(io::ErrorKind::Other)]);
        assert_eq!(read_all(&file).unwrap_err().kind(), io::ErrorKind::Other);
        // Cut by somebody else meanwhile.
        let file = Scripted { length: 9, ..Scripted::new(b"abcdef", []) };
        assert_eq!(read_all(&file).unwrap(), b"abcdef");
    }

    #[test]
    fn an_error_of_the_system_says_what_and_what_to_do() {
        let storage = FileStorage::new("/some/where");
        let of = |kind: io::ErrorKind| failed(&storage, "the log cannot grow", kind.into());
        for (system, ours, hint) in [
            (io::ErrorKind::PermissionDenied, ErrorKind::PermissionDenied, "readable and writable"),
            (io::ErrorKind::ReadOnlyFilesystem, ErrorKind::PermissionDenied, "readable and writable"),
            (io::ErrorKind::StorageFull, ErrorKind::StorageFull, "free some space"),
            (io::ErrorKind::QuotaExceeded, ErrorKind::StorageFull, "free some space"),
            (io::ErrorKind::FileTooLarge, ErrorKind::StorageFull, "free some space"),
            (io::ErrorKind::NotADirectory, ErrorKind::Config, ""),
            (io::ErrorKind::AlreadyExists, ErrorKind::Config, ""),
            (io::ErrorKind::Other, ErrorKind::Unavailable, ""),
        ] {
            let e = of(system);
            assert_eq!(e.kind(), ours, "{system:?}");
            assert!(e.to_string().contains("the log cannot grow in /some/where: "), "{e}");
            assert!(e.hint().unwrap_or_default().contains(hint), "{system:?}: {e}");
            assert_eq!(e.hint().is_some(), !hint.is_empty(), "{system:?}: {e}");
        }
    }

    #[test]
    fn a_file_is_begun_beside_its_name_and_replaces_only_its_own_rest() {
        let dir = tempfile::tempdir().unwrap();
        let storage = FileStorage::new(dir.path());
        std::fs::write(dir.path().join("x.tmp"), b"rest").unwrap();
        let mut file = begin(&storage, "x").unwrap();
        assert_eq!(file.length().unwrap(), 0);
        assert_eq!(storage.list().unwrap(), ["x.tmp"]);
        write_all(&mut *file, 0, b"new").unwrap();
        give_name(&storage, &mut *file, "x").unwrap();
        assert_eq!(read_file(&storage, "x").unwrap(), b"new");
        // A name that cannot be made is an error, and no reason to remove anything.
        std::fs::create_dir(dir.path().join("y.tmp")).unwrap();
        assert!(begin(&storage, "y").is_err());
        assert_eq!(begin(&storage, "no/such").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn names_are_those_of_the_format_document() {
        assert_eq!(
            (segment_name(7), checkpoint_name(12)),
            ("wal-0000000007.log".into(), "checkpoint-0000000012.ckpt".into())
        );
        let names = ["wal-0000000010.log", "wal-0000000002.log", "wal-2.log", "wal-0000000003.log.tmp", "x-1.log"];
        assert_eq!(numbers(&names.map(str::to_owned), segment_name), [2, 10]);
    }
}

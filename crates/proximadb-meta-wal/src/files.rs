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

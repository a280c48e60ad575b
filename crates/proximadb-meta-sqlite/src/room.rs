//! The file system below the database: how much is left of it.

use std::io;
use std::path::{Path, PathBuf};

use proximadb_meta_core::report::{Finding, Room, RoomNeeded};

/// The largest record with its index entries, in the journal and then in the file.
const LEAST: u64 = 1024 * 1024;
/// Journal, index of the journal, a backup, and a few for others.
const FILES: u64 = 16;

/// What there is to say of it. `database`: bytes of the file, which a rewriting writes once more; `journal`: bytes that the
/// journal may have.
pub(crate) async fn findings(path: &Path, database: u64, journal: u64) -> Vec<Finding> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let looked = tokio::task::spawn_blocking(move || look(&directory)).await;
    match looked.unwrap_or_else(|e| Err(io::Error::other(e))) {
        Ok(room) => room.findings(&RoomNeeded {
            what: "database",
            least: LEAST,
            at_once: database.saturating_add(journal),
            by: "a rewriting of the file and the journal",
            files: FILES,
        }),
        Err(e) => vec![Finding::note(
            "free space",
            format!("it cannot be looked at: {e}"),
            "look yourself that the file system of the database has some left",
        )],
    }
}

#[cfg(unix)]
fn look(directory: &Path) -> io::Result<Room> {
    let s = rustix::fs::statvfs(directory)?;
    Ok(Room {
        bytes: s.f_bavail.saturating_mul(s.f_frsize),
        files: (s.f_files > 0).then_some(s.f_favail),
        read_only: s.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
    })
}

#[cfg(not(unix))]
fn look(_: &Path) -> io::Result<Room> {
    Err(io::ErrorKind::Unsupported.into())
}

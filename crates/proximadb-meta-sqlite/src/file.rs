//! The database file before SQLite opens it: made private where it is missing, looked at where it is there.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use proximadb_meta_archive::files;
use proximadb_meta_core::{Error, ErrorKind, Result};

/// How every SQLite database begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// How the journal begins that is beside a database while its first page is written.
const JOURNAL_MAGIC: &[u8; 8] = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";

/// Makes an empty file where there is none, and refuses one that SQLite did not write. Changes no file that is there.
pub(crate) fn prepare(path: &Path) -> Result<()> {
    if path.as_os_str().is_empty() {
        return Err(Error::new(ErrorKind::Config, "the path of the database is empty")
            .with_hint("sqlite:///path/to/database.db, or sqlite://./database.db"));
    }
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => check(path),
        Ok(_) => Err(Error::new(ErrorKind::Config, format!("{} is not a file", path.display()))
            .with_hint("name the database file itself")),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => create(path),
        Err(e) => Err(Error::io("look at", path, e)),
    }
}

/// Whether [`open`](crate::open) would make a new catalog at the path: nothing is there, or an empty file. Looks, and changes
/// nothing; what cannot be looked at is not new.
#[must_use]
pub fn would_create(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(meta) => meta.is_file() && meta.len() == 0,
        Err(e) => e.kind() == std::io::ErrorKind::NotFound,
    }
}

/// Whether there is a file; refuses one that SQLite did not write.
pub(crate) fn is_there(path: &Path) -> Result<bool> {
    match std::fs::metadata(path) {
        Ok(_) => prepare(path).map(|()| true),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(Error::io("look at", path, e)),
    }
}

fn check(path: &Path) -> Result<()> {
    let head = head::<16>(path)?;
    if head.is_empty() || head == MAGIC || head.iter().all(|b| *b == 0) && is_half_made(path) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("{} is not an SQLite database", path.display()))
        .with_hint("name a file that does not exist yet, or a catalog made by proximadb-meta; nothing was changed"))
}

/// Whether the power went while SQLite wrote the first page: it then takes back what there is of it.
fn is_half_made(path: &Path) -> bool {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-journal");
    head::<8>(Path::new(&journal)).is_ok_and(|head| head == JOURNAL_MAGIC)
}

/// The first `N` bytes of a file, or what it has.
fn head<const N: usize>(path: &Path) -> Result<Vec<u8>> {
    let mut head = Vec::with_capacity(N);
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    file.take(N as u64).read_to_end(&mut head).map_err(|e| Error::io("read", path, e))?;
    Ok(head)
}

fn create(path: &Path) -> Result<()> {
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty() && !p.exists()) {
        files::make_directories(parent)?;
    }
    match files::create(path) {
        Ok(_) => files::sync_parent(path),
        // Another process was faster: as good.
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => check(path),
        Err(e) => Err(Error::io("create", path, e)),
    }
}

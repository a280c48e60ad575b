//! The database file before SQLite opens it: made private where it is missing, looked at where it is there.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Read as _;
use std::path::Path;

use proximadb_meta_core::{Error, ErrorKind, Result, Retry};

/// How every SQLite database begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

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
        Err(e) => Err(io("look at", path, e)),
    }
}

/// Whether there is a file; refuses one that SQLite did not write.
pub(crate) fn is_there(path: &Path) -> Result<bool> {
    match std::fs::metadata(path) {
        Ok(_) => prepare(path).map(|()| true),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(io("look at", path, e)),
    }
}

/// An I/O error with what was done to what.
pub(crate) fn io(what: &str, path: &Path, e: std::io::Error) -> Error {
    use std::io::ErrorKind as Io;
    let kind = match e.kind() {
        Io::NotFound => ErrorKind::NotFound,
        Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::StorageFull,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("cannot {what} {}: {e}", path.display())).with_retry(Retry::Never).with_source(e)
}

fn check(path: &Path) -> Result<()> {
    let mut head = Vec::with_capacity(MAGIC.len());
    let file = File::open(path).map_err(|e| io("open", path, e))?;
    file.take(MAGIC.len() as u64).read_to_end(&mut head).map_err(|e| io("read", path, e))?;
    if head.is_empty() || head == MAGIC {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("{} is not an SQLite database", path.display()))
        .with_hint("name a file that does not exist yet, or a catalog made by proximadb-meta; nothing was changed"))
}

fn create(path: &Path) -> Result<()> {
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty() && !p.exists()) {
        make_directories(parent)?;
    }
    match private(OpenOptions::new().write(true).create_new(true)).open(path) {
        Ok(_) => sync_parent(path),
        // Another process was faster: as good.
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => check(path),
        Err(e) => Err(io("create", path, e)),
    }
}

/// Files that are made with these options are for their owner alone.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes a directory, and its parents where they are missing, for the owner alone.
pub(crate) fn make_directories(path: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let missing: Vec<&Path> = path.ancestors().take_while(|d| !d.as_os_str().is_empty() && !d.exists()).collect();
    for dir in missing.into_iter().rev() {
        match builder.create(dir) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && dir.is_dir() => {}
            other => other.map_err(|e| io("create", dir, e))?,
        }
        sync_parent(dir)?;
    }
    if path.is_dir() { Ok(()) } else { Err(io("create", path, std::io::ErrorKind::NotADirectory.into())) }
}

/// A name is durable only when its directory was synced.
pub(crate) fn sync_parent(path: &Path) -> Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent).and_then(|d| d.sync_all()).map_err(|e| io("sync", parent, e))
}

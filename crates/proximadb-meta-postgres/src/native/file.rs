//! Files of a backup: for their owner alone, synced, never through a link.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use proximadb_meta_core::{Error, ErrorKind, Result, Retry};

/// An I/O error with what was done to what.
pub(super) fn io(what: &str, path: &Path, e: std::io::Error) -> Error {
    use std::io::ErrorKind as Io;
    let kind = match e.kind() {
        Io::NotFound => ErrorKind::NotFound,
        Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::StorageFull,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("cannot {what} {}: {e}", path.display())).with_retry(Retry::Never).with_source(e)
}

/// The directory that a location names.
pub(super) fn place(location: &str) -> Result<PathBuf> {
    let path = location.strip_prefix("file://").unwrap_or(location);
    if path.is_empty() {
        return Err(Error::invalid("the backup location is empty").with_hint("name a directory"));
    }
    if path.contains("://") {
        return Err(Error::unsupported("a backup in the format of pg_dump goes to a directory")
            .with_hint("name a directory, or file:// and a directory"));
    }
    Ok(PathBuf::from(path))
}

/// Makes a directory, and its parents where they are missing, for the owner alone.
pub(super) fn make_directories(path: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|e| io("create", path, e))
}

/// Makes a file with this content, for the owner alone, and syncs it.
pub(super) fn make(path: &Path, content: &[u8]) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|e| io("create", path, e))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(|e| io("write", path, e))
}

/// Makes durable what a file or directory holds.
pub(super) fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|f| f.sync_all()).map_err(|e| io("sync", path, e))
}

/// A file that must be a regular file itself, not a link to one.
pub(super) fn open_regular(path: &Path) -> Result<File> {
    let meta = std::fs::symlink_metadata(path).map_err(|e| io("open", path, e))?;
    if !meta.is_file() {
        return Err(Error::new(ErrorKind::Corruption, format!("{} is not a regular file", path.display())));
    }
    File::open(path).map_err(|e| io("open", path, e))
}

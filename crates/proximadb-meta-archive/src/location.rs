//! Where backups lie: local directories, checked before they are touched.

use std::path::{Path, PathBuf};

use proximadb_meta_core::{Error, ErrorKind, Result, Retry};

/// The directory a location names: a path, or `file://` and a path.
pub(crate) fn directory(location: &str) -> Result<PathBuf> {
    let path = location.strip_prefix("file://").unwrap_or(location);
    if path.is_empty() {
        return Err(Error::invalid("the backup location is empty").with_hint("name a directory"));
    }
    if path.contains("://") {
        return Err(Error::unsupported(format!("backups go to directories, not to {location:?}"))
            .with_hint("name a directory, or file:// and a directory"));
    }
    Ok(PathBuf::from(path))
}

/// The directory of one backup. The id must be a UUID: nothing a caller gives can lead out of the location.
pub(crate) fn backup_directory(location: &str, id: &str) -> Result<PathBuf> {
    if uuid::Uuid::try_parse(id).is_err() {
        return Err(Error::invalid(format!("{id:?} is not a backup id"))
            .with_hint("a backup id is the UUID that backup returned, the name of its directory"));
    }
    Ok(directory(location)?.join(id))
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

/// A file that must be a regular file itself, not a link to one.
pub(crate) fn open_regular(path: &Path) -> Result<std::fs::File> {
    let meta = std::fs::symlink_metadata(path).map_err(|e| io("open", path, e))?;
    if !meta.is_file() {
        return Err(Error::new(ErrorKind::Corruption, format!("{} is not a regular file", path.display())));
    }
    std::fs::File::open(path).map_err(|e| io("open", path, e))
}

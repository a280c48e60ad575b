//! The errors of an archive: damage with its place, and I/O with what was done to what.

use std::fmt::Display;
use std::path::Path;

use proximadb_meta_core::{Error, ErrorKind, Retry};

/// Damage: where, and what.
pub(crate) fn corrupt(place: impl Display, why: impl Display) -> Error {
    Error::new(ErrorKind::Corruption, format!("{place}: {why}"))
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

/// Runs file or processor work on a blocking thread.
///
/// # Errors
/// What the work gives; `Internal` when its thread ended early.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    ended(tokio::task::spawn_blocking(work).await)
}

/// The outcome of work on another thread.
pub(crate) fn ended<T>(outcome: Result<Result<T, Error>, tokio::task::JoinError>) -> Result<T, Error> {
    outcome.map_err(|e| Error::new(ErrorKind::Internal, "the archive's thread ended early").with_source(e))?
}

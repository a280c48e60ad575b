//! The errors of an archive: damage with its place, and threads that ended early.

use std::fmt::Display;

use proximadb_meta_core::{Error, ErrorKind};

/// Damage: where, and what.
pub(crate) fn corrupt(place: impl Display, why: impl Display) -> Error {
    Error::new(ErrorKind::Corruption, format!("{place}: {why}"))
}

/// The outcome of work on another thread.
pub(crate) fn ended<T>(outcome: Result<Result<T, Error>, tokio::task::JoinError>) -> Result<T, Error> {
    outcome.map_err(|e| Error::new(ErrorKind::Internal, "the archive's thread ended early").with_source(e))?
}

//! Exit codes, and how an error is told: what, why, what to do.

use std::error::Error as _;
use std::io;

use proximadb_meta::core::{Error, ErrorKind};

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The catalog or the arguments.
    Catalog(Error),
    /// Reading input or writing output.
    Io(String, io::Error),
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Self::Catalog(e)
    }
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// 0 ok, 1 other, 2 usage, 3 not found, 4 conflict, 5 unavailable, 6 auth, 7 corruption, 9 unsupported.
pub(crate) fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::InvalidInput | ErrorKind::OutOfRange | ErrorKind::Config => 2,
        ErrorKind::NotFound => 3,
        ErrorKind::AlreadyExists | ErrorKind::VersionConflict => 4,
        ErrorKind::Unavailable
        | ErrorKind::Timeout
        | ErrorKind::Throttled
        | ErrorKind::Locked
        | ErrorKind::StorageFull
        | ErrorKind::Poisoned
        | ErrorKind::Closed => 5,
        ErrorKind::Unauthenticated | ErrorKind::PermissionDenied => 6,
        ErrorKind::Corruption => 7,
        ErrorKind::Unsupported => 9,
        _ => 1,
    }
}

/// Tells an error on stderr and returns its exit code. A reader that went away is a quiet end.
pub(crate) fn report(failure: &Failure) -> u8 {
    match failure {
        Failure::Io(_, e) if e.kind() == io::ErrorKind::BrokenPipe => 0,
        Failure::Io(what, e) => {
            eprintln!("error: {what}: {e}");
            if e.kind() == io::ErrorKind::NotFound { 3 } else { 1 }
        }
        Failure::Catalog(e) => {
            eprintln!("error: {e}");
            let mut cause = e.source();
            while let Some(c) = cause {
                eprintln!("cause: {c}");
                cause = c.source();
            }
            if let Some(hint) = e.hint() {
                eprintln!("hint: {hint}");
            }
            code(e.kind())
        }
    }
}

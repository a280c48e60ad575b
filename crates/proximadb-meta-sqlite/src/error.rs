//! What SQLite's result codes mean here.

use libsqlite3_sys as code;
use proximadb_meta_core::{Error, ErrorKind, Retry};

/// The low byte of an extended result code is its class.
const CLASS: i32 = 0xff;

/// The extended result code, where the error is SQLite's own.
pub(crate) fn code_of(e: &sqlx::Error) -> Option<i32> {
    e.as_database_error()?.code()?.parse().ok()
}

fn class_of(e: &sqlx::Error) -> Option<i32> {
    code_of(e).map(|c| c & CLASS)
}

/// Whether another connection stands in the way for now.
pub(crate) fn is_busy(e: &sqlx::Error) -> bool {
    matches!(class_of(e), Some(code::SQLITE_BUSY | code::SQLITE_LOCKED))
}

/// Whether the file system ran full.
pub(crate) fn is_full(e: &sqlx::Error) -> bool {
    class_of(e) == Some(code::SQLITE_FULL)
}

/// Whether a rollback found nothing to roll back: SQLite had done so by itself.
pub(crate) fn is_no_transaction(e: &sqlx::Error) -> bool {
    code_of(e) == Some(code::SQLITE_ERROR)
}

/// An error with what was tried. Texts of SQLite name tables and columns, never values.
pub(crate) fn failed(what: &str, e: sqlx::Error) -> Error {
    let kind = kind_of(&e);
    let words = match &e {
        sqlx::Error::Database(inner) => inner.message().to_owned(),
        other => other.to_string(),
    };
    let error = Error::new(kind, format!("cannot {what}: {words}"));
    let error = match kind {
        ErrorKind::Locked => {
            error.with_hint("another process holds the write lock for long; raise busy_timeout_seconds")
        }
        ErrorKind::Corruption => error.with_hint("stop the writers, keep a copy of the file, and restore a backup"),
        ErrorKind::StorageFull => error.with_hint("free some space; nothing of this write was stored"),
        ErrorKind::PermissionDenied => {
            error.with_hint("the file, its -wal and -shm beside it and their directory must be writable")
        }
        ErrorKind::Unsupported => error
            .with_hint("a newer SQLite wrote the file, or its header is damaged; keep a copy, and restore a backup"),
        ErrorKind::Unavailable => error.with_retry(Retry::Never),
        _ => error,
    };
    error.with_source(e)
}

fn kind_of(e: &sqlx::Error) -> ErrorKind {
    match e {
        sqlx::Error::Database(inner) => match code_of(e) {
            // The name of another code, `IOERR_CORRUPTFS`, promises more than it says: every read that fails (EIO) has it.
            Some(code::SQLITE_IOERR_DATA) => ErrorKind::Corruption,
            Some(c) => match c & CLASS {
                code::SQLITE_BUSY | code::SQLITE_LOCKED => ErrorKind::Locked,
                code::SQLITE_PERM | code::SQLITE_READONLY | code::SQLITE_AUTH => ErrorKind::PermissionDenied,
                code::SQLITE_CORRUPT | code::SQLITE_NOTADB | code::SQLITE_MISMATCH => ErrorKind::Corruption,
                code::SQLITE_FULL => ErrorKind::StorageFull,
                code::SQLITE_IOERR
                | code::SQLITE_CANTOPEN
                | code::SQLITE_NOMEM
                | code::SQLITE_PROTOCOL
                | code::SQLITE_INTERRUPT
                | code::SQLITE_NOLFS => ErrorKind::Unavailable,
                code::SQLITE_TOOBIG => ErrorKind::InvalidInput,
                // What the json functions say of a text that is none: only what was not written by us is like that.
                code::SQLITE_ERROR
                    if ["malformed JSON", "JSON cannot hold"].iter().any(|x| inner.message().contains(x)) =>
                {
                    ErrorKind::Corruption
                }
                code::SQLITE_ERROR if inner.message() == "unsupported file format" => ErrorKind::Unsupported,
                _ => ErrorKind::Internal,
            },
            None => ErrorKind::Internal,
        },
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => ErrorKind::Unavailable,
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => ErrorKind::Corruption,
        _ => ErrorKind::Internal,
    }
}

/// Damage that was found in what the file holds.
pub(crate) fn damaged(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corruption, what).with_hint("stop the writers, keep a copy of the file, and restore a backup")
}

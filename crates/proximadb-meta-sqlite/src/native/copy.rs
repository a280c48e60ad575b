//! The copy of an open database by SQLite's own backup functions: the one module with unsafe code.

#![allow(unsafe_code, reason = "the backup functions of SQLite have no safe form in the libraries we use")]

use std::time::{Duration, Instant};

use libsqlite3_sys as ffi;
use proximadb_meta_core::{Error, ErrorKind, Result};
use sqlx::sqlite::SqliteConnection;

use crate::error::failed;

/// All pages in one step: one read transaction, and so one state. Writers go on: the journal keeps what it sees.
const EVERY_PAGE: i32 = -1;

/// Copies the main database of `source` over that of `target`. Blocks: run it on a thread for that.
///
/// # Errors
/// What SQLite answers; `Locked` when somebody stood in the way for longer than `patience`.
pub(super) async fn copy(
    source: &mut SqliteConnection,
    target: &mut SqliteConnection,
    patience: Duration,
) -> Result<()> {
    let wrong = |e| failed("reach the database", e);
    let mut source = source.lock_handle().await.map_err(wrong)?;
    let mut target = target.lock_handle().await.map_err(wrong)?;
    let (from, to) = (source.as_raw_handle().as_ptr(), target.as_raw_handle().as_ptr());
    // SAFETY: both handles are open and of different connections, and locked: until `source` and `target` are dropped, at the
    // end of this function, their threads make no call on them. The names are C strings that live for ever.
    let backup = unsafe { ffi::sqlite3_backup_init(to, c"main".as_ptr(), from, c"main".as_ptr()) };
    if backup.is_null() {
        return Err(Error::new(ErrorKind::Internal, "SQLite does not begin the copy"));
    }
    let deadline = Instant::now() + patience;
    let stepped = loop {
        // SAFETY: `backup` came from `sqlite3_backup_init`, is not null, and is finished only after this loop.
        let code = unsafe { ffi::sqlite3_backup_step(backup, EVERY_PAGE) };
        let busy = matches!(code & 0xff, ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED);
        if !busy || Instant::now() >= deadline {
            break code;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    // SAFETY: as above; `backup` is not used after this.
    let finished = unsafe { ffi::sqlite3_backup_finish(backup) };
    match (stepped, finished) {
        (ffi::SQLITE_DONE, ffi::SQLITE_OK) => Ok(()),
        (code, _) => Err(refused(code)),
    }
}

fn refused(code: i32) -> Error {
    let kind = match code & 0xff {
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => ErrorKind::Locked,
        ffi::SQLITE_FULL => ErrorKind::StorageFull,
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => ErrorKind::Corruption,
        ffi::SQLITE_READONLY | ffi::SQLITE_PERM => ErrorKind::PermissionDenied,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("SQLite stopped the copy with the code {code}"))
}

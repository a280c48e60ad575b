//! Statistics: every number is counted when it is asked for.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use proximadb_meta_core::report::{BackendStats, Measured, Stat};
use proximadb_meta_core::{Call, Error, Result};
use sqlx::Row as _;

use crate::driver::SqliteDriver;
use crate::error::failed;

/// One statement, and so one state: the mark of a restore, records, expired ones, namespaces (by steps through the index),
/// pages, free pages.
const COUNTS: &str = "WITH RECURSIVE spaces (namespace) AS (\
    SELECT min(namespace) FROM collections UNION ALL \
    SELECT (SELECT min(namespace) FROM collections AS c WHERE c.namespace > spaces.namespace) FROM spaces \
        WHERE spaces.namespace IS NOT NULL) \
    SELECT (SELECT count(*) FROM restoring WHERE namespace = ?1), \
    (SELECT count(*) FROM collections WHERE namespace = ?1), \
    (SELECT count(*) FROM collections WHERE namespace = ?1 AND expires_at <= ?2), \
    (SELECT count(namespace) FROM spaces), \
    (SELECT page_count FROM pragma_page_count), \
    (SELECT freelist_count FROM pragma_freelist_count)";

pub(crate) async fn read(driver: &SqliteDriver, call: &Call) -> Result<BackendStats> {
    let wrong = |e| failed("count records", e);
    let query = sqlx::query(COUNTS).bind(call.namespace.as_str()).bind(call.now.as_micros());
    let row = driver.readers.one("count records", query).await?.ok_or_else(|| wrong(sqlx::Error::RowNotFound))?;
    let mut numbers = [0u64; 6];
    for (i, number) in numbers.iter_mut().enumerate() {
        *number = u64::try_from(row.try_get::<i64, _>(i).map_err(wrong)?).unwrap_or(0);
    }
    let [marks, records, expired, namespaces, pages, free] = numbers;
    if marks > 0 && !call.restoring {
        return Err(Error::being_restored());
    }
    let (file, journal) = sizes(&driver.path).await;
    let of = |cell: &AtomicU64| Measured::exact(cell.load(Ordering::Relaxed));
    let mut stats = BackendStats::default();
    stats.collections = Some(Measured::exact(records.saturating_sub(expired)));
    stats.namespaces = Some(Measured::exact(namespaces));
    stats.storage_bytes = file.zip(journal).map(|(f, j)| Measured::exact(f + j));
    let mut more = vec![
        Stat { name: "commits", value: of(&driver.progress.commits) },
        Stat { name: "committed_units", value: of(&driver.progress.units) },
        Stat { name: "free_pages", value: Measured::exact(free) },
        Stat { name: "pages", value: Measured::exact(pages) },
    ];
    more.extend(journal.map(|bytes| Stat { name: "journal_bytes", value: Measured::exact(bytes) }));
    more.sort_unstable_by_key(|s| s.name);
    stats.more = more;
    Ok(stats)
}

/// Bytes of the file and of its journal; nothing where they cannot be told.
pub(crate) async fn sizes(path: &Path) -> (Option<u64>, Option<u64>) {
    let (file, journal) = (path.to_owned(), journal(path));
    let look = move || {
        let length = |path: &Path| match std::fs::metadata(path) {
            Ok(meta) => Some(meta.len()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Some(0),
            Err(_) => None,
        };
        (length(&file), length(&journal))
    };
    tokio::task::spawn_blocking(look).await.unwrap_or((None, None))
}

fn journal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

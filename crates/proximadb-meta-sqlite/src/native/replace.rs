//! One namespace out of a copied database takes the place of what is there, in one transaction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proximadb_meta_core::limits::check_record;
use proximadb_meta_core::report::RestoreReport;
use proximadb_meta_core::{Error, ErrorKind, Filter, Incarnation, Namespace, Result, Timestamp};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row as _};
use tokio::sync::Mutex;

use crate::apply::Changes;
use crate::error::{damaged, failed};
use crate::group::{Failure, commit};
use crate::row::{COLUMNS, Record, decode};
use crate::schema::begin;

/// Records of one statement.
const PART: usize = 500;

/// What takes the place of a namespace.
#[derive(Debug)]
pub(crate) struct Replacement {
    pub(super) source: Mutex<SqliteConnection>,
    pub(super) namespace: Namespace,
    /// How many the manifest says there are.
    pub(super) records: u64,
    /// When the copy was made: what had expired then is not restored.
    pub(super) taken_at: i64,
    pub(super) now: Timestamp,
    pub(super) replace: bool,
    /// Which of its records; the others are left out.
    pub(super) filter: Option<Filter>,
}

/// Does it.
pub(crate) async fn replace(
    connection: &mut SqliteConnection,
    new: &Replacement,
    patience: Duration,
) -> std::result::Result<RestoreReport, Failure> {
    begin(connection, Instant::now() + patience).await?;
    let replaced = make_room(connection, new).await?;
    let mut source = new.source.lock().await;
    let (read, written) = fill(connection, &mut source, new).await?;
    // Read back: what is in the table now must be what the copy holds.
    let stored = hash(connection, &new.namespace, i64::MIN).await?;
    if read != new.records || written != stored {
        let what = "what the database gives back is not what the backup holds";
        return Err(Failure::Before(damaged(what)));
    }
    commit(connection).await?;
    Ok(RestoreReport::new(written.count, replaced))
}

async fn make_room(connection: &mut SqliteConnection, new: &Replacement) -> Result<u64> {
    let wrong = |e| failed("empty the namespace", e);
    let live = "SELECT count(*) FROM collections WHERE namespace = ?1 AND (expires_at IS NULL OR expires_at > ?2)";
    let query = sqlx::query(live).bind(new.namespace.as_str()).bind(new.now.as_micros());
    let count: i64 = query.fetch_one(&mut *connection).await.and_then(|row| row.try_get(0)).map_err(wrong)?;
    if count > 0 && !new.replace {
        let what = format!("the namespace {:?} holds {count} collections", new.namespace.as_str());
        return Err(
            Error::new(ErrorKind::AlreadyExists, what).with_hint("restore into an empty namespace, or ask for replace")
        );
    }
    for statement in [
        "DELETE FROM collection_words WHERE rowid IN (SELECT record FROM collections WHERE namespace = ?1)",
        "DELETE FROM collection_tags WHERE namespace = ?1",
        "DELETE FROM collections WHERE namespace = ?1",
        "DELETE FROM restoring WHERE namespace = ?1",
    ] {
        sqlx::query(statement).bind(new.namespace.as_str()).execute(&mut *connection).await.map_err(wrong)?;
    }
    Ok(count.unsigned_abs())
}

/// What a namespace holds.
#[derive(PartialEq, Eq)]
struct Content {
    count: u64,
    hash: blake3::Hash,
}

/// How many records were read, and what was written.
async fn fill(
    connection: &mut SqliteConnection,
    source: &mut SqliteConnection,
    new: &Replacement,
) -> Result<(u64, Content)> {
    let wrong = |e| failed("write the records", e);
    let last = sqlx::query("SELECT coalesce(max(record), 0) FROM collections").fetch_one(&mut *connection).await;
    let mut row: i64 = last.and_then(|row| row.try_get(0)).map_err(wrong)?;
    let mut content = Counting::default();
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let part = read(source, &new.namespace, &after, new.taken_at).await?;
        let Some(last) = part.last() else { return Ok((count, content.end())) };
        after = last.id.as_ref().to_owned();
        let mut changes = Changes::default();
        count += part.len() as u64;
        for record in part.into_iter().filter(|r| new.filter.as_ref().is_none_or(|f| f.evaluate(r))) {
            check_record(&record).map_err(|e| damaged(format!("{:?} in the backup: {}", record.id, e.message())))?;
            content.add(&record);
            let mut fresh = (*record).clone();
            fresh.incarnation = Incarnation::random();
            changes.insert(&new.namespace, Arc::new(fresh), &mut row);
        }
        changes.write(connection).await.map_err(wrong)?;
    }
}

async fn hash(connection: &mut SqliteConnection, namespace: &Namespace, alive_at: i64) -> Result<Content> {
    let mut content = Counting::default();
    let mut after = String::new();
    loop {
        let part = read(connection, namespace, &after, alive_at).await?;
        let Some(last) = part.last() else { return Ok(content.end()) };
        after = last.id.as_ref().to_owned();
        part.iter().for_each(|record| content.add(record));
    }
}

/// Some records by id. An id is never empty.
async fn read(
    connection: &mut SqliteConnection,
    namespace: &Namespace,
    after: &str,
    alive_at: i64,
) -> Result<Vec<Record>> {
    let wrong = |e| failed("read the records", e);
    let statement = format!(
        "SELECT {COLUMNS} FROM collections WHERE namespace = ?1 AND id > ?2 AND (expires_at IS NULL OR expires_at > ?3) \
         ORDER BY id LIMIT {PART}"
    );
    let query = sqlx::query(AssertSqlSafe(statement)).bind(namespace.as_str()).bind(after).bind(alive_at);
    let rows = query.fetch_all(connection).await.map_err(wrong)?;
    rows.iter().map(|row| decode(row, 0)?.ok_or_else(|| damaged("a record has no id"))).collect()
}

#[derive(Default)]
struct Counting {
    count: u64,
    hash: blake3::Hasher,
}

impl Counting {
    fn add(&mut self, record: &Record) {
        self.count += 1;
        self.hash.update(record.to_json().as_bytes());
        self.hash.update(b"\n");
    }

    fn end(self) -> Content {
        Content { count: self.count, hash: self.hash.finalize() }
    }
}

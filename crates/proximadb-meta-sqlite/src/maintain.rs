//! Housekeeping: removes what expired, looks for damage, and keeps the file and its statistics in shape.

use std::time::{Duration, Instant};

use proximadb_meta_core::{Namespace, Result, Timestamp};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row as _};

use crate::apply::Changes;
use crate::error::{damaged, failed};
use crate::group::{Failure, commit, end};
use crate::row::{COLUMNS, Stored, decode};
use crate::schema::begin;

/// Records that are removed by one transaction: other writers wait for no more than that.
const REAPED_AT_ONCE: usize = 500;
/// The file is rewritten when more than one page in four is free, and at least this many.
const MIN_FREE_PAGES: i64 = 256;
/// Most entries of an index that are looked at for its statistics.
const ANALYSIS_LIMIT: &str = "PRAGMA analysis_limit = 1000";
/// Fewer records say nothing of the many that may come: the planner goes on with what stands in the schema.
const MIN_ANALYZED: i64 = 1000;
/// How long a checkpoint waits for readers: the writer waits with it.
const CHECKPOINT_PATIENCE: Duration = Duration::from_millis(200);
/// Findings of a check that are told.
const CHECK: &str = "PRAGMA integrity_check(5)";

/// Does it all, and says in words what was done.
pub(crate) async fn run(
    connection: &mut SqliteConnection,
    now: Timestamp,
    patience: Duration,
) -> std::result::Result<String, Failure> {
    check(connection).await?;
    let mut reaped = 0;
    loop {
        begin(connection, Instant::now() + patience).await?;
        let count = reap(connection, now).await?;
        reaped += count;
        if count == 0 {
            end(connection, "ROLLBACK").await?;
            break;
        }
        commit(connection).await?;
    }
    let mut done = vec![format!("found no damage, removed {reaped} expired records")];
    tidy(connection, &mut done).await?;
    done.push(checkpoint(connection, patience).await?.to_owned());
    Ok(done.join(", "))
}

/// Looks at every page, index and row, and at what belongs to a record outside its row.
pub(crate) async fn check(connection: &mut SqliteConnection) -> Result<()> {
    let wrong = |e| failed("check the database", e);
    let rows = sqlx::query(CHECK).fetch_all(&mut *connection).await.map_err(wrong)?;
    let found: Vec<String> = rows.iter().filter_map(|row| row.try_get(0).ok()).collect();
    if found != ["ok"] {
        return Err(damaged(format!("the database is damaged: {}", found.join("; "))));
    }
    let tags = "SELECT (SELECT count(*) FROM collection_tags) - (SELECT coalesce(sum(json_array_length(tags)), 0) FROM collections)";
    let words = "SELECT (SELECT count(*) FROM collection_words) - (SELECT count(*) FROM collections)";
    for (statement, what) in [(tags, "tags"), (words, "keywords")] {
        let surplus = number(connection, statement).await.map_err(wrong)?;
        if surplus != 0 {
            return Err(damaged(format!("the index of {what} does not fit the records: {surplus:+} entries")));
        }
    }
    Ok(())
}

async fn number(connection: &mut SqliteConnection, statement: &'static str) -> sqlx::Result<i64> {
    sqlx::query(statement).fetch_one(connection).await?.try_get(0)
}

/// Removes some of what expired, inside a transaction.
async fn reap(connection: &mut SqliteConnection, now: Timestamp) -> Result<usize> {
    let wrong = |e| failed("remove what expired", e);
    let statement = format!(
        "SELECT record, namespace, {COLUMNS} FROM collections WHERE expires_at <= ?1 \
         AND namespace NOT IN (SELECT namespace FROM restoring) LIMIT {REAPED_AT_ONCE}"
    );
    let query = sqlx::query(AssertSqlSafe(statement)).bind(now.as_micros());
    let rows = query.fetch_all(&mut *connection).await.map_err(wrong)?;
    let mut changes = Changes::default();
    for row in &rows {
        let number: i64 = row.try_get(0).map_err(wrong)?;
        let namespace: &str = row.try_get(1).map_err(wrong)?;
        let namespace = Namespace::new(namespace).map_err(|e| damaged("a namespace is not valid").with_source(e))?;
        if let Some(record) = decode(row, 2)? {
            changes.remove(&namespace, Stored { row: number, record });
        }
    }
    changes.write(connection).await.map_err(wrong)?;
    Ok(rows.len())
}

/// Merges, counts, and rewrites where it is worth it.
async fn tidy(connection: &mut SqliteConnection, done: &mut Vec<String>) -> Result<()> {
    let wrong = |e| failed("tidy the database up", e);
    let merge = "INSERT INTO collection_words (collection_words) VALUES ('optimize')";
    sqlx::query(merge).execute(&mut *connection).await.map_err(wrong)?;
    done.push("merged the text index".to_owned());
    if number(connection, "SELECT count(*) FROM collections").await.map_err(wrong)? >= MIN_ANALYZED {
        for statement in [ANALYSIS_LIMIT, "ANALYZE", "PRAGMA optimize"] {
            sqlx::query(statement).execute(&mut *connection).await.map_err(wrong)?;
        }
        done.push("analyzed the indexes".to_owned());
    }
    let free = number(connection, "PRAGMA freelist_count").await.map_err(wrong)?;
    let pages = number(connection, "PRAGMA page_count").await.map_err(wrong)?;
    if free >= MIN_FREE_PAGES && free > pages / 4 {
        sqlx::query("VACUUM").execute(connection).await.map_err(wrong)?;
        done.push("rewrote the file without its free pages".to_owned());
    }
    Ok(())
}

/// Copies the journal into the file as far as readers allow, and cuts it.
async fn checkpoint(connection: &mut SqliteConnection, patience: Duration) -> Result<&'static str> {
    let wrong = |e| failed("copy the journal into the database", e);
    wait_at_most(connection, CHECKPOINT_PATIENCE).await?;
    let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await.map_err(wrong);
    wait_at_most(connection, patience).await?;
    let busy: i64 = row?.try_get(0).map_err(wrong)?;
    Ok(if busy == 0 { "copied the journal into the file" } else { "copied the journal as far as readers allowed" })
}

async fn wait_at_most(connection: &mut SqliteConnection, patience: Duration) -> Result<()> {
    let statement = format!("PRAGMA busy_timeout = {}", patience.as_millis());
    let query = sqlx::query(AssertSqlSafe(statement)).fetch_optional(connection).await;
    query.map(drop).map_err(|e| failed("set how long to wait", e))
}

//! The schema: migrations in order, each with the checksum of its text, applied under SQLite's own write lock.

use std::time::{Duration, Instant};

use proximadb_meta_core::keywords::KEYWORDS_REVISION;
use proximadb_meta_core::migration::Migration;
use proximadb_meta_core::{Error, ErrorKind, Result, Timestamp};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use crate::error::{damaged, failed, is_busy};
use crate::statistics;

/// `PXMD`: stands in the header of our files.
const APPLICATION_ID: i64 = 0x5058_4d44;
/// The format this release writes, and the newest it reads.
const FORMAT: u32 = 1;

/// Every step, in order. A released step is never changed: what it made is out there.
pub(crate) const MIGRATIONS: &[Migration] =
    &[Migration { version: 1, name: "catalog", text: include_str!("../migrations/0001_catalog.sql") }];

/// What a database is by its header and tables.
enum Seen {
    /// Empty: nobody wrote to it.
    New,
    Ours,
    Foreign,
}

/// Refuses the database of another program.
pub(crate) async fn refuse_foreign(connection: &mut SqliteConnection, patience: Duration) -> Result<()> {
    refuse(look(connection, Instant::now() + patience).await?)
}

/// Checks that the database is ours or new, switches the journal on and applies what is missing: the numbers of those steps.
pub(crate) async fn prepare(connection: &mut SqliteConnection, patience: Duration) -> Result<Vec<u64>> {
    let deadline = Instant::now() + patience;
    refuse(look(connection, deadline).await?)?;
    use_journal(connection, deadline).await?;
    if is_current(connection).await? {
        return Ok(Vec::new());
    }
    begin(connection, deadline).await?;
    match migrate(connection).await {
        Ok(ran) => {
            sqlx::query("COMMIT").execute(&mut *connection).await.map_err(|e| failed("commit the schema", e))?;
            statistics::read(connection).await?;
            Ok(ran)
        }
        Err(e) => {
            // The error that matters is the first.
            let _ = sqlx::query("ROLLBACK").execute(connection).await;
            Err(e)
        }
    }
}

async fn number(connection: &mut SqliteConnection, pragma: &'static str) -> sqlx::Result<i64> {
    sqlx::query(pragma).fetch_one(connection).await?.try_get(0)
}

async fn look(connection: &mut SqliteConnection, deadline: Instant) -> Result<Seen> {
    loop {
        match try_look(connection).await {
            Ok(seen) => return Ok(seen),
            Err(e) if is_busy(&e) && Instant::now() < deadline => pause().await,
            Err(e) => return Err(failed("read the header of the database", e)),
        }
    }
}

async fn try_look(connection: &mut SqliteConnection) -> sqlx::Result<Seen> {
    // In this order: another process makes both in one transaction, and who sees its tables then sees whose they are.
    let tables = number(connection, "SELECT count(*) FROM sqlite_schema").await?;
    let application = number(connection, "PRAGMA application_id").await?;
    Ok(match (application, tables) {
        (APPLICATION_ID, _) => Seen::Ours,
        (0, 0) => Seen::New,
        _ => Seen::Foreign,
    })
}

fn refuse(seen: Seen) -> Result<()> {
    match seen {
        Seen::New | Seen::Ours => Ok(()),
        Seen::Foreign => Err(Error::new(ErrorKind::Config, "the database belongs to another program").with_hint(
            "name a file that does not exist yet, or a catalog made by proximadb-meta; nothing was changed",
        )),
    }
}

/// Sets the journal mode, which stays in the file. While somebody else does the same SQLite answers busy at once, or the old
/// mode.
async fn use_journal(connection: &mut SqliteConnection, deadline: Instant) -> Result<()> {
    loop {
        let mode = sqlx::query("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await;
        match mode.and_then(|row| row.try_get::<String, _>(0)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) if Instant::now() >= deadline => {
                return Err(Error::new(
                    ErrorKind::Config,
                    format!("SQLite keeps the journal mode {mode:?} here, not WAL"),
                )
                .with_hint("put the database on a local file system"));
            }
            Err(e) if !is_busy(&e) || Instant::now() >= deadline => return Err(failed("switch the journal on", e)),
            _ => pause().await,
        }
    }
}

/// Takes the write lock.
pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";

pub(crate) async fn begin(connection: &mut SqliteConnection, deadline: Instant) -> Result<()> {
    loop {
        match sqlx::query(BEGIN).execute(&mut *connection).await {
            Ok(_) => return Ok(()),
            Err(e) if is_busy(&e) && Instant::now() < deadline => pause().await,
            Err(e) => return Err(failed("take the write lock", e)),
        }
    }
}

/// Lets the other process finish: 1 to 8 ms, at random.
pub(crate) async fn pause() {
    let micros = rand::random_range(1000..8000);
    tokio::time::sleep(Duration::from_micros(micros)).await;
}

/// Whether a first step was applied.
pub(crate) async fn is_made(connection: &mut SqliteConnection) -> Result<bool> {
    let tables = number(connection, "SELECT count(*) FROM sqlite_schema WHERE name = 'store'").await;
    Ok(tables.map_err(|e| failed("read the schema", e))? > 0)
}

/// Whether every step was applied; refuses a newer format, and steps that are not the ones we know.
pub(crate) async fn is_current(connection: &mut SqliteConnection) -> Result<bool> {
    if !is_made(connection).await? {
        return Ok(false);
    }
    check_format(connection).await?;
    Ok(applied(connection).await? == MIGRATIONS.len())
}

/// A number that the store says of itself.
pub(crate) async fn stored(connection: &mut SqliteConnection, key: &'static str) -> Result<u32> {
    let query = sqlx::query("SELECT value FROM store WHERE key = ?1").bind(key);
    let row = query.fetch_optional(connection).await.map_err(|e| failed("read the format", e))?;
    let value: Option<String> = row.and_then(|r| r.try_get(0).ok());
    value.and_then(|v| v.parse().ok()).ok_or_else(|| damaged(format!("the table store has no number {key}")))
}

/// Checks that a database is a catalog of ours with every step applied, without changing it.
pub(crate) async fn check_copy(connection: &mut SqliteConnection) -> Result<()> {
    let seen = try_look(connection).await.map_err(|e| failed("read the header of the database", e))?;
    if !matches!(seen, Seen::Ours) {
        return Err(damaged("the database in the backup is no catalog"));
    }
    if is_current(connection).await? {
        return Ok(());
    }
    Err(Error::unsupported("the database in the backup has an older schema")
        .with_hint("copy it to a place of its own, open it there once, and take the namespace with pxmeta copy"))
}

pub(crate) async fn check_format(connection: &mut SqliteConnection) -> Result<()> {
    for (key, ours) in [("min_reader", FORMAT), ("min_writer", FORMAT), ("keywords_revision", KEYWORDS_REVISION)] {
        let needed = stored(connection, key).await?;
        if needed > ours {
            return Err(Error::unsupported(format!("the database needs {key} {needed}; this release has {ours}"))
                .with_hint("open it with the release that wrote it, or a newer one"));
        }
    }
    Ok(())
}

/// How many steps were applied, all of them as we know them.
pub(crate) async fn applied(connection: &mut SqliteConnection) -> Result<usize> {
    let rows = sqlx::query("SELECT version, checksum FROM schema_migrations ORDER BY version")
        .fetch_all(connection)
        .await
        .map_err(|e| failed("read the list of migrations", e))?;
    for (row, known) in rows.iter().zip(MIGRATIONS) {
        let version: i64 = row.try_get(0).map_err(|e| failed("read the list of migrations", e))?;
        let checksum: String = row.try_get(1).map_err(|e| failed("read the list of migrations", e))?;
        if !known.is(version, &checksum) {
            return Err(damaged(format!(
                "migration {version} ({}) was applied with another text than ours",
                known.name
            )));
        }
    }
    Ok(rows.len())
}

/// Applies what is missing, inside a transaction that holds the write lock.
async fn migrate(connection: &mut SqliteConnection) -> Result<Vec<u64>> {
    // Looked at again: only now nobody else can change it.
    let seen = try_look(connection).await.map_err(|e| failed("read the header of the database", e))?;
    refuse(seen)?;
    let wrong = |e| failed("make the schema", e);
    let first = "CREATE TABLE IF NOT EXISTS store (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
            applied_at INTEGER NOT NULL) STRICT;
        PRAGMA application_id = 0x50584d44;
        PRAGMA user_version = 1";
    sqlx::raw_sql(first).execute(&mut *connection).await.map_err(wrong)?;
    let done = applied(connection).await?;
    let mut ran = Vec::new();
    for step in MIGRATIONS.iter().skip(done) {
        sqlx::raw_sql(step.text).execute(&mut *connection).await.map_err(wrong)?;
        sqlx::query("INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)")
            .bind(i64::from(step.version))
            .bind(step.name)
            .bind(step.checksum())
            .bind(now().as_micros())
            .execute(&mut *connection)
            .await
            .map_err(wrong)?;
        ran.push(u64::from(step.version));
    }
    statistics::take_for_large(connection).await?;
    for (key, value) in
        [("format", FORMAT), ("min_reader", FORMAT), ("min_writer", FORMAT), ("keywords_revision", KEYWORDS_REVISION)]
    {
        sqlx::query("INSERT INTO store (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING")
            .bind(key)
            .bind(value.to_string())
            .execute(&mut *connection)
            .await
            .map_err(wrong)?;
    }
    check_format(connection).await?;
    Ok(ran)
}

fn now() -> Timestamp {
    use proximadb_meta_core::{Clock as _, SystemClock};
    SystemClock.now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_are_numbered_from_1_on() {
        assert!(MIGRATIONS.iter().zip(1..).all(|(m, n)| m.version == n));
    }

    /// A released text stays as it is: a database out there has its checksum.
    #[test]
    fn the_texts_are_those_that_were_released() {
        let sums: Vec<String> = MIGRATIONS.iter().map(Migration::checksum).collect();
        assert_eq!(sums, ["de9c9867064599b1c53bdcd0fdc4f5968c44f8378f489eaf7d28e09729c8d7b5"]);
    }
}

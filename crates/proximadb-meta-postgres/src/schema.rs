//! The schema: migrations in order, each with the checksum of its text, applied by one process at a time.

use proximadb_meta_core::keywords::KEYWORDS_REVISION;
use proximadb_meta_core::migration::{Migration, statements};
use proximadb_meta_core::report::{AppliedMigration, SchemaAction, SchemaReport, StoreFormat};
use proximadb_meta_core::{Error, ErrorKind, Result, Retry, Timestamp};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::attend::Session;
use crate::error::{damaged, failed};
use crate::pool::{Pool, discard, silent};
use crate::types::Instant;

/// The format this release writes, and the newest it reads.
const FORMAT: u32 = 1;
/// Stands in our table `store`, and in no other program's.
const APPLICATION: &str = "proximadb-meta";
/// `PXMD`: our part of the numbers of advisory locks.
const LOCK_SEED: i64 = 0x5058_4d44;
/// The oldest server that has everything we use (`jsonpath`, `MATERIALIZED`).
const OLDEST_SERVER: i32 = 120_000;
/// Our tables.
const TABLES: [&str; 4] = ["collections", "restoring", "schema_migrations", "store"];

const LOOK: &str = "look at the schema";

/// Every step, in order. A released step is never changed: what it made is out there.
pub(crate) const MIGRATIONS: &[Migration] =
    &[Migration { version: 1, name: "catalog", text: include_str!("../migrations/0001_catalog.sql") }];

/// The statements of a step for a schema whose name was checked. The sign stands nowhere else in them.
fn text(step: &Migration, schema: &str) -> String {
    step.text.replace("@.", &format!("\"{schema}\"."))
}

/// What a schema is by its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// None of our tables is there.
    New,
    Ours,
    Foreign,
}

/// Checks server and schema, and applies what is missing where that is wanted. Looking has an end, as any read; applying takes as
/// long as it takes.
pub(crate) async fn prepare(pool: &Pool, client: &Client, schema: &str, migrate: bool) -> Result<()> {
    let current = async {
        check_server(client).await?;
        let seen = look(client, schema).await?;
        Ok(seen == Seen::Ours && status(client, schema).await?.pending.is_empty())
    };
    let silent = || silent(LOOK).with_retry(Retry::Safe);
    if pool.in_time(current).await.ok_or_else(silent)?? {
        return Ok(());
    }
    if !migrate {
        return Err(Error::new(ErrorKind::Config, format!("the tables in the schema {schema:?} are not up to date"))
            .with_hint("run pxmeta schema apply, or open with auto_migrate"));
    }
    attended(pool, client, apply(client, schema)).await.map(drop)
}

/// A change, which takes as long as it takes while the server is at it.
async fn attended<T>(pool: &Pool, client: &Client, work: impl Future<Output = Result<T>>) -> Result<T> {
    let session = Session::of(pool, client).await?;
    let done = session.attended(pool, work).await;
    done.unwrap_or_else(|| Err(silent("make the schema").with_retry(Retry::UnknownOutcome)))
}

/// As [`report`], on a connection of the pool. A look has an end, a change takes as long as it takes.
pub(crate) async fn report_in_time(pool: &Pool, schema: &str, action: SchemaAction) -> Result<SchemaReport> {
    let client = pool.get().await?;
    let report = report(&client, schema, action);
    let report = if action == SchemaAction::Apply {
        attended(pool, &client, report).await
    } else {
        pool.in_time(report).await.unwrap_or_else(|| Err(silent(LOOK).with_retry(Retry::Safe)))
    };
    if report.as_ref().is_err_and(|e| e.kind() == ErrorKind::Timeout) {
        // What was asked may still be under way on it.
        discard(client);
    }
    report
}

/// What there is, what is missing; or its change.
pub(crate) async fn report(client: &Client, schema: &str, action: SchemaAction) -> Result<SchemaReport> {
    check_server(client).await?;
    if action == SchemaAction::Apply {
        let ran = apply(client, schema).await?;
        let mut report = status(client, schema).await?;
        report.ran = ran;
        return Ok(report);
    }
    let mut report = match look(client, schema).await? {
        Seen::Ours => status(client, schema).await?,
        _ => {
            let mut report = SchemaReport::default();
            report.pending = MIGRATIONS.iter().map(|m| m.pending(Vec::new())).collect();
            report
        }
    };
    if action == SchemaAction::Plan {
        for (pending, known) in report.pending.iter_mut().rev().zip(MIGRATIONS.iter().rev()) {
            pending.steps = statements(&text(known, schema));
        }
    }
    Ok(report)
}

async fn check_server(client: &Client) -> Result<()> {
    let wrong = |e| failed("ask the server what it is", &e);
    let row = client
        .query_one("SELECT current_setting('server_version_num')::int4, current_setting('server_encoding')", &[])
        .await
        .map_err(wrong)?;
    let version: i32 = row.try_get(0).map_err(wrong)?;
    let encoding: &str = row.try_get(1).map_err(wrong)?;
    if version < OLDEST_SERVER {
        return Err(Error::unsupported(format!("the server is too old (server_version_num {version})"))
            .with_hint("PostgreSQL 12 or newer is needed"));
    }
    if encoding != "UTF8" {
        return Err(Error::new(ErrorKind::Config, format!("the database has the encoding {encoding}, not UTF8"))
            .with_hint("create a database with ENCODING 'UTF8' TEMPLATE template0"));
    }
    Ok(())
}

async fn look(client: &Client, schema: &str) -> Result<Seen> {
    let wrong = |e| failed(LOOK, &e);
    let tables = TABLES.map(str::to_owned).to_vec();
    let found = client
        .query_one(
            "SELECT count(*) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1::text AND c.relname::text = ANY ($2::text[])",
            &[&schema, &tables],
        )
        .await
        .map_err(wrong)?;
    let seen = match found.try_get::<_, i64>(0).map_err(wrong)? {
        0 => Seen::New,
        4 => {
            let of = format!("SELECT value FROM \"{schema}\".store WHERE key = 'application'");
            match client.query_opt(&of, &[]).await {
                Ok(Some(row)) if row.try_get::<_, &str>(0).is_ok_and(|v| v == APPLICATION) => Seen::Ours,
                Ok(_) => Seen::Foreign,
                Err(e) if e.code() == Some(&SqlState::UNDEFINED_COLUMN) => Seen::Foreign,
                Err(e) => return Err(wrong(e)),
            }
        }
        _ => Seen::Foreign,
    };
    if seen == Seen::Foreign {
        let what = format!("the schema {schema:?} has tables of another program under our names");
        return Err(
            Error::new(ErrorKind::Config, what).with_hint("name another schema, as schema=NAME; nothing was changed")
        );
    }
    Ok(seen)
}

/// The state of a schema that is ours; refuses a newer format, and steps that are not the ones we know.
async fn status(client: &Client, schema: &str) -> Result<SchemaReport> {
    let mut report = SchemaReport::default();
    report.format = Some(format(client, schema).await?);
    let wrong = |e| failed("read the list of migrations", &e);
    let listed =
        format!("SELECT version, name, checksum, applied_at FROM \"{schema}\".schema_migrations ORDER BY version");
    let rows = client.query(&listed, &[]).await.map_err(wrong)?;
    for (row, known) in rows.iter().zip(MIGRATIONS) {
        let version: i32 = row.try_get(0).map_err(wrong)?;
        let checksum: &str = row.try_get(2).map_err(wrong)?;
        if !known.is(version.into(), checksum) {
            let what = format!("migration {version} ({}) was applied with another text than ours", known.name);
            return Err(damaged(what));
        }
        let (name, at): (&str, Instant) = (row.try_get(1).map_err(wrong)?, row.try_get(3).map_err(wrong)?);
        let version = u64::try_from(version).unwrap_or(0);
        report.applied.push(AppliedMigration::new(version, name, checksum, Some(at.0)));
    }
    report.pending = MIGRATIONS.iter().skip(rows.len()).map(|m| m.pending(Vec::new())).collect();
    Ok(report)
}

async fn format(client: &Client, schema: &str) -> Result<StoreFormat> {
    let wrong = |e| failed("read the format", &e);
    let rows = client.query(&format!("SELECT key, value FROM \"{schema}\".store"), &[]).await.map_err(wrong)?;
    let number = |key: &str| -> Result<u32> {
        let value = rows.iter().find(|r| r.try_get::<_, &str>(0).is_ok_and(|k| k == key));
        let value = value.and_then(|r| r.try_get::<_, &str>(1).ok()).and_then(|v| v.parse().ok());
        value.ok_or_else(|| damaged(format!("the table store has no number {key}")))
    };
    for (key, ours) in [("min_reader", FORMAT), ("min_writer", FORMAT), ("keywords_revision", KEYWORDS_REVISION)] {
        let needed = number(key)?;
        if needed > ours {
            return Err(Error::unsupported(format!(
                "the schema {schema:?} needs {key} {needed}; this release has {ours}"
            ))
            .with_hint("open it with the release that wrote it, or a newer one"));
        }
    }
    Ok(StoreFormat { format: number("format")?, min_reader: number("min_reader")?, min_writer: number("min_writer")? })
}

/// Applies what is missing, all in one transaction; which steps it ran.
async fn apply(client: &Client, schema: &str) -> Result<Vec<u64>> {
    let wrong = |e| failed("make the schema", &e);
    // Whatever the session's level is: what is read behind the lock must be what the one before us made.
    client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED").await.map_err(wrong)?;
    let ran = try_apply(client, schema).await;
    match ran {
        Ok(ran) => client.batch_execute("COMMIT").await.map_err(wrong).map(|()| ran),
        Err(e) => {
            // The error that matters is the first.
            let _ = client.batch_execute("ROLLBACK").await;
            Err(e)
        }
    }
}

async fn try_apply(client: &Client, schema: &str) -> Result<Vec<u64>> {
    let wrong = |e| failed("make the schema", &e);
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1::text, $2::int8))";
    client.query(lock, &[&schema, &LOCK_SEED]).await.map_err(wrong)?;
    // Only now nobody else makes it. Once at it, it may take its time.
    client.batch_execute("SET LOCAL statement_timeout = 0").await.map_err(wrong)?;
    let done = match look(client, schema).await? {
        Seen::Ours => status(client, schema).await?.applied.len(),
        _ => {
            make_store(client, schema).await?;
            0
        }
    };
    let mut ran = Vec::new();
    for step in MIGRATIONS.iter().skip(done) {
        client.batch_execute(&text(step, schema)).await.map_err(wrong)?;
        let note = format!(
            "INSERT INTO \"{schema}\".schema_migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)"
        );
        client
            .execute(&note, &[&step.version.cast_signed(), &step.name, &step.checksum(), &Instant(now())])
            .await
            .map_err(wrong)?;
        ran.push(u64::from(step.version));
    }
    Ok(ran)
}

async fn make_store(client: &Client, schema: &str) -> Result<()> {
    let wrong = |e| failed("make the schema", &e);
    let exists = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1::text)";
    let exists: bool = client.query_one(exists, &[&schema]).await.and_then(|row| row.try_get(0)).map_err(wrong)?;
    // Even IF NOT EXISTS wants the right to create.
    if !exists {
        client.batch_execute(&format!("CREATE SCHEMA \"{schema}\"")).await.map_err(wrong)?;
    }
    let tables = format!(
        "CREATE TABLE \"{schema}\".store (key TEXT PRIMARY KEY, value TEXT NOT NULL);
         CREATE TABLE \"{schema}\".schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL,
             checksum TEXT NOT NULL, applied_at TIMESTAMPTZ NOT NULL)"
    );
    client.batch_execute(&tables).await.map_err(wrong)?;
    let (format, words) = (FORMAT.to_string(), KEYWORDS_REVISION.to_string());
    let pairs = [
        ("application", APPLICATION),
        ("format", &format),
        ("min_reader", &format),
        ("min_writer", &format),
        ("keywords_revision", &words),
    ];
    for (key, value) in pairs {
        let text = format!("INSERT INTO \"{schema}\".store (key, value) VALUES ($1, $2)");
        client.execute(&text, &[&key, &value]).await.map_err(wrong)?;
    }
    Ok(())
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
        assert_eq!(sums, ["7621ef3b7cea350b5884e1b9b8fdfacfc459a20d1d699670e9874572aa1f7948"]);
    }

    #[test]
    fn a_plan_is_the_statements() {
        let all = statements(&text(&MIGRATIONS[0], "s"));
        assert!(all[0].starts_with("CREATE TABLE \"s\".collections ("), "{}", all[0]);
        assert!(all.iter().all(|s| s.starts_with("CREATE ") && !s.contains('@') && !s.contains("--")), "{all:?}");
    }
}

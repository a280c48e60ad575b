//! The layout of a database as operators ask for it: what was applied, what is missing, and its application.

use std::path::Path;
use std::time::Duration;

use proximadb_meta_core::migration::{Migration, statements};
use proximadb_meta_core::report::{AppliedMigration, PendingMigration, SchemaAction, SchemaReport, StoreFormat};
use proximadb_meta_core::{Error, ErrorKind, Result, Timestamp};
use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::config::SqliteOptions;
use crate::error::{damaged, failed};
use crate::file;
use crate::schema::{self, MIGRATIONS};

/// What an open database says. An open database has every step: opening it applied them.
pub(crate) async fn read(connection: &mut SqliteConnection, action: SchemaAction) -> Result<SchemaReport> {
    let mut report = SchemaReport::default();
    if !schema::is_made(connection).await? {
        report.pending = pending(0, action);
        return Ok(report);
    }
    schema::check_format(connection).await?;
    report.format = Some(format(connection).await?);
    report.applied = applied(connection).await?;
    report.pending = pending(report.applied.len(), action);
    Ok(report)
}

async fn format(connection: &mut SqliteConnection) -> Result<StoreFormat> {
    let format = schema::stored(connection, "format").await?;
    let min_reader = schema::stored(connection, "min_reader").await?;
    Ok(StoreFormat { format, min_reader, min_writer: schema::stored(connection, "min_writer").await? })
}

async fn applied(connection: &mut SqliteConnection) -> Result<Vec<AppliedMigration>> {
    schema::applied(connection).await?;
    let wrong = |e| failed("read the list of migrations", e);
    let statement = "SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version";
    let rows = sqlx::query(statement).fetch_all(connection).await.map_err(wrong)?;
    let one = |row: &sqlx::sqlite::SqliteRow| {
        let version: i64 = row.try_get(0).map_err(wrong)?;
        let version = u64::try_from(version).map_err(|_| damaged(format!("a migration has the number {version}")))?;
        let (name, checksum): (String, String) = (row.try_get(1).map_err(wrong)?, row.try_get(2).map_err(wrong)?);
        let at = Timestamp::from_micros(row.try_get(3).map_err(wrong)?);
        Ok(AppliedMigration::new(version, name, checksum, Some(at)))
    };
    rows.iter().map(one).collect()
}

fn pending(done: usize, action: SchemaAction) -> Vec<PendingMigration> {
    let missing = MIGRATIONS.iter().skip(done);
    let steps = |m: &Migration| if action == SchemaAction::Plan { statements(m.text) } else { Vec::new() };
    missing.map(|m| m.pending(steps(m))).collect()
}

/// The layout of a database that is not open. `Status` and `Plan` write nothing, and make no file.
pub(crate) async fn of_file(path: &Path, options: &SqliteOptions, action: SchemaAction) -> Result<SchemaReport> {
    let owned = path.to_owned();
    let apply = action == SchemaAction::Apply;
    let look = move || if apply { file::prepare(&owned).map(|()| true) } else { file::is_there(&owned) };
    let there = tokio::task::spawn_blocking(look)
        .await
        .map_err(|e| Error::new(ErrorKind::Internal, "the looking thread ended early").with_source(e))??;
    if !there {
        let mut report = SchemaReport::default();
        report.pending = pending(0, action);
        return Ok(report);
    }
    let connect = if apply { options.writer(path) } else { options.reader(path) };
    let mut connection = connect.connect().await.map_err(|e| failed("open the database", e))?;
    let report = report(&mut connection, action, options.busy_timeout).await;
    let closed = connection.close().await.map_err(|e| failed("close the database", e));
    let report = report?;
    closed.map(|()| report)
}

async fn report(connection: &mut SqliteConnection, action: SchemaAction, patience: Duration) -> Result<SchemaReport> {
    schema::refuse_foreign(connection, patience).await?;
    let ran = if action == SchemaAction::Apply { schema::prepare(connection, patience).await? } else { Vec::new() };
    let mut report = read(connection, action).await?;
    report.ran = ran;
    Ok(report)
}

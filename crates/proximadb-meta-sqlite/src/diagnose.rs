//! A look over the database: settings, layout, journal, free pages and space, statistics, who can read the file.

use std::path::Path;

use proximadb_meta_core::report::{Finding, SchemaAction};
use proximadb_meta_core::{Error, Result};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use crate::config::SqliteOptions;
use crate::driver::{SqliteDriver, version};
use crate::stats::sizes;
use crate::{layout, room};

/// A journal that is larger, in bytes, was not copied for long.
const LONG_JOURNAL: u64 = 256 * 1024 * 1024;

/// Looks, and changes nothing.
pub(crate) async fn look(driver: &SqliteDriver) -> Result<Vec<Finding>> {
    let mut connection = driver.readers.connect().await?;
    let mut findings = vec![
        Finding::ok("sqlite", version()),
        of_layout(&mut connection).await,
        of_setting(&mut connection, "journal mode", "PRAGMA journal_mode", "wal").await,
        of_setting(&mut connection, "synchronous", "PRAGMA synchronous", "2").await,
        of_journal(driver).await,
        of_free_pages(&mut connection).await,
        of_statistics(&mut connection).await,
        of_restores(&mut connection).await,
        of_mode(&driver.path).await,
    ];
    findings.extend(of_room(driver, &mut connection).await);
    Ok(findings)
}

/// Looks from outside, for a database that does not open.
pub(crate) async fn examine(path: &Path, options: &SqliteOptions) -> Vec<Finding> {
    let (Some(database), _) = sizes(path).await else {
        let fix = "run it as the user that the catalog belongs to, on the machine that holds it";
        return vec![Finding::note("file", "it cannot be looked at", fix)];
    };
    let mut findings = if database == 0 {
        let fix = "correct the address, or make the catalog with the first write";
        vec![Finding::problem("file", format!("there is no database {}", path.display()), fix)]
    } else {
        vec![Finding::ok("file", format!("{database} bytes")).with_value(database, "bytes"), of_mode(path).await]
    };
    findings.extend(room::findings(path, database, options.journal_size_limit).await);
    findings
}

async fn of_room(driver: &SqliteDriver, connection: &mut SqliteConnection) -> Vec<Finding> {
    let limit = number(connection, "PRAGMA journal_size_limit").await;
    let (database, _) = sizes(&driver.path).await;
    match limit {
        Ok(limit) => room::findings(&driver.path, database.unwrap_or(0), limit).await,
        Err(e) => vec![unread("free space", &e)],
    }
}

/// What cannot be looked at is a finding too.
fn unread(subject: &str, e: &Error) -> Finding {
    Finding::problem(
        subject,
        format!("cannot be read: {e}"),
        e.hint().unwrap_or("run pxmeta maintain, which looks for damage"),
    )
}

async fn number(connection: &mut SqliteConnection, statement: &'static str) -> Result<u64> {
    let row = sqlx::query(statement).fetch_one(connection).await;
    let number: i64 =
        row.and_then(|row| row.try_get(0)).map_err(|e| crate::error::failed("look at the database", e))?;
    Ok(number.unsigned_abs())
}

async fn of_layout(connection: &mut SqliteConnection) -> Finding {
    match layout::read(connection, SchemaAction::Status).await {
        Ok(report) => report.finding(),
        Err(e) => unread("layout", &e),
    }
}

async fn of_setting(connection: &mut SqliteConnection, subject: &str, pragma: &'static str, wanted: &str) -> Finding {
    let row = sqlx::query(pragma).fetch_one(connection).await;
    let value = row.and_then(|row| row.try_get_unchecked::<String, _>(0));
    match value {
        Ok(value) if value == wanted => Finding::ok(subject, value),
        Ok(value) => Finding::problem(
            subject,
            format!("{value}, not {wanted}: what was acknowledged may be lost with the power"),
            "open the catalog again; it sets this at each open",
        ),
        Err(e) => unread(subject, &crate::error::failed("read a setting", e)),
    }
}

async fn of_journal(driver: &SqliteDriver) -> Finding {
    let (_, journal) = sizes(&driver.path).await;
    let Some(bytes) = journal else {
        return Finding::warning("journal", "its size cannot be read", "look at the permissions of the directory");
    };
    let finding = if bytes <= LONG_JOURNAL {
        Finding::ok("journal", format!("{bytes} bytes"))
    } else {
        let what = format!("{bytes} bytes: a reader that does not end keeps it from being copied into the database");
        Finding::warning("journal", what, "end what reads for long, then run pxmeta maintain")
    };
    finding.with_value(bytes, "bytes")
}

async fn of_free_pages(connection: &mut SqliteConnection) -> Finding {
    let free = number(connection, "PRAGMA freelist_count").await;
    let pages = number(connection, "PRAGMA page_count").await;
    match (free, pages) {
        (Ok(free), Ok(pages)) => {
            let found = format!("{free} of {pages} pages");
            let finding = if free > pages / 4 && free >= 256 {
                Finding::note("free pages", found, "run pxmeta maintain: it rewrites the file without them")
            } else {
                Finding::ok("free pages", found)
            };
            finding.with_value(free, "pages")
        }
        (Err(e), _) | (_, Err(e)) => unread("free pages", &e),
    }
}

async fn of_statistics(connection: &mut SqliteConnection) -> Finding {
    // ANALYZE counts every table; what stands there from the beginning is of two.
    match number(connection, "SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'schema_migrations'").await {
        Ok(0) => Finding::note(
            "statistics",
            "the indexes were never counted: plans are made for a catalog of the usual kind",
            "run pxmeta maintain once there are 1,000 records",
        ),
        Ok(_) => Finding::ok("statistics", "the indexes were counted"),
        Err(e) => unread("statistics", &e),
    }
}

async fn of_restores(connection: &mut SqliteConnection) -> Finding {
    match number(connection, "SELECT count(*) FROM restoring").await {
        Ok(0) => Finding::ok("restores", "none is unfinished"),
        Ok(n) => Finding::problem(
            "restores",
            format!("{n} namespaces are being restored, or a restore failed half way"),
            "wait for it, or restore again with replace",
        ),
        Err(e) => unread("restores", &e),
    }
}

#[cfg(unix)]
async fn of_mode(path: &Path) -> Finding {
    use std::os::unix::fs::PermissionsExt as _;
    let path = path.to_owned();
    let meta = tokio::task::spawn_blocking(move || std::fs::metadata(path)).await;
    match meta.map(|m| m.map(|m| m.permissions().mode() & 0o777)) {
        Ok(Ok(mode)) if mode & 0o077 == 0 => Finding::ok("file mode", format!("{mode:o}")),
        Ok(Ok(mode)) => {
            Finding::warning("file mode", format!("{mode:o}: others can read it"), "chmod 600 the database file")
        }
        _ => Finding::warning("file mode", "cannot be read", "look at the permissions of the directory"),
    }
}

#[cfg(not(unix))]
async fn of_mode(_: &Path) -> Finding {
    Finding::ok("file mode", "this system keeps no modes")
}

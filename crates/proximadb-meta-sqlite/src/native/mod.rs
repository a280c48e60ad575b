//! Backups in SQLite's own format: a copy of the whole database by the backup functions, with a manifest.
//!
//! The copy holds every namespace. A restore takes out of it the namespace that it was called in, and leaves the others as they
//! are; it is one transaction.

mod copy;
mod replace;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proximadb_meta_archive::files::blocking;
use proximadb_meta_archive::native::NativeFormat;
use proximadb_meta_core::report::{BackupReport, RestoreOptions, RestoreReport};
use proximadb_meta_core::{Call, Error, ErrorKind, Result, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::driver::SqliteDriver;
use crate::error::{damaged, failed};
use crate::writer::Request;
pub(crate) use replace::{Replacement, replace};

/// How these backups are named.
pub(crate) const FORMAT: NativeFormat =
    NativeFormat { kind: "sqlite", payload: "catalog.db", manifest: "sqlite.json", shown: "SQLite's own format" };

/// What the manifest says beside what every one does.
#[derive(Debug, Serialize, Deserialize)]
struct OfSqlite {
    /// The version of SQLite that wrote it.
    sqlite: String,
}

/// Copies the database below `location`.
pub(crate) async fn backup(driver: &SqliteDriver, call: &Call, location: &str) -> Result<BackupReport> {
    let root = FORMAT.place(location)?;
    let source = driver.readers.connect().await?;
    let (now, patience) = (call.now, driver.patience);
    let runtime = tokio::runtime::Handle::current();
    // On a thread of its own, which ends its work also when nobody waits for it any more.
    let manifest = blocking(move || {
        let backup = FORMAT.begin(root)?;
        let namespaces = runtime.block_on(fill(source, backup.payload(), now, patience))?;
        backup.publish(OfSqlite { sqlite: crate::driver::version() }, namespaces, now)
    });
    Ok(manifest.await?.report(location, &call.namespace))
}

/// Copies the database into a file; the live records of each namespace.
async fn fill(
    mut source: SqliteConnection,
    path: &Path,
    now: Timestamp,
    patience: Duration,
) -> Result<BTreeMap<String, u64>> {
    let options = SqliteConnectOptions::new().filename(path).foreign_keys(false).disable_statement_logging();
    let mut target = options.connect().await.map_err(|e| failed("open the copy", e))?;
    copy::copy(&mut source, &mut target, patience).await?;
    let wrong = |e| failed("look at the copy", e);
    // The copy stands alone: no journal beside it.
    sqlx::query("PRAGMA journal_mode = DELETE").execute(&mut target).await.map_err(wrong)?;
    intact(&mut target).await?;
    let live = "SELECT namespace, count(*) FROM collections WHERE (expires_at IS NULL OR expires_at > ?1) \
                AND namespace NOT IN (SELECT namespace FROM restoring) GROUP BY namespace";
    let rows = sqlx::query(live).bind(now.as_micros()).fetch_all(&mut target).await.map_err(wrong)?;
    let mut namespaces = BTreeMap::new();
    for row in rows {
        let count: i64 = row.try_get(1).map_err(wrong)?;
        namespaces.insert(row.try_get(0).map_err(wrong)?, count.unsigned_abs());
    }
    target.close().await.map_err(wrong)?;
    Ok(namespaces)
}

/// Whether SQLite finds a database whole.
async fn intact(connection: &mut SqliteConnection) -> Result<()> {
    let row =
        sqlx::query("PRAGMA quick_check(1)").fetch_one(connection).await.map_err(|e| failed("check the copy", e))?;
    let said: String = row.try_get(0).map_err(|e| failed("check the copy", e))?;
    if said == "ok" { Ok(()) } else { Err(damaged(format!("the copy of the database is damaged: {said}"))) }
}

/// Restores the call's namespace from the backup in `directory`.
pub(crate) async fn restore(
    driver: &SqliteDriver,
    call: &Call,
    directory: PathBuf,
    id: &str,
    options: RestoreOptions,
) -> Result<RestoreReport> {
    let (manifest, path) = FORMAT.open::<OfSqlite>(directory, id).await?;
    let Some(records) = manifest.namespaces.get(call.namespace.as_str()).copied() else {
        let there: Vec<String> = manifest.namespaces.keys().map(|n| format!("{n:?}")).take(10).collect();
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("the backup holds nothing of the namespace {:?}", call.namespace.as_str()),
        )
        .with_hint(format!("it holds {}; restore takes the namespace it is called in", there.join(", "))));
    };
    let connect = SqliteConnectOptions::new().filename(&path).read_only(true).immutable(true).foreign_keys(false);
    let mut source = connect.disable_statement_logging().connect().await.map_err(|e| failed("open the backup", e))?;
    crate::schema::check_copy(&mut source).await?;
    intact(&mut source).await?;
    let replacement = Replacement {
        source: tokio::sync::Mutex::new(source),
        namespace: call.namespace.clone(),
        records,
        taken_at: manifest.created_at,
        now: call.now,
        replace: options.replace,
        filter: options.filter,
    };
    driver.ask(|reply| Request::Replace { replacement, reply }).await
}

//! Backups in SQLite's own format: a copy of the whole database by the backup functions, with a manifest.
//!
//! The copy holds every namespace. A restore takes out of it the namespace that it was called in, and leaves the others as they
//! are; it is one transaction.

mod copy;
mod manifest;
mod replace;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use proximadb_meta_core::report::{BackupReport, RestoreOptions, RestoreReport};
use proximadb_meta_core::{Call, Error, ErrorKind, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::driver::SqliteDriver;
use crate::error::{damaged, failed};
use crate::file::{io, make_directories, private, sync_parent};
use crate::writer::Request;
use manifest::{DATABASE, FORMAT, MANIFEST, Manifest, digest};
pub(crate) use replace::{Replacement, replace};

/// Where a backup lies, if it is one of ours.
pub(crate) fn find(location: &str, id: &str) -> Option<PathBuf> {
    uuid::Uuid::try_parse(id).ok()?;
    let directory = place(location).ok()?.join(id);
    directory.join(MANIFEST).exists().then_some(directory)
}

fn place(location: &str) -> Result<PathBuf> {
    let path = location.strip_prefix("file://").unwrap_or(location);
    if path.is_empty() {
        return Err(Error::invalid("the backup location is empty").with_hint("name a directory"));
    }
    if path.contains("://") {
        return Err(Error::unsupported("a backup in SQLite's own format goes to a directory")
            .with_hint("name a directory, or file:// and a directory"));
    }
    Ok(PathBuf::from(path))
}

/// Copies the database below `location`.
pub(crate) async fn backup(driver: &SqliteDriver, call: &Call, location: &str) -> Result<BackupReport> {
    let root = place(location)?;
    let id = uuid::Uuid::now_v7().to_string();
    let part = root.join(format!(".{id}.part"));
    let (source, made) = (driver.readers.connect().await?, part.clone());
    let patience = driver.patience;
    let runtime = tokio::runtime::Handle::current();
    let (from, namespace, given, now) = (id.clone(), call.namespace.clone(), location.to_owned(), call.now);
    // On a thread of its own, which ends its work also when nobody waits for it any more.
    let work = move || {
        let written =
            make_directories(&made).and_then(|()| runtime.block_on(fill(source, &made, &from, now, patience)));
        let finished = written.and_then(|manifest| {
            let done = root.join(&from);
            std::fs::rename(&made, &done).map_err(|e| io("name", &done, e))?;
            sync_parent(&done)?;
            Ok(manifest)
        });
        if finished.is_err() {
            // Best effort: the half backup has no backup's name, so it can only waste space.
            let _ = std::fs::remove_dir_all(&made);
        }
        finished
    };
    let manifest = blocking(work).await?;
    let records = manifest.namespaces.get(namespace.as_str()).copied().unwrap_or(0);
    Ok(BackupReport::new(id, given, records, manifest.bytes, manifest.blake3, true, now))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let ended = |e| Error::new(ErrorKind::Internal, "the thread of the backup ended early").with_source(e);
    tokio::task::spawn_blocking(work).await.map_err(ended)?
}

async fn fill(
    mut source: SqliteConnection,
    part: &Path,
    id: &str,
    now: proximadb_meta_core::Timestamp,
    patience: std::time::Duration,
) -> Result<Manifest> {
    let path = part.join(DATABASE);
    private(std::fs::OpenOptions::new().write(true).create_new(true))
        .open(&path)
        .map_err(|e| io("create", &path, e))?;
    let options = SqliteConnectOptions::new().filename(&path).foreign_keys(false).disable_statement_logging();
    let mut target = options.connect().await.map_err(|e| failed("open the copy", e))?;
    copy::copy(&mut source, &mut target, patience).await?;
    let wrong = |e| failed("look at the copy", e);
    // The copy stands alone: no journal beside it.
    sqlx::query("PRAGMA journal_mode = DELETE").execute(&mut target).await.map_err(wrong)?;
    intact(&mut target).await?;
    let live = "SELECT namespace, count(*) FROM collections WHERE (expires_at IS NULL OR expires_at > ?1) \
                AND namespace NOT IN (SELECT namespace FROM restoring) GROUP BY namespace";
    let rows = sqlx::query(live).bind(now.as_micros()).fetch_all(&mut target).await.map_err(wrong)?;
    let mut namespaces = std::collections::BTreeMap::new();
    for row in rows {
        let count: i64 = row.try_get(1).map_err(wrong)?;
        namespaces.insert(row.try_get(0).map_err(wrong)?, count.unsigned_abs());
    }
    target.close().await.map_err(wrong)?;
    std::fs::File::open(&path).and_then(|f| f.sync_all()).map_err(|e| io("sync", &path, e))?;
    let (bytes, blake3) = digest(&path)?;
    let manifest = Manifest {
        format: FORMAT,
        kind: "sqlite".to_owned(),
        id: id.to_owned(),
        sqlite: crate::driver::version(),
        created_at: now.as_micros(),
        namespaces,
        bytes,
        blake3,
    };
    let path = part.join(MANIFEST);
    let mut text = serde_json::to_string_pretty(&manifest)
        .map_err(|e| Error::new(ErrorKind::Internal, "the manifest has no JSON").with_source(e))?;
    text.push('\n');
    let mut file = private(std::fs::OpenOptions::new().write(true).create_new(true))
        .open(&path)
        .map_err(|e| io("create", &path, e))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|e| io("write", &path, e))?;
    sync_parent(&path)?;
    Ok(manifest)
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
    let id = id.to_owned();
    let (manifest, path) = blocking(move || {
        let manifest = Manifest::read(&directory, &id)?;
        let path = manifest.check(&directory)?;
        Ok((manifest, path))
    })
    .await?;
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

//! Backups in the format of `pg_dump`: the whole schema at one instant, with a manifest.
//!
//! The dump holds every namespace. A restore takes out of it the namespace that it was called in, and leaves the others as they
//! are; it is one transaction, into whatever schema the catalog was opened with.

mod file;
mod manifest;
mod replace;
mod tool;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proximadb_meta_core::report::{BackupReport, RestoreOptions, RestoreReport};
use proximadb_meta_core::{Call, Error, ErrorKind, Result, Timestamp};

use crate::driver::PostgresDriver;
use crate::error::{damaged, failed};
use crate::maintain::detached;
use crate::pool::Pool;
use crate::types::Instant;
use file::{io, make, make_directories, place, sync};
use manifest::{DUMP, FORMAT, MANIFEST, Manifest, digest};
use tool::Tool;

/// Where a backup lies, if it is one of ours.
pub(crate) fn find(location: &str, id: &str) -> Option<PathBuf> {
    uuid::Uuid::try_parse(id).ok()?;
    let directory = place(location).ok()?.join(id);
    directory.join(MANIFEST).exists().then_some(directory)
}

/// Work on files, on a thread for that.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let ended = |e| Error::new(ErrorKind::Internal, "the thread of the backup ended early").with_source(e);
    tokio::task::spawn_blocking(work).await.map_err(ended)?
}

/// What a dump is made of.
struct Source {
    pool: std::sync::Arc<Pool>,
    target: crate::config::Target,
    options: std::sync::Arc<crate::config::PostgresOptions>,
    tool: Tool,
    now: Timestamp,
}

/// Dumps the schema below `location`.
pub(crate) async fn backup(driver: &PostgresDriver, call: &Call, location: &str) -> Result<BackupReport> {
    let root = place(location)?;
    let source = Source {
        tool: Tool::find("pg_dump", &driver.options).await?,
        pool: driver.pool.clone(),
        target: driver.target.clone(),
        options: driver.options.clone(),
        now: call.now,
    };
    let id = uuid::Uuid::now_v7().to_string();
    let (part, done) = (root.join(format!(".{id}.part")), root.join(&id));
    let (given, namespace, now) = (location.to_owned(), call.namespace.clone(), call.now);
    detached(async move {
        let filled = fill(&source, &part, &id).await;
        let finished = blocking(move || {
            let finished = filled.and_then(|manifest| {
                std::fs::rename(&part, &done).map_err(|e| io("name", &done, e))?;
                sync(&root)?;
                Ok(manifest)
            });
            if finished.is_err() {
                // Best effort: the half backup has no backup's name, so it can only waste space.
                let _ = std::fs::remove_dir_all(&part);
            }
            finished
        });
        let manifest = finished.await?;
        let records = manifest.namespaces.get(namespace.as_str()).copied().unwrap_or(0);
        Ok(BackupReport::new(manifest.id, given, records, manifest.bytes, manifest.blake3, true, now))
    })
    .await
}

async fn fill(source: &Source, part: &Path, id: &str) -> Result<Manifest> {
    let dump = part.join(DUMP);
    let (directory, empty) = (part.to_owned(), dump.clone());
    // The dump is written into a file that is ours alone from the beginning.
    blocking(move || make_directories(&directory).and_then(|()| make(&empty, b""))).await?;
    // Taken out of the pool: the transaction ends with it, whatever happens.
    let client = deadpool_postgres::Client::take(source.pool.get().await?);
    let wrong = |e| failed("look at what is backed up", &e);
    // It may take longer than a statement: the snapshot stays open meanwhile.
    let begin = "SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    client.batch_execute(begin).await.map_err(wrong)?;
    let row = client.query_one("SELECT pg_export_snapshot()", &[]).await.map_err(wrong)?;
    let snapshot: String = row.try_get(0).map_err(wrong)?;
    let schema = &source.options.schema;
    let counts = format!(
        "SELECT namespace, count(*), count(*) FILTER (WHERE expires_at IS NULL OR expires_at > $1) \
         FROM \"{schema}\".collections WHERE namespace NOT IN (SELECT namespace FROM \"{schema}\".restoring) GROUP BY namespace"
    );
    let (mut rows, mut namespaces) = (BTreeMap::new(), BTreeMap::new());
    for row in client.query(&counts, &[&Instant(source.now)]).await.map_err(wrong)? {
        let (name, all, live): (String, i64, i64) =
            (row.try_get(0).map_err(wrong)?, row.try_get(1).map_err(wrong)?, row.try_get(2).map_err(wrong)?);
        rows.insert(name.clone(), all.unsigned_abs());
        namespaces.insert(name, live.unsigned_abs());
    }
    let mut command = source.tool.command();
    source.tool.connect(&mut command, &source.target, &source.options)?;
    command.args(["--format=custom", "--no-password", "--no-owner", "--no-privileges", "--encoding=UTF8"]);
    command.arg(format!("--schema={schema}")).arg(format!("--snapshot={snapshot}"));
    command.arg(format!("--file={}", dump.display()));
    let said = command.output().await;
    drop(client);
    let said = said.map_err(|e| io("run pg_dump into", &dump, e))?;
    if !said.status.success() {
        return Err(source.tool.failed(&said.stderr));
    }
    let manifest = Manifest {
        format: FORMAT,
        kind: "postgresql".to_owned(),
        id: id.to_owned(),
        tool: source.tool.version.clone(),
        schema: schema.clone(),
        created_at: source.now.as_micros(),
        rows,
        namespaces,
        bytes: 0,
        blake3: String::new(),
    };
    let directory = part.to_owned();
    blocking(move || {
        sync(&dump)?;
        let (bytes, blake3) = digest(&dump)?;
        let manifest = Manifest { bytes, blake3, ..manifest };
        let text = serde_json::to_string_pretty(&manifest)
            .map_err(|e| Error::new(ErrorKind::Internal, "the manifest has no JSON").with_source(e))?;
        make(&directory.join(MANIFEST), format!("{text}\n").as_bytes())?;
        sync(&directory)?;
        Ok(manifest)
    })
    .await
}

/// Restores the call's namespace from the backup in `directory`.
pub(crate) async fn restore(
    driver: &PostgresDriver,
    call: &Call,
    directory: PathBuf,
    id: &str,
    options: RestoreOptions,
) -> Result<RestoreReport> {
    let tool = Tool::find("pg_restore", &driver.options).await?;
    let id = id.to_owned();
    let (manifest, dump) = blocking(move || {
        let manifest = Manifest::read(&directory, &id)?;
        let dump = manifest.check(&directory)?;
        Ok((manifest, dump))
    })
    .await?;
    let namespace = call.namespace.as_str();
    let Some(rows) = manifest.rows.get(namespace).copied() else {
        let held: Vec<&str> = manifest.rows.keys().map(String::as_str).collect();
        return Err(damaged(format!("the backup does not hold the namespace {namespace:?}"))
            .with_hint(format!("it holds {held:?}; nothing was changed")));
    };
    let live = manifest.namespaces.get(namespace).copied().unwrap_or(0);
    let work = replace::Replacement {
        pool: driver.pool.clone(),
        texts: driver.texts.clone(),
        namespace: call.namespace.clone(),
        now: call.now,
        replace: options.replace,
        tool,
        dump,
        rows,
    };
    detached(async move { work.run().await.map(|replaced| RestoreReport::new(live, replaced)) }).await
}

//! Backups in the format of `pg_dump`: the whole schema at one instant, with a manifest.
//!
//! The dump holds every namespace. A restore takes out of it the namespace that it was called in, and leaves the others as they
//! are; it is one transaction, into whatever schema the catalog was opened with.

mod replace;
mod tool;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proximadb_meta_archive::files::blocking;
use proximadb_meta_archive::native::NativeFormat;
use proximadb_meta_core::report::{BackupReport, RestoreOptions, RestoreReport};
use proximadb_meta_core::{Call, Error, Result, Retry, Timestamp};
use serde::{Deserialize, Serialize};

use crate::attend::Session;
use crate::driver::PostgresDriver;
use crate::error::{damaged, failed};
use crate::maintain::detached;
use crate::pool::{Pool, silent};
use crate::types::Instant;
use tool::Tool;

/// How these backups are named.
pub(crate) const FORMAT: NativeFormat = NativeFormat {
    kind: "postgresql",
    payload: "catalog.dump",
    manifest: "postgresql.json",
    shown: "the format of pg_dump",
};

const LOOK: &str = "look at what is backed up";

/// What the manifest says beside what every one does.
#[derive(Debug, Serialize, Deserialize)]
struct OfPostgres {
    /// What `pg_dump` says of its version.
    tool: String,
    /// The schema that was dumped.
    schema: String,
    /// Records of each namespace, with those that had expired.
    rows: BTreeMap<String, u64>,
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
    let root = FORMAT.place(location)?;
    let source = Source {
        tool: Tool::find("pg_dump", &driver.options).await?,
        pool: driver.pool.clone(),
        target: driver.target.clone(),
        options: driver.options.clone(),
        now: call.now,
    };
    let manifest = detached(async move {
        let backup = blocking(move || FORMAT.begin(root)).await?;
        let filled = fill(&source, backup.payload()).await;
        // Also where that failed: what is there is removed on the thread for files.
        blocking(move || {
            let (of_store, namespaces) = filled?;
            backup.publish(of_store, namespaces, source.now)
        })
        .await
    });
    Ok(manifest.await?.report(location, &call.namespace))
}

/// Dumps the schema into a file; what the manifest says of it, and the live records of each namespace.
async fn fill(source: &Source, dump: &Path) -> Result<(OfPostgres, BTreeMap<String, u64>)> {
    // Taken out of the pool: the transaction ends with it, whatever happens.
    let client = deadpool_postgres::Client::take(source.pool.get().await?);
    let pool = &source.pool;
    let wrong = |e| failed(LOOK, &e);
    // It may take longer than a statement: the snapshot stays open meanwhile.
    let begin = "SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    pool.answer(LOOK, client.batch_execute(begin)).await?;
    let row = pool.answer(LOOK, client.query_one("SELECT pg_export_snapshot()", &[])).await?;
    let snapshot: String = row.try_get(0).map_err(wrong)?;
    let schema = &source.options.schema;
    let counts = format!(
        "SELECT namespace, count(*), count(*) FILTER (WHERE expires_at IS NULL OR expires_at > $1) \
         FROM \"{schema}\".collections WHERE namespace NOT IN (SELECT namespace FROM \"{schema}\".restoring) GROUP BY namespace"
    );
    let (mut rows, mut namespaces) = (BTreeMap::new(), BTreeMap::new());
    for row in pool.answer(LOOK, client.query(&counts, &[&Instant(source.now)])).await? {
        let (name, all, live): (String, i64, i64) =
            (row.try_get(0).map_err(wrong)?, row.try_get(1).map_err(wrong)?, row.try_get(2).map_err(wrong)?);
        rows.insert(name.clone(), all.unsigned_abs());
        namespaces.insert(name, live.unsigned_abs());
    }
    let mut command = source.tool.command();
    source.tool.connect(&mut command, &source.target, &source.options)?;
    let name = format!("proximadb-meta-dump-{:016x}", rand::random::<u64>());
    command.env("PGAPPNAME", &name);
    command.args(["--format=custom", "--no-password", "--no-owner", "--no-privileges", "--encoding=UTF8"]);
    command.arg(format!("--schema={schema}")).arg(format!("--snapshot={snapshot}"));
    // It is synced with its manifest.
    command.arg("--no-sync").arg(format!("--file={}", dump.display())).arg(tool::keepalives(&source.target));
    let session = Session::called(&name, dump.to_owned(), source.tool.connects_within(&source.target, &source.options));
    let said = session.attended(pool, command.output()).await;
    drop(client);
    let said = said.ok_or_else(|| silent("dump the schema").with_retry(Retry::Safe))?;
    let said = said.map_err(|e| Error::io("run pg_dump into", dump, e))?;
    if !said.status.success() {
        return Err(source.tool.failed(&said.stderr));
    }
    Ok((OfPostgres { tool: source.tool.version.clone(), schema: schema.clone(), rows }, namespaces))
}

/// Restores the call's namespace from the backup in `directory`.
pub(crate) async fn restore(
    driver: &PostgresDriver,
    call: &Call,
    directory: PathBuf,
    id: &str,
    options: RestoreOptions,
) -> Result<RestoreReport> {
    if options.filter.is_some() {
        return Err(Error::unsupported("a backup of pg_dump is restored as a whole, not by a filter").with_hint(
            "restore it into an empty schema and copy from there by the filter, or filter a portable backup",
        ));
    }
    let tool = Tool::find("pg_restore", &driver.options).await?;
    let (manifest, dump) = FORMAT.open::<OfPostgres>(directory, id).await?;
    let namespace = call.namespace.as_str();
    let Some(rows) = manifest.of_store.rows.get(namespace).copied() else {
        let held: Vec<&str> = manifest.of_store.rows.keys().map(String::as_str).collect();
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

//! Backups: the portable archive, read in one transaction; or the format of `pg_dump`.

use proximadb_meta_archive::ArchiveSource;
use proximadb_meta_core::report::{BackupFormat, BackupOptions, BackupReport, RestoreOptions, RestoreReport};
use proximadb_meta_core::{Call, Result};

use crate::driver::PostgresDriver;
use crate::native;
use crate::snapshot::Snapshot;

pub(crate) async fn backup(
    driver: &PostgresDriver,
    call: &Call,
    location: &str,
    options: BackupOptions,
) -> Result<BackupReport> {
    if options.format == BackupFormat::Native {
        return native::backup(driver, call, location).await;
    }
    let records = Snapshot::begin(driver, call).await?;
    let source = ArchiveSource { namespace: &call.namespace, records, snapshot: true, now: call.now };
    proximadb_meta_archive::write(location, source).await
}

pub(crate) async fn restore(
    driver: &PostgresDriver,
    call: &Call,
    id: &str,
    location: &str,
    options: RestoreOptions,
) -> Result<RestoreReport> {
    let restored = match native::FORMAT.find(location, id).await? {
        Some(directory) => native::restore(driver, call, directory, id, options).await,
        None => proximadb_meta_archive::restore(driver, call, id, location, options).await,
    };
    // Written past the writer, as is the end of the mark. Also after a failure: it may have been done.
    if let Some(replicas) = &driver.replicas {
        replicas.wrote();
    }
    restored
}

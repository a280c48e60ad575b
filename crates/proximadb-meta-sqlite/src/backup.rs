//! Backups: the portable archive, read in one transaction; or SQLite's own format.

use proximadb_meta_archive::ArchiveSource;
use proximadb_meta_core::report::{BackupFormat, BackupOptions, BackupReport, RestoreOptions, RestoreReport};
use proximadb_meta_core::{Call, Result};

use crate::driver::SqliteDriver;
use crate::native;
use crate::snapshot::Snapshot;

pub(crate) async fn backup(
    driver: &SqliteDriver,
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
    driver: &SqliteDriver,
    call: &Call,
    id: &str,
    location: &str,
    options: RestoreOptions,
) -> Result<RestoreReport> {
    if let Some(directory) = native::FORMAT.find(location, id).await? {
        return native::restore(driver, call, directory, id, options).await;
    }
    proximadb_meta_archive::restore(driver, call, id, location, options).await
}

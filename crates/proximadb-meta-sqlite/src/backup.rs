//! Backups: the portable archive, read in one transaction.

use proximadb_meta_archive::ArchiveSource;
use proximadb_meta_core::driver::Scan;
use proximadb_meta_core::page::Position;
use proximadb_meta_core::report::{BackupOptions, BackupReport, RestoreOptions, RestoreReport};
use proximadb_meta_core::{Call, Order, Result};

use crate::driver::{SqliteDriver, records};
use crate::error::failed;
use crate::group::end;
use crate::row::Record;
use crate::scan;

/// Records of one statement.
const PART: usize = 1000;

pub(crate) async fn backup(
    driver: &SqliteDriver,
    call: &Call,
    location: &str,
    _options: BackupOptions,
) -> Result<BackupReport> {
    let source = ArchiveSource {
        namespace: &call.namespace,
        records: snapshot(driver, call).await?,
        snapshot: true,
        now: call.now,
    };
    proximadb_meta_archive::write(location, source).await
}

pub(crate) async fn restore(
    driver: &SqliteDriver,
    call: &Call,
    id: &str,
    location: &str,
    options: RestoreOptions,
) -> Result<RestoreReport> {
    proximadb_meta_archive::restore(driver, call, id, location, options).await
}

/// Every record of the namespace at one instant, on a connection of its own.
async fn snapshot(driver: &SqliteDriver, call: &Call) -> Result<Vec<Record>> {
    let mut connection = driver.readers.connect().await?;
    end(&mut connection, "BEGIN").await?;
    let mut all = Vec::new();
    let mut scan = Scan::new(Order::default(), PART);
    loop {
        let query = scan::part(&call.namespace, call.restoring, &scan).query();
        let rows = query.fetch_all(&mut connection).await.map_err(|e| failed("read the records", e))?;
        let part = records(&rows)?;
        scan.after = part.last().filter(|_| part.len() >= PART).map(|r| Position::after(r, scan.order));
        all.extend(part);
        if scan.after.is_none() {
            return Ok(all);
        }
    }
}

//! Backups: the portable archive, read in one transaction.

use proximadb_meta_archive::ArchiveSource;
use proximadb_meta_core::driver::Scan;
use proximadb_meta_core::page::Position;
use proximadb_meta_core::report::{BackupOptions, BackupReport, RestoreOptions, RestoreReport};
use proximadb_meta_core::{Call, Order, Result};

use crate::driver::PostgresDriver;
use crate::error::failed;
use crate::plan::Record;
use crate::pool::Ask;
use crate::row::Param;
use crate::scan;

/// Records of one statement.
const PART: usize = 1000;

pub(crate) async fn backup(
    driver: &PostgresDriver,
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
    driver: &PostgresDriver,
    call: &Call,
    id: &str,
    location: &str,
    options: RestoreOptions,
) -> Result<RestoreReport> {
    proximadb_meta_archive::restore(driver, call, id, location, options).await
}

/// Every record of the namespace at one instant. The connection ends with it, and so does the transaction, also when it is
/// dropped in the middle.
async fn snapshot(driver: &PostgresDriver, call: &Call) -> Result<Vec<Record>> {
    let client = deadpool_postgres::Client::take(driver.pool.get().await?);
    let wrong = |e| failed("read the records", &e);
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(wrong)?;
    let mut all = Vec::new();
    let mut scan = Scan::new(Order::default(), PART);
    loop {
        let sql = scan::part(&driver.texts.prefix, &call.namespace, call.restoring, &scan);
        let params: Vec<Param> = sql.bound().into_iter().map(|(p, _)| p).collect();
        let rows = Ask::Prepared(sql.as_str(), &params).run(&client).await.map_err(wrong)?;
        let part = scan::records(&rows)?;
        scan.after = part.last().filter(|_| part.len() >= PART).map(|r| Position::after(r, scan.order));
        all.extend(part);
        if scan.after.is_none() {
            return Ok(all);
        }
    }
}

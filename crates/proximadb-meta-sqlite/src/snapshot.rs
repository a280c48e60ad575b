//! Every record of a namespace by id, at one instant: one read transaction, on a connection of its own.

use proximadb_meta_archive::Pages;
use proximadb_meta_core::driver::Scan;
use proximadb_meta_core::page::Position;
use proximadb_meta_core::{Call, Order, Result};
use sqlx::sqlite::SqliteConnection;

use crate::driver::SqliteDriver;
use crate::error::failed;
use crate::group::end;
use crate::packed::{self, pack, unpack};
use crate::row::Record;
use crate::scan;

/// Records of one statement.
const PART: usize = packed::IN_ONE;

#[derive(Debug)]
pub(crate) struct Snapshot<'a> {
    connection: SqliteConnection,
    call: &'a Call,
    scan: Scan,
    is_over: bool,
}

impl<'a> Snapshot<'a> {
    /// The instant is that of the first part.
    pub(crate) async fn begin(driver: &SqliteDriver, call: &'a Call) -> Result<Self> {
        let mut connection = driver.readers.connect().await?;
        end(&mut connection, "BEGIN").await?;
        Ok(Self { connection, call, scan: Scan::new(Order::default(), PART), is_over: false })
    }
}

impl Pages for Snapshot<'_> {
    async fn next_page(&mut self) -> Result<Vec<Record>> {
        if self.is_over {
            return Ok(Vec::new());
        }
        let part = scan::part(&self.call.namespace, &self.scan);
        let query = pack(&part, PART, self.call.restoring).query();
        let rows = query.fetch_all(&mut self.connection).await.map_err(|e| failed("read the records", e))?;
        let part = unpack(&rows)?;
        self.scan.after = part.last().map(|r| Position::after(r, self.scan.order));
        self.is_over = part.len() < PART;
        Ok(part)
    }
}

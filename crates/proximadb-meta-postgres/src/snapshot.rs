//! Every record of a namespace by id, at one instant: one read transaction, on a connection that ends with it.

use deadpool_postgres::ClientWrapper;
use proximadb_meta_archive::Pages;
use proximadb_meta_core::driver::Scan;
use proximadb_meta_core::page::Position;
use proximadb_meta_core::{Call, Order, Result};

use crate::driver::PostgresDriver;
use crate::pool::{Ask, Pool};
use crate::row::{Param, Record};
use crate::scan;

/// Records of one statement.
const PART: usize = 1000;

const WHAT: &str = "read the records";

pub(crate) struct Snapshot<'a> {
    client: ClientWrapper,
    pool: &'a Pool,
    prefix: &'a str,
    call: &'a Call,
    scan: Scan,
    is_over: bool,
}

impl<'a> Snapshot<'a> {
    /// The instant is that of the first part.
    pub(crate) async fn begin(driver: &'a PostgresDriver, call: &'a Call) -> Result<Self> {
        // Taken out of the pool: dropped in the middle, the connection takes its transaction with it.
        let client = deadpool_postgres::Client::take(driver.pool.get().await?);
        // Whoever takes the pages may take his time between them.
        let begin = "SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let pool = &driver.pool;
        pool.answer(WHAT, client.batch_execute(begin)).await?;
        let scan = Scan::new(Order::default(), PART);
        Ok(Self { client, pool, prefix: &driver.texts.prefix, call, scan, is_over: false })
    }
}

impl Pages for Snapshot<'_> {
    async fn next_page(&mut self) -> Result<Vec<Record>> {
        if self.is_over {
            return Ok(Vec::new());
        }
        let sql = scan::part(self.prefix, &self.call.namespace, self.call.restoring, &self.scan);
        let params: Vec<Param> = sql.bound().into_iter().map(|(p, _)| p).collect();
        let rows = self.pool.answer(WHAT, Ask::Prepared(sql.as_str(), &params).run(&self.client)).await?;
        let part = scan::records(&rows)?;
        self.scan.after = part.last().map(|r| Position::after(r, self.scan.order));
        self.is_over = part.len() < PART;
        if self.is_over {
            self.pool.answer(WHAT, self.client.batch_execute("COMMIT")).await?;
        }
        Ok(part)
    }
}

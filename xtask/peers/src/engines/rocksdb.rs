//! RocksDB: an LSM tree with pessimistic transactions and a group commit of its own.

use std::path::Path;

use anyhow::{Context as _, Result};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DBCompressionType, DBRawIteratorWithThreadMode,
    ErrorKind, Options, SingleThreaded, SnapshotWithThreadMode, Transaction, TransactionDB, TransactionDBOptions,
    TransactionOptions, WriteOptions,
};

use super::CACHE_BYTES;
use super::kv::{Cursor, Entry, KvEngine, KvRead, KvTx, Look, See, Table, Work};

type Db = TransactionDB<SingleThreaded>;

pub(super) struct Rocks(Db);

impl Rocks {
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_compression_type(DBCompressionType::Lz4);
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&Cache::new_lru_cache(CACHE_BYTES)?);
        blocks.set_bloom_filter(10.0, false);
        blocks.set_format_version(5);
        options.set_block_based_table_factory(&blocks);
        let families: Vec<_> =
            Table::ALL.iter().map(|table| ColumnFamilyDescriptor::new(table.name(), options.clone())).collect();
        let db = Db::open_cf_descriptors(&options, &TransactionDBOptions::default(), dir, families);
        Ok(Self(db.context("open RocksDB")?))
    }

    fn table(&self, table: Table) -> Result<&ColumnFamily> {
        self.0.cf_handle(table.name()).context("a column family is missing")
    }
}

struct Tx<'a> {
    tx: Transaction<'a, Db>,
    rocks: &'a Rocks,
    /// Another transaction held a lock for too long: begin again.
    conflict: bool,
}

fn is_conflict(e: &rocksdb::Error) -> bool {
    matches!(e.kind(), ErrorKind::Busy | ErrorKind::TimedOut | ErrorKind::TryAgain)
}

impl Tx<'_> {
    fn note<T>(&mut self, result: std::result::Result<T, rocksdb::Error>) -> Result<T> {
        if let Err(e) = &result {
            self.conflict |= is_conflict(e);
        }
        Ok(result?)
    }
}

impl KvTx for Tx<'_> {
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let found = self.tx.get_for_update_cf(self.rocks.table(table)?, key, true);
        self.note(found)
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        let done = self.tx.put_cf(self.rocks.table(table)?, key, value);
        self.note(done)
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<()> {
        let done = self.tx.delete_cf(self.rocks.table(table)?, key);
        self.note(done)
    }
}

struct Snapshot<'a>(SnapshotWithThreadMode<'a, Db>, &'a Rocks);

impl KvRead for Snapshot<'_> {
    fn get(&self, table: Table, key: &[u8], see: See<'_>) -> Result<bool> {
        let Some(value) = self.0.get_pinned_cf(self.1.table(table)?, key)? else { return Ok(false) };
        see(&value)?;
        Ok(true)
    }

    fn cursor<'a>(&'a self, table: Table, from: &[u8]) -> Result<Box<dyn Cursor + 'a>> {
        let mut keys = self.0.raw_iterator_cf(self.1.table(table)?);
        keys.seek(from);
        Ok(Box::new(Keys { keys, begun: false }))
    }
}

struct Keys<'a> {
    keys: DBRawIteratorWithThreadMode<'a, Db>,
    begun: bool,
}

impl Cursor for Keys<'_> {
    fn next(&mut self) -> Result<Option<Entry<'_>>> {
        if self.begun {
            self.keys.next();
        }
        self.begun = true;
        self.keys.status()?;
        Ok(self.keys.item())
    }
}

impl KvEngine for Rocks {
    fn write(&self, work: Work<'_>) -> Result<()> {
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        loop {
            let tx = self.0.transaction_opt(&synced, &TransactionOptions::default());
            let mut tx = Tx { tx, rocks: self, conflict: false };
            match work(&mut tx) {
                Err(_) if tx.conflict => continue,
                done => done?,
            }
            match tx.tx.commit() {
                Err(e) if is_conflict(&e) => {}
                done => return done.context("commit in RocksDB"),
            }
        }
    }

    fn read(&self, look: Look<'_>) -> Result<()> {
        look(&Snapshot(self.0.snapshot(), self))
    }

    fn get_one(&self, table: Table, key: &[u8], see: See<'_>) -> Result<bool> {
        let Some(value) = self.0.get_pinned_cf(self.table(table)?, key)? else { return Ok(false) };
        see(&value)?;
        Ok(true)
    }
}

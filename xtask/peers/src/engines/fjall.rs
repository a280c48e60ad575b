//! fjall: an LSM tree with optimistic transactions, its journal synced with fdatasync.

use std::path::Path;

use anyhow::{Context as _, Result};
use fjall::{
    Iter, KeyspaceCreateOptions, OptimisticTxDatabase, OptimisticTxKeyspace, OptimisticWriteTx, PersistMode,
    Readable as _, UserKey, UserValue,
};

use super::CACHE_BYTES;
use super::kv::{Cursor, Entry, KvEngine, KvRead, KvTx, Look, See, Table, Work};

pub(super) struct Fjall {
    db: OptimisticTxDatabase,
    tables: [OptimisticTxKeyspace; 5],
}

impl Fjall {
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let db = OptimisticTxDatabase::builder(dir).cache_size(CACHE_BYTES as u64).open().context("open fjall")?;
        let tables = Table::open_all(|table| db.keyspace(table.name(), KeyspaceCreateOptions::default))?;
        Ok(Self { db, tables })
    }

    fn table(&self, table: Table) -> &OptimisticTxKeyspace {
        table.of(&self.tables)
    }
}

struct Tx<'a>(OptimisticWriteTx, &'a Fjall);

impl KvTx for Tx<'_> {
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.0.get(self.1.table(table), key)?.map(|value| value.to_vec()))
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.0.insert(self.1.table(table), key, value);
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<()> {
        self.0.remove(self.1.table(table), key);
        Ok(())
    }
}

struct Snapshot<'a>(fjall::Snapshot, &'a Fjall);

impl KvRead for Snapshot<'_> {
    fn get(&self, table: Table, key: &[u8], see: See<'_>) -> Result<bool> {
        let Some(value) = self.0.get(self.1.table(table), key)? else { return Ok(false) };
        see(&value)?;
        Ok(true)
    }

    fn cursor<'a>(&'a self, table: Table, from: &[u8]) -> Result<Box<dyn Cursor + 'a>> {
        Ok(Box::new(Keys { range: self.0.range(self.1.table(table), from.to_vec()..), here: None }))
    }
}

struct Keys {
    range: Iter,
    here: Option<(UserKey, UserValue)>,
}

impl Cursor for Keys {
    fn next(&mut self) -> Result<Option<Entry<'_>>> {
        self.here = self.range.next().map(|found| found.into_inner()).transpose()?;
        Ok(self.here.as_ref().map(|(key, value)| (&**key, &**value)))
    }
}

impl KvEngine for Fjall {
    fn write(&self, work: Work<'_>) -> Result<()> {
        loop {
            let tx = self.db.write_tx()?.durability(Some(PersistMode::SyncData));
            let mut tx = Tx(tx, self);
            work(&mut tx)?;
            // A conflict with another writer is not an error: the work is done again.
            if tx.0.commit().context("commit in fjall")?.is_ok() {
                return Ok(());
            }
        }
    }

    fn read(&self, look: Look<'_>) -> Result<()> {
        look(&Snapshot(self.db.read_tx(), self))
    }

    fn get_one(&self, table: Table, key: &[u8], see: See<'_>) -> Result<bool> {
        let Some(value) = self.table(table).get(key)? else { return Ok(false) };
        see(&value)?;
        Ok(true)
    }
}

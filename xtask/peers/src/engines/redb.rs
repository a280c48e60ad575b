//! redb: one writer, a copy-on-write B-tree, one sync a commit.

use std::path::Path;

use anyhow::{Context as _, Result};
use redb::{
    AccessGuard, Database, Range, ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableDefinition,
    WriteTransaction,
};

use super::CACHE_BYTES;
use super::kv::{Cursor, Entry, KvEngine, KvRead, KvTx, Look, See, Table, Work};

type Bytes = &'static [u8];

const fn definition(table: Table) -> TableDefinition<'static, Bytes, Bytes> {
    TableDefinition::new(table.name())
}

pub(super) struct Redb(Database);

impl Redb {
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let db = Database::builder().set_cache_size(CACHE_BYTES).create(dir.join("db.redb")).context("open redb")?;
        let tx = db.begin_write()?;
        for table in Table::ALL {
            tx.open_table(definition(table))?;
        }
        tx.commit()?;
        Ok(Self(db))
    }
}

struct Tx<'a> {
    tx: &'a WriteTransaction,
    tables: [Option<redb::Table<'a, Bytes, Bytes>>; 5],
}

impl<'a> Tx<'a> {
    fn table(&mut self, table: Table) -> Result<&mut redb::Table<'a, Bytes, Bytes>> {
        let slot = &mut self.tables[table as usize];
        if slot.is_none() {
            *slot = Some(self.tx.open_table(definition(table))?);
        }
        slot.as_mut().context("the table was just opened")
    }
}

impl KvTx for Tx<'_> {
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.table(table)?.get(key)?.map(|found| found.value().to_vec()))
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.table(table)?.insert(key, value)?;
        Ok(())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<()> {
        self.table(table)?.remove(key)?;
        Ok(())
    }
}

struct Snapshot(ReadTransaction);

impl KvRead for Snapshot {
    fn get(&self, table: Table, key: &[u8], see: See<'_>) -> Result<bool> {
        let Some(found) = self.0.open_table(definition(table))?.get(key)? else { return Ok(false) };
        see(found.value())?;
        Ok(true)
    }

    fn cursor<'a>(&'a self, table: Table, from: &[u8]) -> Result<Box<dyn Cursor + 'a>> {
        let range = self.0.open_table(definition(table))?.range::<&[u8]>(from..)?;
        Ok(Box::new(Keys { range, here: None }))
    }
}

struct Keys {
    range: Range<'static, Bytes, Bytes>,
    here: Option<(AccessGuard<'static, Bytes>, AccessGuard<'static, Bytes>)>,
}

impl Cursor for Keys {
    fn next(&mut self) -> Result<Option<Entry<'_>>> {
        self.here = self.range.next().transpose()?;
        Ok(self.here.as_ref().map(|(key, value)| (key.value(), value.value())))
    }
}

impl KvEngine for Redb {
    fn write(&self, work: Work<'_>) -> Result<()> {
        let tx = self.0.begin_write()?;
        work(&mut Tx { tx: &tx, tables: Default::default() })?;
        tx.commit().context("commit in redb")
    }

    fn read(&self, look: Look<'_>) -> Result<()> {
        look(&Snapshot(self.0.begin_read()?))
    }
}

//! LMDB through heed: one writer, a memory map, two syncs a commit (the data, the page that points at it).

use std::ops::Bound;
use std::path::Path;

use anyhow::{Context as _, Result};
use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvOpenOptions, RoTxn, RwTxn, WithTls};

use super::kv::{Cursor, Entry, KvEngine, KvRead, KvTx, Look, See, Table, Work};

/// Address space, not memory.
const MAP_BYTES: usize = 16 << 30;
/// Above the most threads that read or write at once.
const READERS: u32 = 600;

type Db = Database<'static, Bytes, Bytes>;

pub(super) struct Lmdb {
    env: Env,
    tables: [Db; 5],
}

impl Lmdb {
    // The map must not change under the process: nobody else opens a directory that the benchmark has just made.
    #[allow(unsafe_code)]
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let mut options = EnvOpenOptions::new();
        options.map_size(MAP_BYTES).max_dbs(8).max_readers(READERS);
        let env = unsafe { options.open(dir) }.context("open LMDB")?;
        let made = env.create_databases_and_commit(env.write_txn()?, |opener, tx| -> heed::Result<_> {
            let tables = Table::open_all(|table| opener.create_database(tx, Some(table.name())))?;
            Ok(CommitOrAbort::<_, ()>::Commit(tables))
        })?;
        Ok(Self { tables: made.unwrap_commit(), env })
    }

    fn table(&self, table: Table) -> Db {
        *table.of(&self.tables)
    }
}

struct Tx<'a>(RwTxn<'a>, &'a Lmdb);

impl KvTx for Tx<'_> {
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.1.table(table).get(&self.0, key)?.map(<[u8]>::to_vec))
    }

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        Ok(self.1.table(table).put(&mut self.0, key, value)?)
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<()> {
        self.1.table(table).delete(&mut self.0, key)?;
        Ok(())
    }
}

struct Snapshot<'a>(RoTxn<'a, WithTls>, &'a Lmdb);

impl KvRead for Snapshot<'_> {
    fn get(&self, table: Table, key: &[u8], see: See<'_>) -> Result<bool> {
        let Some(value) = self.1.table(table).get(&self.0, key)? else { return Ok(false) };
        see(value)?;
        Ok(true)
    }

    fn cursor<'a>(&'a self, table: Table, from: &[u8]) -> Result<Box<dyn Cursor + 'a>> {
        let table = self.1.table(table);
        // LMDB has no empty keys, also not as a bound.
        let range: Pairs<'a> = match from {
            [] => Box::new(table.iter(&self.0)?),
            from => Box::new(table.range(&self.0, &(Bound::Included(from), Bound::Unbounded))?),
        };
        Ok(Box::new(Keys(range)))
    }
}

type Pairs<'a> = Box<dyn Iterator<Item = heed::Result<Entry<'a>>> + 'a>;

struct Keys<'a>(Pairs<'a>);

impl Cursor for Keys<'_> {
    fn next(&mut self) -> Result<Option<Entry<'_>>> {
        Ok(self.0.next().transpose()?)
    }
}

impl KvEngine for Lmdb {
    fn write(&self, work: Work<'_>) -> Result<()> {
        let mut tx = Tx(self.env.write_txn()?, self);
        work(&mut tx)?;
        tx.0.commit().context("commit in LMDB")
    }

    fn read(&self, look: Look<'_>) -> Result<()> {
        look(&Snapshot(self.env.read_txn()?, self))
    }
}

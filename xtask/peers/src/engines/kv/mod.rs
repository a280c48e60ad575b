//! The catalog over any ordered key-value engine with transactions: the five tables that a user would keep.

mod catalog;
mod codec;

use anyhow::Result;

pub(crate) use catalog::Kv;
pub(crate) use codec::encode_into;

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// id to record
    Id,
    /// name to id
    Name,
    /// owner, 0, name to id
    Owner,
    /// tag, 0, name to id
    Tag,
    /// access pattern, 0, name to id
    Access,
}

impl Table {
    /// Every table, in the order of the numbers.
    pub(crate) const ALL: [Self; 5] = [Self::Id, Self::Name, Self::Owner, Self::Tag, Self::Access];

    /// What the engine calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::Owner => "owner",
            Self::Tag => "tag",
            Self::Access => "access",
        }
    }

    /// One handle for each table, in the order of [`ALL`](Self::ALL).
    pub(crate) fn open_all<T, E>(mut open: impl FnMut(Self) -> Result<T, E>) -> Result<[T; 5], E> {
        let [a, b, c, d, e] = Self::ALL;
        Ok([open(a)?, open(b)?, open(c)?, open(d)?, open(e)?])
    }

    /// The handle of this one.
    pub(crate) fn of<T>(self, handles: &[T; 5]) -> &T {
        &handles[self as usize]
    }
}

/// A transaction that writes.
pub(crate) trait KvTx {
    /// Reads what this transaction sees, and takes the row's lock where the engine has row locks.
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>>;

    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()>;

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<()>;
}

/// A pair of a table.
pub(crate) type Entry<'a> = (&'a [u8], &'a [u8]);

/// Keys in order.
pub(crate) trait Cursor {
    fn next(&mut self) -> Result<Option<Entry<'_>>>;
}

/// What is done with a value that was found. It is lent: nobody copies it.
pub(crate) type See<'a> = &'a mut dyn FnMut(&[u8]) -> Result<()>;

/// A snapshot.
pub(crate) trait KvRead {
    /// Whether there was one.
    fn get(&self, table: Table, key: &[u8], see: See<'_>) -> Result<bool>;

    /// The keys from `from` on.
    fn cursor<'a>(&'a self, table: Table, from: &[u8]) -> Result<Box<dyn Cursor + 'a>>;
}

/// What is done in a transaction.
pub(crate) type Work<'a> = &'a mut dyn FnMut(&mut dyn KvTx) -> Result<()>;

/// What is done with a snapshot.
pub(crate) type Look<'a> = &'a mut dyn FnMut(&dyn KvRead) -> Result<()>;

/// An engine: some thirty lines each.
pub(crate) trait KvEngine: Send + Sync {
    /// One durable transaction. `work` may run again after a conflict.
    fn write(&self, work: Work<'_>) -> Result<()>;

    /// One consistent snapshot.
    fn read(&self, look: Look<'_>) -> Result<()>;

    /// A read of one key, by the engine's cheapest way.
    fn get_one(&self, table: Table, key: &[u8], see: See<'_>) -> Result<bool> {
        let mut found = false;
        self.read(&mut |snapshot| {
            found = snapshot.get(table, key, see)?;
            Ok(())
        })?;
        Ok(found)
    }
}

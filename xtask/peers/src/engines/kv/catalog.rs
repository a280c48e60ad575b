//! [`Catalog`] over [`KvEngine`].

use std::cmp::Ordering;

use anyhow::Result;

use super::codec::{decode, encode, index_keys, prefix};
use super::{KvEngine, KvTx, Table};
use crate::catalog::{Answer, Catalog, Filter, Got, Op, Record, Reject, Sum};

/// A catalog in a key-value engine.
pub(crate) struct Kv<E>(pub(crate) E);

fn find(tx: &mut dyn KvTx, id: &str) -> Result<Option<Record>> {
    tx.get(Table::Id, id.as_bytes())?.map(|bytes| decode(&bytes)).transpose()
}

fn name_is_taken(tx: &mut dyn KvTx, name: &str) -> Result<bool> {
    Ok(tx.get(Table::Name, name.as_bytes())?.is_some())
}

fn store(tx: &mut dyn KvTx, record: &Record) -> Result<()> {
    tx.put(Table::Id, record.id.as_bytes(), &encode(record)?)
}

fn create(tx: &mut dyn KvTx, record: &Record) -> Result<Answer> {
    if tx.get(Table::Id, record.id.as_bytes())?.is_some() || name_is_taken(tx, &record.name)? {
        return Ok(Err(Reject::Exists));
    }
    store(tx, record)?;
    for (table, key) in index_keys(record) {
        tx.put(table, &key, record.id.as_bytes())?;
    }
    Ok(Ok(()))
}

fn update(tx: &mut dyn KvTx, id: &str, expect: u64, record: &Record) -> Result<Answer> {
    let Some(old) = find(tx, id)? else { return Ok(Err(Reject::NotFound)) };
    if old.version != expect {
        return Ok(Err(Reject::Conflict));
    }
    if old.name != record.name && name_is_taken(tx, &record.name)? {
        return Ok(Err(Reject::Exists));
    }
    let new = Record {
        version: expect + 1,
        created_at: old.created_at,
        vector_count: old.vector_count,
        total_size_bytes: old.total_size_bytes,
        ..record.clone()
    };
    let (before, after) = (index_keys(&old), index_keys(&new));
    for (table, key) in before.iter().filter(|k| !after.contains(k)) {
        tx.delete(*table, key)?;
    }
    for (table, key) in after.iter().filter(|k| !before.contains(k)) {
        tx.put(*table, key, id.as_bytes())?;
    }
    store(tx, &new)?;
    Ok(Ok(()))
}

fn apply_one(tx: &mut dyn KvTx, op: &Op) -> Result<Answer> {
    match op {
        Op::Create(record) => create(tx, record),
        Op::Update { id, expect, record } => update(tx, id, *expect, record),
        Op::Count { id, vectors, bytes } => {
            let Some(mut record) = find(tx, id)? else { return Ok(Err(Reject::NotFound)) };
            record.vector_count += vectors;
            record.total_size_bytes += bytes;
            store(tx, &record)?;
            Ok(Ok(()))
        }
        Op::Delete(id) => {
            let Some(old) = find(tx, id)? else { return Ok(Err(Reject::NotFound)) };
            for (table, key) in index_keys(&old) {
                tx.delete(table, &key)?;
            }
            tx.delete(Table::Id, id.as_bytes())?;
            Ok(Ok(()))
        }
    }
}

impl<E: KvEngine> Catalog for Kv<E> {
    fn apply(&self, ops: Vec<Op>) -> Result<Vec<Answer>> {
        let mut answers = Vec::with_capacity(ops.len());
        self.0.write(&mut |tx| {
            answers.clear();
            for op in &ops {
                answers.push(apply_one(tx, op)?);
            }
            Ok(())
        })?;
        Ok(answers)
    }

    fn get(&self, id: &str) -> Result<Option<Got>> {
        let mut found = None;
        self.0.get_one(Table::Id, id.as_bytes(), &mut |bytes| {
            found = Some(Got::Owned(decode(bytes)?));
            Ok(())
        })?;
        Ok(found)
    }

    fn get_by_name(&self, name: &str) -> Result<Option<Got>> {
        let mut found = None;
        self.0.read(&mut |snapshot| {
            snapshot.get(Table::Name, name.as_bytes(), &mut |id| {
                snapshot.get(Table::Id, id, &mut |bytes| {
                    found = Some(Got::Owned(decode(bytes)?));
                    Ok(())
                })?;
                Ok(())
            })?;
            Ok(())
        })?;
        Ok(found)
    }

    /// Both indexes are in the order of names: the page is what two ranges have in common, and ends at the limit.
    fn list(&self, filter: &Filter<'_>) -> Result<Vec<Got>> {
        let mut page = Vec::new();
        let (owner, tag) = (prefix(filter.owner.as_bytes()), prefix(filter.tag.as_bytes()));
        let from = |prefix: &[u8]| match filter.after {
            "" => prefix.to_vec(),
            // The smallest key after it.
            name => [prefix, name.as_bytes(), &[0]].concat(),
        };
        self.0.read(&mut |snapshot| {
            let mut owners = snapshot.cursor(Table::Owner, &from(&owner))?;
            let mut tags = snapshot.cursor(Table::Tag, &from(&tag))?;
            let (mut a, mut b) = (owners.next()?, tags.next()?);
            while let (Some((owner_key, id)), Some((tag_key, _))) = (a, b) {
                let names = (owner_key.strip_prefix(&*owner), tag_key.strip_prefix(&*tag));
                let (Some(by_owner), Some(by_tag)) = names else { break };
                match by_owner.cmp(by_tag) {
                    Ordering::Less => a = owners.next()?,
                    Ordering::Greater => b = tags.next()?,
                    Ordering::Equal => {
                        snapshot.get(Table::Id, id, &mut |bytes| {
                            let record = decode(bytes)?;
                            if record.dimension >= filter.min_dimension {
                                page.push(Got::Owned(record));
                            }
                            Ok(())
                        })?;
                        if page.len() >= filter.limit {
                            break;
                        }
                        a = owners.next()?;
                        b = tags.next()?;
                    }
                }
            }
            Ok(())
        })?;
        Ok(page)
    }

    fn first(&self, limit: usize) -> Result<Vec<Got>> {
        let mut page = Vec::new();
        self.0.read(&mut |snapshot| {
            let mut names = snapshot.cursor(Table::Name, &[])?;
            while page.len() < limit {
                let Some((_, id)) = names.next()? else { break };
                snapshot.get(Table::Id, id, &mut |bytes| {
                    page.push(Got::Owned(decode(bytes)?));
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        Ok(page)
    }

    fn scan(&self) -> Result<Sum> {
        let mut sum = Sum::default();
        self.0.read(&mut |snapshot| {
            let mut records = snapshot.cursor(Table::Id, &[])?;
            while let Some((_, bytes)) = records.next()? {
                sum.add(decode(bytes)?.dimension);
            }
            Ok(())
        })?;
        Ok(sum)
    }
}

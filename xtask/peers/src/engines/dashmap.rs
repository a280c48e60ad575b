//! What a user writes with DashMap: sharded maps for the points, one lock for writers and the ordered indexes.

use std::sync::Arc;

use anyhow::Result;
use dashmap::DashMap;
use parking_lot::{Mutex, RwLock};

use super::memory::{Index, counted, first, updated};
use crate::catalog::{Answer, Catalog, Filter, Got, Op, Record, Reject, Sum};

#[derive(Default)]
pub(super) struct Sharded {
    by_id: DashMap<String, Arc<Record>>,
    by_name: DashMap<String, Arc<Record>>,
    index: RwLock<Index>,
    writer: Mutex<()>,
}

impl Sharded {
    fn set(&self, record: Record) {
        let record = Arc::new(record);
        self.by_name.insert(record.name.clone(), record.clone());
        self.by_id.insert(record.id.clone(), record);
    }

    fn find(&self, id: &str) -> Option<Arc<Record>> {
        self.by_id.get(id).map(|r| r.value().clone())
    }

    fn apply_one(&self, op: Op) -> Answer {
        match op {
            Op::Create(record) => {
                if self.by_id.contains_key(&record.id) || self.by_name.contains_key(&record.name) {
                    return Err(Reject::Exists);
                }
                self.index.write().put(&record);
                self.set(record);
            }
            Op::Update { id, expect, record } => {
                let old = self.find(&id).ok_or(Reject::NotFound)?;
                if old.version != expect {
                    return Err(Reject::Conflict);
                }
                if old.name != record.name && self.by_name.contains_key(&record.name) {
                    return Err(Reject::Exists);
                }
                let mut index = self.index.write();
                index.remove(&old);
                index.put(&record);
                if old.name != record.name {
                    self.by_name.remove(&old.name);
                }
                self.set(updated(&old, record));
            }
            Op::Count { id, vectors, bytes } => {
                let old = self.find(&id).ok_or(Reject::NotFound)?;
                self.set(counted(&old, vectors, bytes));
            }
            Op::Delete(id) => {
                let (_, old) = self.by_id.remove(&id).ok_or(Reject::NotFound)?;
                self.by_name.remove(&old.name);
                self.index.write().remove(&old);
            }
        }
        Ok(())
    }
}

impl Catalog for Sharded {
    fn apply(&self, ops: Vec<Op>) -> Result<Vec<Answer>> {
        let _writer = self.writer.lock();
        Ok(ops.into_iter().map(|op| self.apply_one(op)).collect())
    }

    fn get(&self, id: &str) -> Result<Option<Got>> {
        Ok(self.find(id).map(Got::Shared))
    }

    fn get_by_name(&self, name: &str) -> Result<Option<Got>> {
        Ok(self.by_name.get(name).map(|r| Got::Shared(r.value().clone())))
    }

    fn list(&self, filter: &Filter<'_>) -> Result<Vec<Got>> {
        Ok(self.index.read().list(filter, |id| self.find(id)))
    }

    fn first(&self, limit: usize) -> Result<Vec<Got>> {
        Ok(first(self.by_id.iter().map(|r| r.value().clone()).collect(), limit))
    }

    fn scan(&self) -> Result<Sum> {
        let mut sum = Sum::default();
        self.by_id.iter().for_each(|r| sum.add(r.dimension));
        Ok(sum)
    }
}

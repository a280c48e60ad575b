//! What a user writes without a library: maps under one reader-writer lock. Reads hand out `Arc`s.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use anyhow::Result;
use parking_lot::RwLock;

use crate::catalog::{Answer, Catalog, Filter, Got, Op, Record, Reject, Sum};

/// name to id
type Names = BTreeMap<String, String>;

/// The ordered indexes.
#[derive(Default)]
pub(super) struct Index {
    owner: HashMap<String, Names>,
    tag: HashMap<String, Names>,
    access: HashMap<u8, Names>,
}

impl Index {
    pub(super) fn put(&mut self, r: &Record) {
        let entry = || (r.name.clone(), r.id.clone());
        if let Some(owner) = &r.owner {
            self.owner.entry(owner.clone()).or_default().extend([entry()]);
        }
        for tag in &r.tags {
            self.tag.entry(tag.clone()).or_default().extend([entry()]);
        }
        self.access.entry(r.access_pattern).or_default().extend([entry()]);
    }

    pub(super) fn remove(&mut self, r: &Record) {
        let owner = r.owner.as_ref().and_then(|owner| self.owner.get_mut(owner));
        let access = self.access.get_mut(&r.access_pattern);
        for names in owner.into_iter().chain(access) {
            names.remove(&r.name);
        }
        for tag in &r.tags {
            if let Some(names) = self.tag.get_mut(tag) {
                names.remove(&r.name);
            }
        }
    }

    /// Walks the smaller index in the order of names, and checks the rest on the record.
    pub(super) fn list(&self, f: &Filter<'_>, get: impl Fn(&str) -> Option<Arc<Record>>) -> Vec<Got> {
        let (Some(a), Some(b)) = (self.owner.get(f.owner), self.tag.get(f.tag)) else { return Vec::new() };
        let smaller = if a.len() <= b.len() { a } else { b };
        let matches = |r: &Arc<Record>| {
            r.dimension >= f.min_dimension
                && r.owner.as_deref() == Some(f.owner)
                && r.tags.iter().any(|tag| tag == f.tag)
        };
        let range = smaller.range::<str, _>((Bound::Excluded(f.after), Bound::Unbounded));
        range.filter_map(|(_, id)| get(id)).filter(matches).take(f.limit).map(Got::Shared).collect()
    }
}

/// The first by name. There is no index of all names: a user who never lists without a filter keeps none.
pub(super) fn first(mut all: Vec<Arc<Record>>, limit: usize) -> Vec<Got> {
    all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    all.into_iter().take(limit).map(Got::Shared).collect()
}

/// What an update stores over `old`.
pub(super) fn updated(old: &Record, new: Record) -> Record {
    Record {
        version: old.version + 1,
        created_at: old.created_at,
        vector_count: old.vector_count,
        total_size_bytes: old.total_size_bytes,
        ..new
    }
}

/// What a count stores over `old`.
pub(super) fn counted(old: &Record, vectors: i64, bytes: i64) -> Record {
    Record { vector_count: old.vector_count + vectors, total_size_bytes: old.total_size_bytes + bytes, ..old.clone() }
}

#[derive(Default)]
struct State {
    by_id: HashMap<String, Arc<Record>>,
    by_name: HashMap<String, Arc<Record>>,
    index: Index,
}

impl State {
    fn set(&mut self, record: Record) {
        let record = Arc::new(record);
        self.by_name.insert(record.name.clone(), record.clone());
        self.by_id.insert(record.id.clone(), record);
    }

    fn apply(&mut self, op: Op) -> Answer {
        match op {
            Op::Create(record) => {
                if self.by_id.contains_key(&record.id) || self.by_name.contains_key(&record.name) {
                    return Err(Reject::Exists);
                }
                self.index.put(&record);
                self.set(record);
            }
            Op::Update { id, expect, record } => {
                let old = self.by_id.get(&id).ok_or(Reject::NotFound)?.clone();
                if old.version != expect {
                    return Err(Reject::Conflict);
                }
                if old.name != record.name && self.by_name.contains_key(&record.name) {
                    return Err(Reject::Exists);
                }
                self.index.remove(&old);
                self.by_name.remove(&old.name);
                self.index.put(&record);
                self.set(updated(&old, record));
            }
            Op::Count { id, vectors, bytes } => {
                let new = counted(self.by_id.get(&id).ok_or(Reject::NotFound)?, vectors, bytes);
                self.set(new);
            }
            Op::Delete(id) => {
                let old = self.by_id.remove(&id).ok_or(Reject::NotFound)?;
                self.by_name.remove(&old.name);
                self.index.remove(&old);
            }
        }
        Ok(())
    }
}

/// One lock around everything.
#[derive(Default)]
pub(super) struct Locked(RwLock<State>);

impl Catalog for Locked {
    fn apply(&self, ops: Vec<Op>) -> Result<Vec<Answer>> {
        let mut state = self.0.write();
        Ok(ops.into_iter().map(|op| state.apply(op)).collect())
    }

    fn get(&self, id: &str) -> Result<Option<Got>> {
        Ok(self.0.read().by_id.get(id).cloned().map(Got::Shared))
    }

    fn get_by_name(&self, name: &str) -> Result<Option<Got>> {
        Ok(self.0.read().by_name.get(name).cloned().map(Got::Shared))
    }

    fn list(&self, filter: &Filter<'_>) -> Result<Vec<Got>> {
        let state = self.0.read();
        Ok(state.index.list(filter, |id| state.by_id.get(id).cloned()))
    }

    fn first(&self, limit: usize) -> Result<Vec<Got>> {
        Ok(first(self.0.read().by_id.values().cloned().collect(), limit))
    }

    fn scan(&self) -> Result<Sum> {
        let mut sum = Sum::default();
        self.0.read().by_id.values().for_each(|r| sum.add(r.dimension));
        Ok(sum)
    }
}

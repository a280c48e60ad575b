//! What a group of units changes in the table: a few statements, however many records.

use std::collections::HashMap;
use std::sync::Arc;

use proximadb_meta_core::Namespace;
use proximadb_meta_core::driver::{Cell, Space};

use crate::row::{Param, Record, arrays};
use crate::statements::Statements;

/// The difference between what was read and what is to be.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Ids that must not come into being before the transaction ends.
    absent: Vec<String>,
    gone: Vec<String>,
    updated: Vec<Record>,
    inserted: Vec<Record>,
    /// By how much counters move, where nothing else changes.
    counted: Vec<(String, i64, i64)>,
}

impl Changes {
    pub(crate) fn of(space: Space) -> Self {
        let mut changes = Self::default();
        let cells: Vec<(Arc<str>, Cell)> = space.into_cells().collect();
        let mut given: HashMap<&str, &str> = HashMap::new();
        for (id, cell) in &cells {
            if let Some(new) = &cell.now {
                given.insert(&new.name, id);
            }
        }
        for (id, cell) in &cells {
            match (&cell.before, &cell.now) {
                (None, None) => {
                    if cell.must_stay_absent {
                        changes.absent.push(id.to_string());
                    }
                }
                (Some(old), Some(new)) if Arc::ptr_eq(old, new) => {}
                (Some(old), Some(new)) if old.same_but_counters(new) => {
                    let moved = |from: u64, to: u64| to.cast_signed() - from.cast_signed();
                    let vectors = moved(old.vector_count, new.vector_count);
                    let bytes = moved(old.total_size_bytes, new.total_size_bytes);
                    changes.counted.push((id.to_string(), vectors, bytes));
                }
                // Its name goes to another record: it makes room before anything is put in place.
                (Some(old), Some(new)) if given.get(&*old.name).is_some_and(|taker| **taker != **id) => {
                    changes.gone.push(id.to_string());
                    changes.inserted.push(new.clone());
                }
                (Some(_), Some(new)) => changes.updated.push(new.clone()),
                (Some(_), None) => changes.gone.push(id.to_string()),
                (None, Some(new)) => changes.inserted.push(new.clone()),
            }
        }
        changes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.absent.is_empty()
            && self.gone.is_empty()
            && self.updated.is_empty()
            && self.inserted.is_empty()
            && self.counted.is_empty()
    }

    /// The statements, in order: what goes is gone before anything takes its place.
    pub(crate) fn statements<'a>(&self, texts: &'a Statements, namespace: &Namespace) -> Vec<(&'a str, Vec<Param>)> {
        let with = |rest: Vec<Param>| {
            let mut params: Vec<Param> = vec![Box::new(namespace.as_str().to_owned())];
            params.extend(rest);
            params
        };
        let mut out = Vec::new();
        if !self.absent.is_empty() {
            out.push((&*texts.placeholder, with(vec![Box::new(self.absent.clone())])));
            out.push((&*texts.remove_placeholder, with(vec![Box::new(self.absent.clone())])));
        }
        if !self.gone.is_empty() {
            out.push((&*texts.delete, with(vec![Box::new(self.gone.clone())])));
        }
        if !self.updated.is_empty() {
            out.push((&*texts.update, with(arrays(&self.updated))));
        }
        if !self.inserted.is_empty() {
            out.push((&*texts.insert, with(arrays(&self.inserted))));
        }
        if !self.counted.is_empty() {
            let ids: Vec<String> = self.counted.iter().map(|(id, ..)| id.clone()).collect();
            let vectors: Vec<i64> = self.counted.iter().map(|(_, v, _)| *v).collect();
            let bytes: Vec<i64> = self.counted.iter().map(|(.., b)| *b).collect();
            out.push((&*texts.set_counters, with(vec![Box::new(ids), Box::new(vectors), Box::new(bytes)])));
        }
        out
    }
}

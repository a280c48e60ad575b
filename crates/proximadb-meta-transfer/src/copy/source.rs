//! The source's records in the order of their ids, each with the destination's record of its id.

use std::collections::VecDeque;
use std::sync::Arc;

use proximadb_meta_core::{Filter, Result};

use super::journal::Past;
use crate::records::{Catalog, Record, Records};

/// A record of the source, and what the destination has under its id.
pub(super) type Pair = (Record, Option<Record>);

/// Pairs by the chunk.
pub(super) struct Source {
    records: Records,
    destination: Catalog,
    /// The destination by id; with a filter it is asked for each record, since few of many may match.
    listed: Option<Records>,
    past: Past,
    /// Pairs that were taken and given back.
    back: VecDeque<Pair>,
    /// The last id that was taken.
    last: Option<Arc<str>>,
}

/// Records of the source that follow each other: those after `from` up to `to`.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) from: Option<Arc<str>>,
    pub(super) to: Arc<str>,
    pub(super) pairs: Vec<Pair>,
}

impl Chunk {
    /// The second half, which is taken away; `None` where there is one record.
    pub(super) fn split(&mut self) -> Option<Self> {
        let half = self.pairs.len() / 2;
        let last = self.pairs.get(half.checked_sub(1)?)?.0.id.clone();
        let rest = Self { from: Some(last.clone()), to: self.to.clone(), pairs: self.pairs.split_off(half) };
        self.to = last;
        Some(rest)
    }
}

impl Source {
    pub(super) fn new(source: &Catalog, destination: &Catalog, filter: Option<&Filter>, past: Past) -> Self {
        let start = past.start();
        Self {
            records: Records::new(source, filter).after(start.clone()),
            destination: destination.clone(),
            listed: filter.is_none().then(|| Records::new(destination, None).after(start.clone())),
            past,
            back: VecDeque::new(),
            last: start,
        }
    }

    /// The next pairs, at most so many; `None` at the end.
    pub(super) async fn chunk(&mut self, most: usize) -> Result<Option<Chunk>> {
        let from = self.last.clone();
        let mut pairs = Vec::new();
        while pairs.len() < most {
            if let Some(pair) = self.back.pop_front() {
                pairs.push(pair);
                continue;
            }
            let Some(record) = self.records.next().await? else { break };
            if self.past.covers(&record.id) {
                continue;
            }
            let there = match &mut self.listed {
                Some(listed) => listed.at(&record.id).await?,
                None => self.destination.get_collection(&record.id).await?,
            };
            pairs.push((record, there));
        }
        let Some(to) = pairs.last().map(|(record, _)| record.id.clone()) else { return Ok(None) };
        self.last = Some(to.clone());
        Ok(Some(Chunk { from, to, pairs }))
    }

    /// Takes back the last part of what was given out last.
    pub(super) fn give_back(&mut self, rest: Chunk) {
        self.last = rest.from;
        for pair in rest.pairs.into_iter().rev() {
            self.back.push_front(pair);
        }
    }
}

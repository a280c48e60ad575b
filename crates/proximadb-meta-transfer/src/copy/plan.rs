//! The plan of one chunk: operations, and what they come to.

use std::collections::HashSet;
use std::sync::Arc;

use proximadb_meta_core::digest::RecordHash;
use proximadb_meta_core::{BatchLimits, Error, Filter, Operation, Result};

use super::decide::{ChainEnd, Way, operations, put, yields};
use super::journal::Past;
use super::source::{Chunk, Pair};
use super::{Conflict, CopyCounts, CopyOptions, OnConflict};
use crate::records::{Catalog, Record};

/// What is known of the whole copy while chunks of it are planned.
pub(super) struct Planner {
    pub(super) source: Catalog,
    pub(super) destination: Catalog,
    pub(super) filter: Option<Filter>,
    pub(super) how: OnConflict,
    limits: BatchLimits,
    /// Records that were planned before their turn.
    pub(super) ahead: HashSet<Arc<str>>,
    /// Records that were skipped because somebody keeps their name.
    pub(super) kept: HashSet<Arc<str>>,
}

/// The plan of a chunk.
#[derive(Clone, Debug, Default)]
pub(super) struct Planned {
    pub(super) operations: Vec<Operation>,
    pub(super) counts: CopyCounts,
    pub(super) conflicts: Vec<Conflict>,
    /// What the chunk writes that comes after it.
    pub(super) ahead: Vec<Arc<str>>,
    /// Records that are skipped because somebody keeps their name.
    pub(super) kept: Vec<Arc<str>>,
}

impl Planned {
    /// The records that are there once this is written.
    pub(super) fn written(&self) -> impl Iterator<Item = &proximadb_meta_core::CollectionMetadata> {
        let removed = |id: &Arc<str>| {
            let last = self.operations.iter().rev().find(|op| op.id() == id);
            matches!(last, Some(Operation::Delete { .. }))
        };
        self.operations.iter().enumerate().filter_map(move |(n, op)| match op {
            Operation::Put { record, .. } => {
                let again = self.operations.iter().skip(n + 1).any(|later| later.id() == &record.id);
                (!again && !removed(&record.id)).then_some(record)
            }
            _ => None,
        })
    }

    /// A record by which the batch is known to be done: its batch is atomic.
    pub(super) fn probe(&self) -> Option<(Arc<str>, RecordHash)> {
        // The last operation of a plan always writes one.
        match self.operations.last() {
            Some(Operation::Put { record, .. }) => Some((record.id.clone(), RecordHash::of(record))),
            _ => None,
        }
    }
}

impl Planner {
    pub(super) fn new(source: &Catalog, destination: &Catalog, options: &CopyOptions) -> Self {
        Self {
            source: source.clone(),
            destination: destination.clone(),
            filter: options.filter.clone(),
            how: options.on_conflict,
            limits: destination.capabilities().atomic_batch,
            ahead: HashSet::new(),
            kept: HashSet::new(),
        }
    }

    /// Plans a chunk. `with_names`: asks the destination who holds the names; without, a batch that meets one is refused.
    pub(super) async fn plan(&mut self, chunk: &Chunk, with_names: bool) -> Result<Planned> {
        let mut planned = Planned::default();
        for pair in &chunk.pairs {
            if !self.ahead.contains(&pair.0.id) {
                self.one(pair, with_names, &mut planned).await?;
            }
        }
        Ok(planned)
    }

    /// Knows what earlier runs decided.
    pub(super) fn take_up(&mut self, past: &Past) {
        self.ahead.extend(past.ahead.iter().cloned());
        self.kept.extend(past.kept.iter().cloned());
    }

    /// Takes up again a plan that was forgotten and is carried out after all.
    pub(super) fn remember(&mut self, planned: &Planned) {
        self.ahead.extend(planned.ahead.iter().cloned());
        self.kept.extend(planned.kept.iter().cloned());
    }

    /// Forgets a plan that is not carried out.
    pub(super) fn forget(&mut self, planned: &Planned) {
        for id in &planned.ahead {
            self.ahead.remove(id);
        }
        for id in &planned.kept {
            self.kept.remove(id);
        }
    }

    /// Whether the destination takes the plan at once.
    pub(super) fn fits(&self, planned: &Planned) -> bool {
        self.limits.fits(&planned.operations).is_ok()
    }

    async fn one(&mut self, pair: &Pair, with_names: bool, planned: &mut Planned) -> Result<()> {
        let (ours, theirs) = (&pair.0, pair.1.as_ref());
        let counts = &mut planned.counts;
        match theirs {
            Some(theirs) if ours.same_content(theirs) => {
                counts.unchanged += 1;
                return Ok(());
            }
            Some(theirs) if !yields(self.how, ours, theirs) => {
                return Ok(self.refuse(planned, || Conflict::Id(ours.id.clone())));
            }
            _ => {}
        }
        let renamed = theirs.is_none_or(|t| t.name != ours.name);
        let way = if renamed && with_names { self.way(pair).await? } else { Way::Free };
        match way {
            Way::Held(holder) => {
                // With the other ways whoever holds a name keeps it, or loses it.
                if self.how == OnConflict::Newer {
                    self.kept.insert(ours.id.clone());
                    planned.kept.push(ours.id.clone());
                }
                let (id, name, holder) = (ours.id.clone(), ours.name.clone(), holder.id.clone());
                self.refuse(planned, || Conflict::Name { id, name, holder });
            }
            Way::Free => {
                *if theirs.is_some() { &mut counts.overwritten } else { &mut counts.created } += 1;
                planned.operations.push(put(ours, theirs));
            }
            Way::Chain { others, end } => self.chain(pair, &others, &end, planned)?,
        }
        Ok(())
    }

    fn chain(&mut self, pair: &Pair, others: &[(Record, Record)], end: &ChainEnd, planned: &mut Planned) -> Result<()> {
        let together = operations(pair, others, end);
        if let Err(e) = self.limits.fits(&together) {
            let what = format!(
                "{} records from {:?} on hold each other's names and have to be written together",
                others.len() + 1,
                pair.0.id
            );
            return Err(Error::unsupported(format!("{what}: {}", e.message()))
                .with_hint("copy into an empty namespace, or rename some of them in the destination first"));
        }
        let counts = &mut planned.counts;
        // Who takes a name away from a record that is not copied overwrites that.
        let overwrites = pair.1.is_some() || (others.is_empty() && matches!(end, ChainEnd::Remove(_)));
        *if overwrites { &mut counts.overwritten } else { &mut counts.created } += 1;
        counts.overwritten += others.len() as u64;
        counts.removed += u64::from(matches!(end, ChainEnd::Remove(_)));
        planned.operations.extend(together);
        for (ours, _) in others {
            self.ahead.insert(ours.id.clone());
            planned.ahead.push(ours.id.clone());
        }
        Ok(())
    }

    /// Counts a record that is not written.
    fn refuse(&self, planned: &mut Planned, conflict: impl FnOnce() -> Conflict) {
        if self.how == OnConflict::Fail {
            planned.counts.conflicts += 1;
            planned.conflicts.push(conflict());
        } else {
            planned.counts.skipped += 1;
        }
    }
}

//! What becomes of one record: by the way of resolving conflicts, and by who holds its name.

use std::sync::Arc;

use proximadb_meta_core::{CollectionMetadata, Operation, PutIf, Result};

use super::OnConflict;
use super::plan::Planner;
use super::source::Pair;
use crate::records::Record;

/// Who has to make room for a record, or go with it.
pub(super) enum Way {
    /// Nobody holds its name.
    Free,
    /// This record of the destination keeps it.
    Held(Record),
    /// These records of the source are to be written before it, in the reverse of this order.
    Chain {
        /// Each with what the destination has.
        others: Vec<(Record, Record)>,
        /// What holds the name of the last.
        end: ChainEnd,
    },
}

/// Who holds the last name of a chain.
pub(super) enum ChainEnd {
    /// Nobody.
    Free,
    /// A record of the destination that is not copied, and is removed.
    Remove(Record),
    /// The first record of the chain.
    Ring,
}

/// Whether the destination's record makes way for the source's.
pub(super) fn yields(how: OnConflict, ours: &CollectionMetadata, theirs: &CollectionMetadata) -> bool {
    match how {
        OnConflict::Fail | OnConflict::Skip => false,
        OnConflict::Overwrite => true,
        OnConflict::Newer => (ours.updated_at, ours.version) > (theirs.updated_at, theirs.version),
    }
}

impl Planner {
    /// Follows the holders of names from a record on, until one is free or stays.
    pub(super) async fn way(&self, first: &Pair) -> Result<Way> {
        let mut others: Vec<(Record, Record)> = Vec::new();
        let mut current = first.0.clone();
        loop {
            let holder = self.destination.get_collection_by_name(&current.name).await?;
            let Some(holder) = holder.filter(|h| h.id != current.id) else {
                return Ok(chain(others, ChainEnd::Free));
            };
            if matches!(self.how, OnConflict::Fail | OnConflict::Skip) {
                return Ok(Way::Held(holder));
            }
            if holder.id == first.0.id {
                return Ok(chain(others, ChainEnd::Ring));
            }
            let copied = self.source.get_collection(&holder.id).await?;
            let copied = copied.filter(|r| self.filter.as_ref().is_none_or(|f| f.evaluate(r)));
            match copied {
                None if yields(self.how, &current, &holder) => return Ok(chain(others, ChainEnd::Remove(holder))),
                Some(ours) if yields(self.how, &ours, &holder) && !self.kept.contains(&ours.id) => {
                    // What comes before in the order of ids is planned already, and written before this.
                    if ours.id < first.0.id || self.ahead.contains(&ours.id) {
                        return Ok(chain(others, ChainEnd::Free));
                    }
                    others.push((ours.clone(), holder));
                    current = ours;
                }
                _ => return Ok(Way::Held(holder)),
            }
        }
    }
}

fn chain(others: Vec<(Record, Record)>, end: ChainEnd) -> Way {
    match (others.is_empty(), &end) {
        (true, ChainEnd::Free) => Way::Free,
        _ => Way::Chain { others, end },
    }
}

/// Writes a record over what was read.
pub(super) fn put(record: &Record, there: Option<&Record>) -> Operation {
    let when = there.map_or(PutIf::Absent, |r| PutIf::Version(r.version));
    Operation::Put { record: (**record).clone(), when }
}

/// Removes a record, if it is still the version that was read.
fn remove(there: &Record) -> [Operation; 2] {
    let same = Operation::Put { record: (**there).clone(), when: PutIf::Version(there.version) };
    [same, Operation::Delete { id: Arc::clone(&there.id) }]
}

/// The operations of a chain, in an order in which every name is free when it is taken.
pub(super) fn operations(first: &Pair, others: &[(Record, Record)], end: &ChainEnd) -> Vec<Operation> {
    let (record, mut there) = (&first.0, first.1.as_ref());
    let mut operations = Vec::new();
    match (end, there) {
        (ChainEnd::Remove(holder), _) => operations.extend(remove(holder)),
        (ChainEnd::Ring, Some(own)) => {
            operations.extend(remove(own));
            there = None;
        }
        _ => {}
    }
    operations.extend(others.iter().rev().map(|(ours, theirs)| put(ours, Some(theirs))));
    operations.push(put(record, there));
    operations
}

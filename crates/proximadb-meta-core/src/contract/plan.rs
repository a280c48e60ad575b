//! Planning a batch: its operations, in sequence, over what was read, reduced to one net write an id.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::prepare::{is_possible_id, set, updated};
use crate::driver::{CounterDeltas, Expect, Life, NetWrite};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::MAX_SAFE_INTEGER;
use crate::operation::{Operation, Outcome, PutIf, StatsDelta};
use crate::record::CollectionMetadata;
use crate::time::Timestamp;

type Record = Arc<CollectionMetadata>;

/// What is known of the store: as read, expired records included. An id or name without an entry was not read and is
/// taken to be free: if it is not, the driver refuses and everything is read.
#[derive(Default)]
pub(super) struct View {
    pub(super) ids: HashMap<Arc<str>, Option<Record>>,
    pub(super) names: HashMap<Arc<str>, Option<Record>>,
}

/// One id in the sequence.
struct Slot {
    /// As stored before the batch.
    base: Option<Record>,
    /// As of the operation planned last; `None`: not there (also: expired).
    current: Option<CollectionMetadata>,
    /// How the counters moved since `base`, while they still hang on it.
    deltas: CounterDeltas,
    /// What has to be written.
    write: Write,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Write {
    /// Nothing.
    None,
    /// The counters.
    Count,
    /// The record; the counters stay the stored ones plus the deltas.
    Update,
    /// The record with its counters, or its removal.
    Replace,
}

/// An outcome whose counters may hang on what the driver finds.
enum Draft {
    Deleted(bool),
    Stored { id: Arc<str>, record: Record, relative: Option<(i64, i64)> },
}

/// A planned batch.
pub(super) struct Plan {
    slots: HashMap<Arc<str>, Slot>,
    order: Vec<Arc<str>>,
    /// Who holds a name as of the operation planned last.
    holders: HashMap<Arc<str>, Option<Arc<str>>>,
    /// Names that were taken without having been read.
    assumed: HashSet<Arc<str>>,
    drafts: Vec<Draft>,
    now: Timestamp,
}

impl Plan {
    /// Plans the operations over the view.
    ///
    /// # Errors
    /// The refusal of the lowest failing operation, with its index.
    pub(super) fn new(operations: &[Operation], view: &View, now: Timestamp) -> Result<Self> {
        let mut plan = Self {
            slots: HashMap::with_capacity(operations.len()),
            order: Vec::with_capacity(operations.len()),
            holders: HashMap::with_capacity(operations.len()),
            assumed: HashSet::new(),
            drafts: Vec::with_capacity(operations.len()),
            now,
        };
        for (index, op) in operations.iter().enumerate() {
            let draft = plan.step(op, view).map_err(|e| e.at_index(index))?;
            plan.drafts.push(draft);
        }
        Ok(plan)
    }

    fn step(&mut self, op: &Operation, view: &View) -> Result<Draft> {
        let id = op.id().clone();
        self.open(&id, view);
        match op {
            Operation::Create(r) => {
                if self.current(&id).is_some() {
                    return Err(Error::id_taken(&id));
                }
                self.replace(r.clone(), view)
            }
            Operation::Put { record, when } => {
                match (when, self.current(&id)) {
                    (PutIf::Absent, Some(_)) => return Err(Error::id_taken(&id)),
                    (PutIf::Version(_), None) => return Err(Error::not_found(&id)),
                    (PutIf::Version(v), Some(c)) if c.version != *v => {
                        return Err(Error::version_conflict(&id, *v, c.version));
                    }
                    _ => {}
                }
                self.replace(record.clone(), view)
            }
            Operation::Update(r) => {
                let current = self.current(&id).ok_or_else(|| Error::not_found(&id))?;
                if (r.version, r.incarnation) != (current.version, current.incarnation) {
                    return Err(Error::version_conflict(&id, r.version, current.version));
                }
                let new = updated(r.clone(), current, self.now)?;
                self.change(new, view)
            }
            Operation::Set { change, .. } => {
                let current = self.current(&id).ok_or_else(|| Error::not_found(&id))?;
                let mut new = current.clone();
                set(&mut new, change);
                let new = updated(new, current, self.now)?;
                self.change(new, view)
            }
            Operation::RecordStats { delta, .. } => self.count(&id, *delta),
            Operation::Delete { .. } => Ok(Draft::Deleted(self.delete(&id))),
        }
    }

    /// Brings an id into the plan.
    fn open(&mut self, id: &Arc<str>, view: &View) {
        if self.slots.contains_key(id) {
            return;
        }
        let base = view.ids.get(id).cloned().flatten();
        self.insert(id.clone(), base);
    }

    fn insert(&mut self, id: Arc<str>, base: Option<Record>) {
        let live = base.as_ref().filter(|r| !r.is_expired(self.now));
        if let Some(r) = live {
            self.holders.entry(r.name.clone()).or_insert_with(|| Some(id.clone()));
        }
        let current = live.map(|r| (**r).clone());
        self.order.push(id.clone());
        self.slots.insert(id, Slot { base, current, deltas: CounterDeltas::default(), write: Write::None });
    }

    /// The live record of an id, as of the operation planned last. A `Put` may have written one that expired before.
    fn current(&self, id: &str) -> Option<&CollectionMetadata> {
        self.slots.get(id)?.current.as_ref().filter(|r| !r.is_expired(self.now))
    }

    /// Takes a name for an id, or says who has it. An expired holder is reaped in the same unit.
    fn take_name(&mut self, name: &Arc<str>, id: &Arc<str>, view: &View) -> Result<()> {
        let holder = match self.holders.get(name) {
            Some(Some(known)) if self.current(known).is_none() => {
                // An earlier step put a record there that had expired: it makes room.
                let known = known.clone();
                self.reap(&known);
                None
            }
            Some(known) => known.clone(),
            None => match view.names.get(name).cloned().flatten() {
                Some(stored) if self.slots.contains_key(&stored.id) => self.holder_in_plan(&stored, name),
                Some(stored) => {
                    let expired = stored.is_expired(self.now);
                    self.insert(stored.id.clone(), Some(stored.clone()));
                    if expired {
                        self.mark_replaced(&stored.id);
                        None
                    } else {
                        Some(stored.id.clone())
                    }
                }
                None => {
                    if !view.names.contains_key(name) {
                        self.assumed.insert(name.clone());
                    }
                    None
                }
            },
        };
        match holder {
            Some(other) if other != *id => Err(Error::name_taken(name)),
            _ => {
                self.holders.insert(name.clone(), Some(id.clone()));
                Ok(())
            }
        }
    }

    /// The stored holder of a name is itself in the plan: it holds the name only while its current state has it. One that
    /// expired is not current; it is reaped.
    fn holder_in_plan(&mut self, stored: &Record, name: &Arc<str>) -> Option<Arc<str>> {
        match self.current(&stored.id) {
            Some(current) if current.name == *name => Some(stored.id.clone()),
            Some(_) => None,
            None => {
                self.mark_replaced(&stored.id);
                None
            }
        }
    }

    fn reap(&mut self, id: &str) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.current = None;
            slot.write = Write::Replace;
        }
    }

    fn mark_replaced(&mut self, id: &str) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.write = Write::Replace;
        }
    }

    fn release_name(&mut self, id: &str) {
        if let Some(name) = self.slots.get(id).and_then(|s| s.current.as_ref()).map(|c| c.name.clone()) {
            self.holders.insert(name, None);
        }
    }

    fn replace(&mut self, record: CollectionMetadata, view: &View) -> Result<Draft> {
        let id = record.id.clone();
        self.release_name(&id);
        self.take_name(&record.name, &id, view)?;
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.current = Some(record.clone());
            slot.deltas = CounterDeltas::default();
            slot.write = Write::Replace;
        }
        Ok(Draft::Stored { id, record: Arc::new(record), relative: None })
    }

    fn change(&mut self, record: CollectionMetadata, view: &View) -> Result<Draft> {
        let id = record.id.clone();
        self.release_name(&id);
        self.take_name(&record.name, &id, view)?;
        let mut relative = None;
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.current = Some(record.clone());
            if slot.write != Write::Replace {
                slot.write = Write::Update;
                relative = Some((slot.deltas.vectors.net, slot.deltas.bytes.net));
            }
        }
        Ok(Draft::Stored { id, record: Arc::new(record), relative })
    }

    fn count(&mut self, id: &Arc<str>, delta: StatsDelta) -> Result<Draft> {
        let not_found = || Error::not_found(id);
        let slot = self.slots.get_mut(id).ok_or_else(not_found)?;
        let now = self.now;
        let current = slot.current.as_mut().filter(|r| !r.is_expired(now)).ok_or_else(not_found)?;
        let moved = |stored: u64, by: i64, field: &str| {
            i64::try_from(stored)
                .ok()
                .and_then(|n| n.checked_add(by))
                .and_then(|n| u64::try_from(n).ok())
                .filter(|n| *n <= MAX_SAFE_INTEGER)
                .ok_or_else(|| {
                    Error::new(
                        ErrorKind::OutOfRange,
                        format!("{field} of {id:?} is {stored}; {by:+} leaves 0..=2^53-1"),
                    )
                })
        };
        let vectors = moved(current.vector_count, delta.vectors, "vector_count")?;
        let bytes = moved(current.total_size_bytes, delta.bytes, "total_size_bytes")?;
        let mut relative = None;
        if slot.write != Write::Replace {
            slot.deltas.vectors = slot.deltas.vectors.then(delta.vectors)?;
            slot.deltas.bytes = slot.deltas.bytes.then(delta.bytes)?;
            relative = Some((slot.deltas.vectors.net, slot.deltas.bytes.net));
            if slot.write == Write::None {
                slot.write = Write::Count;
            }
        }
        current.vector_count = vectors;
        current.total_size_bytes = bytes;
        Ok(Draft::Stored { id: id.clone(), record: Arc::new(current.clone()), relative })
    }

    fn delete(&mut self, id: &str) -> bool {
        if self.current(id).is_none() {
            return false;
        }
        self.release_name(id);
        self.reap(id);
        true
    }

    /// One net write an id, in the order the ids appeared.
    pub(super) fn writes(&self) -> Vec<NetWrite> {
        self.order.iter().filter_map(|id| self.slots.get(id).and_then(|slot| net_write(id, slot))).collect()
    }

    /// Whether anything is to be written.
    pub(super) fn changes_nothing(&self) -> bool {
        self.slots.values().all(|s| s.write == Write::None)
    }

    /// Whether a name was taken to be free on the way and is given up at the end: no net write has the driver check it.
    pub(super) fn hangs_on_an_assumption(&self) -> bool {
        let is_written = |name: &Arc<str>| {
            let slot = self.holders.get(name).and_then(|holder| self.slots.get(holder.as_ref()?));
            slot.is_some_and(|s| {
                matches!(s.write, Write::Update | Write::Replace) && s.current.as_ref().is_some_and(|c| c.name == *name)
            })
        };
        !self.assumed.iter().all(is_written)
    }

    /// The outcomes, with the counters that the driver stored. `stored` is in the order of [`writes`](Self::writes).
    pub(super) fn outcomes(self, writes: &[Arc<str>], stored: &[Option<Record>]) -> Vec<Outcome> {
        let stored: HashMap<&str, &Record> =
            writes.iter().zip(stored).filter_map(|(id, r)| Some((&**id, r.as_ref()?))).collect();
        let slots = &self.slots;
        self.drafts
            .into_iter()
            .map(|draft| match draft {
                Draft::Deleted(was) => Outcome::Deleted(was),
                Draft::Stored { id, mut record, relative } => {
                    // What a later step replaced or removed has counters of its own.
                    let slot = slots.get(&id).filter(|slot| slot.write != Write::Replace);
                    if let (Some((vectors, bytes)), Some(s), Some(slot)) = (relative, stored.get(&*id), slot) {
                        // Counters at this step: the final ones less what later steps added. A count that was the only
                        // write may have met a newer version of the record than the one that was read.
                        let mut exact = if slot.write == Write::Count { (***s).clone() } else { (*record).clone() };
                        exact.vector_count = s.vector_count.wrapping_add_signed(vectors - slot.deltas.vectors.net);
                        exact.total_size_bytes = s.total_size_bytes.wrapping_add_signed(bytes - slot.deltas.bytes.net);
                        record = Arc::new(exact);
                    }
                    match stored.get(&*id) {
                        Some(s) if **s == record => Outcome::Stored((*s).clone()),
                        _ => Outcome::Stored(record),
                    }
                }
            })
            .collect()
    }
}

fn net_write(id: &Arc<str>, slot: &Slot) -> Option<NetWrite> {
    let expect = slot.base.as_deref().map_or(Expect::Absent, Expect::exactly);
    match (slot.write, &slot.current, &slot.base) {
        (Write::None, _, _) if !is_possible_id(id) => None,
        (Write::Count, _, Some(base)) => {
            Some(NetWrite::Count { id: id.clone(), life: Life::Of(base.incarnation), deltas: slot.deltas })
        }
        (Write::Update, Some(record), Some(base)) => Some(NetWrite::Update {
            record: Arc::new(record.clone()),
            expect,
            deltas: slot.deltas,
            before: base.clone(),
        }),
        (Write::Replace, Some(record), base) => {
            Some(NetWrite::Put { record: Arc::new(record.clone()), expect, before: base.clone() })
        }
        (Write::Replace, None, Some(base)) => Some(NetWrite::Delete { expect, before: base.clone() }),
        // Created and deleted again, or only looked at.
        _ => Some(NetWrite::Check { id: id.clone(), expect }),
    }
}

//! One namespace's records and indexes.

use std::borrow::Borrow;
use std::sync::{Arc, PoisonError};

use crossbeam_skiplist::SkipMap;
use proximadb_meta_core::{AccessPattern, CollectionMetadata, Field, Namespace, Timestamp};

use crate::bits::SlotSet;
use crate::chain::{At, Chain};
use crate::grow::Grow;
use crate::hash::{HashIndex, tag_of};
use crate::index::{IndexKey, Orders, Postings, keys, post, unpost};
use crate::plan::Effect;
use crate::sync::{AtomicBool, AtomicI64, AtomicU32, Mutex, Ordering};

pub(crate) type Record = Arc<CollectionMetadata>;
/// The versions of one record, from its creation to its deletion. Another record may have the slot afterwards.
pub(crate) type Slot = Chain<Record>;

/// Something that no reader needs once all of them read at the number beside it or later.
#[derive(Debug)]
pub(crate) enum Garbage {
    /// Older versions in a slot, and the slot itself if its record is gone.
    Slot(u32, Arc<str>),
    /// An index entry that the record may have left.
    Key(u32, Arc<str>, IndexKey),
}

/// What a group of writes adds to the totals of a namespace.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    records: i64,
    bytes: i64,
}

#[derive(Default)]
pub(crate) struct Space {
    namespace: Namespace,
    slots: Grow<Slot>,
    /// Slots from here on were never used.
    end: AtomicU32,
    /// Of the writer: used slots without a record.
    free: Mutex<Vec<u32>>,
    ids: HashIndex,
    names: HashIndex,
    pub(crate) owners: Postings<Arc<str>>,
    pub(crate) tags: Postings<Arc<str>>,
    pub(crate) patterns: Postings<AccessPattern>,
    pub(crate) orders: Orders,
    expiries: SkipMap<(Timestamp, u32), ()>,
    pub(crate) restoring: AtomicBool,
    records: AtomicI64,
    bytes: AtomicI64,
}

impl std::fmt::Debug for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Space").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl Space {
    pub(crate) fn new(namespace: Namespace) -> Self {
        Self { namespace, ..Self::default() }
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Whether nothing is left that any reader could see.
    pub(crate) fn is_bare(&self) -> bool {
        self.ids.is_empty() && !self.restoring.load(Ordering::SeqCst)
    }

    /// Slots from here on were never used.
    pub(crate) fn end(&self) -> u32 {
        self.end.load(Ordering::Acquire)
    }

    /// What a slot holds at `seq`.
    pub(crate) fn at(&self, slot: u32, seq: u64) -> At<Record> {
        self.slots.get(slot).map_or(At::Was(None), |s| s.at(seq))
    }

    /// The newest record of an id with its slot. For the writer.
    fn newest_slot(&self, id: &str) -> Option<(u32, Record)> {
        self.ids.find(tag_of(id), |slot| self.slots.get(slot)?.newest().filter(|r| *r.id == *id).map(|r| (slot, r)))
    }

    /// The newest record of an id. For the writer.
    pub(crate) fn newest(&self, id: &str) -> Option<Record> {
        self.newest_slot(id).map(|(_, r)| r)
    }

    /// The newest holder of a name. For the writer.
    pub(crate) fn newest_holder(&self, name: &str) -> Option<Record> {
        self.names.find(tag_of(name), |slot| self.slots.get(slot)?.newest().filter(|r| *r.name == *name))
    }

    pub(crate) fn by_id(&self, id: &str, seq: u64) -> At<Record> {
        self.point(&self.ids, id, seq, |r| *r.id == *id)
    }

    pub(crate) fn by_name(&self, name: &str, seq: u64) -> At<Record> {
        self.point(&self.names, name, seq, |r| *r.name == *name)
    }

    fn point(&self, index: &HashIndex, text: &str, seq: u64, is: impl Fn(&CollectionMetadata) -> bool) -> At<Record> {
        let found = index.find(tag_of(text), |slot| match self.at(slot, seq) {
            At::Was(Some(r)) if is(&r) => Some(At::Was(Some(r))),
            At::Was(_) => None,
            At::Dropped => Some(At::Dropped),
        });
        found.unwrap_or(At::Was(None))
    }

    /// The slots under a key.
    pub(crate) fn posting<K: Ord + Send + 'static + Borrow<Q>, Q: Ord + ?Sized>(
        index: &Postings<K>,
        key: &Q,
    ) -> Option<Arc<SlotSet>> {
        index.get(key).map(|e| e.value().clone())
    }

    /// Makes an ordered index, if nobody did before. The caller keeps the writer out.
    pub(crate) fn make_order(&self, field: Field) {
        if !self.orders.has(field) {
            self.orders.make(field, |each| {
                for slot in 0..self.end() {
                    if let Some(chain) = self.slots.get(slot) {
                        chain.any(|r| {
                            each(slot, r);
                            false
                        });
                    }
                }
            });
        }
    }

    /// A slot without a record.
    fn fresh_slot(&self) -> u32 {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| self.end.fetch_add(1, Ordering::AcqRel))
    }

    /// Writes one change as version `seq`, which nobody sees before it is published.
    pub(crate) fn apply(&self, change: &Effect, seq: u64, delta: &mut Delta, garbage: &mut Vec<(u64, Garbage)>) {
        let (before, after) = match change {
            Effect::Put { record, before } => (before.as_ref(), Some(record)),
            Effect::Delete { before } => (Some(before), None),
        };
        let Some(id) = after.or(before).map(|r| &r.id) else { return };
        let known = before.and_then(|_| self.newest_slot(id)).map(|(slot, _)| slot);
        let slot = known.unwrap_or_else(|| self.fresh_slot());
        let Some(chain) = self.slots.make(slot) else { return };
        if chain.push(seq, after.cloned()) {
            garbage.push((seq, Garbage::Slot(slot, id.clone())));
        }
        // Counters are in no index: the common write changes one chain.
        if let (Some(b), Some(a)) = (before, after)
            && (b.version, b.incarnation) == (a.version, a.incarnation)
        {
            return;
        }
        delta.records += i64::from(after.is_some()) - i64::from(before.is_some());
        delta.bytes += after.map_or(0, |r| footprint(r)) - before.map_or(0, |r| footprint(r));
        if let Some(a) = after {
            if known.is_none() {
                self.ids.insert(tag_of(id), slot);
                if let Some(order) = self.orders.id.get() {
                    order.insert((id.clone(), slot), ());
                }
            }
            for key in keys(a).filter(|k| before.is_none_or(|b| !k.holds(b))) {
                self.add(&key, id, slot);
            }
        }
        if let Some(b) = before {
            for key in keys(b).filter(|k| after.is_none_or(|a| !k.holds(a))) {
                garbage.push((seq, Garbage::Key(slot, id.clone(), key)));
            }
        }
    }

    /// Counts a whole group at once.
    pub(crate) fn settle(&self, delta: &Delta) {
        self.records.fetch_add(delta.records, Ordering::Relaxed);
        self.bytes.fetch_add(delta.bytes, Ordering::Relaxed);
    }

    /// Drops what readers at `oldest` and later do not need. The keys of a record that is gone stand behind its slot in the
    /// queue, with the same number: the slot is given away only after them, by [`release`](Self::release).
    pub(crate) fn collect(&self, garbage: &Garbage, oldest: u64) -> Option<u32> {
        match garbage {
            Garbage::Slot(slot, id) => {
                let gone = self.slots.get(*slot).is_some_and(|s| s.prune(oldest));
                if gone {
                    self.ids.remove(tag_of(id), *slot);
                    if let Some(order) = self.orders.id.get() {
                        order.remove(&(id.clone(), *slot));
                    }
                    return Some(*slot);
                }
            }
            Garbage::Key(slot, id, key) => self.leave(key, id, *slot),
        }
        None
    }

    /// Makes a slot free for another record.
    pub(crate) fn release(&self, slot: u32) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
    }

    fn add(&self, key: &IndexKey, id: &Arc<str>, slot: u32) {
        match key {
            IndexKey::Name(v) => {
                self.names.insert(tag_of(v), slot);
                if let Some(order) = self.orders.name.get() {
                    order.insert((v.clone(), slot), ());
                }
            }
            IndexKey::Owner(v) => post(&self.owners, v, slot),
            IndexKey::Tag(v) => post(&self.tags, v, slot),
            IndexKey::Pattern(v) => post(&self.patterns, v, slot),
            IndexKey::Created(v) => {
                if let Some(order) = self.orders.created.get() {
                    order.insert((*v, id.clone(), slot), ());
                }
            }
            IndexKey::Updated(v) => {
                if let Some(order) = self.orders.updated.get() {
                    order.insert((*v, id.clone(), slot), ());
                }
            }
            IndexKey::Expires(v) => drop(self.expiries.insert((*v, slot), ())),
        }
    }

    /// Takes a slot from under a key, unless a version that somebody may see stands there.
    fn leave(&self, key: &IndexKey, id: &Arc<str>, slot: u32) {
        let seen = |test: &dyn Fn(&Record) -> bool| self.slots.get(slot).is_some_and(|s| s.any(|r| test(r)));
        if let IndexKey::Name(v) = key {
            // By the part of the hash that an entry has: another name of this slot may share it.
            let tag = tag_of(v);
            if !seen(&|r| tag_of(&r.name) == tag) {
                self.names.remove(tag, slot);
            }
        }
        if seen(&|r| key.holds(r)) {
            return;
        }
        match key {
            IndexKey::Name(v) => {
                if let Some(order) = self.orders.name.get() {
                    order.remove(&(v.clone(), slot));
                }
            }
            IndexKey::Owner(v) => unpost(&self.owners, v, slot),
            IndexKey::Tag(v) => unpost(&self.tags, v, slot),
            IndexKey::Pattern(v) => unpost(&self.patterns, v, slot),
            IndexKey::Created(v) => {
                if let Some(order) = self.orders.created.get() {
                    order.remove(&(*v, id.clone(), slot));
                }
            }
            IndexKey::Updated(v) => {
                if let Some(order) = self.orders.updated.get() {
                    order.remove(&(*v, id.clone(), slot));
                }
            }
            IndexKey::Expires(v) => drop(self.expiries.remove(&(*v, slot))),
        }
    }

    /// Records, expired ones included, as of the newest group.
    pub(crate) fn records(&self) -> u64 {
        u64::try_from(self.records.load(Ordering::Relaxed)).unwrap_or(0)
    }

    pub(crate) fn bytes(&self) -> u64 {
        u64::try_from(self.bytes.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Records that have expired at `now`. Cost: one step each.
    pub(crate) fn expired(&self, now: Timestamp) -> u64 {
        let mut n = 0;
        let mut next = self.expiries.front();
        while let Some(entry) = next {
            let (at, slot) = *entry.key();
            if at > now {
                break;
            }
            let newest = self.slots.get(slot).and_then(Chain::newest);
            n += u64::from(newest.is_some_and(|r| r.expires_at == Some(at)));
            next = entry.next();
        }
        n
    }

    /// Every record at `seq`, in no order.
    pub(crate) fn all(&self, seq: u64) -> impl Iterator<Item = Record> + '_ {
        (0..self.end()).filter_map(move |slot| match self.at(slot, seq) {
            At::Was(record) => record,
            At::Dropped => None,
        })
    }
}

/// Bytes of a record's own memory: the struct and its texts. Index entries and the allocator's overhead are not in it.
fn footprint(r: &CollectionMetadata) -> i64 {
    let texts = r.id.len()
        + r.name.len()
        + r.config.as_str().len()
        + r.extra.as_str().len()
        + r.description.as_ref().map_or(0, |t| t.len())
        + r.owner.as_ref().map_or(0, |t| t.len())
        + r.tags.iter().map(|t| t.len() + size_of::<Arc<str>>()).sum::<usize>();
    i64::try_from(size_of::<CollectionMetadata>() + texts).unwrap_or(i64::MAX)
}

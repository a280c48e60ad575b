//! One namespace's records and indexes.

use std::sync::{Arc, PoisonError};

use crossbeam_skiplist::SkipMap;
use proximadb_meta_core::{CollectionMetadata, Field, Namespace, Timestamp};

use crate::chain::{At, Chain};
use crate::grow::Grow;
use crate::hash::{HashIndex, tag_of};
use crate::index::{IndexKey, Orders, keys, order_key, time_key};
use crate::order::Keys;
use crate::plan::Effect;
use crate::postings::Postings;
use crate::settled::Unsettled;
use crate::sync::{AtomicBool, AtomicI64, AtomicU32, Mutex, Ordering, Pin, Ref, pin};

pub(crate) type Record = Arc<CollectionMetadata>;
/// The versions of one record, from its creation to its deletion. Another record may have the slot afterwards.
pub(crate) type Slot = Chain<CollectionMetadata>;

/// Something that no reader needs once all of them read at the number beside it or later.
#[derive(Debug)]
pub(crate) enum Garbage {
    /// Older versions in a slot, and the slot itself if its record is gone.
    Slot(u32, Arc<str>),
    /// An index entry that the record may have left.
    Key(u32, Arc<str>, IndexKey<Arc<str>>),
}

impl Garbage {
    pub(crate) fn slot(&self) -> u32 {
        let (Self::Slot(slot, _) | Self::Key(slot, ..)) = self;
        *slot
    }
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
    pub(crate) owners: Postings,
    pub(crate) tags: Postings,
    /// By the word of the pattern.
    pub(crate) patterns: Postings,
    pub(crate) orders: Orders,
    pub(crate) unsettled: Unsettled,
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

    pub(crate) fn slot(&self, slot: u32) -> Option<&Slot> {
        self.slots.get(slot)
    }

    /// What a slot holds at `seq`.
    pub(crate) fn at<'a>(&'a self, slot: u32, seq: u64, pin: &'a Pin) -> At<'a, CollectionMetadata> {
        self.slots.get(slot).map_or(At::Was(None), |s| s.at(seq, pin))
    }

    /// The newest record for which the test holds among the candidates of a text, with its slot. For the writer.
    fn newest_of<'a>(
        &'a self,
        index: &'a HashIndex,
        text: &str,
        pin: &'a Pin,
        is: impl Fn(&CollectionMetadata) -> bool,
    ) -> Option<(u32, Ref<'a, CollectionMetadata>)> {
        index.find(pin, tag_of(text), |slot| {
            self.slots.get(slot)?.newest(pin).filter(|r| is(r.get())).map(|r| (slot, r))
        })
    }

    fn newest_slot<'a>(&'a self, id: &str, pin: &'a Pin) -> Option<(u32, Ref<'a, CollectionMetadata>)> {
        self.newest_of(&self.ids, id, pin, |r| *r.id == *id)
    }

    /// The newest record of an id. For the writer.
    pub(crate) fn newest(&self, id: &str) -> Option<Record> {
        self.newest_slot(id, &pin()).map(|(_, r)| r.to_arc())
    }

    /// The newest holder of a name. For the writer.
    pub(crate) fn newest_holder(&self, name: &str) -> Option<Arc<str>> {
        self.newest_of(&self.names, name, &pin(), |r| *r.name == *name).map(|(_, r)| r.get().id.clone())
    }

    pub(crate) fn by_id<'a>(&'a self, id: &str, seq: u64, pin: &'a Pin) -> At<'a, CollectionMetadata> {
        self.point(&self.ids, id, seq, pin, |r| *r.id == *id)
    }

    pub(crate) fn by_name<'a>(&'a self, name: &str, seq: u64, pin: &'a Pin) -> At<'a, CollectionMetadata> {
        self.point(&self.names, name, seq, pin, |r| *r.name == *name)
    }

    fn point<'a>(
        &'a self,
        index: &'a HashIndex,
        text: &str,
        seq: u64,
        pin: &'a Pin,
        is: impl Fn(&CollectionMetadata) -> bool,
    ) -> At<'a, CollectionMetadata> {
        let found = index.find(pin, tag_of(text), |slot| match self.at(slot, seq, pin) {
            At::Was(Some(r)) if is(r.get()) => Some(At::Was(Some(r))),
            At::Was(_) => None,
            At::Dropped => Some(At::Dropped),
        });
        found.unwrap_or(At::Was(None))
    }

    /// Makes an ordered index from every version that somebody may see, if nobody did before. The caller keeps the writer out.
    pub(crate) fn make_order(&self, field: Field) {
        if self.orders.get(field).is_some() {
            return;
        }
        let (mut bytes, mut found, pin) = (Vec::new(), Vec::new(), pin());
        for slot in 0..self.end() {
            let Some(chain) = self.slots.get(slot) else { continue };
            let first = found.len();
            chain.any(&pin, |r| {
                let from = bytes.len();
                order_key(field, r, &mut bytes);
                let key = |range: &std::ops::Range<usize>| bytes.get(range.clone());
                let range = from..bytes.len();
                // Versions that differ in other fields stand there once.
                let known = found.iter().skip(first).any(|(other, _)| key(other) == key(&range));
                if known {
                    bytes.truncate(from);
                } else {
                    found.push((range, slot));
                }
                false
            });
        }
        self.orders.set(field, Keys::new(&bytes, found));
    }

    /// A slot without a record.
    fn fresh_slot(&self) -> u32 {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| self.end.fetch_add(1, Ordering::AcqRel))
    }

    /// Makes room for so many more records at once.
    pub(crate) fn reserve(&self, records: usize) {
        self.ids.reserve(records);
        self.names.reserve(records);
    }

    /// Writes one change as version `seq`, which nobody sees before it is published.
    pub(crate) fn apply(&self, change: &Effect, seq: u64, delta: &mut Delta, garbage: &mut Vec<(u64, Garbage)>) {
        let pin = pin();
        let (before, after) = match change {
            Effect::Put { record, before } => (before.as_ref(), Some(record)),
            Effect::Delete { before } => (Some(before), None),
        };
        let Some(id) = after.or(before).map(|r| &r.id) else { return };
        let known = before.and_then(|_| self.newest_slot(id, &pin)).map(|(slot, _)| slot);
        let slot = known.unwrap_or_else(|| self.fresh_slot());
        let Some(chain) = self.slots.make(slot) else { return };
        // Counters are in no index: the common write changes one chain.
        let counted =
            matches!((before, after), (Some(b), Some(a)) if (b.version, b.incarnation) == (a.version, a.incarnation));
        if before.is_some() && !counted {
            self.unsettled.unsettle(slot);
        }
        if chain.push(seq, after.cloned(), &pin) {
            garbage.push((seq, Garbage::Slot(slot, id.clone())));
        }
        if counted {
            return;
        }
        delta.records += i64::from(after.is_some()) - i64::from(before.is_some());
        delta.bytes += after.map_or(0, |r| footprint(r)) - before.map_or(0, |r| footprint(r));
        if let Some(a) = after {
            if known.is_none() {
                self.ids.insert(tag_of(id), slot);
                if let Some(order) = self.orders.get(Field::Id) {
                    order.insert(id.as_bytes(), slot);
                }
            }
            for key in keys(a).filter(|k| before.is_none_or(|b| !k.holds(b))) {
                self.add(key, id, slot);
            }
        }
        if let Some(b) = before {
            for key in keys(b).filter(|k| after.is_none_or(|a| !k.holds(a))) {
                garbage.push((seq, Garbage::Key(slot, id.clone(), key.keep())));
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
                    if let Some(order) = self.orders.get(Field::Id) {
                        order.remove(id.as_bytes(), *slot);
                    }
                    return Some(*slot);
                }
            }
            Garbage::Key(slot, id, key) => self.leave(key, id, *slot),
        }
        None
    }

    /// The slots that were swept: those of which all stale keys are gone are settled.
    pub(crate) fn swept(&self, slots: &[u32], oldest: u64) {
        let all_gone = |slot: &u32| self.slots.get(*slot).is_some_and(|s| s.seq() <= oldest);
        self.unsettled.settle(slots.iter().copied().filter(all_gone));
    }

    /// Makes a slot free for another record.
    pub(crate) fn release(&self, slot: u32) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
    }

    fn add(&self, key: IndexKey<&Arc<str>>, id: &Arc<str>, slot: u32) {
        match key {
            IndexKey::Name(v) => {
                self.names.insert(tag_of(v), slot);
                if let Some(order) = self.orders.get(Field::Name) {
                    order.insert(v.as_bytes(), slot);
                }
            }
            IndexKey::Owner(v) => self.owners.insert(v, slot, || v.clone()),
            IndexKey::Tag(v) => self.tags.insert(v, slot, || v.clone()),
            IndexKey::Pattern(v) => self.patterns.insert(v.as_str(), slot, || v.as_str().into()),
            IndexKey::Created(v) => self.in_time(Field::CreatedAt, v, id, |order, key| order.insert(key, slot)),
            IndexKey::Updated(v) => self.in_time(Field::UpdatedAt, v, id, |order, key| order.insert(key, slot)),
            IndexKey::Expires(v) => drop(self.expiries.insert((v, slot), ())),
        }
    }

    fn in_time(&self, field: Field, at: Timestamp, id: &str, change: impl Fn(&Keys, &[u8])) {
        if let Some(order) = self.orders.get(field) {
            let mut key = Vec::with_capacity(8 + id.len());
            time_key(at, id, &mut key);
            change(order, &key);
        }
    }

    /// Takes a slot from under a key, unless a version that somebody may see stands there.
    fn leave(&self, key: &IndexKey<Arc<str>>, id: &Arc<str>, slot: u32) {
        let pin = pin();
        let seen = |test: &dyn Fn(&CollectionMetadata) -> bool| self.slots.get(slot).is_some_and(|s| s.any(&pin, test));
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
                if let Some(order) = self.orders.get(Field::Name) {
                    order.remove(v.as_bytes(), slot);
                }
            }
            IndexKey::Owner(v) => self.owners.remove(v, slot),
            IndexKey::Tag(v) => self.tags.remove(v, slot),
            IndexKey::Pattern(v) => self.patterns.remove(v.as_str(), slot),
            IndexKey::Created(v) => self.in_time(Field::CreatedAt, *v, id, |order, key| order.remove(key, slot)),
            IndexKey::Updated(v) => self.in_time(Field::UpdatedAt, *v, id, |order, key| order.remove(key, slot)),
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
        let (mut n, pin) = (0, pin());
        let mut next = self.expiries.front();
        while let Some(entry) = next {
            let (at, slot) = *entry.key();
            if at > now {
                break;
            }
            let newest = self.slots.get(slot).and_then(|s| s.newest(&pin));
            n += u64::from(newest.is_some_and(|r| r.get().expires_at == Some(at)));
            next = entry.next();
        }
        n
    }

    /// Every record at `seq`, in no order.
    pub(crate) fn all(&self, seq: u64, pin: &Pin) -> impl Iterator<Item = Record> {
        (0..self.end()).filter_map(move |slot| match self.at(slot, seq, pin) {
            At::Was(record) => record.map(Ref::to_arc),
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

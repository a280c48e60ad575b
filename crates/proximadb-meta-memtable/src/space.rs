//! One namespace's records and indexes.

use std::sync::Arc;

use crossbeam_skiplist::SkipMap;
use proximadb_meta_core::{AccessPattern, CollectionMetadata, Namespace, Timestamp};

use crate::chain::{At, Chain};
use crate::index::{ByTime, IndexKey, Posting, Postings, keys, post, unpost};
use crate::plan::Effect;
use crate::sync::{AtomicBool, AtomicI64, Ordering};

pub(crate) type Record = Arc<CollectionMetadata>;
/// The versions of one id.
pub(crate) type Slot = Chain<Record>;
/// Who holds a name.
type Holder = Chain<Arc<Slot>>;

/// Something that no reader needs once all of them read at the number beside it or later.
#[derive(Debug)]
pub(crate) enum Garbage {
    /// Older versions of an id, and the id itself if it is gone.
    Id(Arc<str>),
    /// Older holders of a name, and the name itself if it is free.
    Name(Arc<str>),
    /// An index entry that the record may have left.
    Key(Arc<str>, IndexKey),
}

/// What a group of writes adds to the totals of a namespace.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    records: i64,
    bytes: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Space {
    namespace: Namespace,
    pub(crate) ids: SkipMap<Arc<str>, Arc<Slot>>,
    pub(crate) names: SkipMap<Arc<str>, Arc<Holder>>,
    pub(crate) owners: Postings<Arc<str>>,
    pub(crate) tags: Postings<Arc<str>>,
    pub(crate) patterns: Postings<AccessPattern>,
    pub(crate) created: ByTime,
    pub(crate) updated: ByTime,
    expiries: ByTime,
    pub(crate) restoring: AtomicBool,
    records: AtomicI64,
    bytes: AtomicI64,
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
        self.ids.is_empty() && self.names.is_empty() && !self.restoring.load(Ordering::SeqCst)
    }

    /// The newest record of an id. For the writer.
    pub(crate) fn newest(&self, id: &str) -> Option<Record> {
        self.ids.get(id)?.value().newest()
    }

    /// The newest holder of a name. For the writer.
    pub(crate) fn newest_holder(&self, name: &str) -> Option<Record> {
        self.names.get(name)?.value().newest()?.newest()
    }

    pub(crate) fn by_id(&self, id: &str, seq: u64) -> At<Record> {
        self.ids.get(id).map_or(At::Was(None), |e| e.value().at(seq))
    }

    pub(crate) fn by_name(&self, name: &str, seq: u64) -> At<Record> {
        match self.names.get(name).map_or(At::Was(None), |e| e.value().at(seq)) {
            At::Was(Some(slot)) => slot.at(seq),
            At::Was(None) => At::Was(None),
            At::Dropped => At::Dropped,
        }
    }

    pub(crate) fn posting<K: Ord + Send + 'static + std::borrow::Borrow<Q>, Q: Ord + ?Sized>(
        index: &Postings<K>,
        key: &Q,
    ) -> Option<Arc<Posting>> {
        index.get(key).map(|e| e.value().clone())
    }

    /// Writes one change as version `seq`, which nobody sees before it is published.
    pub(crate) fn apply(&self, change: &Effect, seq: u64, delta: &mut Delta, garbage: &mut Vec<(u64, Garbage)>) {
        let (before, after) = match change {
            Effect::Put { record, before } => (before.as_ref(), Some(record)),
            Effect::Delete { before } => (Some(before), None),
        };
        let Some(id) = after.or(before).map(|r| r.id.clone()) else { return };
        let slot = self.ids.get_or_insert_with(id.clone(), Arc::default).value().clone();
        if slot.push(seq, after.cloned()) {
            garbage.push((seq, Garbage::Id(id.clone())));
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
            if before.is_none_or(|b| b.name != a.name) {
                let holder = self.names.get_or_insert_with(a.name.clone(), Arc::default);
                if holder.value().push(seq, Some(slot.clone())) {
                    garbage.push((seq, Garbage::Name(a.name.clone())));
                }
            }
            for key in keys(a).filter(|k| before.is_none_or(|b| !k.holds(b))) {
                self.add(&key, &id, &slot);
            }
        }
        if let Some(b) = before {
            if after.is_none_or(|a| a.name != b.name)
                && let Some(holder) = self.names.get(&b.name)
            {
                // A name that moved on within the group belongs to its new holder.
                if holder.value().newest().is_some_and(|s| Arc::ptr_eq(&s, &slot)) {
                    holder.value().push(seq, None);
                }
                garbage.push((seq, Garbage::Name(b.name.clone())));
            }
            for key in keys(b).filter(|k| after.is_none_or(|a| !k.holds(a))) {
                garbage.push((seq, Garbage::Key(id.clone(), key)));
            }
        }
    }

    /// Counts a whole group at once.
    pub(crate) fn settle(&self, delta: &Delta) {
        self.records.fetch_add(delta.records, Ordering::Relaxed);
        self.bytes.fetch_add(delta.bytes, Ordering::Relaxed);
    }

    /// Drops what readers at `oldest` and later do not need.
    pub(crate) fn collect(&self, garbage: &Garbage, oldest: u64) {
        match garbage {
            Garbage::Id(id) => {
                if let Some(entry) = self.ids.get(id)
                    && entry.value().prune(oldest)
                {
                    entry.remove();
                }
            }
            Garbage::Name(name) => {
                if let Some(entry) = self.names.get(name)
                    && entry.value().prune(oldest)
                {
                    entry.remove();
                }
            }
            Garbage::Key(id, key) => {
                // The id's own entry stands before this one in the queue: what is kept is what somebody sees.
                if !self.ids.get(id).is_some_and(|e| e.value().any(|r| key.holds(r))) {
                    self.take(key, id);
                }
            }
        }
    }

    fn add(&self, key: &IndexKey, id: &Arc<str>, slot: &Arc<Slot>) {
        match key {
            IndexKey::Owner(v) => post(&self.owners, v, id, slot),
            IndexKey::Tag(v) => post(&self.tags, v, id, slot),
            IndexKey::Pattern(v) => post(&self.patterns, v, id, slot),
            IndexKey::Created(v) => drop(self.created.insert((*v, id.clone()), slot.clone())),
            IndexKey::Updated(v) => drop(self.updated.insert((*v, id.clone()), slot.clone())),
            IndexKey::Expires(v) => drop(self.expiries.insert((*v, id.clone()), slot.clone())),
        }
    }

    fn take(&self, key: &IndexKey, id: &Arc<str>) {
        match key {
            IndexKey::Owner(v) => unpost(&self.owners, v, id),
            IndexKey::Tag(v) => unpost(&self.tags, v, id),
            IndexKey::Pattern(v) => unpost(&self.patterns, v, id),
            IndexKey::Created(v) => drop(self.created.remove(&(*v, id.clone()))),
            IndexKey::Updated(v) => drop(self.updated.remove(&(*v, id.clone()))),
            IndexKey::Expires(v) => drop(self.expiries.remove(&(*v, id.clone()))),
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
            let (at, _) = entry.key();
            if *at > now {
                break;
            }
            n += u64::from(entry.value().newest().is_some_and(|r| r.expires_at == Some(*at)));
            next = entry.next();
        }
        n
    }
}

/// Bytes of a record's own memory: the struct and its texts. Index nodes and the allocator's overhead are not in it.
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

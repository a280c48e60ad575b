//! The keys under which a record stands in the indexes, and what changes between two versions of it.

use std::sync::Arc;

use crossbeam_skiplist::SkipMap;
use proximadb_meta_core::{AccessPattern, CollectionMetadata, Timestamp};

use crate::space::Slot;
use crate::sync::{AtomicUsize, Ordering};

/// A time index: by instant, ties by id.
pub(crate) type ByTime = SkipMap<(Timestamp, Arc<str>), Arc<Slot>>;

/// The ids under one key of an index, in order.
#[derive(Debug, Default)]
pub(crate) struct Posting {
    pub(crate) ids: SkipMap<Arc<str>, Arc<Slot>>,
    len: AtomicUsize,
}

impl Posting {
    /// How many ids: the cost of walking it.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    fn insert(&self, id: &Arc<str>, slot: &Arc<Slot>) {
        if !self.ids.contains_key(id) {
            self.ids.insert(id.clone(), slot.clone());
            self.len.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn remove(&self, id: &str) {
        if self.ids.remove(id).is_some() {
            self.len.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Ids by text or by access pattern.
pub(crate) type Postings<K> = SkipMap<K, Arc<Posting>>;

/// Puts an id under a key.
pub(crate) fn post<K: Ord + Send + Clone + 'static>(index: &Postings<K>, key: &K, id: &Arc<str>, slot: &Arc<Slot>) {
    index.get_or_insert_with(key.clone(), Arc::default).value().insert(id, slot);
}

/// Takes an id away; a key without ids goes.
pub(crate) fn unpost<K: Ord + Send + 'static>(index: &Postings<K>, key: &K, id: &str) {
    if let Some(entry) = index.get(key) {
        entry.value().remove(id);
        if entry.value().len() == 0 {
            entry.remove();
        }
    }
}

/// One key of a record in one index. Names are not here: they have chains of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IndexKey {
    Owner(Arc<str>),
    Tag(Arc<str>),
    Pattern(AccessPattern),
    Created(Timestamp),
    Updated(Timestamp),
    Expires(Timestamp),
}

impl IndexKey {
    /// Whether the record stands under this key.
    pub(crate) fn holds(&self, r: &CollectionMetadata) -> bool {
        match self {
            Self::Owner(v) => r.owner.as_ref() == Some(v),
            Self::Tag(v) => r.tags.contains(v),
            Self::Pattern(v) => r.access_pattern == *v,
            Self::Created(v) => r.created_at == *v,
            Self::Updated(v) => r.updated_at == *v,
            Self::Expires(v) => r.expires_at == Some(*v),
        }
    }
}

/// Every key of the record.
pub(crate) fn keys(r: &CollectionMetadata) -> impl Iterator<Item = IndexKey> + '_ {
    let fixed = [IndexKey::Pattern(r.access_pattern), IndexKey::Created(r.created_at), IndexKey::Updated(r.updated_at)];
    fixed
        .into_iter()
        .chain(r.owner.iter().cloned().map(IndexKey::Owner))
        .chain(r.expires_at.map(IndexKey::Expires))
        .chain(r.tags.iter().cloned().map(IndexKey::Tag))
}

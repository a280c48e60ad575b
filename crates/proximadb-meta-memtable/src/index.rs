//! The keys under which a record stands in the indexes, and the ordered indexes, which are made when first needed.

use std::sync::{Arc, OnceLock};

use crossbeam_skiplist::SkipMap;
use proximadb_meta_core::{AccessPattern, CollectionMetadata, Field, Timestamp};

use crate::bits::SlotSet;

/// Slots by text or by access pattern.
pub(crate) type Postings<K> = SkipMap<K, Arc<SlotSet>>;

/// Puts a slot under a key.
pub(crate) fn post<K: Ord + Send + Clone + 'static>(index: &Postings<K>, key: &K, slot: u32) {
    index.get_or_insert_with(key.clone(), Arc::default).value().insert(slot);
}

/// Takes a slot away; a key without slots goes.
pub(crate) fn unpost<K: Ord + Send + 'static>(index: &Postings<K>, key: &K, slot: u32) {
    if let Some(entry) = index.get(key) {
        entry.value().remove(slot);
        if entry.value().len() == 0 {
            entry.remove();
        }
    }
}

/// Texts in order, each with its slot.
pub(crate) type ByText = SkipMap<(Arc<str>, u32), ()>;
/// Instants in order, ties by id, each with its slot.
pub(crate) type ByTime = SkipMap<(Timestamp, Arc<str>, u32), ()>;

/// The ordered indexes. One that nobody asked for costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) id: OnceLock<ByText>,
    pub(crate) name: OnceLock<ByText>,
    pub(crate) created: OnceLock<ByTime>,
    pub(crate) updated: OnceLock<ByTime>,
}

impl Orders {
    pub(crate) fn has(&self, field: Field) -> bool {
        match field {
            Field::Name => self.name.get().is_some(),
            Field::CreatedAt => self.created.get().is_some(),
            Field::UpdatedAt => self.updated.get().is_some(),
            _ => self.id.get().is_some(),
        }
    }

    /// Makes the index of a field from every version that somebody may see. The writer is kept out meanwhile.
    pub(crate) fn make(&self, field: Field, versions: impl FnOnce(&mut dyn FnMut(u32, &CollectionMetadata))) {
        // Another reader may have been faster: its index is as good.
        match field {
            Field::CreatedAt | Field::UpdatedAt => {
                let index = ByTime::new();
                versions(&mut |slot, r| {
                    let at = if field == Field::CreatedAt { r.created_at } else { r.updated_at };
                    index.insert((at, r.id.clone(), slot), ());
                });
                let _ = if field == Field::CreatedAt { &self.created } else { &self.updated }.set(index);
            }
            _ => {
                let index = ByText::new();
                versions(&mut |slot, r| {
                    let text = if field == Field::Name { &r.name } else { &r.id };
                    index.insert((text.clone(), slot), ());
                });
                let _ = if field == Field::Name { &self.name } else { &self.id }.set(index);
            }
        }
    }
}

/// One key of a record in one index. The id is not here: it is a slot's for the whole of its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IndexKey {
    Name(Arc<str>),
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
            Self::Name(v) => r.name == *v,
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
    let fixed = [
        IndexKey::Name(r.name.clone()),
        IndexKey::Pattern(r.access_pattern),
        IndexKey::Created(r.created_at),
        IndexKey::Updated(r.updated_at),
    ];
    fixed
        .into_iter()
        .chain(r.owner.iter().cloned().map(IndexKey::Owner))
        .chain(r.expires_at.map(IndexKey::Expires))
        .chain(r.tags.iter().cloned().map(IndexKey::Tag))
}

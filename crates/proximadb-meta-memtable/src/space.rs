//! One namespace's records and indexes. Every index is kept in the same step as the record.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use proximadb_meta_core::{AccessPattern, CollectionMetadata, Timestamp};

pub(crate) type Record = Arc<CollectionMetadata>;
pub(crate) type Posting = BTreeSet<Arc<str>>;

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Space {
    pub(crate) ids: BTreeMap<Arc<str>, Record>,
    pub(crate) names: BTreeMap<Arc<str>, Arc<str>>,
    pub(crate) owners: HashMap<Arc<str>, Posting>,
    pub(crate) tags: HashMap<Arc<str>, Posting>,
    pub(crate) patterns: HashMap<AccessPattern, Posting>,
    pub(crate) created: BTreeSet<(Timestamp, Arc<str>)>,
    pub(crate) updated: BTreeSet<(Timestamp, Arc<str>)>,
    pub(crate) bytes: u64,
}

impl Space {
    pub(crate) fn by_name(&self, name: &str) -> Option<&Record> {
        self.ids.get(self.names.get(name)?)
    }

    pub(crate) fn remove(&mut self, id: &str) {
        let Some(r) = self.ids.remove(id) else { return };
        // A name that moved on within the unit belongs to its new holder.
        if self.names.get(&r.name) == Some(&r.id) {
            self.names.remove(&r.name);
        }
        if let Some(owner) = &r.owner {
            unpost(&mut self.owners, owner, id);
        }
        for tag in r.tags.iter() {
            unpost(&mut self.tags, tag, id);
        }
        unpost(&mut self.patterns, &r.access_pattern, id);
        self.created.remove(&(r.created_at, r.id.clone()));
        self.updated.remove(&(r.updated_at, r.id.clone()));
        self.bytes -= footprint(&r);
    }

    pub(crate) fn put(&mut self, r: &Record) {
        // Counters are in no index: the common write replaces one pointer.
        if let Some(old) = self.ids.get_mut(&r.id)
            && old.version == r.version
            && old.incarnation == r.incarnation
        {
            *old = r.clone();
            return;
        }
        self.remove(&r.id);
        self.names.insert(r.name.clone(), r.id.clone());
        if let Some(owner) = &r.owner {
            self.owners.entry(owner.clone()).or_default().insert(r.id.clone());
        }
        for tag in r.tags.iter() {
            self.tags.entry(tag.clone()).or_default().insert(r.id.clone());
        }
        self.patterns.entry(r.access_pattern).or_default().insert(r.id.clone());
        self.created.insert((r.created_at, r.id.clone()));
        self.updated.insert((r.updated_at, r.id.clone()));
        self.bytes += footprint(r);
        self.ids.insert(r.id.clone(), r.clone());
    }
}

fn unpost<K: Hash + Eq + Clone>(index: &mut HashMap<K, Posting>, key: &K, id: &str) {
    if let Some(posting) = index.get_mut(key) {
        posting.remove(id);
        if posting.is_empty() {
            index.remove(key);
        }
    }
}

/// Bytes of a record's own memory: the struct and its texts. Index nodes and the allocator's overhead are not in it.
fn footprint(r: &CollectionMetadata) -> u64 {
    let texts = r.id.len()
        + r.name.len()
        + r.config.as_str().len()
        + r.extra.as_str().len()
        + r.description.as_ref().map_or(0, |t| t.len())
        + r.owner.as_ref().map_or(0, |t| t.len())
        + r.tags.iter().map(|t| t.len() + size_of::<Arc<str>>()).sum::<usize>();
    (size_of::<CollectionMetadata>() + texts) as u64
}

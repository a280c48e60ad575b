//! What is known of a catalog whose log has holes: for each record where its newest readable form stands, and as of when.
//!
//! Kept small, because damaged or hostile files may hold many tiny records: 8 bytes a record beside its key.

use std::collections::{BTreeMap, BTreeSet};

use super::content::{Count, Put, Reader, Unit};
use super::load::Loaded;
use super::report::RecordId;

/// A byte of a loaded file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u64);

/// Bits of the offset in a place; the others are the file's index.
const OFFSET_BITS: u32 = 40;

impl Place {
    /// `None`: more files or bytes than can be told apart.
    pub(crate) fn new(file: usize, offset: usize) -> Option<Self> {
        let (file, offset) = (u64::try_from(file).ok()?, u64::try_from(offset).ok()?);
        (file < 1 << (64 - OFFSET_BITS) && offset < 1 << OFFSET_BITS).then_some(Self(file << OFFSET_BITS | offset))
    }

    /// The bytes of the file, and the offset in them.
    fn reader(self, loaded: &Loaded) -> Option<Reader<'_>> {
        let file = loaded.files.get(usize::try_from(self.0 >> OFFSET_BITS).ok()?)?;
        let offset = usize::try_from(self.0 & ((1 << OFFSET_BITS) - 1)).ok()?;
        Some(Reader::new(&file.bytes, offset))
    }

    /// The record that stands there.
    pub(crate) fn put(self, loaded: &Loaded) -> Option<Put<'_>> {
        self.reader(loaded)?.record()
    }

    /// The counters that stand there.
    pub(crate) fn count(self, loaded: &Loaded) -> Option<Count<'_>> {
        self.reader(loaded)?.count()
    }
}

/// The key of a record: the number of its namespace, and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key<'a> {
    pub(crate) namespace: u32,
    pub(crate) id: &'a str,
}

/// Why a unit does not fit what is known before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// Something is lost, and this proves that it changed the record.
    Explained,
    /// Nothing is known to be lost that could explain it.
    Contradiction(&'static str),
}

/// Everything that is known.
#[derive(Debug)]
pub(crate) struct Catalog<'a> {
    loaded: &'a Loaded,
    names: Vec<&'a str>,
    numbers: BTreeMap<&'a str, u32>,
    /// Where the newest readable form of each record stands.
    pub(crate) records: BTreeMap<Key<'a>, Place>,
    /// The entry that stands at a place and behind it, up to the next place; of a checkpoint the last entry it covers.
    entries: BTreeMap<Place, u64>,
    /// The newest counters of a record, by the place where it stands.
    pub(crate) counts: BTreeMap<Place, Place>,
    /// Namespaces that are being restored.
    pub(crate) restoring: BTreeSet<u32>,
    /// The last entry that is lost: a record from before it may have changed since.
    pub(crate) horizon: u64,
    /// Whether anything is lost at all.
    pub(crate) incomplete: bool,
}

impl<'a> Catalog<'a> {
    pub(crate) fn new(loaded: &'a Loaded) -> Self {
        Self {
            loaded,
            names: Vec::new(),
            numbers: BTreeMap::new(),
            records: BTreeMap::new(),
            entries: BTreeMap::new(),
            counts: BTreeMap::new(),
            restoring: BTreeSet::new(),
            horizon: 0,
            incomplete: false,
        }
    }

    /// The number of a namespace. `None`: more than can be numbered.
    pub(crate) fn number(&mut self, namespace: &'a str) -> Option<u32> {
        if let Some(n) = self.numbers.get(namespace) {
            return Some(*n);
        }
        let n = u32::try_from(self.names.len()).ok()?;
        self.names.push(namespace);
        self.numbers.insert(namespace, n);
        Some(n)
    }

    /// The name of a namespace.
    pub(crate) fn name(&self, namespace: u32) -> &'a str {
        self.names.get(namespace as usize).copied().unwrap_or_default()
    }

    /// Nothing more is to be applied: gives back the room that only that needs.
    pub(crate) fn close(&mut self) {
        self.numbers = BTreeMap::new();
        self.names.shrink_to_fit();
    }

    /// A key in words.
    pub(crate) fn id(&self, key: Key<'_>) -> RecordId {
        RecordId { namespace: self.name(key.namespace).to_owned(), id: key.id.to_owned() }
    }

    /// The entry that wrote what stands at a place; of a checkpoint the last entry it covers.
    pub(crate) fn seq(&self, place: Place) -> u64 {
        self.entries.range(..=place).next_back().map_or(0, |(_, seq)| *seq)
    }

    /// Whether the newest form of a record stands there: nothing that is lost comes after it.
    pub(crate) fn is_certain(&self, place: Place) -> bool {
        self.seq(place) >= self.horizon
    }

    /// Everything up to `seq` may have changed.
    pub(crate) fn doubt(&mut self, seq: u64) {
        self.horizon = self.horizon.max(seq);
        self.incomplete = true;
    }

    /// Applies a unit that stands at `offset` of a file, as [`State::apply`](crate::recover::State) does, and says of each
    /// id that does not fit why. Counters are absolute, but belong to a version of the record: over a hole they are not
    /// applied, since the version may be another one.
    pub(crate) fn apply(
        &mut self,
        unit: &Unit<'a>,
        (file, offset): (usize, usize),
        seq: u64,
        mut misfit: impl FnMut(RecordId, Misfit),
    ) -> Option<()> {
        let namespace = self.number(unit.namespace)?;
        let absent = |incomplete, what| if incomplete { Misfit::Explained } else { Misfit::Contradiction(what) };
        for id in unit.deletes() {
            let key = Key { namespace, id };
            match self.records.remove(&key) {
                Some(put) => drop(self.counts.remove(&put)),
                None => {
                    misfit(self.id(key), absent(self.incomplete, "a unit deletes a record that is not there"));
                }
            }
        }
        for count in unit.counts() {
            let key = Key { namespace, id: count.id };
            let Some(put) = self.records.get(&key).copied() else {
                misfit(self.id(key), absent(self.incomplete, "a unit counts on a record that is not there"));
                continue;
            };
            let place = Place::new(file, offset.checked_add(count.offset)?)?;
            let same_life = put.put(self.loaded).map(|p| p.incarnation) == Some(count.incarnation);
            match (self.is_certain(put), same_life) {
                (true, true) => drop(self.counts.insert(put, place)),
                (true, false) => {
                    misfit(self.id(key), Misfit::Contradiction("a unit counts on another life of a record"));
                }
                (false, true) => {}
                (false, false) => misfit(self.id(key), Misfit::Explained),
            }
        }
        for put in unit.puts() {
            self.entries.insert(Place::new(file, offset)?, seq);
            let place = Place::new(file, offset.checked_add(put.offset)?)?;
            if let Some(old) = self.records.insert(Key { namespace, id: put.id }, place) {
                self.counts.remove(&old);
            }
        }
        Some(())
    }
}

//! What a group of units comes to in one namespace: checked and worked out in memory, over the records that were read.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Applied, Prepared, Refusal, RefusalCause, Step};
use crate::record::CollectionMetadata;

type Record = Arc<CollectionMetadata>;

/// One id that a group touches. `S` is what the store says of a record that is there.
#[derive(Debug)]
#[non_exhaustive]
pub struct Cell<S = Record> {
    /// As it was read.
    pub before: Option<S>,
    /// After the units planned so far. Still the same `Arc` where nothing changed.
    pub now: Option<Record>,
    /// A unit holds only while nobody makes this id.
    pub must_stay_absent: bool,
}

impl<S> Default for Cell<S> {
    fn default() -> Self {
        Self { before: None, now: None, must_stay_absent: false }
    }
}

/// The part of a namespace that a group of units touches, for drivers that read it, plan, and write the difference, all in one
/// transaction.
///
/// Every id and every name that a unit mentions must have been read and [loaded](Self::load) before a unit is
/// [planned](Self::plan). What the store knows a record by, a row number say, goes along in `S`; a store that needs nothing of the
/// kind loads the records themselves.
#[derive(Debug)]
pub struct Space<S = Record> {
    cells: BTreeMap<Arc<str>, Cell<S>>,
    /// Which id holds a name, as of the units planned so far.
    names: HashMap<Arc<str>, Arc<str>>,
}

impl<S> Default for Space<S> {
    fn default() -> Self {
        Self { cells: BTreeMap::new(), names: HashMap::new() }
    }
}

impl<S: Borrow<Record>> Space<S> {
    /// Takes in what was read.
    pub fn load(&mut self, stored: S) {
        let record = stored.borrow().clone();
        self.names.insert(record.name.clone(), record.id.clone());
        let id = record.id.clone();
        self.cells.insert(id, Cell { now: Some(record), before: Some(stored), must_stay_absent: false });
    }
}

impl<S> Space<S> {
    /// What became of every id that was loaded or written, in the order of the ids.
    pub fn into_cells(self) -> impl Iterator<Item = (Arc<str>, Cell<S>)> {
        self.cells.into_iter()
    }

    /// Plans a unit after those before it, as [`Driver::apply`](super::Driver::apply) demands. A refused unit leaves no trace.
    pub fn plan(&mut self, unit: &Prepared) -> Applied {
        match self.try_plan(unit) {
            Ok(results) => Applied::Done(results),
            Err(refusal) => Applied::Refused(refusal),
        }
    }

    fn try_plan(&mut self, unit: &Prepared) -> Result<Vec<Option<Record>>, Refusal> {
        let mut after: HashMap<Arc<str>, Option<Record>> = HashMap::with_capacity(unit.writes.len());
        let mut results = Vec::with_capacity(unit.writes.len());
        let mut absent = Vec::new();
        for (write, net) in unit.writes.iter().enumerate() {
            let found = self.now(net.id());
            match net.step(found).map_err(|cause| Refusal { write, cause })? {
                Step::Keep => {
                    if found.is_none() {
                        absent.push(net.id().clone());
                    }
                    results.push(None);
                }
                Step::Remove => {
                    after.insert(net.id().clone(), None);
                    results.push(None);
                }
                Step::Store(record) => {
                    after.insert(net.id().clone(), Some(record.clone()));
                    results.push(Some(record));
                }
            }
        }
        if let Some(refusal) = self.name_taken(unit, &after) {
            return Err(refusal);
        }
        self.install(after);
        for id in absent {
            self.cells.entry(id).or_default().must_stay_absent = true;
        }
        Ok(results)
    }

    fn now(&self, id: &str) -> Option<&Record> {
        self.cells.get(id)?.now.as_ref()
    }

    /// The first write whose name somebody else holds when all is in place.
    fn name_taken(&self, unit: &Prepared, after: &HashMap<Arc<str>, Option<Record>>) -> Option<Refusal> {
        let mut given: HashMap<&str, &Record> = HashMap::new();
        for (write, net) in unit.writes.iter().enumerate() {
            if net.name().is_none() {
                continue;
            }
            let Some(Some(record)) = after.get(net.id()) else { continue };
            let holder = self.names.get(&record.name).filter(|holder| **holder != record.id).and_then(|holder| {
                match after.get(holder) {
                    Some(new) => new.as_ref().filter(|r| r.name == record.name),
                    None => self.now(holder),
                }
            });
            if let Some(other) = holder.or_else(|| given.get(&*record.name).copied()) {
                return Some(Refusal { write, cause: RefusalCause::NameTaken(other.clone()) });
            }
            given.insert(&record.name, record);
        }
        None
    }

    fn install(&mut self, after: HashMap<Arc<str>, Option<Record>>) {
        // Names are given up before any is taken: two records may swap theirs.
        for id in after.keys() {
            if let Some(name) = self.now(id).map(|r| r.name.clone()) {
                self.names.remove(&name);
            }
        }
        for (id, record) in after {
            if let Some(r) = &record {
                self.names.insert(r.name.clone(), id.clone());
            }
            self.cells.entry(id).or_default().now = record;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DistanceMetric;
    use crate::driver::{Expect, NetWrite};

    fn record(id: &str, name: &str) -> Record {
        let mut r = CollectionMetadata::new(name, 1, DistanceMetric::COSINE);
        (r.id, r.version) = (id.into(), 1);
        Arc::new(r)
    }

    /// `a` and `b`, which hold the names of the same letters.
    fn two() -> Space {
        let mut space = Space::default();
        space.load(record("a", "a"));
        space.load(record("b", "b"));
        space
    }

    fn create(id: &str, name: &str) -> NetWrite {
        NetWrite::Put { record: record(id, name), expect: Expect::Absent, before: None }
    }

    fn rename(id: &str, from: &str, to: &str) -> NetWrite {
        let before = record(id, from);
        NetWrite::Put { record: record(id, to), expect: Expect::exactly(&before), before: Some(before) }
    }

    fn delete(id: &str) -> NetWrite {
        let before = record(id, id);
        NetWrite::Delete { expect: Expect::exactly(&before), before }
    }

    /// Which write was refused, and the id that holds its name.
    fn taken(space: &mut Space, writes: Vec<NetWrite>) -> Option<(usize, Arc<str>)> {
        match space.plan(&Prepared::new(writes)) {
            Applied::Done(_) => None,
            Applied::Refused(Refusal { write, cause: RefusalCause::NameTaken(by) }) => Some((write, by.id.clone())),
            Applied::Refused(other) => panic!("{other:?}"),
        }
    }

    fn names(space: Space) -> Vec<(Arc<str>, Option<Arc<str>>)> {
        space.into_cells().map(|(id, cell)| (id, cell.now.map(|r| r.name.clone()))).collect()
    }

    #[test]
    fn names_are_compared_when_all_is_in_place() {
        let mut space = two();
        assert_eq!(taken(&mut space, vec![rename("a", "a", "b"), rename("b", "b", "a")]), None, "a swap");
        assert_eq!(taken(&mut space, vec![create("c", "a")]), Some((0, "b".into())), "after the swap");
        assert_eq!(names(space), [("a".into(), Some("b".into())), ("b".into(), Some("a".into()))]);
        let mut space = two();
        assert_eq!(taken(&mut space, vec![create("c", "a"), delete("a")]), None, "a name that a later write gives up");
        let mut space = two();
        assert_eq!(taken(&mut space, vec![create("c", "x"), create("d", "x")]), Some((1, "c".into())), "within a unit");
    }

    #[test]
    fn a_revision_does_not_take_a_name() {
        let mut space = two();
        let (now, expect) = (Default::default(), Expect::exactly(&record("a", "a")));
        let revise = |name| NetWrite::Revise { record: record("a", name), expect, now };
        assert_eq!(taken(&mut space, vec![revise("b")]), Some((0, "b".into())));
        assert_eq!(taken(&mut space, vec![revise("c")]), None);
        assert_eq!(names(space)[0].1.as_deref(), Some("c"));
    }

    #[test]
    fn a_refused_unit_leaves_no_trace() {
        let mut space = two();
        assert_eq!(taken(&mut space, vec![delete("a"), create("c", "b")]), Some((1, "b".into())));
        let again = Prepared::new(vec![delete("a"), create("a", "x")]);
        assert!(matches!(space.plan(&again), Applied::Refused(Refusal { write: 1, .. })));
        assert_eq!(names(space), [("a".into(), Some("a".into())), ("b".into(), Some("b".into()))]);
    }

    #[test]
    fn a_unit_sees_those_before_it() {
        let mut space = two();
        assert!(matches!(space.plan(&Prepared::new(vec![delete("a")])), Applied::Done(_)));
        assert_eq!(taken(&mut space, vec![create("c", "a")]), None);
        let absent = NetWrite::Check { id: "a".into(), expect: Expect::Absent };
        assert!(matches!(space.plan(&Prepared::new(vec![absent])), Applied::Done(told) if told == [None]));
        let cells: BTreeMap<_, _> = space.into_cells().collect();
        assert!(cells["a"].must_stay_absent && cells["a"].before.is_some() && cells["a"].now.is_none());
        assert!(!cells["b"].must_stay_absent && cells["c"].before.is_none());
        let (before, now) = (cells["b"].before.as_ref().unwrap(), cells["b"].now.as_ref().unwrap());
        assert!(Arc::ptr_eq(before, now), "nobody touched it");
    }
}

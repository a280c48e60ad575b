//! What a replay has gathered so far.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use proximadb_meta_core::limits::MAX_SAFE_INTEGER;
use proximadb_meta_core::{CollectionMetadata, Namespace};

use crate::codec::Unit;
use crate::recover::State;

/// Everything a log holds, on its way into the table: in no order, quick to add to.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    spaces: BTreeMap<Namespace, Records>,
    pub(crate) restoring: BTreeSet<Namespace>,
}

/// The records of a namespace, about in the order in which they were written: neighbours here are neighbours in memory.
#[derive(Debug, Default)]
struct Records {
    places: HashMap<Arc<str>, usize, foldhash::quality::RandomState>,
    records: Vec<Option<Arc<CollectionMetadata>>>,
    free: Vec<usize>,
}

impl Records {
    fn get_mut(&mut self, id: &str) -> Option<&mut Arc<CollectionMetadata>> {
        let place = self.places.get(id)?;
        self.records.get_mut(*place)?.as_mut()
    }

    fn remove(&mut self, id: &str) -> Option<()> {
        let place = self.places.remove(id)?;
        *self.records.get_mut(place)? = None;
        self.free.push(place);
        Some(())
    }

    fn put(&mut self, record: Arc<CollectionMetadata>) {
        if let Some(here) = self.get_mut(&record.id) {
            *here = record;
            return;
        }
        let place = self.free.pop().unwrap_or(self.records.len());
        self.places.insert(record.id.clone(), place);
        match self.records.get_mut(place) {
            Some(free) => *free = Some(record),
            None => self.records.push(Some(record)),
        }
    }
}

impl Catalog {
    /// Applies a unit; the words say why it does not fit what came before.
    pub(crate) fn apply(&mut self, unit: Unit) -> Result<(), &'static str> {
        let records = self.spaces.entry(unit.namespace.clone()).or_default();
        for id in &unit.deletes {
            records.remove(id).ok_or("a unit deletes a record that is not there")?;
        }
        for c in &unit.counters {
            let record = records.get_mut(&c.id).ok_or("a unit counts on a record that is not there")?;
            if record.incarnation.0.cast_signed() != c.incarnation {
                return Err("a unit counts on another life of a record");
            }
            let count = |n| u64::try_from(n).ok().filter(|n| *n <= MAX_SAFE_INTEGER).ok_or("a counter is out of range");
            let record = Arc::make_mut(record);
            record.vector_count = count(c.vectors)?;
            record.total_size_bytes = count(c.bytes)?;
        }
        records.records.reserve(unit.puts.len());
        records.places.reserve(unit.puts.len());
        unit.puts.into_iter().for_each(|record| records.put(record));
        if records.places.is_empty() {
            self.spaces.remove(&unit.namespace);
        }
        Ok(())
    }

    /// The records of every namespace that has any.
    pub(crate) fn into_spaces(self) -> impl Iterator<Item = (Namespace, Vec<Arc<CollectionMetadata>>)> {
        self.spaces.into_iter().map(|(ns, r)| (ns, r.records.into_iter().flatten().collect()))
    }

    /// In order.
    pub(crate) fn state(&self) -> State {
        let all = |r: &Records| r.records.iter().flatten().map(|r| (r.id.clone(), r.clone())).collect();
        let records = self.spaces.iter().map(|(ns, r)| (ns.clone(), all(r))).collect();
        State { records, restoring: self.restoring.clone() }
    }
}

#[cfg(test)]
mod tests {
    use proximadb_meta_core::{DistanceMetric, Incarnation};

    use super::*;
    use crate::codec::Counters;

    fn record(id: &str, name: &str) -> Arc<CollectionMetadata> {
        let mut r = CollectionMetadata::new(name, 1, DistanceMetric::COSINE);
        r.id = id.into();
        r.incarnation = Incarnation(5);
        Arc::new(r)
    }

    fn unit(deletes: &[&str], puts: Vec<Arc<CollectionMetadata>>, counters: &[(&str, i64, i64)]) -> Unit {
        let deletes = deletes.iter().map(|d| (*d).to_owned()).collect();
        let counter = |(id, incarnation, vectors): &(&str, i64, i64)| Counters {
            id: (*id).to_owned(),
            incarnation: *incarnation,
            vectors: *vectors,
            bytes: 1,
        };
        Unit { deletes, puts, counters: counters.iter().map(counter).collect(), ..Unit::default() }
    }

    #[test]
    fn units_apply_in_order_and_places_are_used_again() {
        let mut c = Catalog::default();
        c.apply(unit(&[], vec![record("a", "x"), record("b", "y")], &[])).unwrap();
        c.apply(unit(&["a"], vec![], &[("b", 5, 7)])).unwrap();
        c.apply(unit(&[], vec![record("c", "x"), record("b", "z")], &[])).unwrap();
        let state = c.state();
        let here: Vec<_> = state.records[&Namespace::default()].values().map(|r| (&*r.id, &*r.name)).collect();
        assert_eq!(here, [("b", "z"), ("c", "x")]);
        let spaces: Vec<_> = c.into_spaces().collect();
        assert_eq!((spaces.len(), spaces[0].1.len()), (1, 2));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (bad, says) in [
            (unit(&["x"], vec![], &[]), "deletes a record that is not there"),
            (unit(&[], vec![], &[("x", 5, 1)]), "counts on a record that is not there"),
            (unit(&[], vec![], &[("a", 6, 1)]), "another life"),
            (unit(&[], vec![], &[("a", 5, -1)]), "out of range"),
        ] {
            let mut c = Catalog::default();
            c.apply(unit(&[], vec![record("a", "x")], &[])).unwrap();
            assert!(c.apply(bad).unwrap_err().contains(says));
        }
        let mut c = Catalog::default();
        c.apply(unit(&[], vec![record("a", "x")], &[])).unwrap();
        c.apply(unit(&["a"], vec![], &[])).unwrap();
        assert_eq!(c.state(), State::default());
    }
}

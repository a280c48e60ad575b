//! What one net write comes to, by what is stored under its id.

use std::sync::Arc;

use super::{CounterDeltas, Expect, NetWrite, RefusalCause};
use crate::record::CollectionMetadata;

type Record = Arc<CollectionMetadata>;

/// What a net write that is not refused does to its id; see [`NetWrite::step`].
#[derive(Clone, Debug)]
pub enum Step {
    /// Nothing: a `Check` that holds.
    Keep,
    /// The record goes.
    Remove,
    /// This record takes its place, counters included.
    Store(Record),
}

impl NetWrite {
    /// What this write does where `found` is stored under its id: the first two of the steps that
    /// [`Driver::apply`](super::Driver::apply) takes for each write. Whether a name is taken is seen only when the whole unit is
    /// in place; [`Space`](super::Space) does both.
    ///
    /// # Errors
    /// `Precondition` with what was found, or `OutOfRange`.
    pub fn step(&self, found: Option<&Record>) -> Result<Step, RefusalCause> {
        let unexpected = || RefusalCause::Precondition(found.cloned());
        let holds = |expect: Expect| if expect.holds(found.map(|r| &**r)) { Ok(()) } else { Err(unexpected()) };
        match self {
            Self::Put { record, expect, .. } => holds(*expect).map(|()| Step::Store(record.clone())),
            Self::Update { record, expect, deltas, .. } => {
                holds(*expect)?;
                counted(found.ok_or_else(unexpected)?, record, *deltas)
            }
            Self::Revise { record, expect, now } => {
                holds(*expect)?;
                let stored = found.filter(|r| !r.is_expired(*now)).ok_or_else(unexpected)?;
                Ok(Step::Store(Arc::new(revised(record, stored))))
            }
            Self::Count { life, deltas, .. } => {
                let stored = found.filter(|r| life.holds(r)).ok_or_else(unexpected)?;
                counted(stored, stored, *deltas)
            }
            Self::Delete { expect, .. } => holds(*expect).map(|()| Step::Remove),
            Self::Check { expect, .. } => holds(*expect).map(|()| Step::Keep),
        }
    }
}

/// The record that a `Revise` stores over another.
fn revised(record: &CollectionMetadata, stored: &CollectionMetadata) -> CollectionMetadata {
    let mut new = record.clone();
    new.created_at = stored.created_at;
    new.updated_at = record.updated_at.max(stored.updated_at);
    new.vector_count = stored.vector_count;
    new.total_size_bytes = stored.total_size_bytes;
    new
}

/// A record with the stored counters, moved.
fn counted(stored: &Record, record: &Record, deltas: CounterDeltas) -> Result<Step, RefusalCause> {
    let (vectors, bytes) = deltas.apply(stored).ok_or_else(|| RefusalCause::OutOfRange(stored.clone()))?;
    Ok(Step::Store(record.with_counters(vectors, bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Life;
    use crate::{DistanceMetric, Incarnation, Timestamp};

    fn record(version: u64, vectors: u64) -> Record {
        let mut r = CollectionMetadata::new("n", 1, DistanceMetric::COSINE);
        (r.id, r.version, r.incarnation, r.vector_count) = ("a".into(), version, Incarnation(7), vectors);
        Arc::new(r)
    }

    fn deltas(vectors: i64) -> CounterDeltas {
        let mut deltas = CounterDeltas::default();
        deltas.vectors = deltas.vectors.then(vectors).unwrap();
        deltas
    }

    /// The record that a write stores.
    fn stored(write: &NetWrite, found: &Record) -> Record {
        match write.step(Some(found)) {
            Ok(Step::Store(record)) => record,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_kind_is_refused_with_what_is_there() {
        let (there, other) = (record(1, 0), record(2, 0));
        let expect = Expect::exactly(&other);
        let writes = [
            NetWrite::Put { record: other.clone(), expect, before: None },
            NetWrite::Update { record: other.clone(), expect, deltas: deltas(0), before: other.clone() },
            NetWrite::Revise { record: other.clone(), expect, now: Timestamp::from_micros(1) },
            NetWrite::Count { id: "a".into(), life: Life::Of(Incarnation(8)), deltas: deltas(0) },
            NetWrite::Delete { expect, before: other.clone() },
            NetWrite::Check { id: "a".into(), expect },
        ];
        for write in writes {
            for found in [None, Some(&there)] {
                match write.step(found) {
                    Err(RefusalCause::Precondition(told)) => assert_eq!(told.as_ref(), found, "{write:?}"),
                    other => panic!("{write:?}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn counters_are_the_stored_ones_moved() {
        let there = record(1, 5);
        let expect = Expect::exactly(&there);
        let update = |d| NetWrite::Update { record: record(2, 99), expect, deltas: deltas(d), before: there.clone() };
        let count = |d| NetWrite::Count { id: "a".into(), life: Life::Of(Incarnation(7)), deltas: deltas(d) };
        let updated = stored(&update(3), &there);
        assert_eq!((updated.version, updated.vector_count), (2, 8));
        let counted = stored(&count(-5), &there);
        assert_eq!((counted.version, counted.vector_count), (1, 0));
        for write in [update(-6), count(-6)] {
            assert!(matches!(write.step(Some(&there)), Err(RefusalCause::OutOfRange(r)) if r == there), "{write:?}");
        }
        // Nothing moves: the very same record, so that a store can see it.
        assert!(Arc::ptr_eq(&stored(&count(0), &there), &there));
    }

    #[test]
    fn a_revision_keeps_what_an_update_keeps() {
        let at = Timestamp::from_micros;
        let mut there = (*record(1, 5)).clone();
        (there.created_at, there.updated_at, there.expires_at) = (at(3), at(8), Some(at(20)));
        let there = Arc::new(there);
        let mut given = (*record(2, 99)).clone();
        (given.created_at, given.total_size_bytes, given.owner) = (at(4), 77, Some("me".into()));
        let revise = |updated, now| {
            let mut record = given.clone();
            record.updated_at = at(updated);
            NetWrite::Revise { record: Arc::new(record), expect: Expect::exactly(&there), now: at(now) }
        };
        for (updated, stored_at) in [(7, 8), (8, 8), (9, 9)] {
            let new = stored(&revise(updated, 19), &there);
            assert_eq!((new.created_at, new.updated_at), (at(3), at(stored_at)));
            assert_eq!((new.version, new.vector_count, new.total_size_bytes), (2, 5, 0));
            assert_eq!((new.owner.as_deref(), new.expires_at), (Some("me"), None));
        }
        assert!(matches!(revise(9, 20).step(Some(&there)), Err(RefusalCause::Precondition(Some(r))) if r == there));
    }

    #[test]
    fn a_count_that_nobody_read_for_moves_whatever_is_alive() {
        let at = Timestamp::from_micros;
        let mut mortal = (*record(3, 5)).clone();
        mortal.expires_at = Some(at(10));
        let mortal = Arc::new(mortal);
        let count = |now| NetWrite::Count { id: "a".into(), life: Life::At(at(now)), deltas: deltas(1) };
        assert_eq!(stored(&count(9), &mortal).vector_count, 6);
        assert!(matches!(count(10).step(Some(&mortal)), Err(RefusalCause::Precondition(Some(r))) if r == mortal));
        assert!(matches!(count(9).step(None), Err(RefusalCause::Precondition(None))));
        assert_eq!(stored(&count(10), &record(1, 5)).vector_count, 6, "without an end");
    }

    #[test]
    fn what_is_given_is_stored_and_what_is_expected_is_removed_or_kept() {
        let (there, given) = (record(1, 5), record(9, 3));
        let expect = Expect::exactly(&there);
        assert!(Arc::ptr_eq(&stored(&NetWrite::Put { record: given.clone(), expect, before: None }, &there), &given));
        let delete = NetWrite::Delete { expect, before: there.clone() };
        assert!(matches!(delete.step(Some(&there)), Ok(Step::Remove)));
        assert!(matches!(NetWrite::Check { id: "a".into(), expect }.step(Some(&there)), Ok(Step::Keep)));
        assert!(matches!(NetWrite::Check { id: "a".into(), expect: Expect::Absent }.step(None), Ok(Step::Keep)));
    }
}

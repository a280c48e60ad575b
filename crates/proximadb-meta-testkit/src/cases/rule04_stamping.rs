//! Rule 4: who sets times, versions and ids.

use proximadb_meta_core::ErrorKind::{AlreadyExists, InvalidInput, NotFound, VersionConflict};
use proximadb_meta_core::{
    AccessPattern, CollectionMetadata, ConfigJson, DistanceMetric, Extra, Field, IndexingAlgorithm, Operation, PutIf,
    Retention, Timestamp,
};

use crate::case::{START, edited, rec, rec_with, refused};

/// A record with a value in every field.
fn full() -> CollectionMetadata {
    rec_with("full", |r| {
        r.dimension = 1536;
        r.distance_metric = DistanceMetric::DOT_PRODUCT;
        r.indexing_algorithm = IndexingAlgorithm::IVF_PQ;
        r.created_at = Timestamp::from_micros(1_234_567_890_123_456);
        r.updated_at = Timestamp::from_micros(1_300_000_000_654_321);
        r.vector_count = 12;
        r.total_size_bytes = 3456;
        r.access_pattern = AccessPattern::Cold;
        r.retention = Some(Retention { retain_days: 30, auto_delete: true });
        r.expires_at = Some(START.saturating_add(7_654_321));
        r.config = ConfigJson::parse(r#"{"m":16}"#).unwrap_or_default();
        r.description = Some("a\ntext".into());
        r.owner = Some("bob".into());
        r.tags = ["x", "y"].into();
        r.version = 41;
        r.extra = Extra::parse(r#"{"later":true}"#).unwrap_or_default();
    })
}

fn put(record: CollectionMetadata, when: PutIf) -> Vec<Operation> {
    vec![Operation::Put { record, when }]
}

cases! { 4 rule04;
    fn create_stamps_times_and_version(s) {
        let now = s.clock.advance(123_456);
        let r = s.add("a").await?;
        same!((r.created_at, r.updated_at, r.version), (now, now, 1));
        same!(*s.must("a").await?, *r);
    }
    fn create_ignores_given_times_and_version(s) {
        let r = s.db.create_collection(rec_with("a", |r| {
            r.created_at = Timestamp::MIN;
            r.updated_at = Timestamp::MAX;
            r.version = 77;
        })).await?;
        same!((r.created_at, r.updated_at, r.version), (START, START, 1));
    }
    fn an_empty_id_becomes_a_uuid7(s) {
        let a = s.db.create_collection(rec_with("", |r| r.name = "a".into())).await?;
        let b = s.db.create_collection(rec_with("", |r| r.name = "b".into())).await?;
        ensure!(a.id != b.id);
        ensure!(a.id.len() == 36 && a.id.as_bytes().get(14) == Some(&b'7'), "{} is no UUIDv7", a.id);
        same!(s.db.get_collection(&a.id).await?, Some(a));
    }
    fn update_moves_updated_at_and_version(s) {
        let a = s.add("a").await?;
        let now = s.clock.advance(5);
        let b = s.db.update_collection(edited(&a, |r| r.dimension = 9)).await?;
        same!((b.created_at, b.updated_at, b.version, b.dimension), (START, now, 2, 9));
        same!(s.must("a").await?, b);
    }
    fn update_ignores_given_created_at(s) {
        let a = s.add("a").await?;
        s.clock.advance(1_000_000);
        let b = s.db.update_collection(edited(&a, |r| {
            r.created_at = Timestamp::MAX;
            r.updated_at = Timestamp::MIN;
        })).await?;
        same!((b.created_at, b.updated_at), (START, START.saturating_add(1_000_000)));
        same!(s.must("a").await?.created_at, START);
    }
    fn updated_at_never_goes_back(s) {
        let a = s.add("a").await?;
        s.clock.set(START.saturating_add(-60_000_000));
        let b = s.db.update_collection(edited(&a, |r| r.dimension = 9)).await?;
        same!(b.updated_at, START);
        same!(s.must("a").await?.updated_at, START);
    }
    fn put_is_verbatim(s) {
        let out = s.batch(put(full(), PutIf::Absent)).await?;
        let stored = s.must("full").await?;
        ensure!(stored.same_content(&full()), "{:?} became {:?}", full(), stored);
        same!(out.first().and_then(|o| o.record()).cloned(), Some(stored));
    }
    fn every_field_survives(s) {
        s.batch(put(full(), PutIf::Any)).await?;
        let r = s.must("full").await?;
        same!(r.to_json(), full().to_json());
        for field in Field::ALL {
            ensure!(r.has(*field), "{field} is lost, or the suite does not set it");
        }
        let listed = s.db.list_collections(None).await?;
        same!(listed.first().map(|l| l.to_json()), Some(full().to_json()));
    }
    fn put_with_version_zero_stores_one(s) {
        s.batch(put(rec("a"), PutIf::Absent)).await?;
        same!(s.must("a").await?.version, 1);
    }
    fn put_absent_refuses_a_holder(s) {
        s.add("a").await?;
        refused(s.db.batch_operations(put(rec_with("a", |r| r.dimension = 9), PutIf::Absent)).await, AlreadyExists)?;
        same!(s.must("a").await?.dimension, 8);
    }
    fn put_version_compares(s) {
        refused(s.db.batch_operations(put(rec("a"), PutIf::Version(1))).await, NotFound)?;
        s.add("a").await?;
        refused(s.db.batch_operations(put(rec("a"), PutIf::Version(2))).await, VersionConflict)?;
        s.batch(put(rec_with("a", |r| { r.version = 9; r.dimension = 9; }), PutIf::Version(1))).await?;
        let r = s.must("a").await?;
        same!((r.version, r.dimension), (9, 9));
    }
    fn put_any_replaces_with_a_new_incarnation(s) {
        let a = s.add("a").await?;
        s.batch(put(rec_with("a", |r| r.version = 1), PutIf::Any)).await?;
        let b = s.must("a").await?;
        ensure!(a.incarnation != b.incarnation);
        refused(s.db.update_collection((*a).clone()).await, VersionConflict)?;
    }
    fn put_keeps_names_unique(s) {
        s.add("a").await?;
        let taken = rec_with("b", |r| r.name = "name-a".into());
        refused(s.db.batch_operations(put(taken, PutIf::Any)).await, AlreadyExists)?;
        same!(s.matching("").await?, "a");
    }
    fn put_releases_the_old_name(s) {
        s.add("a").await?;
        s.batch(put(rec_with("a", |r| r.name = "new".into()), PutIf::Any)).await?;
        same!(s.db.get_collection_by_name("name-a").await?, None);
        s.db.create_collection(rec_with("b", |r| r.name = "name-a".into())).await?;
    }
    fn put_keeps_limits(s) {
        refused(s.db.batch_operations(put(rec_with("a", |r| r.dimension = 0), PutIf::Any)).await, InvalidInput)?;
        refused(s.db.batch_operations(put(rec_with("", |r| r.name = "n".into()), PutIf::Any)).await, InvalidInput)?;
    }
    fn times_keep_their_microseconds(s) {
        s.clock.advance(1);
        s.add("a").await?;
        same!(s.must("a").await?.created_at, START.saturating_add(1));
    }
    fn content_is_independent_of_the_caller(s) {
        let a = s.add("a").await?;
        let mut copy = (*a).clone();
        copy.dimension = 99;
        same!(s.must("a").await?.dimension, 8);
        drop(copy);
    }
}

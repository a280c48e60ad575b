//! Rule 5: update is compare-and-set on version and incarnation.

use proximadb_meta_core::ErrorKind::{AlreadyExists, InvalidInput, NotFound, VersionConflict};
use proximadb_meta_core::{AccessPattern, Change, ConfigJson, Detail, IndexingAlgorithm, Operation};

use crate::case::{edited, rec, rec_with, refused};

fn set(id: &str, change: Change) -> Vec<Operation> {
    vec![Operation::Set { id: id.into(), change }]
}

cases! { 5 rule05;
    fn stale_version_is_refused(s) {
        let old = s.add("a").await?;
        s.db.update_collection(edited(&old, |r| r.dimension = 9)).await?;
        let e = refused(s.db.update_collection(edited(&old, |r| r.dimension = 10)).await, VersionConflict)?;
        same!(e.detail(), Some(&Detail::Version { expected: 1, found: 2 }));
        same!(s.must("a").await?.dimension, 9);
    }
    fn future_version_is_refused(s) {
        let a = s.add("a").await?;
        refused(s.db.update_collection(edited(&a, |r| r.version = 2)).await, VersionConflict)?;
        refused(s.db.update_collection(edited(&a, |r| r.version = 0)).await, VersionConflict)?;
    }
    fn delete_and_recreate_is_noticed(s) {
        let old = s.add("a").await?;
        s.db.delete_collection("a").await?;
        s.add("a").await?;
        let e = refused(s.db.update_collection(edited(&old, |r| r.dimension = 9)).await, VersionConflict)?;
        same!(e.detail(), Some(&Detail::Version { expected: 1, found: 1 }));
        same!(s.must("a").await?.dimension, 8);
    }
    fn a_record_not_read_is_refused(s) {
        s.add("a").await?;
        refused(s.db.update_collection(rec_with("a", |r| r.version = 1)).await, VersionConflict)?;
    }
    fn a_missing_record_is_not_found(s) {
        refused(s.db.update_collection(rec("a")).await, NotFound)?;
        same!(s.db.count_collections(None).await?, 0);
    }
    fn a_deleted_record_is_not_found(s) {
        let a = s.add("a").await?;
        s.db.delete_collection("a").await?;
        refused(s.db.update_collection((*a).clone()).await, NotFound)?;
        same!(s.db.get_collection("a").await?, None);
    }
    fn an_update_that_changes_nothing_counts(s) {
        let a = s.add("a").await?;
        s.clock.advance(3);
        let b = s.db.update_collection((*a).clone()).await?;
        same!(b.version, 2);
        same!(b.updated_at, s.must("a").await?.updated_at);
        ensure!(b.updated_at > a.updated_at);
    }
    fn incarnation_stays_through_update(s) {
        let a = s.add("a").await?;
        let b = s.db.update_collection(edited(&a, |r| r.dimension = 9)).await?;
        same!(a.incarnation, b.incarnation);
        let c = s.db.update_collection(edited(&b, |r| r.dimension = 10)).await?;
        same!(c.version, 3);
    }
    fn update_never_writes_counters(s) {
        let a = s.add("a").await?;
        s.count("a", 10, 20).await?;
        let b = s.db.update_collection(edited(&a, |r| { r.vector_count = 999; r.total_size_bytes = 0; })).await?;
        same!((b.vector_count, b.total_size_bytes), (10, 20));
        same!((s.must("a").await?.vector_count, s.must("a").await?.total_size_bytes), (10, 20));
    }
    fn rename_moves_the_name(s) {
        let a = s.add("a").await?;
        let b = s.db.update_collection(edited(&a, |r| r.name = "new".into())).await?;
        same!(s.db.get_collection_by_name("new").await?, Some(b));
        same!(s.db.get_collection_by_name("name-a").await?, None);
    }
    fn rename_frees_the_old_name(s) {
        let a = s.add("a").await?;
        s.db.update_collection(edited(&a, |r| r.name = "new".into())).await?;
        s.db.create_collection(rec_with("b", |r| r.name = "name-a".into())).await?;
        same!(s.matching("").await?, "a,b");
    }
    fn rename_back_is_possible(s) {
        let a = s.add("a").await?;
        let b = s.db.update_collection(edited(&a, |r| r.name = "new".into())).await?;
        let c = s.db.update_collection(edited(&b, |r| r.name = "name-a".into())).await?;
        same!(s.db.get_collection_by_name("name-a").await?, Some(c));
    }
    fn rename_to_a_taken_name_is_refused(s) {
        let a = s.add("a").await?;
        s.add("b").await?;
        let e = refused(s.db.update_collection(edited(&a, |r| r.name = "name-b".into())).await, AlreadyExists)?;
        same!(e.detail(), Some(&Detail::NameTaken("name-b".into())));
        same!(&*s.must("a").await?.name, "name-a");
        same!(s.must("a").await?.version, 1);
    }
    fn rename_by_case_alone_is_a_rename(s) {
        let a = s.add("a").await?;
        s.db.update_collection(edited(&a, |r| r.name = "NAME-A".into())).await?;
        same!(s.db.get_collection_by_name("name-a").await?, None);
        same!(s.must("a").await?.version, 2);
    }
    fn invalid_input_comes_first(s) {
        refused(s.db.update_collection(rec_with("a", |r| r.dimension = 0)).await, InvalidInput)?;
    }
    fn not_found_comes_before_a_taken_name(s) {
        s.add("b").await?;
        refused(s.db.update_collection(rec_with("a", |r| r.name = "name-b".into())).await, NotFound)?;
    }
    fn a_conflict_comes_before_a_taken_name(s) {
        let old = s.add("a").await?;
        s.add("b").await?;
        s.db.update_collection((*old).clone()).await?;
        refused(s.db.update_collection(edited(&old, |r| r.name = "name-b".into())).await, VersionConflict)?;
    }
    fn optional_fields_can_be_taken_away(s) {
        let a = s.db.create_collection(rec_with("a", |r| {
            r.owner = Some("bob".into());
            r.description = Some("text".into());
            r.tags = ["x"].into();
        })).await?;
        s.db.update_collection(edited(&a, |r| {
            r.owner = None;
            r.description = None;
            r.tags = Default::default();
        })).await?;
        let r = s.must("a").await?;
        same!((r.owner.clone(), r.description.clone(), r.tags.len()), (None, None, 0));
        same!(s.matching("owner:* OR description:* OR tags:*").await?, "");
    }
    fn set_changes_one_field_without_a_version(s) {
        let config = ConfigJson::parse(r#"{"m":32}"#)?;
        s.add("a").await?;
        for change in [
            Change::Owner(Some("bob".into())),
            Change::Description(Some("text".into())),
            Change::Tags(["t"].into()),
            Change::AccessPattern(AccessPattern::Hot),
            Change::IndexingAlgorithm(IndexingAlgorithm::FLAT),
            Change::Config(config.clone()),
        ] {
            s.batch(set("a", change)).await?;
        }
        let r = s.must("a").await?;
        same!(r.version, 7);
        same!((r.owner.as_deref(), r.description.as_deref()), (Some("bob"), Some("text")));
        same!((r.access_pattern, r.indexing_algorithm.as_str(), &r.config), (AccessPattern::Hot, "flat", &config));
        ensure!(r.tags.contains("t"));
    }
    fn set_never_writes_counters(s) {
        s.add("a").await?;
        s.count("a", 7, 8).await?;
        s.batch(set("a", Change::Owner(None))).await?;
        let r = s.must("a").await?;
        same!((r.vector_count, r.total_size_bytes, r.version), (7, 8, 2));
    }
    fn set_on_nothing_is_not_found(s) {
        refused(s.db.batch_operations(set("a", Change::Owner(None))).await, NotFound)?;
    }
    fn set_keeps_limits(s) {
        s.add("a").await?;
        refused(s.db.batch_operations(set("a", Change::Owner(Some("".into())))).await, InvalidInput)?;
        same!(s.must("a").await?.version, 1);
    }
}

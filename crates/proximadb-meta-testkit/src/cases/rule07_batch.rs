//! Rule 7: a batch is all or nothing, and each operation sees the earlier ones.

use proximadb_meta_core::ErrorKind::{AlreadyExists, InvalidInput, NotFound, OutOfRange, Unsupported, VersionConflict};
use proximadb_meta_core::{Change, Operation, Outcome, PutIf, StatsDelta};

use crate::case::{Need, edited, rec, rec_with, refused};

fn create(id: &str) -> Operation {
    Operation::Create(rec(id))
}

fn delete(id: &str) -> Operation {
    Operation::Delete { id: id.into() }
}

fn count(id: &str, vectors: i64) -> Operation {
    Operation::RecordStats { id: id.into(), delta: StatsDelta { vectors, bytes: vectors } }
}

fn owner(id: &str, owner: &str) -> Operation {
    Operation::Set { id: id.into(), change: Change::Owner(Some(owner.into())) }
}

cases! { 7 rule07;
    fn an_empty_batch_does_nothing(s) {
        same!(s.batch(vec![]).await?, vec![]);
    }
    [Need::Batch(4)] fn one_outcome_an_operation(s) {
        let a = s.add("a").await?;
        let out = s.batch(vec![create("b"), Operation::Update((*a).clone()), delete("x"), count("a", 4)]).await?;
        same!(out.len(), 4);
        same!(out[0].record().cloned(), Some(s.must("b").await?));
        same!(out[1].record().map(|r| (r.version, r.vector_count)), Some((2, 0)));
        same!(out[2], Outcome::Deleted(false));
        same!(out[3].record().cloned(), Some(s.must("a").await?));
    }
    [Need::Batch(3)] fn a_failing_operation_undoes_all(s) {
        s.add("a").await?;
        refused(s.db.batch_operations(vec![create("b"), count("a", 5), create("a")]).await, AlreadyExists)?;
        same!(s.matching("").await?, "a");
        same!(s.must("a").await?.vector_count, 0);
        same!(s.db.get_collection_by_name("name-b").await?, None);
    }
    [Need::Batch(4)] fn the_lowest_failing_index_is_told(s) {
        s.add("a").await?;
        let e = refused(s.db.batch_operations(vec![create("b"), count("no", 1), create("a"), create("c")]).await, NotFound)?;
        same!(e.index(), Some(1));
        let e = refused(s.db.batch_operations(vec![create("b"), create("c"), create("a"), count("no", 1)]).await, AlreadyExists)?;
        same!(e.index(), Some(2));
    }
    [Need::Batch(3)] fn invalid_input_comes_before_anything(s) {
        let bad = Operation::Create(rec_with("z", |r| r.dimension = 0));
        let e = refused(s.db.batch_operations(vec![count("no", 1), create("b"), bad]).await, InvalidInput)?;
        same!(e.index(), Some(2));
        same!(s.matching("").await?, "");
    }
    fn a_single_call_has_no_index(s) {
        s.add("a").await?;
        same!(refused(s.db.create_collection(rec("a")).await, AlreadyExists)?.index(), None);
    }
    [Need::Batch(4)] fn each_sees_the_earlier_ones(s) {
        let out = s.batch(vec![create("a"), count("a", 5), owner("a", "bob"), count("a", -2)]).await?;
        let at = |i: usize| out.get(i).and_then(|o| o.record()).map(|r| (r.version, r.vector_count));
        same!((at(0), at(1), at(2), at(3)), (Some((1, 0)), Some((1, 5)), Some((2, 5)), Some((2, 3))));
        let r = s.must("a").await?;
        same!((r.version, r.vector_count, r.owner.as_deref()), (2, 3, Some("bob")));
    }
    [Need::Batch(2)] fn create_and_delete_cancel_out(s) {
        same!(s.batch(vec![create("a"), delete("a")]).await?[1], Outcome::Deleted(true));
        same!(s.matching("").await?, "");
        s.add("a").await?;
    }
    [Need::Batch(2)] fn delete_and_create_is_a_new_life(s) {
        let a = s.add("a").await?;
        s.count("a", 3, 3).await?;
        s.batch(vec![delete("a"), create("a")]).await?;
        let b = s.must("a").await?;
        ensure!(b.incarnation != a.incarnation);
        same!((b.version, b.vector_count), (1, 0));
    }
    [Need::Batch(2)] fn a_name_freed_earlier_can_be_taken(s) {
        let a = s.add("a").await?;
        let b = Operation::Create(rec_with("b", |r| r.name = "name-a".into()));
        s.batch(vec![Operation::Update(edited(&a, |r| r.name = "new".into())), b]).await?;
        same!(s.db.get_collection_by_name("name-a").await?.map(|r| r.id.to_string()), Some("b".to_owned()));
    }
    [Need::Batch(2)] fn a_name_freed_later_cannot_be_taken(s) {
        s.add("a").await?;
        let b = Operation::Create(rec_with("b", |r| r.name = "name-a".into()));
        let e = refused(s.db.batch_operations(vec![b, delete("a")]).await, AlreadyExists)?;
        same!(e.index(), Some(0));
        same!(s.matching("").await?, "a");
    }
    [Need::Batch(3)] fn a_swap_needs_a_temporary_name(s) {
        let (a, b) = (s.add("a").await?, s.add("b").await?);
        let rename = |r: &proximadb_meta_core::CollectionMetadata, n: &str| Operation::Update(edited(r, |r| r.name = n.into()));
        refused(s.db.batch_operations(vec![rename(&a, "name-b"), rename(&b, "name-a")]).await, AlreadyExists)?;
        let back = Operation::Update(edited(&a, |r| { r.name = "name-b".into(); r.version = 2; }));
        s.batch(vec![rename(&a, "tmp"), rename(&b, "name-a"), back]).await?;
        same!((&*s.must("a").await?.name, &*s.must("b").await?.name), ("name-b", "name-a"));
    }
    [Need::Batch(2)] fn two_creates_of_one_name_are_refused(s) {
        let b = Operation::Create(rec_with("b", |r| r.name = "name-a".into()));
        let e = refused(s.db.batch_operations(vec![create("a"), b]).await, AlreadyExists)?;
        same!(e.index(), Some(1));
        same!(s.matching("").await?, "");
    }
    [Need::Batch(2)] fn a_name_held_only_on_the_way_must_be_free(s) {
        s.add("a").await?;
        let taken = Operation::Create(rec_with("b", |r| r.name = "name-a".into()));
        let e = refused(s.db.batch_operations(vec![taken, delete("b")]).await, AlreadyExists)?;
        same!(e.index(), Some(0));
        let c = s.add("c").await?;
        let rename = |name: &str, v: u64| Operation::Update(edited(&c, |r| { r.version = v; r.name = name.into(); }));
        let e = refused(s.db.batch_operations(vec![rename("name-a", 1), rename("other", 2)]).await, AlreadyExists)?;
        same!(e.index(), Some(0));
        s.batch(vec![rename("x", 1), rename("other", 2)]).await?;
        same!(&*s.must("c").await?.name, "other");
    }
    [Need::Batch(3)] fn a_later_put_does_not_change_earlier_outcomes(s) {
        s.add("a").await?;
        s.count("a", 4, 40).await?;
        let put = Operation::Put { record: rec_with("a", |r| r.vector_count = 9), when: PutIf::Any };
        let done = s.batch(vec![count("a", 1), owner("a", "bob"), put]).await?;
        let counters: Vec<_> = done.iter().map(|o| o.record().map(|r| (r.vector_count, r.total_size_bytes))).collect();
        same!(counters, vec![Some((5, 41)), Some((5, 41)), Some((9, 0))]);
    }
    [Need::Batch(2)] fn a_counter_may_not_dip_below_zero(s) {
        s.add("a").await?;
        let e = refused(s.db.batch_operations(vec![count("a", -1), count("a", 5)]).await, OutOfRange)?;
        same!(e.index(), Some(0));
        same!(s.must("a").await?.vector_count, 0);
    }
    [Need::Batch(2)] fn a_second_update_needs_the_new_version(s) {
        let a = s.add("a").await?;
        let up = |v: u64| Operation::Update(edited(&a, |r| { r.version = v; r.dimension = 9; }));
        let e = refused(s.db.batch_operations(vec![up(1), up(1)]).await, VersionConflict)?;
        same!(e.index(), Some(1));
        s.batch(vec![up(1), up(2)]).await?;
        same!(s.must("a").await?.version, 3);
    }
    [Need::Batch(3)] fn deletes_say_whether_it_was_there(s) {
        s.add("a").await?;
        same!(s.batch(vec![delete("a"), delete("a"), delete("b")]).await?,
            vec![Outcome::Deleted(true), Outcome::Deleted(false), Outcome::Deleted(false)]);
    }
    [Need::Batch(2)] fn an_expired_put_is_gone_within_the_batch(s) {
        let gone = Operation::Put { record: rec_with("a", |r| r.expires_at = Some(crate::case::START)), when: PutIf::Any };
        let e = refused(s.db.batch_operations(vec![gone, owner("a", "bob")]).await, NotFound)?;
        same!(e.index(), Some(1));
    }
    [Need::Batch(100)] fn a_hundred_records_at_once(s) {
        s.batch((0..100).map(|i| create(&format!("{i:03}"))).collect()).await?;
        same!(s.db.count_collections(None).await?, 100);
        s.batch((0..100).map(|i| delete(&format!("{i:03}"))).collect()).await?;
        same!(s.db.count_collections(None).await?, 0);
    }
    [Need::SmallBatchLimit] fn a_batch_over_the_limit_is_refused_whole(s) {
        let n = s.db.capabilities().atomic_batch.ops + 1;
        s.add("a").await?;
        refused(s.db.batch_operations((0..n).map(|_| count("a", 1)).collect()).await, Unsupported)?;
        same!(s.must("a").await?.vector_count, 0);
    }
}

//! Rule 8: deletes say what was there; an expired record is gone from its instant on.

use proximadb_meta_core::ErrorKind::{InvalidInput, NotFound};
use proximadb_meta_core::{Change, ListRequest, Operation, PutIf, Retention, StatsDelta, Timestamp};

use crate::case::{Need, START, edited, rec, rec_with, refused};

fn brief(id: &str) -> proximadb_meta_core::CollectionMetadata {
    rec_with(id, |r| r.expires_at = Some(START.saturating_add(100)))
}

cases! { 8 rule08;
    fn delete_says_whether_it_was_there(s) {
        s.add("a").await?;
        ensure!(s.db.delete_collection("a").await?);
        ensure!(!s.db.delete_collection("a").await?);
        same!(s.db.get_collection("a").await?, None);
        same!(s.db.get_collection_by_name("name-a").await?, None);
        same!(s.matching("").await?, "");
    }
    fn a_record_lives_until_its_instant(s) {
        s.db.create_collection(brief("a")).await?;
        s.clock.advance(99);
        s.must("a").await?;
        ensure!(s.db.get_collection_by_name("name-a").await?.is_some());
        same!(s.matching("").await?, "a");
        s.count("a", 1, 1).await?;
    }
    fn a_record_is_gone_at_its_instant(s) {
        s.db.create_collection(brief("a")).await?;
        s.clock.advance(100);
        same!(s.db.get_collection("a").await?, None);
        same!(s.db.get_collection_by_name("name-a").await?, None);
        same!(s.matching("").await?, "");
        same!(s.pages(ListRequest::new()).await?.len(), 0);
    }
    fn writes_do_not_find_an_expired_record(s) {
        let a = s.db.create_collection(brief("a")).await?;
        s.clock.advance(100);
        refused(s.db.update_collection(edited(&a, |r| r.expires_at = None)).await, NotFound)?;
        refused(s.db.record_stats("a", StatsDelta { vectors: 1, bytes: 1 }).await, NotFound)?;
        refused(s.db.batch_operations(vec![Operation::Set { id: "a".into(), change: Change::Owner(None) }]).await, NotFound)?;
        refused(s.db.batch_operations(vec![Operation::Put { record: rec("a"), when: PutIf::Version(1) }]).await, NotFound)?;
        ensure!(!s.db.delete_collection("a").await?);
    }
    fn an_expired_id_is_free(s) {
        let old = s.db.create_collection(brief("a")).await?;
        s.count("a", 5, 5).await?;
        s.clock.advance(100);
        let new = s.add("a").await?;
        same!((new.version, new.vector_count, new.created_at), (1, 0, START.saturating_add(100)));
        ensure!(new.incarnation != old.incarnation);
        same!(s.matching("").await?, "a");
    }
    fn an_expired_name_is_free_for_create(s) {
        s.db.create_collection(brief("a")).await?;
        s.clock.advance(100);
        s.db.create_collection(rec_with("b", |r| r.name = "name-a".into())).await?;
        same!(s.matching("").await?, "b");
        s.db.create_collection(rec_with("a", |r| r.name = "other".into())).await?;
        same!(s.db.get_collection_by_name("name-a").await?.map(|r| r.id.to_string()), Some("b".into()));
    }
    fn an_expired_name_is_free_for_rename(s) {
        s.db.create_collection(brief("a")).await?;
        let b = s.add("b").await?;
        s.clock.advance(100);
        s.db.update_collection(edited(&b, |r| r.name = "name-a".into())).await?;
        same!(s.db.get_collection_by_name("name-a").await?.map(|r| r.id.to_string()), Some("b".into()));
    }
    fn an_expiry_not_after_now_is_refused(s) {
        for at in [START, START.saturating_add(-1), Timestamp::MIN] {
            refused(s.db.create_collection(rec_with("a", |r| r.expires_at = Some(at))).await, InvalidInput)?;
        }
        let a = s.add("a").await?;
        refused(s.db.update_collection(edited(&a, |r| r.expires_at = Some(START))).await, InvalidInput)?;
        s.db.update_collection(edited(&a, |r| r.expires_at = Some(START.saturating_add(1)))).await?;
    }
    fn retention_with_auto_delete_fills_expiry(s) {
        let a = s.db.create_collection(rec_with("a", |r| r.retention = Some(Retention { retain_days: 2, auto_delete: true }))).await?;
        same!(a.expires_at, Some(START.saturating_add(2 * Timestamp::MICROS_PER_DAY)));
        s.clock.advance(2 * Timestamp::MICROS_PER_DAY - 1);
        s.must("a").await?;
        s.clock.advance(1);
        same!(s.db.get_collection("a").await?, None);
    }
    fn retention_without_auto_delete_is_no_expiry(s) {
        let a = s.db.create_collection(rec_with("a", |r| r.retention = Some(Retention { retain_days: 1, auto_delete: false }))).await?;
        same!(a.expires_at, None);
        s.clock.advance(400 * Timestamp::MICROS_PER_DAY);
        s.must("a").await?;
    }
    fn a_given_expiry_wins_over_retention(s) {
        let a = s.db.create_collection(edited(&brief("a"), |r| r.retention = Some(Retention { retain_days: 9, auto_delete: true }))).await?;
        same!(a.expires_at, Some(START.saturating_add(100)));
    }
    fn set_can_lengthen_and_take_expiry_away(s) {
        s.db.create_collection(brief("a")).await?;
        let set = |at| vec![Operation::Set { id: "a".into(), change: Change::ExpiresAt(at) }];
        s.batch(set(Some(START.saturating_add(200)))).await?;
        s.clock.advance(150);
        s.must("a").await?;
        s.batch(set(None)).await?;
        s.clock.advance(1_000_000);
        same!(s.must("a").await?.expires_at, None);
    }
    fn put_of_an_expired_record_is_not_seen(s) {
        s.batch(vec![Operation::Put { record: rec_with("a", |r| r.expires_at = Some(START)), when: PutIf::Any }]).await?;
        same!(s.db.get_collection("a").await?, None);
        s.db.create_collection(rec_with("b", |r| r.name = "name-a".into())).await?;
    }
    fn statistics_count_live_records(s) {
        s.db.create_collection(brief("a")).await?;
        s.add("b").await?;
        s.clock.advance(100);
        let stats = s.db.get_stats().await?;
        if let Some(n) = stats.collections.filter(|n| n.as_of.is_none()) {
            same!(n.value, 1);
        }
    }
    [Need::Batch(2)] fn expired_records_do_not_end_a_list_early(s) {
        for i in 0..12 {
            s.db.create_collection(brief(&format!("x{i:02}"))).await?;
        }
        s.add("z").await?;
        s.clock.advance(100);
        same!(crate::case::ids(&s.pages(ListRequest::new().with_limit(2)).await?), "z");
    }
}

//! Rule 6: counters are exact, commute and stay in range.

use proximadb_meta_core::ErrorKind::{NotFound, OutOfRange};
use proximadb_meta_core::limits::MAX_SAFE_INTEGER;
use proximadb_meta_core::{Operation, PutIf, StatsDelta};

use crate::case::{edited, rec_with, refused};

const MAX: i64 = MAX_SAFE_INTEGER as i64;

cases! { 6 rule06;
    fn deltas_add_up(s) {
        s.add("a").await?;
        s.count("a", 5, 100).await?;
        s.count("a", -2, 50).await?;
        let r = s.count("a", 0, -150).await?;
        same!((r.vector_count, r.total_size_bytes), (3, 0));
        same!(s.must("a").await?, r);
    }
    fn version_and_updated_at_stay(s) {
        let a = s.add("a").await?;
        s.clock.advance(1_000);
        let b = s.count("a", 1, 1).await?;
        same!((b.version, b.updated_at, b.created_at, b.incarnation), (1, a.updated_at, a.created_at, a.incarnation));
        same!(s.must("a").await?.version, 1);
    }
    fn an_update_after_counting_is_no_conflict(s) {
        let a = s.add("a").await?;
        s.count("a", 1, 1).await?;
        let b = s.db.update_collection(edited(&a, |r| r.dimension = 9)).await?;
        same!((b.version, b.vector_count), (2, 1));
    }
    fn below_zero_is_out_of_range(s) {
        s.add("a").await?;
        s.count("a", 3, 3).await?;
        refused(s.db.record_stats("a", StatsDelta { vectors: -4, bytes: 0 }).await, OutOfRange)?;
        refused(s.db.record_stats("a", StatsDelta { vectors: 0, bytes: -4 }).await, OutOfRange)?;
        same!((s.must("a").await?.vector_count, s.must("a").await?.total_size_bytes), (3, 3));
    }
    fn both_parts_or_none(s) {
        s.add("a").await?;
        refused(s.db.record_stats("a", StatsDelta { vectors: 5, bytes: -1 }).await, OutOfRange)?;
        refused(s.db.record_stats("a", StatsDelta { vectors: -1, bytes: 5 }).await, OutOfRange)?;
        same!((s.must("a").await?.vector_count, s.must("a").await?.total_size_bytes), (0, 0));
    }
    fn the_highest_value_is_reached_and_not_passed(s) {
        s.add("a").await?;
        s.count("a", MAX, MAX - 1).await?;
        refused(s.db.record_stats("a", StatsDelta { vectors: 1, bytes: 0 }).await, OutOfRange)?;
        let r = s.count("a", 0, 1).await?;
        same!((r.vector_count, r.total_size_bytes), (MAX_SAFE_INTEGER, MAX_SAFE_INTEGER));
        let r = s.count("a", -MAX, -MAX).await?;
        same!((r.vector_count, r.total_size_bytes), (0, 0));
    }
    fn extreme_deltas_do_not_wrap(s) {
        s.add("a").await?;
        s.count("a", 1, 1).await?;
        for d in [i64::MAX, i64::MIN, MAX + 1, -MAX - 1] {
            refused(s.db.record_stats("a", StatsDelta { vectors: d, bytes: 0 }).await, OutOfRange)?;
            refused(s.db.record_stats("a", StatsDelta { vectors: 0, bytes: d }).await, OutOfRange)?;
        }
        same!(s.must("a").await?.vector_count, 1);
    }
    fn counting_nothing_is_not_found(s) {
        refused(s.db.record_stats("a", StatsDelta { vectors: 1, bytes: 1 }).await, NotFound)?;
        same!(s.db.get_collection("a").await?, None);
    }
    fn an_empty_delta_answers_the_record(s) {
        s.add("a").await?;
        let r = s.count("a", 0, 0).await?;
        same!(s.must("a").await?, r);
        refused(s.db.record_stats("b", StatsDelta::default()).await, NotFound)?;
    }
    fn counters_start_anew_after_recreate(s) {
        s.add("a").await?;
        s.count("a", 9, 9).await?;
        s.db.delete_collection("a").await?;
        s.add("a").await?;
        same!(s.must("a").await?.vector_count, 0);
    }
    fn put_writes_counters(s) {
        s.add("a").await?;
        s.count("a", 9, 9).await?;
        s.batch(vec![Operation::Put { record: rec_with("a", |r| r.vector_count = 4), when: PutIf::Any }]).await?;
        same!((s.must("a").await?.vector_count, s.must("a").await?.total_size_bytes), (4, 0));
        same!(s.count("a", 1, 1).await?.vector_count, 5);
    }
    fn lists_and_filters_see_new_counters(s) {
        s.add("a").await?;
        s.add("b").await?;
        s.count("a", 10, 0).await?;
        same!(s.matching("vector_count >= 10").await?, "a");
        s.count("a", -1, 0).await?;
        same!(s.matching("vector_count >= 10").await?, "");
        same!(s.matching("vector_count = 9").await?, "a");
    }
}

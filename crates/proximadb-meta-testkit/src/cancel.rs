//! A dropped write future leaves the write not started or completing by itself, never half done.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use proximadb_meta_core::{Operation, StatsDelta};

use crate::case::{Need, edited, rec};

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

/// Polls at most `times`, then drops: whether it finished.
fn poll_and_drop<T>(mut future: Pin<Box<dyn Future<Output = T> + Send + '_>>, times: usize) -> bool {
    let waker = Waker::from(Arc::new(Nobody));
    let mut context = Context::from_waker(&waker);
    (0..times).any(|_| matches!(future.as_mut().poll(&mut context), Poll::Ready(_)))
}

cases! { 9 cancel;
    [Need::Batch(2)] fn a_dropped_batch_is_whole_or_absent(s) {
        for i in 0..12 {
            let (a, b) = (format!("a{i}"), format!("b{i}"));
            poll_and_drop(s.db.batch_operations(vec![Operation::Create(rec(&a)), Operation::Create(rec(&b))]), i % 4);
            // A write behind it in the queue shows that it has finished.
            s.add(&format!("c{i}")).await?;
            same!(s.db.get_collection(&a).await?.is_some(), s.db.get_collection(&b).await?.is_some());
        }
    }
    fn a_future_never_polled_does_nothing(s) {
        poll_and_drop(s.db.create_collection(rec("a")), 0);
        same!(s.db.get_collection("a").await?, None);
    }
    fn a_dropped_delta_counts_once_or_never(s) {
        s.add("a").await?;
        for i in 0..12 {
            let before = s.must("a").await?.vector_count;
            let done = poll_and_drop(s.db.record_stats("a", StatsDelta { vectors: 5, bytes: 7 }), i % 4);
            s.add(&format!("c{i}")).await?;
            let r = s.must("a").await?;
            ensure!(r.vector_count == before + 5 || (!done && r.vector_count == before), "{before} became {}", r.vector_count);
            same!(r.vector_count / 5 * 7, r.total_size_bytes);
        }
    }
    fn a_dropped_rename_leaves_one_name(s) {
        let mut now = s.add("a").await?;
        for i in 0..12 {
            let (old, new) = (now.name.clone(), format!("new{i}"));
            poll_and_drop(s.db.update_collection(edited(&now, |r| r.name = new.as_str().into())), i % 4);
            s.add(&format!("c{i}")).await?;
            let (a, b) = (s.db.get_collection_by_name(&old).await?, s.db.get_collection_by_name(&new).await?);
            ensure!(a.is_some() != b.is_some(), "{old} and {new}: {a:?}, {b:?}");
            now = s.must("a").await?;
        }
    }
    fn a_store_works_after_many_dropped_calls(s) {
        for i in 0..50 {
            poll_and_drop(s.db.create_collection(rec(&format!("{i}"))), 1);
            poll_and_drop(s.db.list_collections(None), 1);
            poll_and_drop(s.db.delete_collection(&format!("{i}")), i % 3);
        }
        s.add("z").await?;
        s.must("z").await?;
    }
}

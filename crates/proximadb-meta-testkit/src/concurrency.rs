//! Many callers at once: name races, lost counters, compare-and-set, pages under writes. Run on one thread, interleaved at
//! every await, and so the same every time for a store that works in the process.

use std::sync::Arc;

use proximadb_meta_core::{CollectionMetadata, ErrorKind, ListRequest, Operation, Result, StatsDelta};
use tokio::task::JoinSet;

use crate::case::{CaseResult, edited, ids, rec, rec_with};

/// How many of the results are good; the others must have been refused as `kind`.
async fn winners<T: std::fmt::Debug + 'static>(mut tasks: JoinSet<Result<T>>, kind: ErrorKind) -> CaseResult<usize> {
    let mut good = 0;
    while let Some(done) = tasks.join_next().await {
        match done? {
            Ok(_) => good += 1,
            Err(e) => ensure!(e.kind() == kind, "lost the race with {e:?}, not {kind}"),
        }
    }
    Ok(good)
}

cases! { 9 concurrency;
    fn one_of_many_creates_gets_the_name(s) {
        for round in 0..5 {
            let mut tasks = JoinSet::new();
            for i in 0..16 {
                let db = s.db.clone();
                let r = rec_with(&format!("{round}-{i}"), |r| r.name = format!("race-{round}").into());
                tasks.spawn(async move { db.create_collection(r).await });
            }
            same!(winners(tasks, ErrorKind::AlreadyExists).await?, 1);
            same!(s.db.count_collections(None).await?, round + 1);
        }
    }
    fn one_of_many_creates_gets_the_id(s) {
        let mut tasks = JoinSet::new();
        for i in 0..16 {
            let db = s.db.clone();
            let r = rec_with("a", |r| r.name = format!("n{i}").into());
            tasks.spawn(async move { db.create_collection(r).await });
        }
        same!(winners(tasks, ErrorKind::AlreadyExists).await?, 1);
        same!(s.matching("").await?, "a");
    }
    fn one_of_many_renames_gets_the_name(s) {
        let mut tasks = JoinSet::new();
        for i in 0..8 {
            let r = s.add(&format!("{i}")).await?;
            let db = s.db.clone();
            tasks.spawn(async move { db.update_collection(edited(&r, |r| r.name = "wanted".into())).await });
        }
        same!(winners(tasks, ErrorKind::AlreadyExists).await?, 1);
        same!(s.matching("name = wanted").await?.len(), 1);
    }
    fn one_of_many_updates_wins(s) {
        let mut now: Arc<CollectionMetadata> = s.add("a").await?;
        for _ in 0..5 {
            let mut tasks = JoinSet::new();
            for i in 0..16 {
                let (db, r) = (s.db.clone(), edited(&now, |r| r.dimension = i + 100));
                tasks.spawn(async move { db.update_collection(r).await });
            }
            same!(winners(tasks, ErrorKind::VersionConflict).await?, 1);
            let next = s.must("a").await?;
            same!(next.version, now.version + 1);
            now = next;
        }
    }
    fn no_delta_is_lost(s) {
        s.add("a").await?;
        let mut tasks = JoinSet::new();
        for i in 0..64 {
            let db = s.db.clone();
            tasks.spawn(async move { db.record_stats("a", StatsDelta { vectors: i, bytes: 1 }).await });
        }
        same!(winners(tasks, ErrorKind::Internal).await?, 64);
        let r = s.must("a").await?;
        same!((r.vector_count, r.total_size_bytes, r.version), (2016, 64, 1));
    }
    fn counting_and_updating_do_not_disturb(s) {
        let mut now = s.add("a").await?;
        let mut tasks = JoinSet::new();
        for _ in 0..32 {
            let db = s.db.clone();
            tasks.spawn(async move { db.record_stats("a", StatsDelta { vectors: 1, bytes: 2 }).await });
        }
        for _ in 0..8 {
            now = s.db.update_collection(edited(&now, |r| r.dimension += 1)).await?;
            tokio::task::yield_now().await;
        }
        same!(winners(tasks, ErrorKind::Internal).await?, 32);
        let r = s.must("a").await?;
        same!((r.vector_count, r.total_size_bytes, r.version, r.dimension), (32, 64, 9, 16));
    }
    fn one_of_many_deletes_says_true(s) {
        s.add("a").await?;
        let mut tasks = JoinSet::new();
        for _ in 0..16 {
            let db = s.db.clone();
            tasks.spawn(async move { db.delete_collection("a").await });
        }
        let mut hits = 0;
        while let Some(done) = tasks.join_next().await {
            hits += usize::from(done??);
        }
        same!(hits, 1);
    }
    [crate::case::Need::Batch(2)] fn batches_are_seen_whole(s) {
        s.batch(vec![Operation::Create(rec("a")), Operation::Create(rec("b"))]).await?;
        let mut tasks = JoinSet::new();
        for _ in 0..20 {
            let db = s.db.clone();
            tasks.spawn(async move {
                let count = |id: &str, vectors| Operation::RecordStats { id: id.into(), delta: StatsDelta { vectors, bytes: 0 } };
                db.batch_operations(vec![count("a", 1), count("b", 1)]).await
            });
            let (a, b) = (s.must("a").await?, s.must("b").await?);
            ensure!(b.vector_count >= a.vector_count, "b was read later and shows less");
            tokio::task::yield_now().await;
        }
        same!(winners(tasks, ErrorKind::Internal).await?, 20);
        same!((s.must("a").await?.vector_count, s.must("b").await?.vector_count), (20, 20));
    }
    fn pages_under_writes_show_what_stays_once(s) {
        for i in 0..40 {
            s.add(&format!("{i:02}")).await?;
        }
        let db = s.db.clone();
        let writer = tokio::spawn(async move {
            for i in 0..40 {
                db.create_collection(rec(&format!("{i:02}x"))).await?;
                db.delete_collection(&format!("{i:02}x")).await?;
                let r = db.get_collection(&format!("{i:02}")).await?;
                if let Some(r) = r {
                    db.update_collection((*r).clone()).await?;
                }
                tokio::task::yield_now().await;
            }
            Ok::<(), proximadb_meta_core::Error>(())
        });
        let mut request = ListRequest::new().with_limit(3);
        let mut seen = Vec::new();
        for _ in 0..200 {
            let page = s.db.list_page(request.clone()).await?;
            seen.extend(page.records);
            tokio::task::yield_now().await;
            match page.next {
                Some(next) => request.cursor = Some(next),
                None => break,
            }
        }
        writer.await??;
        seen.retain(|r| r.id.len() == 2);
        same!(ids(&seen), (0..40).map(|i| format!("{i:02}")).collect::<Vec<_>>().join(","));
    }
}

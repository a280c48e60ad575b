//! The check is checked: what was acknowledged passes, and each kind of loss is found.

use std::sync::Arc;

use proximadb_meta_core::{CollectionMetadata, Operation, PutIf, StatsDelta};

use super::*;
use crate::perform::{perform, prepare};

const WRITERS: usize = 2;

/// A catalog in memory after 150 steps of each writer, all of them acknowledged.
async fn written() -> (Arc<dyn MetadataBackend>, Tracks) {
    let db = proximadb_meta_memory::memory().into_backend();
    let mut tracks = Tracks::new(7, WRITERS, 0);
    prepare(&*db).await.unwrap();
    for _ in 0..150 {
        for w in 0..WRITERS {
            let script = tracks.script(w).unwrap().clone();
            let done = perform(&*db, &script, Path::new("")).await.unwrap();
            tracks.acknowledge(&Tracks::line(&script, &done)).unwrap();
        }
    }
    (db, tracks)
}

/// A record of the first writer that its next step does not touch.
async fn untouched(db: &dyn MetadataBackend, tracks: &Tracks) -> CollectionMetadata {
    let script = tracks.script(0).unwrap();
    let next = script.next();
    let id = script.rows().keys().find(|id| !next.ids().contains(&id.as_str())).unwrap();
    (*db.get_collection(id).await.unwrap().unwrap()).clone()
}

async fn found(db: &dyn MetadataBackend, tracks: &Tracks, words: &str) {
    let e = tracks.clone().verify(db).await.unwrap_err().to_string();
    assert!(e.contains(words), "{e}");
}

#[tokio::test]
async fn what_was_acknowledged_passes_also_with_one_step_more() {
    let (db, mut tracks) = written().await;
    tracks.verify(&*db).await.unwrap();
    for w in 0..WRITERS {
        let script = tracks.script(w).unwrap().clone();
        perform(&*db, &script, Path::new("")).await.unwrap();
    }
    let before = tracks.positions();
    tracks.verify(&*db).await.unwrap();
    let moved: u64 = tracks.positions().iter().zip(before).map(|(now, then)| now - then).sum();
    assert_eq!(moved, 2, "it goes on from what is there");
    tracks.verify(&*db).await.unwrap();
}

#[tokio::test]
async fn what_is_said_during_a_cut_may_be_there_or_not() {
    let (db, tracks) = written().await;
    let mut cut = tracks.clone();
    cut.cut();
    let mut scripts: Vec<Script> = (0..WRITERS).map(|w| tracks.script(w).unwrap().clone()).collect();
    let mut lines = Vec::new();
    for _ in 0..6 {
        // Whatever was said by then, the catalog may stand at any step up to there.
        for script in &mut scripts {
            cut.clone().verify(&*db).await.unwrap();
            let done = perform(&*db, script, Path::new("")).await.unwrap();
            lines.push(Tracks::line(script, &done));
            cut.acknowledge(&lines[lines.len() - 1]).unwrap();
            script.advance();
        }
    }
    let mut all = cut.clone();
    all.verify(&*db).await.unwrap();
    assert_eq!((cut.positions(), all.positions()), (vec![150; WRITERS], vec![156; WRITERS]));
    assert_eq!(cut.acknowledged(), tracks.acknowledged(), "none of it counts");
}

#[tokio::test]
async fn a_lost_record_is_found() {
    let (db, tracks) = written().await;
    let record = untouched(&*db, &tracks).await;
    db.delete_collection(&record.id).await.unwrap();
    found(&*db, &tracks, "became nothing").await;
}

#[tokio::test]
async fn an_older_version_is_found() {
    let (db, tracks) = written().await;
    let mut record = untouched(&*db, &tracks).await;
    record.version += 1;
    let put = Operation::Put { record, when: PutIf::Any };
    db.batch_operations(vec![put]).await.unwrap();
    found(&*db, &tracks, "something else").await;
}

#[tokio::test]
async fn the_same_content_in_another_life_is_found() {
    let (db, tracks) = written().await;
    let record = untouched(&*db, &tracks).await;
    let put = Operation::Put { record, when: PutIf::Any };
    db.batch_operations(vec![put]).await.unwrap();
    found(&*db, &tracks, "was acknowledged as").await;
}

#[tokio::test]
async fn two_steps_more_are_found() {
    let (db, tracks) = written().await;
    let mut script = tracks.script(0).unwrap().clone();
    for _ in 0..4 {
        perform(&*db, &script, Path::new("")).await.unwrap();
        script.advance();
    }
    assert!(tracks.clone().verify(&*db).await.is_err());
}

#[tokio::test]
async fn half_a_batch_is_found() {
    let (db, mut tracks) = written().await;
    // Up to where the next step of the first writer is a batch with a change that can be done alone.
    let act = loop {
        let script = tracks.script(0).unwrap().clone();
        if let Step::Acts(acts) = script.next()
            && let [_, .., last] = &acts[..]
            && matches!(last.change, Change::Delete)
        {
            break last.clone();
        }
        let done = perform(&*db, &script, Path::new("")).await.unwrap();
        tracks.acknowledge(&Tracks::line(&script, &done)).unwrap();
    };
    assert!(db.delete_collection(&act.id).await.unwrap());
    found(&*db, &tracks, "may have done 1 more").await;
}

#[tokio::test]
async fn a_lost_or_repeated_count_is_found() {
    for vectors in [1, -1] {
        let (db, tracks) = written().await;
        db.record_stats(SHARED, StatsDelta { vectors, bytes: 0 }).await.unwrap();
        found(&*db, &tracks, "all writers together").await;
    }
}

#[tokio::test]
async fn a_record_nobody_made_is_found() {
    let (db, tracks) = written().await;
    let mut record = untouched(&*db, &tracks).await;
    (record.id, record.name) = ("stranger".into(), "stranger".into());
    db.create_collection(record).await.unwrap();
    found(&*db, &tracks, "nobody ever made").await;
}

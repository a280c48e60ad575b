//! The recorder and the loads, on a real store.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use proximadb_meta_core::{MetadataBackend, SystemClock};

use crate::bugs::{Bug, Buggy};
use crate::case::rec;
use crate::history::{Action, Answer, Recorder, check};

fn memory() -> Arc<dyn MetadataBackend> {
    proximadb_meta_memory::memory().into_backend()
}

#[tokio::test]
async fn questions_and_answers_have_one_order() {
    let recorder = Recorder::new();
    let db = memory();
    let (a, b) = (recorder.client(db.clone()), recorder.client(db));
    a.create_collection(rec("a")).await.unwrap();
    let r = b.get_collection("a").await.unwrap().unwrap();
    a.create_collection(rec("a")).await.unwrap_err();
    assert!(b.delete_collection("a").await.unwrap());
    let calls = recorder.calls();
    let order: Vec<_> = calls.iter().map(|c| (c.client, c.asked, c.answer.as_ref().map(|(at, _)| *at))).collect();
    assert_eq!(order, [(0, 0, Some(1)), (1, 2, Some(3)), (0, 4, Some(5)), (1, 6, Some(7))]);
    assert!(matches!(&calls[1].answer, Some((_, Answer::Found(Some(found)))) if *found == r));
    assert!(matches!(&calls[2].answer, Some((_, Answer::Failed(_)))));
    assert!(check(&calls).is_linearizable());
}

#[tokio::test]
async fn a_dropped_call_stays_without_an_answer() {
    // A create of this store waits once, after it began.
    let db = Buggy::wrap(memory(), Bug::RacyName, Arc::new(SystemClock));
    let recorder = Recorder::new();
    let client = recorder.client(db);
    {
        let mut create = pin!(client.create_collection(rec("a")));
        assert!(create.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    drop(client.create_collection(rec("never-polled")));
    assert_eq!(client.get_collection("a").await.unwrap(), None);
    let calls = recorder.calls();
    assert_eq!(calls.len(), 2);
    assert!(matches!(&calls[0].action, Action::Create(r) if *r.id == *"a"));
    assert!(calls[0].answer.is_none());
    assert!(check(&calls).is_linearizable());
}

#[tokio::test]
async fn a_create_without_an_id_is_not_recorded() {
    let recorder = Recorder::new();
    assert!(recorder.client(memory()).create_collection(rec("")).await.is_err());
    assert!(recorder.calls().is_empty());
}

//! The meaning of single calls, one line each: what may follow what.

use std::sync::Arc;

use proximadb_meta_core::limits::MAX_SAFE_INTEGER;
use proximadb_meta_core::{
    Change, CollectionMetadata, DistanceMetric, Error, ErrorKind, Incarnation, Retry, StatsDelta,
};

use crate::history::{Action, Answer, Call, check};

fn rec(version: u64, life: u64) -> CollectionMetadata {
    let mut r = CollectionMetadata::new("n", 4, DistanceMetric::COSINE);
    (r.id, r.version, r.incarnation) = ("a".into(), version, Incarnation(life));
    r
}

fn with(mut r: CollectionMetadata, edit: impl FnOnce(&mut CollectionMetadata)) -> CollectionMetadata {
    edit(&mut r);
    r
}

fn stored(r: CollectionMetadata) -> Answer {
    Answer::Stored(Arc::new(r))
}

fn found(r: CollectionMetadata) -> Answer {
    Answer::Found(Some(Arc::new(r)))
}

fn get() -> Action {
    Action::Get { id: "a".into() }
}

fn delete() -> Action {
    Action::Delete { id: "a".into() }
}

fn count(vectors: i64, bytes: i64) -> Action {
    Action::RecordStats { id: "a".into(), delta: StatsDelta { vectors, bytes } }
}

fn owner(text: &str) -> Action {
    Action::Set { id: "a".into(), change: Change::Owner(Some(text.into())) }
}

fn failed(e: Error) -> Answer {
    Answer::Failed(e)
}

/// Whether calls one after the other, each answered so or not at all, are right.
fn right(calls: Vec<(Action, Option<Answer>)>) -> bool {
    let calls: Vec<Call> = (0..)
        .zip(calls)
        .map(|(n, (action, answer))| Call { client: 0, asked: 2 * n, action, answer: answer.map(|a| (2 * n + 1, a)) })
        .collect();
    check(&calls).is_linearizable()
}

/// Whether a call may be answered so after a create that was answered.
fn after_create(action: Action, answer: Answer) -> bool {
    right(vec![(Action::Create(rec(0, 0)), Some(stored(rec(1, 7)))), (action, Some(answer))])
}

#[test]
fn nothing_is_there_at_first() {
    assert!(right(vec![(get(), Some(Answer::Found(None)))]));
    assert!(right(vec![(delete(), Some(Answer::Deleted(false)))]));
    assert!(right(vec![(count(1, 1), Some(failed(Error::not_found("a"))))]));
    assert!(right(vec![(Action::Update(rec(1, 1)), Some(failed(Error::not_found("a"))))]));
    assert!(!right(vec![(get(), Some(found(rec(1, 7))))]));
    assert!(!right(vec![(delete(), Some(Answer::Deleted(true)))]));
    assert!(!right(vec![(Action::Create(rec(0, 0)), Some(failed(Error::id_taken("a"))))]));
    assert!(!right(vec![(Action::Create(rec(0, 0)), Some(failed(Error::name_taken("n"))))]));
    assert!(!right(vec![(Action::Update(rec(1, 1)), Some(failed(Error::version_conflict("a", 1, 2))))]));
}

#[test]
fn a_create_is_seen_as_it_was_asked_for() {
    assert!(after_create(get(), found(rec(1, 7))));
    assert!(!after_create(get(), Answer::Found(None)));
    assert!(!after_create(get(), found(rec(2, 7))));
    assert!(!after_create(get(), found(rec(1, 8))));
    assert!(!after_create(get(), found(with(rec(1, 7), |r| r.id = "b".into()))));
    assert!(!after_create(get(), found(with(rec(1, 7), |r| r.name = "m".into()))));
    assert!(!after_create(get(), found(with(rec(1, 7), |r| r.dimension = 5))));
    assert!(!after_create(get(), found(with(rec(1, 7), |r| r.owner = Some("x".into())))));
    assert!(!after_create(get(), found(with(rec(1, 7), |r| r.vector_count = 1))));
    assert!(!after_create(get(), found(with(rec(1, 7), |r| r.total_size_bytes = 1))));
    assert!(!right(vec![(Action::Create(rec(0, 0)), Some(stored(rec(2, 7))))]));
    assert!(!right(vec![(Action::Create(rec(0, 0)), Some(stored(with(rec(1, 7), |r| r.dimension = 5))))]));
}

#[test]
fn a_second_create_is_refused_for_the_id() {
    assert!(after_create(Action::Create(rec(0, 0)), failed(Error::id_taken("a"))));
    assert!(after_create(Action::Create(rec(0, 0)), failed(Error::new(ErrorKind::AlreadyExists, "taken"))));
    assert!(!after_create(Action::Create(rec(0, 0)), failed(Error::id_taken("b"))), "for an id it does not want");
    assert!(!after_create(Action::Create(rec(0, 0)), failed(Error::name_taken("n"))), "the id comes first");
    assert!(!after_create(Action::Create(rec(0, 0)), stored(rec(1, 8))));
    let other = || with(rec(0, 0), |r| (r.id, r.name) = ("b".into(), "m".into()));
    let created = |r: CollectionMetadata, life| {
        let done = with(r.clone(), |r| (r.version, r.incarnation) = (1, Incarnation(life)));
        (Action::Create(r), Some(stored(done)))
    };
    let both_taken = Action::Create(with(rec(0, 0), |r| r.name = "m".into()));
    let says = |e| right(vec![created(rec(0, 0), 7), created(other(), 8), (both_taken.clone(), Some(failed(e)))]);
    assert!(says(Error::id_taken("a")));
    assert!(!says(Error::name_taken("m")), "the id comes first");
}

#[test]
fn an_update_compares_version_and_life() {
    let update = |version, life| Action::Update(with(rec(version, life), |r| r.dimension = 9));
    let done = |version| stored(with(rec(version, 7), |r| r.dimension = 9));
    let conflict = |expected, found| failed(Error::version_conflict("a", expected, found));
    assert!(after_create(update(1, 7), done(2)));
    assert!(!after_create(update(1, 7), done(3)));
    assert!(!after_create(update(1, 7), stored(rec(2, 7))), "with the old content");
    assert!(!after_create(update(1, 7), conflict(1, 1)));
    assert!(!after_create(update(1, 7), failed(Error::not_found("a"))));
    assert!(!after_create(update(2, 7), done(3)));
    assert!(after_create(update(2, 7), conflict(2, 1)));
    assert!(!after_create(update(2, 7), conflict(2, 4)), "of a version that never was");
    assert!(!after_create(update(1, 8), done(2)), "of another life");
    assert!(after_create(update(1, 8), conflict(1, 1)));
}

#[test]
fn an_update_does_not_write_counters() {
    let update = Action::Update(with(rec(1, 7), |r| r.vector_count = 50));
    assert!(after_create(update.clone(), stored(rec(2, 7))));
    assert!(!after_create(update, stored(with(rec(2, 7), |r| r.vector_count = 50))));
}

#[test]
fn a_set_changes_one_field_and_the_version() {
    assert!(after_create(owner("x"), stored(with(rec(2, 7), |r| r.owner = Some("x".into())))));
    assert!(!after_create(owner("x"), stored(with(rec(1, 7), |r| r.owner = Some("x".into())))));
    assert!(!after_create(owner("x"), stored(rec(2, 7))));
    assert!(!after_create(owner("x"), failed(Error::name_taken("n"))));
    let pattern = Action::Set { id: "a".into(), change: Change::AccessPattern(Default::default()) };
    assert!(after_create(pattern, stored(rec(2, 7))));
}

#[test]
fn counters_move_within_their_range_and_leave_the_version() {
    let counted = |v, b| with(rec(1, 7), |r| (r.vector_count, r.total_size_bytes) = (v, b));
    let out = || failed(Error::new(ErrorKind::OutOfRange, "out of range"));
    assert!(after_create(count(3, 4), stored(counted(3, 4))));
    assert!(!after_create(count(3, 4), stored(counted(3, 0))));
    assert!(!after_create(count(3, 4), stored(with(counted(3, 4), |r| r.version = 2))));
    assert!(!after_create(count(3, 4), out()));
    assert!(after_create(count(-1, 4), out()));
    assert!(!after_create(count(-1, 4), stored(counted(0, 4))));
    let most = MAX_SAFE_INTEGER as i64;
    assert!(after_create(count(most, 0), stored(counted(MAX_SAFE_INTEGER, 0))));
    assert!(after_create(count(0, most + 1), out()));
    assert!(after_create(count(i64::MIN, i64::MAX), out()));
}

#[test]
fn a_delete_ends_a_life() {
    assert!(after_create(delete(), Answer::Deleted(true)));
    assert!(!after_create(delete(), Answer::Deleted(false)));
    let created = || (Action::Create(rec(0, 0)), Some(stored(rec(1, 7))));
    let deleted = || (delete(), Some(Answer::Deleted(true)));
    assert!(right(vec![created(), deleted(), (get(), Some(Answer::Found(None)))]));
    assert!(!right(vec![created(), deleted(), (get(), Some(found(rec(1, 7))))]));
    assert!(!right(vec![created(), deleted(), deleted()]));
    let again = || (Action::Create(rec(0, 0)), Some(stored(rec(1, 8))));
    assert!(right(vec![created(), deleted(), again(), (get(), Some(found(rec(1, 8))))]));
    assert!(!right(vec![created(), deleted(), again(), (get(), Some(found(rec(1, 7))))]));
}

#[test]
fn a_call_without_an_answer_may_have_been_done_or_not() {
    let created = || (Action::Create(rec(0, 0)), Some(stored(rec(1, 7))));
    assert!(right(vec![created(), (delete(), None), (get(), Some(found(rec(1, 7))))]));
    assert!(right(vec![created(), (delete(), None), (get(), Some(Answer::Found(None)))]));
    let unknown = failed(Error::new(ErrorKind::Timeout, "no answer").with_retry(Retry::UnknownOutcome));
    assert!(right(vec![created(), (delete(), Some(unknown)), (get(), Some(Answer::Found(None)))]));
    // It is done once at most.
    let counted = |n| (get(), Some(found(with(rec(1, 7), |r| r.vector_count = n))));
    assert!(right(vec![created(), (count(5, 0), None), counted(0), counted(5), counted(5)]));
    assert!(!right(vec![created(), (count(5, 0), None), counted(5), counted(0)]));
    assert!(!right(vec![created(), (count(5, 0), None), counted(10)]));
}

#[test]
fn a_create_without_an_answer_has_a_life_of_its_own() {
    let create = || (Action::Create(rec(0, 0)), None);
    let seen = |life| (get(), Some(found(rec(1, life))));
    assert!(right(vec![create(), seen(9), seen(9)]));
    assert!(!right(vec![create(), seen(9), seen(8)]));
    let updated = || (Action::Update(rec(1, 9)), Some(stored(rec(2, 9))));
    assert!(right(vec![create(), seen(9), updated()]));
    assert!(right(vec![create(), updated()]), "seen by a list, perhaps");
    assert!(!right(vec![create(), seen(8), updated()]));
    // A life that an answered create began is not that of another one.
    let created = (Action::Create(rec(0, 0)), Some(stored(rec(1, 7))));
    let deleted = (delete(), Some(Answer::Deleted(true)));
    assert!(!right(vec![created, deleted, create(), seen(7)]));
}

#[test]
fn a_refusal_for_other_reasons_did_nothing_and_says_nothing() {
    for kind in [ErrorKind::Unavailable, ErrorKind::Throttled, ErrorKind::InvalidInput, ErrorKind::Closed] {
        assert!(after_create(delete(), failed(Error::new(kind, "no"))));
        let created = (Action::Create(rec(0, 0)), Some(stored(rec(1, 7))));
        let refused = (delete(), Some(failed(Error::new(kind, "no"))));
        assert!(!right(vec![created, refused, (get(), Some(Answer::Found(None)))]), "{kind}");
    }
}

#[test]
fn a_name_has_one_holder() {
    let by_name = |name: &str| Action::GetByName { name: name.into() };
    let other = |version, life| with(rec(version, life), |r| r.id = "b".into());
    let renamed = |version| with(rec(version, 7), |r| r.name = "m".into());
    assert!(after_create(by_name("n"), found(rec(1, 7))));
    assert!(after_create(by_name("m"), Answer::Found(None)));
    assert!(!after_create(by_name("n"), Answer::Found(None)));
    assert!(!after_create(by_name("m"), found(rec(1, 7))), "a record of another name");
    assert!(after_create(Action::Create(other(0, 0)), failed(Error::name_taken("n"))));
    assert!(!after_create(Action::Create(other(0, 0)), stored(other(1, 8))));
    assert!(!after_create(Action::Create(other(0, 0)), failed(Error::name_taken("m"))), "for a name it does not want");
    assert!(!after_create(Action::Update(renamed(1)), failed(Error::name_taken("m"))), "the name is free");
    let created = || (Action::Create(rec(0, 0)), Some(stored(rec(1, 7))));
    let moved = || (Action::Update(renamed(1)), Some(stored(renamed(2))));
    assert!(right(vec![created(), moved(), (by_name("n"), Some(Answer::Found(None)))]));
    assert!(right(vec![created(), moved(), (by_name("m"), Some(found(renamed(2))))]));
    assert!(right(vec![created(), moved(), (Action::Create(other(0, 0)), Some(stored(other(1, 8))))]));
    assert!(!right(vec![created(), moved(), (by_name("n"), Some(found(rec(1, 7))))]));
    assert!(!right(vec![created(), moved(), (Action::Create(other(0, 0)), Some(failed(Error::name_taken("n"))))]));
    let deleted = || (delete(), Some(Answer::Deleted(true)));
    assert!(right(vec![created(), deleted(), (Action::Create(other(0, 0)), Some(stored(other(1, 8))))]));
    assert!(!right(vec![created(), deleted(), (Action::Create(other(0, 0)), Some(failed(Error::name_taken("n"))))]));
    // One's own name is not taken, and another's is not free.
    assert!(!after_create(Action::Update(rec(1, 7)), failed(Error::name_taken("n"))));
    let third = |version, life| with(rec(version, life), |r| (r.id, r.name) = ("c".into(), "m".into()));
    let moves_in = |answer| {
        let base = with(third(1, 9), |r| r.name = "n".into());
        right(vec![created(), (Action::Create(third(0, 0)), Some(stored(third(1, 9)))), (Action::Update(base), answer)])
    };
    assert!(moves_in(Some(failed(Error::name_taken("n")))));
    assert!(!moves_in(Some(stored(with(third(2, 9), |r| r.name = "n".into())))));
    // Without an answer, a rename may have freed and taken names, or not.
    let open = || (Action::Update(renamed(1)), None);
    assert!(right(vec![created(), open(), (by_name("m"), Some(Answer::Found(None)))]));
    assert!(right(vec![created(), open(), (by_name("m"), Some(found(renamed(2))))]));
    assert!(right(vec![created(), open(), (by_name("n"), Some(Answer::Found(None)))]));
}

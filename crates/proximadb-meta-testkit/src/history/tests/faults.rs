//! Histories with one answer that no order explains: every one of them is refused.

use std::sync::Arc;

use proximadb_meta_core::CollectionMetadata;

use super::sim::{Sim, Size};
use crate::history::{Action, Answer, Key, Verdict, check};

type Record = Arc<CollectionMetadata>;

const SIZE: Size = Size { clients: 4, calls: 40, ids: 2, names: 4, open: 0 };
/// Without unknown outcomes, and with some.
const SIZES: [Size; 2] = [SIZE, Size { open: 6, ..SIZE }];
/// As histories with broken connections are: many clients, one call in five with an unknown outcome.
const DISTURBED: Size = Size { clients: 8, calls: 200, ids: 3, names: 3, open: 5 };
const SEEDS: u64 = 300;

/// Makes one fault at a random moment of a random history; the fault says whether it could be made yet.
fn each_is_refused(sizes: &[Size], fault: impl Fn(&mut Sim) -> Option<()>) {
    for (size, seed) in sizes.iter().flat_map(|size| (0..SEEDS).map(move |seed| (*size, seed))) {
        let mut sim = Sim::new(seed, size);
        let start = sim.rng.below(size.calls * 2);
        for _ in 0..start {
            sim.step();
        }
        // Steps change nothing for good: sooner or later there is a moment for every fault.
        let made = (0..10_000).any(|_| {
            let made = fault(&mut sim).is_some();
            if !made {
                sim.step();
            }
            made
        });
        assert!(made, "seed {seed}: no moment for the fault");
        sim.run();
        let verdict = check(&sim.calls);
        let Verdict::NotLinearizable(found) = verdict else { panic!("seed {seed}: {verdict}: {:#?}", sim.calls) };
        // The part that is told fails by itself.
        assert!(matches!(check(&found.calls), Verdict::NotLinearizable(_)), "seed {seed}: {found}");
    }
}

/// The record of an id: the stored one, or a new one. `None` where its name is taken, or where a life began unseen.
fn present(sim: &mut Sim, id: &str) -> Option<Record> {
    match sim.at_once(Action::Get { id: id.into() }) {
        Answer::Found(Some(r)) => {
            let began = |c: &crate::history::Call| {
                matches!(c.action, Action::Create(_))
                    && c.answer.as_ref().and_then(|(_, a)| a.record()).is_some_and(|x| x.incarnation == r.incarnation)
            };
            sim.calls.iter().any(began).then_some(r)
        }
        _ => {
            let n = sim.rng.below(4);
            let r = sim.record(id, &format!("name{n}"));
            match sim.at_once(Action::Create(r)) {
                Answer::Stored(r) => Some(r),
                _ => None,
            }
        }
    }
}

/// A call that is answered so, whatever the store would say, and does nothing.
fn pretend(sim: &mut Sim, action: Action, answer: Answer) {
    let call = sim.ask(98, action);
    sim.answer(call, answer);
}

/// An id on which no call is under way or was left.
fn quiet(sim: &mut Sim) -> Arc<str> {
    let id = sim.id();
    if sim.is_open(&id) { format!("new{}", sim.serial()).into() } else { id }
}

fn update_of(sim: &mut Sim, base: &CollectionMetadata) -> Action {
    let mut r = sim.record(&base.id, &base.name);
    (r.version, r.incarnation) = (base.version, base.incarnation);
    Action::Update(r)
}

/// What a store would answer that then forgets it.
fn forgotten(sim: &mut Sim, action: &Action) -> Answer {
    let before = sim.model.clone();
    let answer = sim.execute(action);
    sim.model = before;
    answer
}

#[test]
fn a_stale_read_is_refused() {
    each_is_refused(&SIZES, |sim| {
        let id = sim.id();
        let old = present(sim, &id)?;
        let update = update_of(sim, &old);
        let Answer::Stored(_) = sim.at_once(update) else { return None };
        pretend(sim, Action::Get { id }, Answer::Found(Some(old)));
        Some(())
    });
}

#[test]
fn a_stale_read_by_name_is_refused() {
    each_is_refused(&SIZES, |sim| {
        let id = sim.id();
        let old = present(sim, &id)?;
        let mut renamed = (*old).clone();
        renamed.name = "elsewhere".into();
        let Answer::Stored(_) = sim.at_once(Action::Update(renamed)) else { return None };
        pretend(sim, Action::GetByName { name: old.name.clone() }, Answer::Found(Some(old)));
        Some(())
    });
}

#[test]
fn a_read_that_misses_a_finished_create_is_refused() {
    each_is_refused(&SIZES, |sim| {
        let id = quiet(sim);
        let r = present(sim, &id)?;
        if sim.rng.one_in(2) {
            pretend(sim, Action::Get { id }, Answer::Found(None));
        } else {
            pretend(sim, Action::GetByName { name: r.name.clone() }, Answer::Found(None));
        }
        Some(())
    });
}

fn lose_a_write(sim: &mut Sim) -> Option<()> {
    let id = sim.id();
    let old = present(sim, &id)?;
    let lost = match sim.rng.below(3) {
        0 => Action::Delete { id: id.clone() },
        1 => Action::Set { id: id.clone(), change: proximadb_meta_core::Change::Owner(None) },
        _ => update_of(sim, &old),
    };
    let answer = forgotten(sim, &lost);
    pretend(sim, lost, answer);
    sim.at_once(Action::Get { id });
    Some(())
}

#[test]
fn a_lost_write_is_refused() {
    each_is_refused(&SIZES, lose_a_write);
}

#[test]
fn a_lost_delta_is_refused() {
    each_is_refused(&SIZES, |sim| {
        let id = sim.id();
        present(sim, &id)?;
        let lost = Action::RecordStats { id: id.clone(), delta: sim.delta() };
        let answer = forgotten(sim, &lost);
        pretend(sim, lost, answer);
        sim.at_once(Action::Get { id });
        Some(())
    });
}

#[test]
fn a_delta_that_counts_twice_is_refused() {
    each_is_refused(&SIZES, |sim| {
        let id = sim.id();
        present(sim, &id)?;
        let twice = Action::RecordStats { id: id.clone(), delta: sim.delta() };
        let answer = sim.at_once(twice.clone());
        assert!(matches!(answer, Answer::Stored(_)));
        sim.execute(&twice);
        sim.at_once(Action::Get { id });
        Some(())
    });
}

#[test]
fn a_phantom_is_refused() {
    each_is_refused(&SIZES, |sim| {
        let id = sim.id();
        let mut r = (*present(sim, &id)?).clone();
        let action = match sim.rng.below(5) {
            0 => {
                r.owner = Some("nobody".into());
                Action::Get { id }
            }
            1 => {
                r.version += 50;
                Action::Get { id }
            }
            2 => {
                // Half of one record and half of another.
                r.dimension += 1;
                Action::Get { id }
            }
            3 => {
                r.id = "ghost".into();
                Action::GetByName { name: r.name.clone() }
            }
            _ => {
                r.incarnation.0 += 1_000_000;
                Action::Get { id }
            }
        };
        pretend(sim, action, Answer::Found(Some(Arc::new(r))));
        Some(())
    });
}

#[test]
fn a_name_with_two_holders_is_refused() {
    each_is_refused(&SIZES, |sim| {
        let id = quiet(sim);
        let held = present(sim, &id)?;
        let mut second = sim.record("second", &held.name);
        (second.version, second.incarnation.0) = (1, u64::MAX);
        pretend(sim, Action::Create(second.clone()), Answer::Stored(Arc::new(second)));
        sim.at_once(Action::GetByName { name: held.name.clone() });
        Some(())
    });
}

#[test]
fn two_updates_from_one_version_are_refused() {
    each_is_refused(&SIZES, |sim| {
        let id = sim.id();
        let base = present(sim, &id)?;
        let (first, second) = (update_of(sim, &base), update_of(sim, &base));
        let before = sim.model.clone();
        let Answer::Stored(_) = sim.at_once(first) else { return None };
        sim.model = before;
        sim.at_once(second);
        Some(())
    });
}

#[test]
fn what_is_told_says_where_it_began() {
    let mut sim = Sim::new(1, SIZE);
    let old = present(&mut sim, "a").unwrap();
    let update = update_of(&mut sim, &old);
    sim.at_once(update);
    pretend(&mut sim, Action::Get { id: "a".into() }, Answer::Found(Some(old)));
    sim.at_once(Action::Get { id: "a".into() });
    let Verdict::NotLinearizable(found) = check(&sim.calls) else { panic!("accepted") };
    assert_eq!(found.key, Key::Id("a".into()));
    // Get, create, update, and the stale get; not what came later.
    assert_eq!((found.calls.len(), found.until), (4, 8));
    let text = found.to_string();
    assert!(text.contains("> [7..8] client 98: get \"a\" -> \"a\" version 1"), "{text}");
    assert!(!text.contains("[9.."), "{text}");
}

#[test]
fn a_lost_write_is_refused_among_many_unknown_outcomes() {
    each_is_refused(&[DISTURBED], lose_a_write);
}

#[test]
fn a_write_that_was_sent_twice_is_refused_among_many_unknown_outcomes() {
    each_is_refused(&[DISTURBED], |sim| {
        let id = sim.id();
        present(sim, &id)?;
        let twice = Action::RecordStats { id: id.clone(), delta: sim.delta() };
        sim.execute(&twice);
        // The first answer was lost and the client, who sent it again, has the second.
        sim.at_once(twice);
        Some(())
    });
}

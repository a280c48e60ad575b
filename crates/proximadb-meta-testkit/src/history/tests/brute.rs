//! The fast search against one that tries every order, on tiny histories, right and wrong ones.

use std::ops::Range;
use std::sync::Arc;

use super::sim::{Sim, Size};
use crate::history::check::{intervals, until};
use crate::history::name::NameSpec;
use crate::history::record::RecordSpec;
use crate::history::search::{Found, Interval, Spec, search};
use crate::history::{Action, Answer, Call};
use crate::rng::Rng;

/// Whether some order of some of the operations, all answered ones among them, keeps to real time and to the meaning.
fn brute<S: Spec>(spec: &S, history: &[Interval<S::Op>]) -> bool {
    orders(spec, history, &mut Vec::new(), &spec.start())
}

/// Tries every order of every subset that begins with `order`, as far as the meaning allows; time is looked at in the end.
fn orders<S: Spec>(spec: &S, history: &[Interval<S::Op>], order: &mut Vec<usize>, state: &S::State) -> bool {
    let all = history.iter().enumerate().all(|(i, x)| x.answered.is_none() || order.contains(&i));
    let before = |i: usize, j: usize| history[i].answered.is_some_and(|at| at < history[j].asked);
    let in_time = || order.iter().enumerate().all(|(n, &i)| !order[n + 1..].iter().any(|&later| before(later, i)));
    if all && in_time() {
        return true;
    }
    for i in 0..history.len() {
        if order.contains(&i) {
            continue;
        }
        if let Some(next) = spec.step(state, &history[i].op) {
            order.push(i);
            let found = orders(spec, history, order, &next);
            order.pop();
            if found {
                return true;
            }
        }
    }
    false
}

/// Spoils a history: other answers, other times. It may stay right.
fn spoil(calls: &mut [Call], rng: &mut Rng) {
    for _ in 0..2 + rng.below(3) {
        let (i, j) = (rng.below(calls.len()), rng.below(calls.len()));
        match rng.below(4) {
            0 => {
                // The answer of another call of the same kind, at its own time.
                let same = std::mem::discriminant(&calls[i].action) == std::mem::discriminant(&calls[j].action);
                if let (true, Some((_, other))) = (same, calls[j].answer.clone())
                    && let Some((_, answer)) = &mut calls[i].answer
                {
                    *answer = other;
                }
            }
            1 if i != j => {
                // Each at the time of the other.
                let (asked, answered) = (calls[i].asked, calls[i].answer.as_ref().map(|(at, _)| *at));
                calls[i].asked = calls[j].asked;
                calls[j].asked = asked;
                let theirs = calls[j].answer.as_ref().map(|(at, _)| *at);
                for (call, at) in [(i, theirs), (j, answered)] {
                    if let Some((was, _)) = &mut calls[call].answer {
                        *was = at.unwrap_or(u64::MAX);
                    }
                }
            }
            2 => {
                // Answered at once: less freedom.
                if let Some((at, _)) = &mut calls[i].answer {
                    *at = calls[i].asked + 1;
                }
            }
            _ => {
                // The version before or after.
                if let Some((_, Answer::Found(Some(r)) | Answer::Stored(r))) = &mut calls[i].answer {
                    Arc::make_mut(r).version = 1 + r.version % 2;
                }
            }
        }
    }
}

/// Times in which no two are equal, in the same order.
fn untie(calls: &mut [Call]) {
    let mut times: Vec<(u64, bool, usize)> = Vec::new();
    for (i, c) in calls.iter().enumerate() {
        times.push((c.asked, false, i));
        times.extend(c.answer.as_ref().map(|(at, _)| (*at, true, i)));
    }
    times.sort_unstable();
    for (time, (_, is_answer, i)) in (1..).zip(times) {
        match &mut calls[i].answer {
            Some((at, _)) if is_answer => *at = time,
            _ => calls[i].asked = time,
        }
    }
}

/// Compares the two on a key; whether it is right.
fn agree<S: Spec<Op = Call>>(spec: &S, history: &[Interval<Call>], seed: u64) -> bool {
    let right = brute(spec, history);
    let found = match search(spec, history, 100_000).0 {
        Found::Order => true,
        Found::NoOrder(_) => false,
        Found::TooHard => panic!("seed {seed}: too hard"),
    };
    assert_eq!(found, right, "seed {seed}: {history:#?}");
    if right {
        // Earlier parts of what is right are right: the search for the shortest part relies on it.
        for at in history.iter().filter_map(|i| i.answered) {
            assert!(brute(spec, &until(history, at)), "seed {seed} until {at}: {history:#?}");
        }
    }
    right
}

fn compare(seeds: Range<u64>, size: Size) {
    let (mut right, mut wrong) = (0, 0);
    for seed in seeds {
        let mut sim = Sim::new(seed, size);
        let first = sim.record("id0", "name0");
        sim.at_once(Action::Create(first));
        sim.run();
        let mut calls = std::mem::take(&mut sim.calls);
        if !sim.rng.one_in(4) {
            spoil(&mut calls, &mut sim.rng);
            untie(&mut calls);
        }
        let mut count = |is_right| if is_right { right += 1 } else { wrong += 1 };
        let spec = RecordSpec::new("id0".into(), &calls);
        count(agree(&spec, &intervals(&calls, |c| spec.concerns(c)), seed));
        let spec = NameSpec::new("name0".into(), &calls);
        count(agree(&spec, &intervals(&calls, |c| spec.concerns(c)), seed));
    }
    assert!(right > 1000 && wrong > 1000, "{right} right and {wrong} wrong histories are too few to compare");
}

#[test]
fn both_agree_on_two_clients() {
    compare(0..2500, Size { clients: 2, calls: 5, ids: 1, names: 1, open: 0 });
}

#[test]
fn both_agree_on_many_clients() {
    compare(10_000..12_500, Size { clients: 5, calls: 6, ids: 1, names: 2, open: 0 });
}

#[test]
fn both_agree_on_calls_without_an_answer() {
    compare(20_000..22_500, Size { clients: 4, calls: 5, ids: 1, names: 1, open: 2 });
}

/// A counter that answers what it became: simple enough to see through.
struct Counter;

impl Spec for Counter {
    type State = i64;
    type Op = (i64, Option<i64>);

    fn start(&self) -> i64 {
        0
    }

    fn step(&self, state: &i64, (by, became): &(i64, Option<i64>)) -> Option<i64> {
        let next = state + by;
        became.is_none_or(|b| b == next).then_some(next)
    }
}

#[test]
fn both_agree_on_counters() {
    let mut rng = Rng::new(7);
    let (mut right, mut wrong) = (0, 0);
    for seed in 0..6000 {
        let n = 1 + rng.below(5);
        let mut times: Vec<u64> = (0..2 * n as u64).collect();
        for i in (1..times.len()).rev() {
            times.swap(i, rng.below(i + 1));
        }
        let mut history: Vec<_> = times
            .chunks(2)
            .map(|t| {
                let by = 1 + rng.below(2) as i64;
                let became = (!rng.one_in(4)).then(|| 1 + rng.below(2 * n) as i64);
                Interval { op: (by, became), asked: t[0].min(t[1]), answered: became.map(|_| t[0].max(t[1])) }
            })
            .collect();
        history.sort_by_key(|i| i.asked);
        let found = matches!(search(&Counter, &history, 100_000).0, Found::Order);
        assert_eq!(found, brute(&Counter, &history), "history {seed}: {history:?}");
        if found { right += 1 } else { wrong += 1 }
    }
    assert!(right > 500 && wrong > 500, "{right} right and {wrong} wrong");
}

#[test]
fn a_search_that_is_too_hard_says_so() {
    // Sixteen adders at once and a sum that none of their subsets makes.
    let mut history: Vec<_> =
        (0..16).map(|i| Interval { op: (1 << i, None), asked: i, answered: Some(100 + i) }).collect();
    history.push(Interval { op: (0, Some(1 << 20)), asked: 200, answered: Some(201) });
    assert_eq!(search(&Counter, &history, 1000), (Found::TooHard, 1001));
    assert!(matches!(search(&Counter, &history, 100_000).0, Found::NoOrder(_)));
}

#[test]
fn long_histories_need_few_placements() {
    for seed in 0..40 {
        let mut sim = Sim::new(seed, Size { clients: 4, calls: 240, ids: 1, names: 1, open: 0 });
        sim.run();
        let spec = RecordSpec::new("id0".into(), &sim.calls);
        let history = intervals(&sim.calls, |c| spec.concerns(c));
        let (found, tried) = search(&spec, &history, usize::MAX);
        assert_eq!(found, Found::Order);
        assert!(tried < 10 * history.len(), "seed {seed}: {tried} placements for {} calls", history.len());
    }
}

#[test]
fn nothing_at_all_is_linearizable() {
    assert_eq!(search(&Counter, &[], 1), (Found::Order, 0));
    let open = [Interval { op: (1, None), asked: 0, answered: None }];
    assert_eq!(search(&Counter, &open, 1).0, Found::Order);
}

//! The check of a whole history: cut by key, searched, and cut down to the shortest part that fails.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use super::call::{Call, Worth};
use super::name::NameSpec;
use super::record::RecordSpec;
use super::search::{Found, Interval, Spec, search};
use super::verdict::{Key, Verdict, Violation};

/// How many placements a search may try: some ten megabytes, and about a second without optimisation. A history of 240 calls
/// by four clients on one record needs a few hundred.
const BUDGET: usize = 200_000;

/// Checks a history, in any order of its calls: every id, then every name. The first key that fails is told.
#[must_use]
pub fn check(calls: &[Call]) -> Verdict {
    let shown = |c: &Call| c.answer.as_ref().and_then(|(_, a)| a.record()).cloned();
    let ids: BTreeSet<Arc<str>> =
        calls.iter().flat_map(|c| [c.action.id().cloned(), shown(c).map(|r| r.id.clone())]).flatten().collect();
    let names: BTreeSet<Arc<str>> =
        calls.iter().flat_map(|c| [c.action.name().cloned(), shown(c).map(|r| r.name.clone())]).flatten().collect();
    for id in ids {
        let spec = RecordSpec::new(id.clone(), calls);
        let verdict = one_key(Key::Id(id), &spec, intervals(calls, |c| spec.concerns(c)));
        if !verdict.is_linearizable() {
            return verdict;
        }
    }
    for name in names {
        let spec = NameSpec::new(name.clone(), calls);
        let verdict = one_key(Key::Name(name), &spec, intervals(calls, |c| spec.concerns(c)));
        if !verdict.is_linearizable() {
            return verdict;
        }
    }
    Verdict::Linearizable
}

/// The calls about a key, in the order of their questions.
pub(super) fn intervals(calls: &[Call], concerns: impl Fn(&Call) -> bool) -> Vec<Interval<Call>> {
    let about = calls.iter().filter(|c| !matches!(c.worth(), Worth::Nothing) && concerns(c));
    let mut found: Vec<_> = about.map(|c| Interval { op: c.clone(), asked: c.asked, answered: c.settled() }).collect();
    found.sort_by_key(|i| i.asked);
    found
}

/// The history as it was right after the answer at `until`: later questions were not asked, later answers had not come, but
/// are what they will be.
pub(super) fn until(history: &[Interval<Call>], until: u64) -> Vec<Interval<Call>> {
    let asked = history.iter().filter(|i| i.asked < until).cloned();
    asked.map(|i| Interval { answered: i.answered.filter(|at| *at <= until), ..i }).collect()
}

fn one_key<S: Spec<Op = Call>>(key: Key, spec: &S, history: Vec<Interval<Call>>) -> Verdict
where
    S::State: Debug,
{
    let mut state = match search(spec, &history, BUDGET).0 {
        Found::Order => return Verdict::Linearizable,
        Found::TooHard => return Verdict::TooHard { key, calls: history.len() },
        Found::NoOrder(state) => state,
    };
    // What holds of a history holds of every earlier part of it: the place where it began to fail can be halved down to.
    let mut answers: Vec<u64> = history.iter().filter_map(|i| i.answered).collect();
    answers.sort_unstable();
    let (mut good, mut bad) = (0, answers.len());
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        match search(spec, &until(&history, answers[middle - 1]), BUDGET).0 {
            Found::Order => good = middle,
            Found::NoOrder(found) => (bad, state) = (middle, found),
            // The longer history is wrong all the same.
            Found::TooHard => break,
        }
    }
    let last = answers[bad - 1];
    let calls = until(&history, last).into_iter().map(|i| i.op).collect();
    Verdict::NotLinearizable(Box::new(Violation { key, calls, until: last, state: format!("{state:?}") }))
}

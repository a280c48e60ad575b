//! The goals, as data: which value of which row, against whom, and how much.

use crate::engines::{OURS, OURS_IN_MEMORY};

/// Whom a row is measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rival {
    /// The best of the durable engines, each in its best way.
    BestDurable,
    /// This one.
    Named(&'static str),
}

/// What is asked for. The ratio is above 1 where ours is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// At least this ratio.
    Times(f64),
    /// At least this ratio, or at most this many times what the limit of the disk has.
    TimesOrLimit { times: f64, limit: f64 },
    /// At most this share of what the rival has.
    Share(f64),
    /// At most this much, in the unit of the row.
    AtMost(f64),
}

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) row: &'static str,
    pub(crate) metric: &'static str,
    /// The engine of ours that it is about.
    pub(crate) ours: &'static str,
    pub(crate) rival: Rival,
    pub(crate) goal: Option<Goal>,
}

const fn durable(row: &'static str, metric: &'static str, goal: Goal) -> Target {
    Target { row, metric, ours: OURS, rival: Rival::BestDurable, goal: Some(goal) }
}

const fn against(row: &'static str, metric: &'static str, rival: &'static str, goal: Goal) -> Target {
    Target { row, metric, ours: OURS, rival: Rival::Named(rival), goal: Some(goal) }
}

const LMDB: &str = "lmdb";

const UNSET: Target = Target { row: "", metric: "", ours: OURS, rival: Rival::BestDurable, goal: None };

/// All of them.
pub(crate) const TARGETS: &[Target] = &[
    durable("create-1", "throughput", Goal::Times(1.4)),
    durable("create-16", "throughput", Goal::Times(3.0)),
    durable("create-64", "throughput", Goal::Times(5.0)),
    durable("create-64", "p99", Goal::TimesOrLimit { times: 4.0, limit: 1.5 }),
    durable("create-256", "throughput", Goal::Times(7.0)),
    durable("increments-64", "throughput", Goal::Times(2.5)),
    against("get-id-100k-1t", "time", LMDB, Goal::Times(3.0)),
    against("get-id-100k-2t", "time", LMDB, Goal::Times(3.0)),
    against("get-id-1m-1t", "time", LMDB, Goal::Times(2.3)),
    against("get-id-1m-2t", "time", LMDB, Goal::Times(2.3)),
    against("get-name-100k", "time", LMDB, Goal::Times(5.0)),
    against("page-100k", "time", LMDB, Goal::Times(5.0)),
    against("matches-100k", "time", LMDB, Goal::Times(15.0)),
    against("scan-100k", "time", "redb", Goal::Times(12.0)),
    durable("mix-95-5", "throughput", Goal::Times(3.0)),
    durable("readers-2-writers-16", "reads", Goal::Times(2.0)),
    durable("readers-2-writers-16", "writes", Goal::Times(2.0)),
    durable("open-crash-100k", "time", Goal::AtMost(300.0)),
    durable("open-crash-1m", "time", Goal::AtMost(2_500.0)),
    against("disk-bytes-100k", "data", "sqlite", Goal::Share(0.85)),
    Target {
        row: "resident-bytes-100k",
        metric: "memory",
        ours: OURS_IN_MEMORY,
        rival: Rival::Named("mem-rwlock"),
        goal: Some(Goal::Share(0.7)),
    },
];

/// What is judged of a value: without a goal where none is set, but with the rival of its row.
pub(crate) fn target(row: &str, metric: &str) -> Target {
    let of_row = || TARGETS.iter().filter(|t| t.row == row);
    match of_row().find(|t| t.metric == metric) {
        Some(set) => *set,
        None => Target { goal: None, ..*of_row().next().unwrap_or(&UNSET) },
    }
}

impl Goal {
    /// In words, as the tables have it.
    pub(crate) fn text(self, unit: &str) -> String {
        match self {
            Self::Times(times) => format!(">= {times}x"),
            Self::TimesOrLimit { times, limit } => format!(">= {times}x, or <= {limit}x the limit"),
            Self::Share(share) => format!("<= {share}x the size"),
            Self::AtMost(most) => format!("<= {most} {unit}"),
        }
    }

    /// Whether it is met; `None` where what it needs was not measured.
    pub(crate) fn met(self, ours: f64, ratio: Option<f64>, limit: Option<f64>) -> Option<bool> {
        match self {
            Self::Times(times) => ratio.map(|r| r >= times),
            Self::TimesOrLimit { times, limit: share } => {
                let by_limit = limit.map(|l| ours <= share * l);
                let by_ratio = ratio.map(|r| r >= times);
                match (by_ratio, by_limit) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                }
            }
            Self::Share(share) => ratio.map(|r| r * share >= 1.0),
            Self::AtMost(most) => Some(ours <= most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::ENGINES;

    #[test]
    fn each_kind_of_goal_is_judged() {
        assert_eq!(Goal::Times(3.0).met(1.0, Some(3.0), None), Some(true));
        assert_eq!(Goal::Times(3.0).met(1.0, Some(2.9), None), Some(false));
        assert_eq!(Goal::Times(3.0).met(1.0, None, None), None);
        assert_eq!(Goal::AtMost(300.0).met(300.0, None, None), Some(true));
        assert_eq!(Goal::AtMost(300.0).met(301.0, Some(9.0), None), Some(false));
        assert_eq!(Goal::Share(0.5).met(10.0, Some(2.0), None), Some(true));
        assert_eq!(Goal::Share(0.5).met(10.0, Some(1.9), None), Some(false));
    }

    #[test]
    fn one_of_two_ways_is_enough_and_an_unknown_way_is_no_failure() {
        let goal = Goal::TimesOrLimit { times: 4.0, limit: 1.5 };
        assert_eq!(goal.met(150.0, Some(1.0), Some(100.0)), Some(true));
        assert_eq!(goal.met(151.0, Some(4.0), Some(100.0)), Some(true));
        assert_eq!(goal.met(151.0, Some(3.9), Some(100.0)), Some(false));
        assert_eq!(goal.met(151.0, Some(3.9), None), None);
    }

    #[test]
    fn every_rival_is_an_engine() {
        for target in TARGETS {
            if let Rival::Named(name) = target.rival {
                assert!(ENGINES.iter().any(|e| e.name == name), "{name}");
            }
            assert!(ENGINES.iter().any(|e| e.name == target.ours));
        }
    }

    #[test]
    fn a_value_without_a_goal_has_the_rival_of_its_row() {
        assert_eq!(target("scan-100k", "memory").rival, Rival::Named("redb"));
        assert_eq!(target("scan-100k", "memory").goal, None);
        assert_eq!(target("create-64", "p50").rival, Rival::BestDurable);
        assert_eq!(target("nothing", "p50").ours, OURS);
    }
}

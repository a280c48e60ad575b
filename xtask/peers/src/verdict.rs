//! From samples to verdicts: medians, the best rival, the ratio, and whether the goal is met.

use crate::engines::{ENGINES, Role};
use crate::goals::{Rival, Target, target};
use crate::rows::Row;
use crate::samples::{Sample, median, more_is_better};

/// The values of one engine in one row, in one metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    /// The engine, and how it was driven.
    pub(crate) peer: String,
    pub(crate) role: Role,
    /// In the order of the run.
    pub(crate) values: Vec<f64>,
    pub(crate) median: f64,
}

/// What a row says in one metric.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) row: String,
    pub(crate) metric: String,
    pub(crate) unit: String,
    /// The engine of ours that it is about.
    pub(crate) our_name: &'static str,
    pub(crate) ours: Option<f64>,
    pub(crate) best_peer: Option<String>,
    pub(crate) best: Option<f64>,
    /// The better of the disk's limits, where they took part.
    pub(crate) limit: Option<f64>,
    /// Above 1 where ours is better.
    pub(crate) ratio: Option<f64>,
    pub(crate) goal: Option<String>,
    /// `None`: without a goal, not measured, or not judged.
    pub(crate) met: Option<bool>,
    /// The best first.
    pub(crate) series: Vec<Series>,
}

/// The role of a peer's engine: `redb+batcher` is redb.
fn role(peer: &str) -> Option<Role> {
    let engine = peer.split('+').next().unwrap_or(peer);
    ENGINES.iter().find(|e| e.name == engine).map(|e| e.role)
}

fn is_engine(peer: &str, engine: &str) -> bool {
    peer.split('+').next() == Some(engine)
}

/// A verdict for each metric of each row that has samples, in the order of the rows.
pub(crate) fn verdicts(rows: &[&'static Row], samples: &[Sample], quick: bool) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for row in rows {
        let of_row: Vec<&Sample> = samples.iter().filter(|s| s.row == row.name).collect();
        let mut metrics: Vec<&Sample> = Vec::new();
        for sample in &of_row {
            if !metrics.iter().any(|m| m.metric == sample.metric) {
                metrics.push(sample);
            }
        }
        for metric in metrics {
            let series = series(of_row.iter().filter(|s| s.metric == metric.metric), &metric.unit);
            verdicts.push(judge(row, metric, series, quick));
        }
    }
    verdicts
}

fn series<'a>(samples: impl Iterator<Item = &'a &'a Sample>, unit: &str) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for sample in samples {
        let Some(role) = role(&sample.peer) else { continue };
        match all.iter_mut().find(|s| s.peer == sample.peer) {
            Some(series) => series.values.push(sample.value),
            None => all.push(Series { peer: sample.peer.clone(), role, values: vec![sample.value], median: 0.0 }),
        }
    }
    for series in &mut all {
        series.median = median(&series.values).unwrap_or_default();
    }
    all.sort_by(|a, b| a.median.total_cmp(&b.median));
    if more_is_better(unit) {
        all.reverse();
    }
    all
}

fn judge(row: &'static Row, metric: &Sample, series: Vec<Series>, quick: bool) -> Verdict {
    let Target { ours: our_name, rival, goal, .. } = target(row.name, &metric.metric);
    // The best is first.
    let ours = series.iter().find(|s| is_engine(&s.peer, our_name)).map(|s| s.median);
    let rival = series.iter().find(|s| match rival {
        Rival::BestDurable => s.role == Role::Durable,
        Rival::Named(name) => is_engine(&s.peer, name),
    });
    let best = rival.map(|s| s.median);
    let limit = series.iter().find(|s| s.role == Role::Limit).map(|s| s.median);
    let ratio = match (ours, best) {
        (Some(ours), Some(best)) if more_is_better(&metric.unit) => Some(ours / best),
        (Some(ours), Some(best)) => Some(best / ours),
        _ => None,
    };
    let met = goal.and_then(|goal| goal.met(ours?, ratio, limit));
    Verdict {
        row: row.shown(quick),
        metric: metric.metric.clone(),
        unit: metric.unit.clone(),
        our_name,
        ours,
        best_peer: rival.map(|s| s.peer.clone()),
        best,
        limit,
        ratio: ratio.filter(|r| r.is_finite()),
        goal: goal.map(|goal| goal.text(&metric.unit)),
        // A quick run is for looking whether it works.
        met: if quick { None } else { met },
        series,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::select;

    fn samples(metric: &str, unit: &str, values: &[(&str, f64)]) -> Vec<Sample> {
        let sample = |(peer, value): &(&str, f64)| Sample {
            row: "create-64".to_owned(),
            peer: (*peer).to_owned(),
            metric: metric.to_owned(),
            unit: unit.to_owned(),
            value: *value,
        };
        values.iter().map(sample).collect()
    }

    fn one(samples: &[Sample], quick: bool) -> Verdict {
        let rows = select(&["create-64".to_owned()], quick).unwrap();
        verdicts(&rows, samples, quick).pop().unwrap()
    }

    #[test]
    fn the_best_durable_peer_by_its_median_is_the_rival() {
        let given = [
            ("ours-wal", 50.0),
            ("ours-wal", 60.0),
            ("ours-wal", 70.0),
            ("redb", 1.0),
            ("redb+batcher", 10.0),
            ("redb+batcher", 12.0),
            ("redb+batcher", 1000.0),
            ("lmdb+batcher", 11.0),
            ("mem-rwlock", 900.0),
            ("limit-grow+batcher", 100.0),
            ("limit-zeroed+batcher", 110.0),
        ];
        let v = one(&samples("throughput", "ops/s", &given), false);
        assert_eq!((v.ours, v.best_peer.as_deref(), v.best), (Some(60.0), Some("redb+batcher"), Some(12.0)));
        assert_eq!((v.ratio, v.limit, v.met), (Some(5.0), Some(110.0), Some(true)));
        assert_eq!(v.goal.as_deref(), Some(">= 5x"));
    }

    #[test]
    fn of_a_time_the_smaller_is_better_and_the_limit_may_decide() {
        let given = [("ours-wal", 200.0), ("redb+batcher", 400.0), ("limit-grow+batcher", 150.0)];
        let v = one(&samples("p99", "us", &given), false);
        assert_eq!((v.ratio, v.limit, v.met), (Some(2.0), Some(150.0), Some(true)));
        let slower = [("ours-wal", 230.0), ("redb+batcher", 400.0), ("limit-grow+batcher", 150.0)];
        assert_eq!(one(&samples("p99", "us", &slower), false).met, Some(false));
    }

    #[test]
    fn a_row_that_loses_is_there_and_a_quick_run_judges_nothing() {
        let given = samples("throughput", "ops/s", &[("ours-wal", 1.0), ("fjall", 4.0)]);
        let v = one(&given, false);
        assert_eq!((v.ratio, v.met), (Some(0.25), Some(false)));
        let quick = one(&given, true);
        assert_eq!((quick.ratio, quick.met, quick.goal.is_some()), (Some(0.25), None, true));
    }

    #[test]
    fn without_a_rival_there_is_no_ratio() {
        let v = one(&samples("throughput", "ops/s", &[("ours-wal", 1.0), ("mem-rwlock", 4.0)]), false);
        assert_eq!((v.best_peer, v.ratio, v.met), (None, None, None));
    }
}

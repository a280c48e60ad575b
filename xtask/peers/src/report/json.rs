//! The array of `--json`.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use crate::verdict::Verdict;

/// One object of the array, with its keys in this order.
#[derive(Serialize)]
struct Object<'a> {
    row: &'a str,
    metric: &'a str,
    unit: &'a str,
    ours: Option<f64>,
    best_peer: Option<&'a str>,
    best: Option<f64>,
    limit: Option<f64>,
    ratio: Option<f64>,
    goal: Option<&'a str>,
    met: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    samples: Option<BTreeMap<&'a str, &'a [f64]>>,
}

/// One object a verdict.
pub(crate) fn json(verdicts: &[Verdict], with_samples: bool) -> Result<String> {
    let all: Vec<Object<'_>> = verdicts.iter().map(|v| object(v, with_samples)).collect();
    Ok(serde_json::to_string_pretty(&all)?)
}

fn object(v: &Verdict, with_samples: bool) -> Object<'_> {
    let samples = || v.series.iter().map(|s| (s.peer.as_str(), s.values.as_slice())).collect();
    Object {
        row: &v.row,
        metric: &v.metric,
        unit: &v.unit,
        ours: v.ours.map(rounded),
        best_peer: v.best_peer.as_deref(),
        best: v.best.map(rounded),
        limit: v.limit.map(rounded),
        ratio: v.ratio.map(rounded),
        goal: v.goal.as_deref(),
        met: v.met,
        samples: with_samples.then(samples),
    }
}

/// More digits say nothing.
fn rounded(x: f64) -> f64 {
    (x * 1e5).round() / 1e5
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json as value};

    use super::*;
    use crate::engines::Role;
    use crate::verdict::Series;

    #[test]
    fn what_is_unknown_is_null_and_samples_are_there_when_asked_for() {
        let verdict = Verdict {
            row: "create-64".into(),
            metric: "throughput".into(),
            unit: "ops/s".into(),
            our_name: "ours-wal",
            ours: Some(2.0),
            best_peer: None,
            best: None,
            limit: None,
            ratio: Some(1.0 / 3.0),
            goal: Some(">= 5x".into()),
            met: None,
            series: vec![Series {
                peer: "ours-wal".into(),
                role: Role::Ours,
                values: vec![1.0, 2.0, 3.0],
                median: 2.0,
            }],
        };
        let read: Value = serde_json::from_str(&json(std::slice::from_ref(&verdict), false).unwrap()).unwrap();
        let expected = value!([{
            "row": "create-64", "metric": "throughput", "unit": "ops/s", "ours": 2.0, "best_peer": null, "best": null,
            "limit": null, "ratio": 0.33333, "goal": ">= 5x", "met": null
        }]);
        assert_eq!(read, expected);
        let read: Value = serde_json::from_str(&json(&[verdict], true).unwrap()).unwrap();
        assert_eq!(read[0]["samples"]["ours-wal"], value!([1.0, 2.0, 3.0]));
    }
}

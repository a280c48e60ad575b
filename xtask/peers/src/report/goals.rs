//! The table of verdicts.

use super::text::{optional, table};
use crate::engines::OURS;
use crate::verdict::Verdict;

const HEAD: [&str; 9] = ["row", "value", ">ours", "peer", ">its value", ">ratio", "goal", "met", ">limit"];

/// All verdicts, or those with a goal.
pub(crate) fn goals(verdicts: &[Verdict], with_goal_only: bool) -> String {
    let rows: Vec<Vec<String>> = verdicts.iter().filter(|v| v.goal.is_some() || !with_goal_only).map(cells).collect();
    table(&HEAD, &rows)
}

fn cells(v: &Verdict) -> Vec<String> {
    let ours = match v.our_name {
        OURS => optional(v.ours),
        name => format!("{} ({name})", optional(v.ours)),
    };
    let met = match v.met {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "",
    };
    vec![
        format!("`{}`", v.row),
        format!("{}, {}", v.metric, v.unit),
        ours,
        v.best_peer.clone().unwrap_or_default(),
        optional(v.best),
        optional(v.ratio),
        v.goal.clone().unwrap_or_default(),
        met.to_owned(),
        optional(v.limit),
    ]
}

//! The rows as a Markdown table, and as the array of `--json`.

use serde::Serialize;

use super::{Result, Row};
use crate::spread::Spread;

impl Row {
    /// How many times as fast as by hand.
    fn ratio(&self) -> f64 {
        Spread::of(&self.by_hand).median / Spread::of(&self.ours).median
    }
}

/// A ratio above 1: ours is faster.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = "| work | ours | by hand | times as fast | goal |\n|---|---:|---:|---:|---:|\n".to_owned();
    for row in rows {
        let (ratio, ours, by_hand) = (row.ratio(), Spread::of(&row.ours), Spread::of(&row.by_hand));
        let goal = row.goal.map(|goal| format!("{goal:.2}{}", if ratio >= goal { "" } else { ", missed" }));
        let goal = goal.unwrap_or_default();
        text.push_str(&format!("| {} | {ours} | {by_hand} | {ratio:.2} | {goal} |\n", row.name));
    }
    text
}

/// One object of the array: the keys of `bench peers`, in their order.
#[derive(Serialize)]
struct Object {
    row: &'static str,
    metric: &'static str,
    unit: &'static str,
    ours: f64,
    best_peer: &'static str,
    best: f64,
    limit: Option<f64>,
    ratio: f64,
    goal: Option<f64>,
    met: Option<bool>,
}

pub(super) fn json(rows: &[Row]) -> Result<String> {
    let rounded = |x: f64| (x * 1e3).round() / 1e3;
    let objects: Vec<Object> = rows
        .iter()
        .map(|row| Object {
            row: row.name,
            metric: "time",
            unit: "us",
            ours: rounded(Spread::of(&row.ours).median * 1e6),
            best_peer: "by hand",
            best: rounded(Spread::of(&row.by_hand).median * 1e6),
            limit: None,
            ratio: rounded(row.ratio()),
            goal: row.goal.map(rounded),
            met: row.goal.map(|goal| row.ratio() >= goal),
        })
        .collect();
    Ok(serde_json::to_string_pretty(&objects)? + "\n")
}

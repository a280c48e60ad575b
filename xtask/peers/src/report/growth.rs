//! The growth of ours: a table, and a curve for each value.

use super::text::{number, table};
use crate::rows::growth_metrics;
use crate::verdict::Verdict;

/// A value by the number of records, from the smallest catalog to the largest.
struct Curve<'a> {
    title: &'static str,
    unit: &'a str,
    points: Vec<(String, Option<f64>)>,
}

fn curves(verdicts: &[Verdict]) -> Vec<Curve<'_>> {
    let mut rows: Vec<&str> = verdicts.iter().map(|v| v.row.as_str()).collect();
    rows.dedup();
    let curve = |(name, title): &(&str, &'static str)| {
        let of = |row: &str| verdicts.iter().find(|v| v.row == row && v.metric == *name);
        let unit = verdicts.iter().find(|v| v.metric == *name)?.unit.as_str();
        let point = |row: &&str| (row.trim_start_matches("growth-").replace('m', "M"), of(row).and_then(|v| v.ours));
        Some(Curve { title, unit, points: rows.iter().map(point).collect() })
    };
    growth_metrics().iter().filter_map(curve).collect()
}

/// The text of the section, of the verdicts of the growth rows.
pub(super) fn growth(verdicts: &[Verdict]) -> String {
    let curves = curves(verdicts);
    let Some(first) = curves.first() else { return "Not measured.\n".to_owned() };
    let sizes: Vec<String> = first.points.iter().map(|(size, _)| format!(">{size}")).collect();
    let head: Vec<&str> = ["value"].into_iter().chain(sizes.iter().map(String::as_str)).collect();
    let row = |c: &Curve<'_>| {
        let values = c.points.iter().map(|(_, value)| value.map(number).unwrap_or_default());
        std::iter::once(format!("{}, {}", c.title, c.unit)).chain(values).collect()
    };
    let rows: Vec<Vec<String>> = curves.iter().map(row).collect();
    let charts: Vec<String> = curves.iter().filter_map(chart).collect();
    format!("{}\n{}", table(&head, &rows), charts.join("\n"))
}

fn chart(c: &Curve<'_>) -> Option<String> {
    let sizes: Vec<String> = c.points.iter().map(|(size, _)| format!("\"{size}\"")).collect();
    let values: Option<Vec<String>> = c.points.iter().map(|(_, value)| value.map(|v| format!("{v:.3}"))).collect();
    Some(format!(
        "```mermaid\nxychart-beta\n    title \"{}\"\n    x-axis \"records\" [{}]\n    y-axis \"{}\"\n    line [{}]\n```\n",
        c.title,
        sizes.join(", "),
        c.unit,
        values?.join(", ")
    ))
}

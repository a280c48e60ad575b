//! The document that a full run writes: what is measured comes from the run, what is thought about it from `notes.md`.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::goals::goals;
use super::growth::growth;
use super::text::{number, table};
use crate::engines::Engine;
use crate::machine::{commit, facts, today, versions};
use crate::plan::Plan;
use crate::rows::{Group, Row};
use crate::samples::more_is_better;
use crate::verdict::{Series, Verdict};

/// Written by people.
const NOTES: &str = include_str!("../../notes.md");

const INTRODUCTION: &str = "\
Our backends, called through `Arc<dyn MetadataBackend>`, beside the engines that a user would pick instead, doing the same work;
[how](../../../xtask/peers/README.md). Values are the median of interleaved repetitions (lowest to highest, and how many).
`limit-*` only append the bytes of the operations and sync: the disk's limit in the same minutes. `+batcher`: behind the queue
and thread that a careful user adds. A ratio above 1 means that ours is better.

`cargo xtask bench peers` writes this file; what is under the notes comes from `xtask/peers/notes.md`.
";

const GOALS: &str = "\
Each row against the best durable peer in its best way, or the peer that the goal names.
";

const GROWTH: &str = "\
`ours-wal`. The filter selects an owner and a tag, and five eighths of what is left: about 6 records of a thousand, 620 of 100,000; its page
ends at 100. Creates are deleted again.
";

const INSTRUCTIONS: &str = "\
`ours-wal` with 20,000 records through the trait, all threads, counted by callgrind: what 2N operations take more than N, over N.
";

/// The heading of the section that `cargo xtask bench instructions` replaces.
const INSTRUCTIONS_HEADING: &str = "Instructions";

/// Writes the document of a full run.
///
/// # Errors
/// For a path that cannot be written.
pub(crate) fn write(path: &Path, plan: &Plan, verdicts: &[Verdict]) -> Result<()> {
    let old = std::fs::read_to_string(path).unwrap_or_default();
    save(path, &document(plan, verdicts, &old))
}

/// Replaces the instructions in the document of an earlier run.
///
/// # Errors
/// Where it is not there, or not one of ours.
pub(crate) fn write_instructions(path: &Path, plan: &Plan, verdicts: &[Verdict]) -> Result<()> {
    let old = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let counted = of_group(plan, verdicts, Group::Instructions);
    let new = replaced(&old, INSTRUCTIONS_HEADING, &instructions(&counted));
    save(path, &new.context("the document has no section for the instructions; a full run writes it")?)
}

fn save(path: &Path, text: &str) -> Result<()> {
    let failed = || path.display().to_string();
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).with_context(failed)?;
    }
    std::fs::write(path, text).with_context(failed)
}

fn document(plan: &Plan, verdicts: &[Verdict], old: &str) -> String {
    let mut machine: Vec<Vec<String>> =
        facts(plan.place()).into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    machine.extend(plan.load.iter().map(|load| vec!["load average before".to_owned(), load.clone()]));
    machine.push(vec!["date".to_owned(), today()]);
    machine.push(vec!["command".to_owned(), format!("`{}`", plan.command())]);
    let engine = |e: &&Engine| vec![e.name.to_owned(), versions(e), e.setup.to_owned()];
    let engines: Vec<Vec<String>> = plan.engines.iter().map(engine).collect();
    let counted = of_group(plan, verdicts, Group::Instructions);
    let instructions = match section(old, INSTRUCTIONS_HEADING) {
        // This machine cannot count; what another run counted stays.
        Some(kept) if counted.is_empty() => kept.to_owned(),
        _ => instructions(&counted),
    };
    let sections = [
        ("Machine", table(&["", ""], &machine)),
        ("Engines", table(&["engine", "version", "setup"], &engines)),
        ("Goals", format!("{GOALS}\n{}", goals(verdicts, true))),
        ("Growth", format!("{GROWTH}\n{}", growth(&of_group(plan, verdicts, Group::Growth)))),
        (INSTRUCTIONS_HEADING, instructions),
        ("Notes", NOTES.to_owned()),
        ("Rows", rows(plan, verdicts)),
    ];
    let sections = sections.iter().map(|(heading, text)| format!("## {heading}\n\n{}\n", text.trim()));
    format!("# Benchmarks\n\n{INTRODUCTION}\n{}", sections.collect::<Vec<_>>().join("\n"))
}

fn of_group(plan: &Plan, verdicts: &[Verdict], group: Group) -> Vec<Verdict> {
    let rows: Vec<String> = plan.rows.iter().filter(|r| r.group == group).map(|r| r.shown(plan.quick)).collect();
    verdicts.iter().filter(|v| rows.contains(&v.row)).cloned().collect()
}

fn instructions(counted: &[Verdict]) -> String {
    if counted.is_empty() {
        return "Not counted: valgrind was not installed.\n".to_owned();
    }
    let row = |v: &Verdict| vec![format!("`{}`", v.row), v.series.first().map(spread).unwrap_or_default()];
    let rows: Vec<Vec<String>> = counted.iter().map(row).collect();
    let at = commit().map(|commit| format!(" at {commit}")).unwrap_or_default();
    format!("{INSTRUCTIONS}\nCounted{at} on {}.\n\n{}", today(), table(&["row", ">instructions"], &rows))
}

/// A table a row: every peer, the best first, a column for each value.
fn rows(plan: &Plan, verdicts: &[Verdict]) -> String {
    let wanted = |r: &&&Row| !matches!(r.group, Group::Growth | Group::Instructions);
    let mut text = String::new();
    for row in plan.rows.iter().filter(wanted) {
        let name = row.shown(plan.quick);
        let of_row: Vec<&Verdict> = verdicts.iter().filter(|v| v.row == name).collect();
        let Some(first) = of_row.first() else { continue };
        let heads: Vec<String> = of_row.iter().map(|v| format!(">{}, {}", v.metric, v.unit)).collect();
        let head: Vec<&str> = ["engine"].into_iter().chain(heads.iter().map(String::as_str)).collect();
        let cells = |peer: &str| {
            let value = |v: &&Verdict| v.series.iter().find(|s| s.peer == peer).map(spread).unwrap_or_default();
            std::iter::once(peer.to_owned()).chain(of_row.iter().map(value)).collect()
        };
        let lines: Vec<Vec<String>> = first.series.iter().map(|s| cells(&s.peer)).collect();
        let better = if more_is_better(&first.unit) { "More" } else { "Less" };
        text += &format!("### {name}\n\n{}. {better} is better.\n\n{}\n", capital(row.title), table(&head, &lines));
    }
    text
}

/// The median, and between what.
fn spread(s: &Series) -> String {
    let low = s.values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = s.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match s.values.len() {
        1 => number(s.median),
        n => format!("{} ({} to {}, {n})", number(s.median), number(low), number(high)),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The text under a heading of the second level.
fn section<'a>(document: &'a str, heading: &str) -> Option<&'a str> {
    let (_, rest) = document.split_once(&format!("\n## {heading}\n"))?;
    Some(rest.split_once("\n## ").map_or(rest, |(text, _)| text))
}

/// The document with another text under a heading.
fn replaced(document: &str, heading: &str, text: &str) -> Option<String> {
    let old = section(document, heading)?;
    let title = format!("\n## {heading}\n");
    Some(document.replacen(&format!("{title}{old}"), &format!("{title}\n{}\n", text.trim()), 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Sample;
    use crate::verdict::verdicts;

    fn plan(dir: &Path) -> Plan {
        Plan::new(&["--dir".to_owned(), dir.display().to_string()]).unwrap()
    }

    fn sample(row: &str, peer: &str, metric: &str, unit: &str, value: f64) -> Sample {
        let [row, peer, metric, unit] = [row, peer, metric, unit].map(str::to_owned);
        Sample { row, peer, metric, unit, value }
    }

    fn made(samples: &[Sample], old: &str) -> String {
        let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let plan = plan(dir.path());
        document(&plan, &verdicts(&plan.rows, samples, false), old)
    }

    #[test]
    fn the_document_has_every_part() {
        let samples = [
            sample("create-64", "ours-wal", "throughput", "ops/s", 60_000.0),
            sample("create-64", "ours-wal", "throughput", "ops/s", 50_000.0),
            sample("create-64", "redb+batcher", "throughput", "ops/s", 10_000.0),
            sample("growth-1k", "ours-wal", "get", "ns/op", 400.0),
            sample("growth-1m", "ours-wal", "get", "ns/op", 800.0),
        ];
        let text = made(&samples, "");
        assert!(
            text.contains(
                "| `create-64` | throughput, ops/s | 55,000 | redb+batcher | 10,000 | 5.50 | >= 5x | yes |  |"
            )
        );
        assert!(text.contains("| ours-wal | 55,000 (50,000 to 60,000, 2) |\n| redb+batcher | 10,000 |\n"), "{text}");
        assert!(text.contains("| get by id, ns/op | 400 | 800 |"), "{text}");
        assert!(
            text.contains("x-axis \"records\" [\"1k\", \"1M\"]\n    y-axis \"ns/op\"\n    line [400.000, 800.000]\n")
        );
        assert!(text.contains("Not counted"));
        assert!(text.contains(NOTES.trim()));
    }

    #[test]
    fn what_was_counted_elsewhere_stays_and_can_be_counted_anew() {
        let counted = [sample("instructions-get", "ours-wal", "instructions", "instructions/op", 512.0)];
        let first = made(&counted, "");
        assert!(first.contains("| `instructions-get` | 512 |"), "{first}");
        assert!(made(&[], &first).contains("| `instructions-get` | 512 |"));
        let again = replaced(&first, INSTRUCTIONS_HEADING, "Other.\n").unwrap();
        assert_eq!(section(&again, INSTRUCTIONS_HEADING), Some("\nOther.\n"));
        assert_eq!(section(&again, "Notes"), section(&first, "Notes"));
        assert_eq!(replaced("# Empty\n", INSTRUCTIONS_HEADING, ""), None);
    }
}

//! Printing what a search found: records with their scores, the best first.

use std::io::{self, IsTerminal as _, Write};

use proximadb_meta::core::Ranked;
use serde::Serialize;
use serde_json::json;

use super::cells::{COLUMNS, csv_cells, csv_header, row};
use super::table::Table;
use super::yaml::{Ordered, yaml};
use super::{csv_line, out_error};
use crate::args::Format;
use crate::exit::Result;
use crate::text::{visible, visible_json};

#[derive(Serialize)]
struct List {
    found: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    score: f64,
    collection: Ordered,
}

/// Prints them on stdout in any format.
pub(crate) fn ranked(found: &[Ranked], format: Format) -> Result<()> {
    let to_terminal = io::stdout().is_terminal();
    let mut out = io::BufWriter::new(io::stdout());
    print(found, format, to_terminal, &mut out).and_then(|()| out.flush()).map_err(out_error)
}

/// On a terminal without what would command it.
fn print(found: &[Ranked], format: Format, to_terminal: bool, out: &mut impl Write) -> io::Result<()> {
    let text = |text: String| if to_terminal { visible(&text).into_owned() } else { text };
    let json = |r: &Ranked| {
        let json = format!("{{\"score\":{},\"collection\":{}}}", json!(r.score), r.record.to_json());
        if to_terminal { visible_json(json) } else { json }
    };
    match format {
        Format::Table => {
            let columns: Vec<_> = std::iter::once(("SCORE", true)).chain(COLUMNS).collect();
            let rows: Vec<_> =
                found.iter().map(|r| std::iter::once(short(r.score)).chain(row(&r.record)).collect()).collect();
            Table::new(&columns).page(&rows, out)
        }
        Format::Json => {
            let lines: Vec<String> = found.iter().map(json).collect();
            let line_feed = if lines.is_empty() { "" } else { "\n" };
            writeln!(out, "{{\"found\":[\n{}{line_feed}]}}", lines.join(",\n"))
        }
        Format::Ndjson => found.iter().try_for_each(|r| writeln!(out, "{}", json(r))),
        Format::Yaml => {
            let list = found.iter().map(|r| -> io::Result<Found> {
                let record: Ordered = serde_json::from_str(&r.record.to_json())?;
                let collection = if to_terminal { record.shown() } else { record };
                Ok(Found { score: r.score, collection })
            });
            out.write_all(yaml(&List { found: list.collect::<io::Result<_>>()? })?.as_bytes())
        }
        Format::Csv => {
            out.write_all(&csv_line(std::iter::once("score").chain(csv_header()))?)?;
            found.iter().try_for_each(|r| {
                let cells = csv_cells(&r.record).map(&text);
                out.write_all(&csv_line(std::iter::once(r.score.to_string()).chain(cells))?)
            })
        }
        Format::Name => found.iter().try_for_each(|r| writeln!(out, "{}", text(r.record.id.to_string()))),
    }
}

/// A score for people: which one is greater, and about how much.
fn short(score: f64) -> String {
    let size = score.abs();
    if size == 0.0 || (0.001..1_000_000.0).contains(&size) { format!("{score:.4}") } else { format!("{score:.3e}") }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proximadb_meta::core::{CollectionMetadata, DistanceMetric};
    use serde_json::Value;

    use super::*;

    fn found() -> Vec<Ranked> {
        let record = |id: &str| {
            let mut r = CollectionMetadata::new(format!("name {id}"), 8, DistanceMetric::COSINE);
            r.id = id.into();
            Arc::new(r)
        };
        [("a", 1.5), ("b\u{1b}[2J", 0.000_001_25), ("c", 0.0), ("d", -2e300)]
            .map(|(id, score)| Ranked::new(record(id), score))
            .into()
    }

    fn printed(found: &[Ranked], format: Format, to_terminal: bool) -> String {
        let mut out = Vec::new();
        print(found, format, to_terminal, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_format_says_the_same() {
        let all = found();
        let json: Value = serde_json::from_str(&printed(&all, Format::Json, false)).unwrap();
        let lines: Vec<Value> =
            printed(&all, Format::Ndjson, false).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(json, json!({"found": lines}));
        assert_eq!((&json["found"][1]["score"], lines.len()), (&json!(0.000_001_25), 4));
        let yaml: Value = yaml_serde::from_str(&printed(&all, Format::Yaml, false)).unwrap();
        assert_eq!(yaml, json);
        let csv = printed(&all, Format::Csv, false);
        assert!(csv.starts_with("score,id,name,") && csv.contains("\n0.00000125,b\u{1b}[2J,"), "{csv}");
        assert_eq!(printed(&all, Format::Name, false), "a\nb\u{1b}[2J\nc\nd\n");
    }

    #[test]
    fn nothing_found_is_an_empty_list() {
        let of = |format| printed(&[], format, false);
        assert_eq!((of(Format::Json).as_str(), of(Format::Yaml).as_str()), ("{\"found\":[\n]}\n", "found: []\n"));
        assert_eq!((of(Format::Table), of(Format::Ndjson), of(Format::Name)), Default::default());
        assert_eq!(of(Format::Csv).lines().count(), 1);
    }

    #[test]
    fn nothing_commands_a_terminal_and_scores_are_short() {
        for format in [Format::Table, Format::Json, Format::Ndjson, Format::Yaml, Format::Csv, Format::Name] {
            let text = printed(&found(), format, true);
            assert!(!text.contains('\u{1b}'), "{text}");
        }
        let table = printed(&found(), Format::Table, true);
        let scores: Vec<&str> = table.lines().skip(1).filter_map(|l| l.split_whitespace().next()).collect();
        assert_eq!(scores, ["1.5000", "1.250e-6", "0.0000", "-2.000e300"]);
    }
}

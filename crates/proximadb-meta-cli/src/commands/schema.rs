//! schema: the layout of a store, and bringing it up to date.

use proximadb_meta::core::report::{AppliedMigration, PendingMigration, SchemaAction, SchemaReport};
use serde_json::{Value, json};

use crate::address::Address;
use crate::args::{Format, SchemaCommand};
use crate::exit::Result;
use crate::output::{Report, Table, line, out_error, value};
use crate::stop::{STOPPED, Stop};
use crate::talk::Talk;
use crate::text::visible;

pub(crate) async fn run(
    what: &SchemaCommand,
    address: &Address,
    format: Format,
    talk: &Talk,
    stop: &Stop,
) -> Result<u8> {
    let registry = proximadb_meta::install()?;
    let config = address.config();
    match what {
        SchemaCommand::Status => {
            let report = unless_stopped(stop, registry.schema(config, SchemaAction::Status)).await;
            told(report, format, show_status)
        }
        SchemaCommand::Plan => {
            let report = unless_stopped(stop, registry.schema(config, SchemaAction::Plan)).await;
            told(report, format, show_plan)
        }
        SchemaCommand::Apply { yes } => {
            let Some(plan) = unless_stopped(stop, registry.schema(config, SchemaAction::Plan)).await else {
                return Ok(STOPPED);
            };
            let pending = plan?.pending;
            if !pending.is_empty() {
                talk.require_consent(*yes, "schema apply", "changes the layout of the store")?;
                if !*yes {
                    match talk.ask(&question(&pending), stop).await {
                        None => return Ok(STOPPED),
                        Some(false) => {
                            talk.say("nothing was applied");
                            return Ok(1);
                        }
                        Some(true) => {}
                    }
                }
            }
            // What cannot be divided completes.
            let report = registry.schema(config, SchemaAction::Apply).await?;
            talk.say(match report.ran.len() {
                0 => "nothing to apply".to_owned(),
                n => format!("applied {}", migrations(n)),
            });
            told(Some(Ok(report)), format, show_status)
        }
    }
}

/// A look can be dropped at any time.
async fn unless_stopped<T>(stop: &Stop, look: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        looked = look => Some(looked),
        () = stop.requested() => None,
    }
}

fn told(
    report: Option<proximadb_meta::core::Result<SchemaReport>>,
    format: Format,
    show: fn(&SchemaReport) -> Result<()>,
) -> Result<u8> {
    let Some(report) = report else { return Ok(STOPPED) };
    let report = report?;
    if format == Format::Table {
        show(&report)?
    } else {
        value(&json_of(&report), format)?
    }
    Ok(0)
}

fn question(pending: &[PendingMigration]) -> String {
    let names: Vec<String> = pending.iter().map(|m| format!("{} {}", m.version, m.name)).collect();
    format!("apply {}: {}?", migrations(pending.len()), names.join(", "))
}

fn migrations(n: usize) -> String {
    format!("{n} migration{}", if n == 1 { "" } else { "s" })
}

fn json_of(report: &SchemaReport) -> Value {
    let applied = |m: &AppliedMigration| {
        let at = m.applied_at.map(|t| t.to_string());
        json!({"version": m.version, "name": m.name, "checksum": m.checksum, "applied_at": at})
    };
    let pending =
        |m: &PendingMigration| json!({"version": m.version, "name": m.name, "checksum": m.checksum, "steps": m.steps});
    let format =
        report.format.map(|f| json!({"format": f.format, "min_reader": f.min_reader, "min_writer": f.min_writer}));
    json!({
        "format": format,
        "applied": report.applied.iter().map(applied).collect::<Vec<_>>(),
        "pending": report.pending.iter().map(pending).collect::<Vec<_>>(),
        "ran": report.ran,
    })
}

fn show_status(report: &SchemaReport) -> Result<()> {
    Report::new()
        .with("format", report.format.map(|f| f.format))
        .with("min_reader", report.format.map(|f| f.min_reader))
        .with("min_writer", report.format.map(|f| f.min_writer))
        .with("applied", report.applied.len())
        .with("pending", report.pending.len())
        .print(Format::Table)?;
    let rows = rows(report);
    let columns = [("VERSION", true), ("NAME", false), ("CHECKSUM", false), ("APPLIED_AT", false)];
    Table::new(&columns).page(&rows, &mut std::io::stdout()).map_err(out_error)
}

fn rows(report: &SchemaReport) -> Vec<Vec<String>> {
    let applied = report.applied.iter().map(|m| {
        let at = m.applied_at.map_or_else(|| "-".to_owned(), |t| t.to_string());
        vec![m.version.to_string(), m.name.clone(), m.checksum.clone(), at]
    });
    let pending = report
        .pending
        .iter()
        .map(|m| vec![m.version.to_string(), m.name.clone(), m.checksum.clone(), "pending".to_owned()]);
    applied.chain(pending).collect()
}

fn show_plan(report: &SchemaReport) -> Result<()> {
    plan_lines(report).iter().try_for_each(line)
}

/// Each migration with its steps below it: a script to read, and where the steps are statements, to run.
fn plan_lines(report: &SchemaReport) -> Vec<String> {
    if report.pending.is_empty() {
        return vec!["nothing to apply".to_owned()];
    }
    let mut lines = Vec::new();
    for m in &report.pending {
        lines.push(format!("-- {} {}", m.version, visible(&m.name)));
        // A statement keeps its lines; in a line nothing commands a terminal.
        lines.extend(m.steps.iter().flat_map(|step| step.lines()).map(|l| visible(l).into_owned()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use proximadb_meta::core::Timestamp;
    use proximadb_meta::core::report::StoreFormat;

    use super::*;

    fn report() -> SchemaReport {
        let mut report = SchemaReport::of_format(StoreFormat { format: 3, min_reader: 1, min_writer: 2 });
        report.applied.push(AppliedMigration::new(1, "first", "aa", Some(Timestamp::from_micros(0))));
        report.applied.push(AppliedMigration::new(2, "unknown", "bb", None));
        let steps = vec!["CREATE TABLE t (\n  id TEXT\n);".to_owned(), "ANALYZE;\u{1b}[2J".to_owned()];
        report.pending.push(PendingMigration::new(3, "third", "cc", steps));
        report
    }

    #[test]
    fn a_plan_is_a_script_in_order() {
        let lines = ["-- 3 third", "CREATE TABLE t (", "  id TEXT", ");", "ANALYZE;\\u{1b}[2J"];
        assert_eq!(plan_lines(&report()), lines);
        assert_eq!(plan_lines(&SchemaReport::default()), ["nothing to apply"]);
    }

    #[test]
    fn the_status_tells_what_is_applied_and_what_is_not() {
        let rows = rows(&report());
        assert_eq!(rows[0], ["1", "first", "aa", "1970-01-01T00:00:00.000000Z"]);
        assert_eq!(rows[1], ["2", "unknown", "bb", "-"]);
        assert_eq!(rows[2], ["3", "third", "cc", "pending"]);
    }

    #[test]
    fn json_has_every_field() {
        let value = json_of(&report());
        assert_eq!(value["format"], json!({"format": 3, "min_reader": 1, "min_writer": 2}));
        assert_eq!(value["applied"][1]["applied_at"], json!(null));
        assert_eq!(value["pending"][0]["steps"].as_array().map(Vec::len), Some(2));
        assert_eq!(json_of(&SchemaReport::default())["format"], json!(null));
    }

    #[test]
    fn the_question_says_what_would_be_applied() {
        assert_eq!(question(&report().pending), "apply 1 migration: 3 third?");
    }
}

//! doctor: what there is to say of a store, also of one that does not open, and what to do about it.

use std::io::Write as _;

use proximadb_meta::core::report::{Finding, Severity};
use proximadb_meta::core::{Error, ErrorKind, MetadataBackendType, Namespace};
use serde_json::{Value, json};

use super::session::Session;
use crate::address::Address;
use crate::args::Format;
use crate::exit::{Failure, Result};
use crate::output::{Table, csv_line, out_error, value};
use crate::stop::Stop;
use crate::talk::Talk;

/// Exit code of a store that opens, and in which something does not work as it should.
const PROBLEM: u8 = 1;

pub(crate) async fn run(address: &Address, namespace: Namespace, format: Format, talk: Talk, stop: Stop) -> Result<u8> {
    let mut findings = vec![of_program(), of_address(address)];
    let mut code = 0;
    match Session::open(address, namespace, false, format, talk, stop).await {
        Ok(s) => {
            let found = s.catalog.diagnose().await;
            let closed = s.close().await;
            findings.extend(found?);
            closed?;
        }
        Err(e) => {
            findings.push(of_opening(address, &e));
            findings.extend(proximadb_meta::install()?.examine(address.config()).await?);
            code = Failure::from(e).code();
        }
    }
    print(&findings, format)?;
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    let (notes, warnings, problems) = (count(Severity::Note), count(Severity::Warning), count(Severity::Problem));
    talk.say(format_args!("{} findings: notes {notes}, warnings {warnings}, problems {problems}", findings.len()));
    Ok(if code == 0 && problems > 0 { PROBLEM } else { code })
}

fn of_program() -> Finding {
    Finding::ok("program", concat!("pxmeta ", env!("CARGO_PKG_VERSION")))
}

fn of_address(address: &Address) -> Finding {
    Finding::ok("address", format!("{}, {}", address.config().redacted(), address.origin()))
}

/// Why the store does not open.
fn of_opening(address: &Address, e: &Error) -> Finding {
    let hint = e.hint().unwrap_or("mend what it says, and run doctor again");
    // The commands of `pxmeta wal` are for this one.
    let is_log = *address.config().backend_type() == MetadataBackendType::WAL;
    let fix = if e.kind() == ErrorKind::Corruption && is_log {
        let directory = address.config().location();
        format!("{hint}; pxmeta wal verify {directory} says what is damaged, pxmeta wal salvage saves what is whole")
    } else {
        hint.to_owned()
    };
    Finding::problem("opening", format!("it does not open: {e}"), fix)
}

fn json_of(f: &Finding) -> Value {
    let number = f.value.map(|v| json!({"number": v.number, "unit": v.unit}));
    json!({
        "severity": f.severity.as_str(), "subject": f.subject, "found": f.found, "value": number, "fix": f.fix,
    })
}

const COLUMNS: [(&str, bool); 3] = [("LEVEL", false), ("SUBJECT", false), ("FOUND", false)];

fn print(findings: &[Finding], format: Format) -> Result<()> {
    let mut out = std::io::stdout();
    match format {
        Format::Ndjson => findings.iter().try_for_each(|f| value(&json_of(f), format)),
        Format::Csv => csv_line(["severity", "subject", "found", "value", "unit", "fix"])
            .and_then(|header| out.write_all(&header))
            .and_then(|()| findings.iter().try_for_each(|f| out.write_all(&csv_line(cells(f))?)))
            .map_err(out_error),
        Format::Table => {
            let rows: Vec<_> = findings.iter().flat_map(rows).collect();
            Table::new(&COLUMNS).page(&rows, &mut out).map_err(out_error)
        }
        format => value(&json!({"findings": findings.iter().map(json_of).collect::<Vec<_>>()}), format),
    }
}

fn cells(f: &Finding) -> [String; 6] {
    let (number, unit) = f.value.map(|v| (v.number.to_string(), v.unit.to_owned())).unwrap_or_default();
    let fix = f.fix.clone().unwrap_or_default();
    [f.severity.to_string(), f.subject.clone(), f.found.clone(), number, unit, fix]
}

/// A finding, and on a line of its own what to do.
fn rows(f: &Finding) -> Vec<Vec<String>> {
    let mut rows = vec![vec![f.severity.to_string(), f.subject.clone(), f.found.clone()]];
    rows.extend(f.fix.as_ref().map(|fix| vec![String::new(), "  fix".to_owned(), fix.clone()]));
    rows
}

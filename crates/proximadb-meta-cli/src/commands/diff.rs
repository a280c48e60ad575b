//! diff: what two catalogs differ in, a line a record.

use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write as _};
use std::ops::ControlFlow;

use proximadb_meta::core::Result as CoreResult;
use proximadb_meta_transfer::diff::{DiffOptions, DiffReport, Difference, Part, diff};
use serde_json::{Map, Value, json};

use super::pair::{Manner, Pair};
use crate::args::{self, Format, Global};
use crate::exit::{DIFFERENT, Result};
use crate::output::{out_error, text};
use crate::stop::STOPPED;
use crate::talk::collections;
use crate::text::visible;

pub(crate) struct Diff {
    pair: Pair,
    options: DiffOptions,
}

impl Diff {
    pub(crate) fn new(x: &args::Diff, global: &Global) -> Result<Self> {
        let parts: CoreResult<Vec<Part>> = x.fields.iter().map(|name| Part::parse(name)).collect();
        let parts = parts?;
        let options = DiffOptions::new()
            .with_filter(super::filter(x.filter.as_deref())?)
            .with_parts((!parts.is_empty()).then_some(parts))
            .with_same(x.same);
        let pair = Pair::new(&x.a, &x.b, x.to_namespace.as_deref(), global)?;
        Ok(Self { pair, options })
    }

    pub(crate) async fn run(self, how: &Manner) -> Result<u8> {
        let opened = self.pair.open(false, how).await?;
        let mut printer = Printer::new(how.format);
        let compared = {
            let mut tell = |d| printer.tell(&d);
            tokio::select! {
                compared = diff(&opened.from.catalog, &opened.to, &self.options, &mut tell) => Some(compared),
                () = how.stop.requested() => None,
            }
        };
        let closed = opened.close().await;
        let Some(compared) = compared else { return Ok(STOPPED) };
        let report = compared?;
        printer.finish(&report)?;
        closed?;
        how.talk.say(format_args!(
            "{} the same, {} only in A, {} only in B, {} changed",
            collections(report.same),
            report.only_in_a,
            report.only_in_b,
            report.changed
        ));
        tracing::info!(
            method = report.method.as_str(),
            records = report.records_read,
            entries = report.entries_read,
            "compared"
        );
        Ok(if report.is_same() { 0 } else { DIFFERENT })
    }
}

struct Printer {
    out: BufWriter<Stdout>,
    format: Format,
    to_terminal: bool,
    told: u64,
    failed: Option<io::Error>,
}

impl Printer {
    fn new(format: Format) -> Self {
        let to_terminal = io::stdout().is_terminal();
        Self { out: BufWriter::new(io::stdout()), format, to_terminal, told: 0, failed: None }
    }

    /// Prints one; breaks off when nobody can read it.
    fn tell(&mut self, d: &Difference) -> ControlFlow<()> {
        match self.print(d) {
            Ok(()) => ControlFlow::Continue(()),
            Err(e) => {
                self.failed = Some(e);
                ControlFlow::Break(())
            }
        }
    }

    fn print(&mut self, d: &Difference) -> io::Result<()> {
        if self.format == Format::Table {
            writeln!(self.out, "{} {}", d.sign(), visible(d.id()))?;
            return fields(d).into_iter().try_for_each(|(part, a, b)| {
                let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
                let line = format!("    {part}: {} -> {}", shown(a), shown(b));
                writeln!(self.out, "{}", visible(&line))
            });
        }
        let before = match (self.format, self.told) {
            (Format::Json, 0) => "{\"differences\":[\n",
            (Format::Json, _) => ",\n",
            (Format::Yaml, 0) => "differences:\n",
            _ => "",
        };
        self.told += 1;
        let object = object(d);
        // An item of a list is a list of one.
        let object = if self.format == Format::Yaml { json!([object]) } else { object };
        let text = text(&object, self.format, self.to_terminal)?;
        let text = if self.format == Format::Json { text.trim_end() } else { text.as_str() };
        write!(self.out, "{before}{text}")
    }

    fn finish(mut self, report: &DiffReport) -> Result<()> {
        let end = |p: &mut Self| {
            if let Some(e) = p.failed.take() {
                return Err(e);
            }
            if p.format == Format::Yaml {
                let empty = if p.told == 0 { "differences: []\n" } else { "" };
                let counts = json!({
                    "same": report.same, "only_in_a": report.only_in_a, "only_in_b": report.only_in_b,
                    "changed": report.changed,
                });
                write!(p.out, "{empty}{}", text(&counts, p.format, p.to_terminal)?)?;
            }
            if p.format == Format::Json {
                let before = if p.told == 0 { "{\"differences\":[" } else { "\n" };
                writeln!(
                    p.out,
                    "{before}],\"same\":{},\"only_in_a\":{},\"only_in_b\":{},\"changed\":{}}}",
                    report.same, report.only_in_a, report.only_in_b, report.changed
                )?;
            }
            p.out.flush()
        };
        end(&mut self).map_err(out_error)
    }
}

/// The parts that differ, with what A and B have there as JSON.
fn fields(d: &Difference) -> Vec<(Part, Option<String>, Option<String>)> {
    match d {
        Difference::Changed { a, b, parts } => parts.iter().map(|part| (*part, part.value(a), part.value(b))).collect(),
        _ => Vec::new(),
    }
}

fn object(d: &Difference) -> Value {
    let name = match d {
        Difference::OnlyInB(r) | Difference::Same(r) | Difference::OnlyInA(r) | Difference::Changed { a: r, .. } => {
            Some(&*r.name)
        }
        _ => None,
    };
    let mut object = json!({"sign": d.sign().to_string(), "id": &**d.id(), "name": name});
    let value = |text: Option<String>| text.and_then(|t| serde_json::from_str::<Value>(&t).ok());
    let fields: Map<String, Value> = fields(d)
        .into_iter()
        .map(|(part, a, b)| (part.name().to_owned(), json!({"a": value(a), "b": value(b)})))
        .collect();
    if !fields.is_empty()
        && let Some(members) = object.as_object_mut()
    {
        members.insert("fields".to_owned(), Value::Object(fields));
    }
    object
}

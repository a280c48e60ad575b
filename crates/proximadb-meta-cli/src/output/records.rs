//! Printing records in every format, page by page.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;

use proximadb_meta::core::{CollectionMetadata, Cursor};
use serde_json::json;

use super::cells::{COLUMNS, csv_cells, csv_header, plain, row};
use super::table::Table;
use super::yaml::{Ordered, yaml};
use super::{csv_line, out_error};
use crate::args::Format;
use crate::exit::Result;
use crate::text::{visible, visible_json};

type Record = Arc<CollectionMetadata>;

/// Prints records, one page after the other.
pub(crate) struct Printer {
    out: io::BufWriter<io::Stdout>,
    format: Format,
    table: Table,
    printed: u64,
    to_terminal: bool,
    /// There is one record and no list.
    alone: bool,
}

impl Printer {
    pub(crate) fn new(format: Format) -> Self {
        let to_terminal = io::stdout().is_terminal();
        let out = io::BufWriter::new(io::stdout());
        Self { out, format, table: Table::new(&COLUMNS), printed: 0, to_terminal, alone: false }
    }

    /// A text as it is; on a terminal without what would command it.
    fn text(&self, text: String) -> String {
        if self.to_terminal { visible(&text).into_owned() } else { text }
    }

    fn json(&self, r: &CollectionMetadata) -> String {
        if self.to_terminal { visible_json(r.to_json()) } else { r.to_json() }
    }

    /// A member of the list, or the record alone.
    fn yaml(&self, r: &CollectionMetadata) -> io::Result<String> {
        let record: Ordered = serde_json::from_str(&r.to_json())?;
        let record = if self.to_terminal { record.shown() } else { record };
        if self.alone { yaml(&record) } else { yaml(&[record]) }
    }

    pub(crate) fn records(&mut self, records: &[Record]) -> Result<()> {
        self.page(records).map_err(out_error)
    }

    fn page(&mut self, records: &[Record]) -> io::Result<()> {
        if self.format == Format::Table {
            let rows: Vec<_> = records.iter().map(|r| row(r)).collect();
            self.printed += records.len() as u64;
            return self.table.page(&rows, &mut self.out);
        }
        for r in records {
            self.begin()?;
            match self.format {
                Format::Json => {
                    let json = self.json(r);
                    write!(self.out, "{}{json}", if self.printed == 0 { "" } else { ",\n" })?;
                }
                Format::Yaml => {
                    let yaml = self.yaml(r)?;
                    self.out.write_all(yaml.as_bytes())?;
                }
                Format::Csv => {
                    let line = csv_line(csv_cells(r).map(|cell| self.text(cell)))?;
                    self.out.write_all(&line)?;
                }
                Format::Name => {
                    let id = self.text(r.id.to_string());
                    writeln!(self.out, "{id}")?;
                }
                Format::Ndjson | Format::Table => {
                    let json = self.json(r);
                    writeln!(self.out, "{json}")?;
                }
            }
            self.printed += 1;
        }
        Ok(())
    }

    /// What stands before the first record.
    fn begin(&mut self) -> io::Result<()> {
        match self.format {
            Format::Yaml if self.printed == 0 && !self.alone => self.out.write_all(b"collections:\n"),
            Format::Json if self.printed == 0 => self.out.write_all(b"{\"collections\":[\n"),
            Format::Csv if self.printed == 0 => self.out.write_all(&csv_line(csv_header())?),
            _ => Ok(()),
        }
    }

    /// Ends the list and says how many there were. `next`: where a further call goes on.
    pub(crate) fn finish(mut self, next: Option<&Cursor>) -> Result<u64> {
        let end = |p: &mut Self| {
            if p.format == Format::Yaml {
                return p.end_yaml(next);
            }
            if p.printed == 0 {
                p.begin()?;
            }
            if p.format == Format::Json {
                let line_feed = if p.printed == 0 { "" } else { "\n" };
                writeln!(p.out, "{line_feed}],\"next\":{}}}", json!(next.map(Cursor::as_str)))?;
            }
            p.out.flush()
        };
        end(&mut self).map_err(out_error)?;
        Ok(self.printed)
    }

    fn end_yaml(&mut self, next: Option<&Cursor>) -> io::Result<()> {
        if !self.alone {
            let empty = if self.printed == 0 { "collections: []\n" } else { "" };
            write!(self.out, "{empty}{}", yaml(&json!({"next": next.map(Cursor::as_str)}))?)?;
        }
        self.out.flush()
    }

    /// One record alone: one field a line in the table, the bare object in JSON.
    pub(crate) fn one(format: Format, r: &Record) -> Result<()> {
        match format {
            Format::Table => {
                let mut out = io::BufWriter::new(io::stdout());
                one_field_a_line(r, &mut out).and_then(|()| out.flush()).map_err(out_error)
            }
            Format::Json | Format::Ndjson | Format::Csv | Format::Yaml | Format::Name => {
                // Alone, an object of JSON is one line in both formats.
                let mut printer = Self::new(if format == Format::Json { Format::Ndjson } else { format });
                printer.alone = true;
                printer.records(std::slice::from_ref(r))?;
                printer.finish(None).map(drop)
            }
        }
    }
}

fn one_field_a_line(r: &CollectionMetadata, out: &mut impl io::Write) -> io::Result<()> {
    let widest = CollectionMetadata::FIELDS.iter().map(|f| f.name().len()).max().unwrap_or(0);
    for &field in CollectionMetadata::FIELDS {
        let value = plain(r, field);
        writeln!(out, "{:<widest$}  {}", field.name(), visible(value.as_deref().unwrap_or("-")))?;
    }
    if !r.extra.is_empty() {
        writeln!(out, "{:<widest$}  {}", "extra", visible(r.extra.as_str()))?;
    }
    Ok(())
}

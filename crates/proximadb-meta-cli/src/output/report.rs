//! A report: a few named values, as lines, as one JSON object, as CSV.

use std::io::{self, Write as _};

use serde_json::{Map, Value};

use super::{csv_line, out_error};
use crate::args::Format;
use crate::exit::Result;
use crate::text::visible;

/// Named values in the order they were given; in JSON sorted by name.
#[derive(Default)]
pub(crate) struct Report(Vec<(String, Value)>);

impl Report {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    pub(crate) fn to_json(&self) -> Value {
        Value::Object(self.0.iter().cloned().collect::<Map<_, _>>())
    }

    pub(crate) fn print(&self, format: Format) -> Result<()> {
        if format.is_json() {
            return super::value(&self.to_json(), format);
        }
        let mut out = io::BufWriter::new(io::stdout());
        let cells = || self.0.iter().map(|(_, value)| cell(value));
        let written = if format == Format::Csv {
            csv_line(self.0.iter().map(|(name, _)| name))
                .and_then(|header| out.write_all(&header))
                .and_then(|()| csv_line(cells().map(Option::unwrap_or_default)))
                .and_then(|row| out.write_all(&row))
        } else {
            let widest = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            self.0.iter().zip(cells()).try_for_each(|((name, _), value)| {
                writeln!(out, "{name:<widest$}  {}", visible(value.as_deref().unwrap_or("-")))
            })
        };
        written.and_then(|()| out.flush()).map_err(out_error)
    }
}

/// A value as text; `None` for null.
fn cell(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

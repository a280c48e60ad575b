//! A value for programs: JSON on one line, or YAML.

use std::io::{self, IsTerminal as _, Write as _};

use serde_json::Value;

use super::out_error;
use super::yaml::{shown, yaml};
use crate::args::Format;
use crate::exit::Result;
use crate::text::visible_json;

/// A value as YAML where that was asked for, as JSON in a line elsewhere; with a line feed behind it.
pub(crate) fn text(value: &Value, format: Format, to_terminal: bool) -> io::Result<String> {
    match format {
        Format::Yaml if to_terminal => yaml(&shown(value.clone())),
        Format::Yaml => yaml(value),
        _ if to_terminal => Ok(visible_json(value.to_string()) + "\n"),
        _ => Ok(value.to_string() + "\n"),
    }
}

/// Prints a value as YAML where that was asked for, as JSON elsewhere.
pub(crate) fn value(value: &Value, format: Format) -> Result<()> {
    let text = text(value, format, io::stdout().is_terminal()).map_err(out_error)?;
    io::stdout().write_all(text.as_bytes()).map_err(out_error)
}

//! A value for programs: JSON on one line, or YAML.

use std::io::{self, IsTerminal as _, Write as _};

use serde_json::Value;

use super::out_error;
use super::yaml::{shown, yaml};
use crate::args::Format;
use crate::exit::Result;
use crate::text::visible_json;

/// Prints a value as YAML where that was asked for, as JSON elsewhere.
pub(crate) fn value(value: &Value, format: Format) -> Result<()> {
    let to_terminal = io::stdout().is_terminal();
    let text = match format {
        Format::Yaml if to_terminal => yaml(&shown(value.clone())).map_err(out_error)?,
        Format::Yaml => yaml(value).map_err(out_error)?,
        _ if to_terminal => visible_json(value.to_string()) + "\n",
        _ => value.to_string() + "\n",
    };
    io::stdout().write_all(text.as_bytes()).map_err(out_error)
}

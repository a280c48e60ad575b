//! TOML: the table `[metadata_storage]` of a file that may hold other tables too.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use ::toml::de::{DeTable, DeValue};

use crate::error::{Error, ErrorKind, Result};
use crate::registry::BackendRegistry;
use crate::suggest::{did_you_mean, nearest};

use super::MetadataBackendConfig;
use super::draft::{Draft, Entry};
use super::place::{Door, Place, quote, shorten};
use super::value::{Given, Lookup, OptionValue};

/// Longest TOML text, in bytes.
pub const MAX_TOML_BYTES: usize = 256 * 1024;

const TABLE: &str = "metadata_storage";
const TEXTS: [&str; 3] = ["connection_string", "backend_type", "location"];
const OPTION_TABLES: [&str; 3] = ["connection", "performance", "options"];

impl MetadataBackendConfig {
    /// Reads the table `[metadata_storage]` of a TOML text:
    ///
    /// ```toml
    /// [metadata_storage]
    /// backend_type = "wal"                # and a location, or a connection_string; or both where they agree
    /// location = "./data/metadata"
    /// namespace = "tenant"                # as an option would
    ///
    /// [metadata_storage.options]          # or .connection, or .performance: which one does not matter
    /// segment_bytes = 16777216
    /// ```
    ///
    /// Numbers, booleans and lists have their TOML types; a number in quotes is a text. Other tables belong to somebody else
    /// and are passed over, unless their name looks like a misspelt `metadata_storage`.
    ///
    /// # Errors
    /// `Config` with line, column and key: broken TOML, an unknown key, and all that
    /// [`from_uri`](Self::from_uri) gives. Never with a line of the text: it may hold a secret.
    pub fn from_toml(text: &str, registry: &BackendRegistry) -> Result<Self> {
        Self::from_toml_in(text, registry, &super::variable)
    }

    /// Reads the file, then as [`from_toml`](Self::from_toml). Reads on the calling thread.
    ///
    /// # Errors
    /// `Config` with the file's name: it cannot be read, is longer than [`MAX_TOML_BYTES`] or no UTF-8; and what `from_toml` gives.
    pub fn from_toml_file(path: impl AsRef<Path>, registry: &BackendRegistry) -> Result<Self> {
        Self::from_toml_file_in(path.as_ref(), registry, &super::variable)
    }

    pub(crate) fn from_toml_file_in(path: &Path, registry: &BackendRegistry, environment: &Lookup<'_>) -> Result<Self> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAX_TOML_BYTES).unwrap_or(u64::MAX);
        let read = File::open(path).and_then(|f| f.take(limit + 1).read_to_end(&mut bytes));
        read.map_err(|e| Error::new(ErrorKind::Config, "the file cannot be read").with_source(e))
            .and_then(|_| String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::Config, "the file is not UTF-8")))
            .and_then(|text| Self::from_toml_in(&text, registry, environment))
            .map_err(|e| e.context(path.display()))
    }

    pub(crate) fn from_toml_in(text: &str, registry: &BackendRegistry, environment: &Lookup<'_>) -> Result<Self> {
        if text.len() > MAX_TOML_BYTES {
            let limit = format!("it is longer than {MAX_TOML_BYTES} bytes");
            return Err(Error::new(ErrorKind::Config, limit).context(Door::Toml));
        }
        let document = DeTable::parse(text).map_err(|e| {
            // The parser's own Display repeats the line, and with it a secret.
            let (line, column) = position(text, e.span().map_or(text.len(), |s| s.start));
            Error::new(ErrorKind::Config, format!("TOML line {line}, column {column}: {}", e.message()))
        })?;
        read(text, document.get_ref())?.check(registry, environment)
    }
}

fn config(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, what)
}

/// A place in a text that only moves forward, so that the places of any number of keys cost one reading.
struct Walk<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    column: usize,
}

impl Walk<'_> {
    /// Line and column of a byte, both counted from 1, the column in characters.
    fn to(&mut self, byte: usize) -> (usize, usize) {
        for c in self.text.get(self.at..byte.min(self.text.len())).unwrap_or_default().chars() {
            self.column += 1;
            if c == '\n' {
                (self.line, self.column) = (self.line + 1, 1);
            }
        }
        self.at = self.at.max(byte);
        (self.line, self.column)
    }
}

fn position(text: &str, byte: usize) -> (usize, usize) {
    Walk { text, at: 0, line: 1, column: 1 }.to(byte)
}

struct Key<'a> {
    name: &'a str,
    value: &'a DeValue<'a>,
    place: Place,
}

/// The keys of a table as they follow one another in the text.
fn keys<'a>(text: &str, path: &str, table: &'a DeTable<'a>) -> Vec<Key<'a>> {
    let mut keys: Vec<_> = table.iter().map(|(k, v)| (k.span().start, k.get_ref().as_ref(), v.get_ref())).collect();
    keys.sort_unstable_by_key(|(start, ..)| *start);
    let mut walk = Walk { text, at: 0, line: 1, column: 1 };
    let key = |(start, name, value): (usize, &'a str, &'a DeValue<'a>)| {
        let (line, column) = walk.to(start);
        let path = format!("{path}{}{}", if path.is_empty() { "" } else { "." }, shorten(name).escape_debug());
        Key { name, value, place: Place::Key { line, column, path } }
    };
    keys.into_iter().map(key).collect()
}

fn read(text: &str, document: &DeTable<'_>) -> Result<Draft> {
    let mut draft = Draft::new(Door::Toml);
    let mut found = None;
    let top = keys(text, "", document);
    for key in &top {
        if key.name == TABLE {
            found = Some(key);
        } else if nearest(shorten(key.name), [TABLE]).is_some() {
            return Err(config("this looks like a misspelt table")
                .context(&key.place)
                .with_hint(format!("the table is called [{TABLE}]")));
        }
    }
    let Some(Key { value, place, .. }) = found else {
        return Err(config(format!("there is no table [{TABLE}]")).context(Door::Toml));
    };
    for Key { name, value, place } in keys(text, TABLE, table(value, place)?) {
        if OPTION_TABLES.contains(&name) {
            let options = keys(text, &format!("{TABLE}.{name}"), table(value, &place)?);
            draft.options.extend(options.into_iter().map(|k| entry(k.name, k.value, k.place)));
            continue;
        }
        match name {
            "namespace" => draft.options.push(entry(name, value, place)),
            "connection_string" => draft.uri = Some(string(value, place)?),
            "backend_type" => draft.backend_type = Some(string(value, place)?),
            "location" => draft.location = Some(string(value, place)?),
            _ => {
                let known = TEXTS.into_iter().chain(["namespace"]).chain(OPTION_TABLES);
                return Err(config(format!("the table [{TABLE}] has no key {}", quote(name)))
                    .context(place)
                    .with_hint(format!("{}; options stand in [{TABLE}.options]", did_you_mean(shorten(name), known))));
            }
        }
    }
    Ok(draft)
}

fn table<'a>(value: &'a DeValue<'a>, place: &Place) -> Result<&'a DeTable<'a>> {
    value.as_table().ok_or_else(|| config(format!("this must be a table, found {}", name_of(value))).context(place))
}

fn string(value: &DeValue<'_>, place: Place) -> Result<(Place, String)> {
    match value.as_str() {
        Some(text) => Ok((place, text.to_owned())),
        None => Err(config(format!("this must be a text, found {}", name_of(value))).context(place)),
    }
}

fn entry(name: &str, value: &DeValue<'_>, place: Place) -> Entry {
    Entry { name: name.to_owned(), given: given(value), place }
}

fn given(value: &DeValue<'_>) -> Given {
    match value {
        DeValue::String(text) => Given::Typed(OptionValue::Text(text.to_string())),
        DeValue::Boolean(b) => Given::Typed(OptionValue::Bool(*b)),
        DeValue::Integer(n) => match i128::from_str_radix(n.as_str(), n.radix()).map(u64::try_from) {
            Ok(Ok(n)) => Given::Typed(OptionValue::Integer(n)),
            Ok(Err(_)) if n.as_str().starts_with('-') => Given::Misfit("a number below 0"),
            _ => Given::Misfit("a number that is too large"),
        },
        DeValue::Float(n) => n.as_str().parse().map_or(Given::Misfit("a number"), Given::Decimal),
        DeValue::Array(list) => {
            let texts: Option<Vec<String>> = list.iter().map(|v| v.get_ref().as_str().map(str::to_owned)).collect();
            texts.map_or(Given::Misfit("a list with something else in it than texts"), |l| {
                Given::Typed(OptionValue::List(l))
            })
        }
        other => Given::Misfit(name_of(other)),
    }
}

fn name_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

//! Where something of a configuration stands, for errors.

use std::fmt;

use super::spec::OptionSpec;

/// By which door a configuration came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Door {
    /// A connection string.
    ConnectionString,
    /// TOML.
    Toml,
    /// Environment variables.
    Environment,
    /// The builder.
    Builder,
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConnectionString => "connection string",
            Self::Toml => "TOML",
            Self::Environment => "environment",
            Self::Builder => "builder",
        })
    }
}

/// A place in one of them.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// The door as a whole.
    Whole(Door),
    /// A variable, by its name.
    Variable(String),
    /// A key, counted from 1, and its dotted path.
    Key { line: usize, column: usize, path: String },
    /// The connection string that stands at a place of another door.
    Within(Box<Place>),
}

impl Place {
    /// The place of a connection string given here.
    pub(crate) fn connection_string(self) -> Self {
        match self {
            Self::Whole(Door::ConnectionString) => self,
            other => Self::Within(Box::new(other)),
        }
    }

    /// Whether a connection string stands around it.
    pub(crate) fn is_in_connection_string(&self) -> bool {
        matches!(self, Self::Whole(Door::ConnectionString) | Self::Within(_))
    }

    /// What an option is called here.
    pub(crate) fn name_of(&self, spec: &OptionSpec) -> String {
        match self {
            Self::Variable(_) => spec.variable(),
            _ => spec.name.to_owned(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(door) => write!(f, "{door}"),
            Self::Variable(name) => write!(f, "environment variable {}", shorten(name).escape_debug()),
            Self::Key { line, column, path } => write!(f, "TOML line {line}, column {column} ({path})"),
            Self::Within(outer) => write!(f, "connection string in {outer}"),
        }
    }
}

/// At most this many characters of what somebody wrote are repeated in an error.
const SHOWN_CHARS: usize = 64;

/// The beginning of a text.
pub(crate) fn shorten(text: &str) -> &str {
    text.char_indices().nth(SHOWN_CHARS).map_or(text, |(end, _)| text.get(..end).unwrap_or(""))
}

/// A text in quotes, escaped, not longer than an error can bear.
pub(crate) fn quote(text: &str) -> String {
    let short = shorten(text);
    if short.len() == text.len() { format!("{text:?}") } else { format!("{short:?}... ({} bytes)", text.len()) }
}

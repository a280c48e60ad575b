//! Statements made from parts: fixed words and numbered parameters, never a value in the text.

use std::fmt::Write as _;
use std::sync::Arc;

use proximadb_meta_core::Timestamp;
use tokio_postgres::types::Type;

use crate::row::Param;
use crate::types::{Instant, Json};

/// A value to bind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Arg {
    Text(Arc<str>),
    Integer(i64),
    Time(Timestamp),
    Texts(Vec<String>),
    Jsonb(String),
    JsonPath(String),
}

impl Arg {
    fn bound(&self) -> (Param, Type) {
        match self {
            Self::Text(v) => (Box::new(v.to_string()), Type::TEXT),
            Self::Integer(v) => (Box::new(*v), Type::INT8),
            Self::Time(v) => (Box::new(Instant(*v)), Type::TIMESTAMPTZ),
            Self::Texts(v) => (Box::new(v.clone()), Type::TEXT_ARRAY),
            Self::Jsonb(v) => (Box::new(Json(v.clone())), Type::JSONB),
            Self::JsonPath(v) => (Box::new(Json(v.clone())), Type::JSONPATH),
        }
    }
}

/// A statement that is being made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sql {
    text: String,
    args: Vec<Arg>,
}

impl Sql {
    /// Adds words of ours.
    pub(crate) fn words(&mut self, words: &str) -> &mut Self {
        self.text.push_str(words);
        self
    }

    /// Adds a parameter with its value.
    pub(crate) fn value(&mut self, arg: Arg) -> &mut Self {
        self.args.push(arg);
        // Writing to a String cannot fail.
        let _ = write!(self.text, "${}", self.args.len());
        self
    }

    pub(crate) fn text(&mut self, text: impl Into<Arc<str>>) -> &mut Self {
        self.value(Arg::Text(text.into()))
    }

    pub(crate) fn integer(&mut self, n: i64) -> &mut Self {
        self.value(Arg::Integer(n))
    }

    pub(crate) fn time(&mut self, at: Timestamp) -> &mut Self {
        self.value(Arg::Time(at))
    }

    /// The same statement behind other words.
    pub(crate) fn prefixed(self, words: &str) -> Self {
        Self { text: format!("{words}{}", self.text), args: self.args }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The values with their types.
    pub(crate) fn bound(&self) -> Vec<(Param, Type)> {
        self.args.iter().map(Arg::bound).collect()
    }
}

//! Statements made from parts: fixed words, numbers of rows and numbered parameters, never a value in the text.

use std::fmt::Write as _;
use std::sync::Arc;

use sqlx::AssertSqlSafe;

use crate::row::Query;

/// A value to bind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Arg {
    Text(Arc<str>),
    Integer(i64),
    Real(f64),
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
        let _ = write!(self.text, "?{}", self.args.len());
        self
    }

    pub(crate) fn text(&mut self, text: impl Into<Arc<str>>) -> &mut Self {
        self.value(Arg::Text(text.into()))
    }

    pub(crate) fn integer(&mut self, n: i64) -> &mut Self {
        self.value(Arg::Integer(n))
    }

    /// Adds a number of rows, in words: where it is a parameter SQLite plans for its value, and compiles the statement anew each
    /// time that it is bound.
    pub(crate) fn count(&mut self, rows: usize) -> &mut Self {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{rows}");
        self
    }

    /// The same statement behind other words.
    pub(crate) fn prefixed(&self, words: &str) -> Self {
        Self { text: format!("{words}{}", self.text), args: self.args.clone() }
    }

    #[cfg(test)]
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn query(self) -> Query<'static> {
        let query = sqlx::query(AssertSqlSafe(self.text));
        self.args.into_iter().fold(query, |query, arg| match arg {
            Arg::Text(v) => query.bind(v),
            Arg::Integer(v) => query.bind(v),
            Arg::Real(v) => query.bind(v),
        })
    }
}

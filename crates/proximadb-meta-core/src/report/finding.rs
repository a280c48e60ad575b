//! What a look at a store finds, good and bad: for `doctor`.

use std::fmt;

/// How much a finding matters. Ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Good to know; nothing is wrong.
    Note,
    /// It works, but it will not for ever, or not under load.
    Warning,
    /// It does not work as it should.
    Problem,
}

impl Severity {
    /// `ok`, `note`, `warning`, `problem`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A number that was found, with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quantity {
    /// The number.
    pub number: u64,
    /// Its unit (`"bytes"`, `"records"`).
    pub unit: &'static str,
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.unit)
    }
}

/// One thing that was looked at. Holds no secret: fit for logs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What was looked at, in a word or two (`"free space"`).
    pub subject: String,
    /// What was found there, in words: lowercase, without a full stop, numbers with their unit.
    pub found: String,
    /// The number among it that a program would watch.
    pub value: Option<Quantity>,
    /// What to do. `None` exactly where the severity is [`Severity::Ok`].
    pub fix: Option<String>,
}

impl Finding {
    fn bad(severity: Severity, subject: &str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { severity, subject: subject.to_owned(), found: found.into(), value: None, fix: Some(fix.into()) }
    }

    /// As it should be.
    #[must_use]
    pub fn ok(subject: &str, found: impl Into<String>) -> Self {
        Self { severity: Severity::Ok, subject: subject.to_owned(), found: found.into(), value: None, fix: None }
    }

    /// Good to know. `fix`: what to do where it is not what was meant.
    #[must_use]
    pub fn note(subject: &str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::bad(Severity::Note, subject, found, fix)
    }

    /// It works, but it will not for ever, or not under load.
    #[must_use]
    pub fn warning(subject: &str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::bad(Severity::Warning, subject, found, fix)
    }

    /// It does not work as it should.
    #[must_use]
    pub fn problem(subject: &str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::bad(Severity::Problem, subject, found, fix)
    }

    /// Adds the number that a program would watch.
    #[must_use]
    pub fn with_value(mut self, number: u64, unit: &'static str) -> Self {
        self.value = Some(Quantity { number, unit });
        self
    }

    /// Whether it does not work as it should.
    #[must_use]
    pub fn is_problem(&self) -> bool {
        self.severity == Severity::Problem
    }
}

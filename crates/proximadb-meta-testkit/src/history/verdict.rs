//! What a check found, in words that a person can follow.

use std::fmt;
use std::sync::Arc;

use super::call::Call;

/// What a part of a history is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// The record of an id.
    Id(Arc<str>),
    /// Who holds a name.
    Name(Arc<str>),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "id {id:?}"),
            Self::Name(name) => write!(f, "name {name:?}"),
        }
    }
}

/// A history that no order of its calls explains.
#[derive(Clone, Debug)]
pub struct Violation {
    /// What it is about.
    pub key: Key,
    /// The shortest part that shows it: the calls about the key that were asked before the place `until` in the order,
    /// in the order of their questions.
    pub calls: Vec<Call>,
    /// The place of the answer with which the history became impossible.
    pub until: u64,
    /// The state in which the longest attempt at an order ended.
    pub state: String,
}

/// What a check found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// An order explains every answer.
    Linearizable,
    /// None does.
    NotLinearizable(Box<Violation>),
    /// Given up: too many calls at once, or too many without an answer. Not a pass.
    TooHard {
        /// What it was about.
        key: Key,
        /// How many calls are about it.
        calls: usize,
    },
}

impl Verdict {
    /// Whether an order was found.
    #[must_use]
    pub fn is_linearizable(&self) -> bool {
        matches!(self, Self::Linearizable)
    }
}

/// How many calls before the impossible answer are shown.
const SHOWN: usize = 24;

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.calls.len();
        writeln!(f, "not linearizable: {}: no order of the first {n} calls explains answer {}", self.key, self.until)?;
        if n > SHOWN {
            writeln!(f, "  ... {} calls before", n - SHOWN)?;
        }
        for call in self.calls.iter().skip(n.saturating_sub(SHOWN)) {
            let mark = match &call.answer {
                Some((at, _)) if *at == self.until => ">",
                Some((at, _)) if *at > self.until => "~",
                Some(_) => " ",
                None => "?",
            };
            writeln!(f, "{mark} {call}")?;
        }
        write!(f, "(> the answer, ~ answered later, ? never answered; the longest order ends in {})", self.state)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linearizable => f.write_str("linearizable"),
            Self::NotLinearizable(violation) => violation.fmt(f),
            Self::TooHard { key, calls } => {
                write!(
                    f,
                    "too hard to check: {key}: {calls} calls have too many possible orders; use fewer clients or keys"
                )
            }
        }
    }
}

//! Why a check failed, in words.

use std::error::Error;
use std::fmt;

/// A check that failed, or what kept it from being made.
pub struct Failure(String);

/// What a check answers.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: Error> From<E> for Failure {
    fn from(e: E) -> Self {
        let mut text = e.to_string();
        let mut next = e.source();
        while let Some(cause) = next {
            text = format!("{text}: {cause}");
            next = cause.source();
        }
        Self(text)
    }
}

/// Adds the place to a failure.
pub trait At<T> {
    /// The failure with what was being done in front of it.
    ///
    /// # Errors
    /// The failure.
    fn at(self, place: impl fmt::Display) -> Outcome<T>;
}

impl<T, E: Into<Failure>> At<T> for Result<T, E> {
    fn at(self, place: impl fmt::Display) -> Outcome<T> {
        self.map_err(|e| Failure(format!("{place}: {}", e.into())))
    }
}

/// Ends the check with a failure unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($words:tt)+) => {
        if !$holds {
            return Err($crate::failure::Failure::new(format!($($words)+)));
        }
    };
}

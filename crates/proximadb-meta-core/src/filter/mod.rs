//! Filters (rule 11): one syntax tree, one `evaluate` that is the meaning, a text form, a normal form, and the split between
//! what a store answers and what the adapter checks.

mod ast;

pub use ast::{ConfigValue, Filter, Leaf, Literal, Normal, Op};

use crate::driver::Push;
use crate::error::Result;
use crate::record::CollectionMetadata;
use std::sync::Arc;

impl Filter {
    /// Reads the text form.
    ///
    /// # Errors
    /// `InvalidInput`.
    pub fn parse(text: &str) -> Result<Self> {
        let _ = text;
        unimplemented!()
    }
    /// Whether the record matches: the meaning of the filter.
    #[must_use]
    pub fn evaluate(&self, record: &CollectionMetadata) -> bool {
        let _ = record;
        unimplemented!()
    }
    /// Checks limits and kinds.
    ///
    /// # Errors
    /// `InvalidInput`.
    pub fn validate(&self) -> Result<()> {
        unimplemented!()
    }
    /// Negations moved to the leaves.
    #[must_use]
    pub fn normalize(&self) -> Normal {
        unimplemented!()
    }
}
impl std::fmt::Display for Filter {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        unimplemented!()
    }
}
impl std::fmt::Display for Normal {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        unimplemented!()
    }
}
impl Literal {
    /// Whether the record matches.
    #[must_use]
    pub fn evaluate(&self, record: &CollectionMetadata) -> bool {
        let _ = record;
        unimplemented!()
    }
}
impl Normal {
    /// Whether the record matches.
    #[must_use]
    pub fn evaluate(&self, record: &CollectionMetadata) -> bool {
        let _ = record;
        unimplemented!()
    }
}
/// A filter divided between a store and the adapter: `pushed AND residual` is the filter.
#[derive(Clone, Debug)]
pub struct Split {
    /// For the store; `None`: everything.
    pub pushed: Option<Arc<Normal>>,
    /// For the adapter; `None`: nothing is left to check.
    pub residual: Option<Normal>,
}
/// Divides a filter by what the store says of each literal.
#[must_use]
pub fn split(filter: &Normal, push: &dyn Fn(&Literal) -> Push) -> Split {
    let _ = (filter, push);
    unimplemented!()
}

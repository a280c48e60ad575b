//! What a filter means: two-valued, on one record.

use std::cmp::Ordering;
use std::sync::Arc;

use super::ast::{ConfigValue, Filter, Leaf, Literal, Normal, Op};
use crate::keywords::{keywords, query_words};
use crate::record::CollectionMetadata;

impl Filter {
    /// Whether the record matches: the meaning of the filter. An absent field makes its leaf false.
    #[must_use]
    pub fn evaluate(&self, record: &CollectionMetadata) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|p| p.evaluate(record)),
            Self::Or(parts) => parts.iter().any(|p| p.evaluate(record)),
            Self::Not(inner) => !inner.evaluate(record),
            Self::Leaf(leaf) => leaf.evaluate(record),
        }
    }
}

impl Literal {
    /// Whether the record matches.
    #[must_use]
    pub fn evaluate(&self, record: &CollectionMetadata) -> bool {
        self.leaf.evaluate(record) != self.negated
    }
}

impl Normal {
    /// Whether the record matches.
    #[must_use]
    pub fn evaluate(&self, record: &CollectionMetadata) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|p| p.evaluate(record)),
            Self::Or(parts) => parts.iter().any(|p| p.evaluate(record)),
            Self::Literal(literal) => literal.evaluate(record),
        }
    }
}

impl Op {
    /// Whether `ordering`, the order of the stored value against the filter's, satisfies the comparison.
    #[must_use]
    pub const fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Self::Eq => ordering.is_eq(),
            Self::Ne => ordering.is_ne(),
            Self::Lt => ordering.is_lt(),
            Self::Le => ordering.is_le(),
            Self::Gt => ordering.is_gt(),
            Self::Ge => ordering.is_ge(),
        }
    }
}

impl Leaf {
    /// Whether the record passes this one test.
    #[must_use]
    pub fn evaluate(&self, r: &CollectionMetadata) -> bool {
        match self {
            Self::Text { field, op, value } => field.text_of(r).is_some_and(|v| op.accepts(v.cmp(value))),
            Self::Number { field, op, value } => {
                field.number_of(r).is_some_and(|v| op.accepts(i128::from(v).cmp(&i128::from(*value))))
            }
            Self::Time { field, op, value } => field.time_of(r).is_some_and(|v| op.accepts(v.cmp(value))),
            Self::HasTag(tag) => r.tags.contains(tag),
            Self::Present(field) => r.has(*field),
            Self::StartsWith { field, prefix } => field.text_of(r).is_some_and(|v| v.starts_with(&**prefix)),
            Self::Words(query) => {
                // A query that is refused matches nothing.
                query_words(query).is_ok_and(|wanted| {
                    let have = keywords(r);
                    wanted.iter().all(|w| have.contains(w))
                })
            }
            Self::Config { path, op, value } => config_matches(r, path, *op, value),
            Self::ConfigPresent(path) => r.config.at(path).is_some(),
        }
    }
}

fn config_matches(r: &CollectionMetadata, path: &[Arc<str>], op: Op, wanted: &ConfigValue) -> bool {
    let Some(found) = r.config.at(path) else { return false };
    match (found.as_bytes().first(), wanted) {
        (Some(b'-' | b'0'..=b'9'), ConfigValue::Number(x)) => {
            found.parse::<f64>().ok().and_then(|v| v.partial_cmp(x)).is_some_and(|o| op.accepts(o))
        }
        (Some(b'"'), ConfigValue::Text(x)) => {
            serde_json::from_str::<String>(&found).is_ok_and(|v| op.accepts(v.as_str().cmp(x)))
        }
        (Some(b't' | b'f'), ConfigValue::Bool(x)) => op.accepts((found == "true").cmp(x)),
        _ => false,
    }
}

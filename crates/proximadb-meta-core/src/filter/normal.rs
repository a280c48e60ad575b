//! Moving negations to the leaves.

use super::ast::{Filter, Literal, Normal};

impl Filter {
    /// The filter with its negations moved to the leaves (De Morgan): what drivers see. Same meaning.
    #[must_use]
    pub fn normalize(&self) -> Normal {
        normal(self, false)
    }
}

fn normal(filter: &Filter, negated: bool) -> Normal {
    let each = |parts: &[Filter]| parts.iter().map(|p| normal(p, negated)).collect();
    match filter {
        Filter::And(parts) if negated => Normal::Or(each(parts)),
        Filter::Or(parts) if negated => Normal::And(each(parts)),
        Filter::And(parts) => Normal::And(each(parts)),
        Filter::Or(parts) => Normal::Or(each(parts)),
        Filter::Not(inner) => normal(inner, !negated),
        Filter::Leaf(leaf) => Normal::Literal(Literal { leaf: leaf.clone(), negated }),
    }
}

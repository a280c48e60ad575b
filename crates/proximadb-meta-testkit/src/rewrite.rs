//! Wrong readings of a filter, for the seeded bugs.

use std::sync::Arc;

use proximadb_meta_core::Filter;
use proximadb_meta_core::filter::{ConfigValue, Leaf, Op};

/// Asks that the field of a leaf is present.
fn present(leaf: &Leaf) -> Filter {
    match leaf {
        Leaf::Text { field, .. }
        | Leaf::Number { field, .. }
        | Leaf::Time { field, .. }
        | Leaf::StartsWith { field, .. } => Filter::present(*field),
        Leaf::Config { path, .. } => Filter::Leaf(Leaf::ConfigPresent(path.clone())),
        _ => Filter::all(),
    }
}

/// `NOT leaf` also wants the field; the rest is right.
pub(crate) fn not_wants_presence(f: Filter) -> Filter {
    match f {
        Filter::And(p) => Filter::And(p.into_iter().map(not_wants_presence).collect()),
        Filter::Or(p) => Filter::Or(p.into_iter().map(not_wants_presence).collect()),
        Filter::Not(inner) => match *inner {
            Filter::Leaf(leaf) => Filter::And(vec![present(&leaf), Filter::Not(Box::new(Filter::Leaf(leaf)))]),
            other => Filter::Not(Box::new(not_wants_presence(other))),
        },
        leaf => leaf,
    }
}

/// Three-valued logic as in SQL: unknown is not true, whichever way it is turned.
pub(crate) fn three_valued(f: Filter, negated: bool) -> Filter {
    match (f, negated) {
        (Filter::And(p), false) | (Filter::Or(p), true) => {
            Filter::And(p.into_iter().map(|x| three_valued(x, negated)).collect())
        }
        (Filter::Or(p), false) | (Filter::And(p), true) => {
            Filter::Or(p.into_iter().map(|x| three_valued(x, negated)).collect())
        }
        (Filter::Not(inner), _) => three_valued(*inner, !negated),
        (Filter::Leaf(leaf), true) => Filter::And(vec![present(&leaf), Filter::Not(Box::new(Filter::Leaf(leaf)))]),
        (leaf, false) => leaf,
    }
}

/// Changes every leaf.
pub(crate) fn leaves(f: Filter, edit: fn(Leaf) -> Filter) -> Filter {
    match f {
        Filter::And(p) => Filter::And(p.into_iter().map(|x| leaves(x, edit)).collect()),
        Filter::Or(p) => Filter::Or(p.into_iter().map(|x| leaves(x, edit)).collect()),
        Filter::Not(inner) => Filter::Not(Box::new(leaves(*inner, edit))),
        Filter::Leaf(leaf) => edit(leaf),
    }
}

/// `!=` as the negation of `=`: an absent field passes.
pub(crate) fn ne_is_not_eq(leaf: Leaf) -> Filter {
    match leaf {
        Leaf::Text { field, op: Op::Ne, value } => !Filter::text(field, Op::Eq, value),
        Leaf::Config { path, op: Op::Ne, value } => !Filter::Leaf(Leaf::Config { path, op: Op::Eq, value }),
        other => Filter::Leaf(other),
    }
}

/// Config numbers as integers.
pub(crate) fn truncate_numbers(leaf: Leaf) -> Filter {
    match leaf {
        Leaf::Config { path, op, value: ConfigValue::Number(x) } => {
            Filter::Leaf(Leaf::Config { path, op, value: ConfigValue::Number(x.trunc()) })
        }
        other => Filter::Leaf(other),
    }
}

/// `_` and `%` of a prefix as patterns.
pub(crate) fn prefix_is_pattern(leaf: Leaf) -> Filter {
    match leaf {
        Leaf::StartsWith { field, prefix } => {
            let cut: Arc<str> = prefix.split(['_', '%']).next().unwrap_or_default().into();
            Filter::starts_with(field, cut)
        }
        other => Filter::Leaf(other),
    }
}

/// Tags in lower case; those stored stay as they are.
pub(crate) fn fold_tag(leaf: Leaf) -> Filter {
    match leaf {
        Leaf::HasTag(tag) => Filter::has_tag(tag.to_lowercase()),
        other => Filter::Leaf(other),
    }
}

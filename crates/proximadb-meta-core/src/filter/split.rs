//! Dividing a filter between a store and the adapter.

use std::sync::Arc;

use super::ast::{Literal, Normal};
use crate::driver::Push;

/// A filter divided: `pushed AND residual` is the filter.
#[derive(Clone, Debug)]
pub struct Split {
    /// For the store; `None`: everything. Never under-selects.
    pub pushed: Option<Arc<Normal>>,
    /// For the adapter; `None`: what the store answers is exact.
    pub residual: Option<Normal>,
}

/// Divides a filter by what the store says of each literal (a negated leaf is asked for as such).
#[must_use]
pub fn split(filter: &Normal, push: &dyn Fn(&Literal) -> Push) -> Split {
    let (pushed, residual) = divide(filter, push);
    Split { pushed: pushed.map(Arc::new), residual }
}

fn divide(filter: &Normal, push: &dyn Fn(&Literal) -> Push) -> (Option<Normal>, Option<Normal>) {
    match filter {
        Normal::Literal(literal) => match push(literal) {
            Push::Exact => (Some(filter.clone()), None),
            Push::Superset => (Some(filter.clone()), Some(filter.clone())),
            Push::No => (None, Some(filter.clone())),
        },
        Normal::And(parts) => {
            let (mut pushed, mut residual) = (Vec::new(), Vec::new());
            for part in parts {
                let (p, r) = divide(part, push);
                pushed.extend(p);
                residual.extend(r);
            }
            (one(pushed), one(residual))
        }
        // A branch that the store cannot narrow makes the whole alternative everything. No branch at all is nothing, which
        // every store can answer, but the adapter answers it without asking them to.
        Normal::Or(parts) => {
            let divided: Vec<_> = parts.iter().map(|p| divide(p, push)).collect();
            let exact = !parts.is_empty() && divided.iter().all(|(p, r)| p.is_some() && r.is_none());
            let pushed: Option<Vec<Normal>> = divided.into_iter().map(|(p, _)| p).collect();
            let pushed = pushed.filter(|p| !p.is_empty()).map(Normal::Or);
            (pushed, (!exact).then(|| filter.clone()))
        }
    }
}

fn one(mut parts: Vec<Normal>) -> Option<Normal> {
    match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(Normal::And(parts)),
    }
}

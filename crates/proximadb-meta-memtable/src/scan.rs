//! Ordered reads: which index answers, and the bounded walk over it.

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use proximadb_meta_core::driver::{Scan, Scanned};
use proximadb_meta_core::filter::{Leaf, Literal, Normal, Op};
use proximadb_meta_core::page::{Position, SortKey};
use proximadb_meta_core::{AccessPattern, Field, Timestamp};

use crate::space::{Posting, Record, Space};

/// A walk looks at no more than this many records (or four times the limit) before it returns what it has.
const MIN_BUDGET: usize = 1024;

pub(crate) fn is_indexed(literal: &Literal) -> bool {
    !literal.negated
        && match &literal.leaf {
            Leaf::HasTag(_) => true,
            Leaf::Text { field, op: Op::Eq, .. } => {
                matches!(field, Field::Id | Field::Name | Field::Owner | Field::AccessPattern)
            }
            _ => false,
        }
}

/// Where candidates come from.
enum Access<'a> {
    Point(Option<&'a Record>, String),
    Posting(Option<&'a Posting>, String),
}

impl Access<'_> {
    fn size(&self) -> usize {
        match self {
            Self::Point(..) => 1,
            Self::Posting(p, _) => p.map_or(0, Posting::len),
        }
    }
}

fn access<'a>(space: &'a Space, literal: &Literal) -> Option<Access<'a>> {
    if literal.negated {
        return None;
    }
    let shown = format!("index {}", literal.leaf);
    match &literal.leaf {
        Leaf::HasTag(tag) => Some(Access::Posting(space.tags.get(tag), shown)),
        Leaf::Text { field: Field::Owner, op: Op::Eq, value } => Some(Access::Posting(space.owners.get(value), shown)),
        Leaf::Text { field: Field::AccessPattern, op: Op::Eq, value } => {
            let posting = AccessPattern::parse(value).ok().and_then(|p| space.patterns.get(&p));
            Some(Access::Posting(posting, shown))
        }
        Leaf::Text { field: Field::Id, op: Op::Eq, value } => Some(Access::Point(space.ids.get(value), shown)),
        Leaf::Text { field: Field::Name, op: Op::Eq, value } => Some(Access::Point(space.by_name(value), shown)),
        _ => None,
    }
}

fn best<'a>(space: &'a Space, filter: &Normal) -> Option<Access<'a>> {
    match filter {
        Normal::Literal(literal) => access(space, literal),
        Normal::And(parts) => parts.iter().filter_map(|p| best(space, p)).min_by_key(Access::size),
        Normal::Or(_) => None,
    }
}

pub(crate) fn scan(space: &Space, request: &Scan) -> Scanned {
    let limit = request.limit.max(1);
    let matches = |r: &Record| request.filter.as_ref().is_none_or(|f| f.evaluate(r));
    let comes_after =
        |r: &Record| request.after.as_ref().is_none_or(|p| request.order.compare_to(r, p) == Ordering::Greater);
    match request.filter.as_ref().and_then(|f| best(space, f)) {
        Some(Access::Point(found, shown)) => {
            let records = found.filter(|r| matches(r) && comes_after(r)).cloned().into_iter().collect();
            Scanned::new(records, None, 1, shown)
        }
        Some(Access::Posting(posting, shown)) => {
            let by_id = request.order.field() == Field::Id;
            match posting {
                None => Scanned::new(Vec::new(), None, 0, shown),
                Some(ids) if by_id => {
                    let after = request.after.as_ref().map(|p| p.id.clone());
                    let walk: Box<dyn Iterator<Item = &Arc<str>>> = match (after, request.order.is_descending()) {
                        (None, false) => Box::new(ids.iter()),
                        (None, true) => Box::new(ids.iter().rev()),
                        (Some(id), false) => Box::new(ids.range((Bound::Excluded(id), Bound::Unbounded))),
                        (Some(id), true) => Box::new(ids.range((Bound::Unbounded, Bound::Excluded(id))).rev()),
                    };
                    bounded(walk.filter_map(|id| space.ids.get(id)), request, limit, &matches, shown)
                }
                // Another order than the posting's: collect what matches, sort, cut. Bounded by the posting.
                Some(ids) => {
                    let mut found: Vec<&Record> = ids
                        .iter()
                        .filter_map(|id| space.ids.get(id))
                        .filter(|r| matches(r) && comes_after(r))
                        .collect();
                    found.sort_unstable_by(|a, b| request.order.compare(a, b));
                    let more = found.len() > limit;
                    found.truncate(limit);
                    let next = found.last().filter(|_| more).map(|r| Position::after(r, request.order));
                    Scanned::new(
                        found.into_iter().cloned().collect(),
                        next,
                        ids.len() as u64,
                        format!("{shown}, sorted"),
                    )
                }
            }
        }
        None => {
            let shown = format!("walk by {}", request.order);
            bounded(walk(space, request), request, limit, &matches, shown)
        }
    }
}

/// Every record in the request's order, from its position on.
fn walk<'a>(space: &'a Space, request: &Scan) -> Box<dyn Iterator<Item = &'a Record> + 'a> {
    let down = request.order.is_descending();
    let id = |id: &'a Arc<str>| space.ids.get(id);
    macro_rules! directed {
        ($index:expr, $after:expr) => {
            match ($after, down) {
                (None, false) => Box::new($index.iter()) as Box<dyn Iterator<Item = _>>,
                (None, true) => Box::new($index.iter().rev()),
                (Some(at), false) => Box::new($index.range((Bound::Excluded(at), Bound::Unbounded))),
                (Some(at), true) => Box::new($index.range((Bound::Unbounded, Bound::Excluded(at))).rev()),
            }
        };
    }
    let time = |at: &Option<Position>| -> Option<(Timestamp, Arc<str>)> {
        match at {
            Some(Position { key: SortKey::Time(t), id }) => Some((*t, id.clone())),
            _ => None,
        }
    };
    match request.order.field() {
        Field::Name => {
            let after = match &request.after {
                Some(Position { key: SortKey::Name(name), .. }) => Some(name.clone()),
                _ => None,
            };
            Box::new(directed!(space.names, after).filter_map(move |(_, i)| id(i)))
        }
        Field::CreatedAt => Box::new(directed!(space.created, time(&request.after)).filter_map(move |(_, i)| id(i))),
        Field::UpdatedAt => Box::new(directed!(space.updated, time(&request.after)).filter_map(move |(_, i)| id(i))),
        _ => Box::new(directed!(space.ids, request.after.as_ref().map(|p| p.id.clone())).map(|(_, r)| r)),
    }
}

fn bounded<'a>(
    walk: impl Iterator<Item = &'a Record>,
    request: &Scan,
    limit: usize,
    matches: &dyn Fn(&Record) -> bool,
    shown: String,
) -> Scanned {
    let budget = limit.saturating_mul(4).max(MIN_BUDGET);
    let mut records = Vec::with_capacity(limit.min(MIN_BUDGET));
    let mut examined = 0;
    let mut last: Option<&Record> = None;
    for record in walk {
        if records.len() == limit || examined == budget {
            let next = last.map(|r| Position::after(r, request.order));
            return Scanned::new(records, next, examined as u64, shown);
        }
        examined += 1;
        last = Some(record);
        if matches(record) {
            records.push(record.clone());
        }
    }
    Scanned::new(records, None, examined as u64, shown)
}

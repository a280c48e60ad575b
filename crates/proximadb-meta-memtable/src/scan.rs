//! Ordered reads: which index answers, and the bounded walk over it.

use std::cmp::Ordering;
use std::sync::Arc;

use proximadb_meta_core::driver::{Scan, Scanned};
use proximadb_meta_core::filter::{Leaf, Literal, Normal, Op};
use proximadb_meta_core::page::{Position, SortKey};
use proximadb_meta_core::{AccessPattern, Field, Timestamp};

use crate::chain::At;
use crate::index::{ByTime, Posting};
use crate::space::{Record, Slot, Space};
use crate::walk::Walk;

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
enum Access {
    Point(At<Record>, String),
    Posting(Option<Arc<Posting>>, String),
}

impl Access {
    fn size(&self) -> usize {
        match self {
            Self::Point(..) => 1,
            Self::Posting(p, _) => p.as_ref().map_or(0, |p| p.len()),
        }
    }
}

fn access(space: &Space, seq: u64, literal: &Literal) -> Option<Access> {
    if !is_indexed(literal) {
        return None;
    }
    let shown = format!("index {}", literal.leaf);
    match &literal.leaf {
        Leaf::HasTag(tag) => Some(Access::Posting(Space::posting(&space.tags, &**tag), shown)),
        Leaf::Text { field: Field::Owner, value, .. } => {
            Some(Access::Posting(Space::posting(&space.owners, &**value), shown))
        }
        Leaf::Text { field: Field::AccessPattern, value, .. } => {
            let posting = AccessPattern::parse(value).ok().and_then(|p| Space::posting(&space.patterns, &p));
            Some(Access::Posting(posting, shown))
        }
        Leaf::Text { field: Field::Id, value, .. } => Some(Access::Point(space.by_id(value, seq), shown)),
        Leaf::Text { field: Field::Name, value, .. } => Some(Access::Point(space.by_name(value, seq), shown)),
        _ => None,
    }
}

fn best(space: &Space, seq: u64, filter: &Normal) -> Option<Access> {
    match filter {
        Normal::Literal(literal) => access(space, seq, literal),
        Normal::And(parts) => parts.iter().filter_map(|p| best(space, seq, p)).min_by_key(Access::size),
        Normal::Or(_) => None,
    }
}

/// One read at one instant. The caller holds a snapshot of `seq`.
pub(crate) fn scan(space: &Space, seq: u64, request: &Scan) -> Scanned {
    let read = Read { seq, request, limit: request.limit.max(1) };
    match request.filter.as_ref().and_then(|f| best(space, seq, f)) {
        Some(Access::Point(found, shown)) => {
            let records = match found {
                At::Was(record) => record.filter(|r| read.matches(r) && read.comes_after(r)).into_iter().collect(),
                At::Dropped => Vec::new(),
            };
            Scanned::new(records, None, 1, shown)
        }
        Some(Access::Posting(None, shown)) => Scanned::new(Vec::new(), None, 0, shown),
        Some(Access::Posting(Some(posting), shown)) if request.order.field() == Field::Id => {
            let after = request.after.as_ref().map(|p| &*p.id);
            let walk = Walk::new(&posting.ids, after, request.order.is_descending());
            read.bounded(walk.map(|e| read.slot(e.value())), shown)
        }
        // Another order than the posting's: sort it, unless so many match that the ordered walk fills the page sooner.
        Some(Access::Posting(Some(posting), shown)) if !read.is_dense(&posting, space) => {
            read.sorted(&posting, &format!("{shown}, sorted"))
        }
        _ => {
            let shown = format!("walk by {}", request.order);
            read.bounded(walk(space, &read), shown)
        }
    }
}

struct Read<'a> {
    seq: u64,
    request: &'a Scan,
    limit: usize,
}

impl Read<'_> {
    fn matches(&self, r: &Record) -> bool {
        self.request.filter.as_ref().is_none_or(|f| f.evaluate(r))
    }

    fn comes_after(&self, r: &Record) -> bool {
        self.request.after.as_ref().is_none_or(|p| self.request.order.compare_to(r, p) == Ordering::Greater)
    }

    fn slot(&self, slot: &Slot) -> Option<Record> {
        match slot.at(self.seq) {
            At::Was(record) => record,
            // Not for a reader that holds a snapshot.
            At::Dropped => None,
        }
    }

    /// Whether a walk over everything in order is likely to find `limit` matches in fewer steps than the posting has.
    fn is_dense(&self, posting: &Posting, space: &Space) -> bool {
        let len = posting.len() as u64;
        len.saturating_mul(len) > (self.limit as u64).saturating_mul(space.records())
    }

    fn sorted(&self, posting: &Posting, shown: &str) -> Scanned {
        let order = self.request.order;
        let mut examined = 0;
        let mut found: Vec<Record> = Walk::new(&posting.ids, None::<&str>, false)
            .inspect(|_| examined += 1)
            .filter_map(|e| self.slot(e.value()))
            .filter(|r| self.matches(r) && self.comes_after(r))
            .collect();
        let more = found.len() > self.limit;
        if more {
            found.select_nth_unstable_by(self.limit, |a, b| order.compare(a, b));
            found.truncate(self.limit);
        }
        found.sort_unstable_by(|a, b| order.compare(a, b));
        let next = found.last().filter(|_| more).map(|r| Position::after(r, order));
        Scanned::new(found, next, examined, shown)
    }

    /// Takes candidates in order until the page is full, the budget is spent or they end.
    fn bounded(&self, candidates: impl Iterator<Item = Option<Record>>, shown: String) -> Scanned {
        let budget = self.limit.saturating_mul(4).max(MIN_BUDGET);
        let mut records = Vec::with_capacity(self.limit.min(MIN_BUDGET));
        let mut examined = 0;
        let mut last: Option<Record> = None;
        for candidate in candidates {
            // An entry that is not there at this instant still costs, but gives no place to go on from.
            let full = records.len() == self.limit || examined >= budget;
            if full && let (Some(last), Some(_)) = (&last, &candidate) {
                let next = Position::after(last, self.request.order);
                return Scanned::new(records, Some(next), examined as u64, shown);
            }
            examined += 1;
            let Some(record) = candidate else { continue };
            if self.matches(&record) {
                records.push(record.clone());
            }
            last = Some(record);
        }
        Scanned::new(records, None, examined as u64, shown)
    }
}

/// Every record in the request's order, from its position on.
fn walk<'a>(space: &'a Space, read: &'a Read<'a>) -> Box<dyn Iterator<Item = Option<Record>> + 'a> {
    let (after, down) = (read.request.after.as_ref(), read.request.order.is_descending());
    let by_time = |index: &'a ByTime, of: fn(&Record) -> Timestamp| {
        let after = after.and_then(|p| match &p.key {
            SortKey::Time(t) => Some((*t, p.id.clone())),
            _ => None,
        });
        let walk = Walk::new(index, after.as_ref(), down);
        // At this instant the record may stand at another time.
        walk.map(move |e| read.slot(e.value()).filter(|r| of(r) == e.key().0))
    };
    match read.request.order.field() {
        Field::Name => {
            let after = after.and_then(|p| match &p.key {
                SortKey::Name(name) => Some(&**name),
                _ => None,
            });
            Box::new(Walk::new(&space.names, after, down).map(|e| match e.value().at(read.seq) {
                At::Was(Some(slot)) => read.slot(&slot),
                _ => None,
            }))
        }
        Field::CreatedAt => Box::new(by_time(&space.created, |r| r.created_at)),
        Field::UpdatedAt => Box::new(by_time(&space.updated, |r| r.updated_at)),
        _ => Box::new(Walk::new(&space.ids, after.map(|p| &*p.id), down).map(|e| read.slot(e.value()))),
    }
}

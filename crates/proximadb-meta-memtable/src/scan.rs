//! Ordered reads: which way the records are found, and the bounded walk.

use std::cmp::Ordering;
use std::sync::Arc;

use proximadb_meta_core::driver::{Scan, Scanned};
use proximadb_meta_core::filter::{Leaf, Literal, Normal, Op};
use proximadb_meta_core::page::{Position, SortKey};
use proximadb_meta_core::{AccessPattern, Field, Timestamp};

use crate::bits::SlotSet;
use crate::chain::At;
use crate::index::{ByText, ByTime};
use crate::space::{Record, Space};
use crate::walk::Walk;

/// A walk looks at no more than this many records (or four times the limit) before it returns what it has.
const MIN_BUDGET: usize = 1024;

/// What the indexes say of a filter: one record at most, or the sets that all matches are in.
enum Hint {
    Point(At<Record>, String),
    Sets(Vec<Arc<SlotSet>>, Vec<String>),
}

/// The hints of the parts that must all hold. No hint: anything can match.
fn hint(space: &Space, seq: u64, filter: &Normal) -> Hint {
    let mut sets = Vec::new();
    let mut shown = Vec::new();
    match filter {
        Normal::Literal(literal) => {
            if let Some(found) = literal_hint(space, seq, literal) {
                match found {
                    Hint::Sets(s, t) => (sets, shown) = (s, t),
                    point => return point,
                }
            }
        }
        Normal::And(parts) => {
            for part in parts {
                match hint(space, seq, part) {
                    Hint::Sets(s, t) => {
                        sets.extend(s);
                        shown.extend(t);
                    }
                    point => return point,
                }
            }
        }
        Normal::Or(_) => {}
    }
    Hint::Sets(sets, shown)
}

fn literal_hint(space: &Space, seq: u64, literal: &Literal) -> Option<Hint> {
    if literal.negated {
        return None;
    }
    let shown = literal.leaf.to_string();
    let one = |set: Option<Arc<SlotSet>>| Hint::Sets(vec![set.unwrap_or_default()], vec![shown.clone()]);
    Some(match &literal.leaf {
        Leaf::HasTag(tag) => one(Space::posting(&space.tags, &**tag)),
        Leaf::Text { field: Field::Owner, op: Op::Eq, value } => one(Space::posting(&space.owners, &**value)),
        Leaf::Text { field: Field::AccessPattern, op: Op::Eq, value } => {
            one(AccessPattern::parse(value).ok().and_then(|p| Space::posting(&space.patterns, &p)))
        }
        Leaf::Text { field: Field::Id, op: Op::Eq, value } => Hint::Point(space.by_id(value, seq), shown),
        Leaf::Text { field: Field::Name, op: Op::Eq, value } => Hint::Point(space.by_name(value, seq), shown),
        _ => return None,
    })
}

/// One read at one instant; `None` when the ordered index that it needs is not there. The caller holds a snapshot of `seq`.
pub(crate) fn scan(space: &Space, seq: u64, request: &Scan) -> Option<Scanned> {
    let read = Read { space, seq, request, limit: request.limit.max(1) };
    match request.filter.as_ref().map(|f| hint(space, seq, f)) {
        Some(Hint::Point(found, shown)) => {
            let records = match found {
                At::Was(record) => record.filter(|r| read.matches(r) && read.comes_after(r)).into_iter().collect(),
                At::Dropped => Vec::new(),
            };
            Some(Scanned::new(records, None, 1, format!("index {shown}")))
        }
        Some(Hint::Sets(mut sets, shown)) if !sets.is_empty() => {
            sets.sort_by_key(|s| s.len());
            if read.is_dense(&sets) {
                return read.walk();
            }
            Some(read.collect(&sets, &format!("index {}", shown.join(" AND "))))
        }
        _ => read.walk(),
    }
}

struct Read<'a> {
    space: &'a Space,
    seq: u64,
    request: &'a Scan,
    limit: usize,
}

impl<'a> Read<'a> {
    fn matches(&self, r: &Record) -> bool {
        self.request.filter.as_ref().is_none_or(|f| f.evaluate(r))
    }

    fn comes_after(&self, r: &Record) -> bool {
        self.request.after.as_ref().is_none_or(|p| self.request.order.compare_to(r, p) == Ordering::Greater)
    }

    fn slot(&self, slot: u32) -> Option<Record> {
        match self.space.at(slot, self.seq) {
            At::Was(record) => record,
            // Not for a reader that holds a snapshot.
            At::Dropped => None,
        }
    }

    /// Whether a walk over everything in order is likely to find `limit` matches in fewer steps than there are candidates.
    fn is_dense(&self, sets: &[Arc<SlotSet>]) -> bool {
        let all = self.space.records().max(1) as f64;
        let candidates = sets.iter().fold(all, |n, s| n * (s.len() as f64 / all).min(1.0));
        candidates * candidates > self.limit as f64 * all
    }

    /// Everything in all the sets that matches, sorted and cut.
    fn collect(&self, sets: &[Arc<SlotSet>], shown: &str) -> Scanned {
        let order = self.request.order;
        let (mut examined, mut found) = (0, Vec::new());
        if let Some((first, others)) = sets.split_first() {
            first.intersect(others, self.space.end(), |slot| {
                examined += 1;
                found.extend(self.slot(slot).filter(|r| self.matches(r) && self.comes_after(r)));
            });
        }
        let more = found.len() > self.limit;
        if more {
            found.select_nth_unstable_by(self.limit, |a, b| order.compare(a, b));
            found.truncate(self.limit);
        }
        found.sort_unstable_by(|a, b| order.compare(a, b));
        let next = found.last().filter(|_| more).map(|r| Position::after(r, order));
        Scanned::new(found, next, examined, shown)
    }

    /// Every record in the request's order, from its position on, while the budget lasts.
    fn walk(&self) -> Option<Scanned> {
        let orders = &self.space.orders;
        Some(match self.request.order.field() {
            Field::Name => {
                let after = self.request.after.as_ref().and_then(|p| match &p.key {
                    SortKey::Name(name) => Some(name.clone()),
                    _ => None,
                });
                self.by_text(orders.name.get()?, after, |r| &r.name)
            }
            Field::CreatedAt => self.by_time(orders.created.get()?, |r| r.created_at),
            Field::UpdatedAt => self.by_time(orders.updated.get()?, |r| r.updated_at),
            _ => self.by_text(orders.id.get()?, self.request.after.as_ref().map(|p| p.id.clone()), |r| &r.id),
        })
    }

    fn by_text(&self, index: &'a ByText, after: Option<Arc<str>>, of: fn(&Record) -> &Arc<str>) -> Scanned {
        let down = self.request.order.is_descending();
        // Behind (or, downwards, before) every slot of the text.
        let after = after.map(|text| (text, if down { 0 } else { u32::MAX }));
        let walk = Walk::new(index, after.as_ref(), down);
        // At this instant the record may have another text: then it stands elsewhere.
        self.bounded(walk.map(|e| self.slot(e.key().1).filter(|r| **of(r) == *e.key().0)))
    }

    fn by_time(&self, index: &'a ByTime, of: fn(&Record) -> Timestamp) -> Scanned {
        let down = self.request.order.is_descending();
        let after = self.request.after.as_ref().and_then(|p| match &p.key {
            SortKey::Time(t) => Some((*t, p.id.clone(), if down { 0 } else { u32::MAX })),
            _ => None,
        });
        let walk = Walk::new(index, after.as_ref(), down);
        self.bounded(walk.map(|e| self.slot(e.key().2).filter(|r| of(r) == e.key().0 && r.id == e.key().1)))
    }

    /// Takes candidates in order until the page is full, the budget is spent or they end.
    fn bounded(&self, candidates: impl Iterator<Item = Option<Record>>) -> Scanned {
        let shown = format!("walk by {}", self.request.order);
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

//! Ordered reads: through the sets of a filter, or along an order for a bounded number of steps.

use std::cmp::Ordering;
use std::hint::black_box;

use proximadb_meta_core::driver::{Scan, Scanned};
use proximadb_meta_core::page::{Position, SortKey};
use proximadb_meta_core::{CollectionMetadata, Field, Order};

use crate::chain::At;
use crate::hint::{Hint, Point, Sets, hint};
use crate::index::{order_key, time_key, time_rank};
use crate::order::{Keys, Place};
use crate::settled::Mark;
use crate::space::Space;
use crate::sync::{Pin, Ref, pin};

/// A walk looks at no more than this many records (or four times the limit) before it returns what it has.
const MIN_BUDGET: usize = 1024;
/// Slots that are looked at together.
const BLOCK: usize = 256;

type Found<'a> = Ref<'a, CollectionMetadata>;

/// One read at one instant; `None` when the ordered index that it needs is not there. The caller holds a snapshot of `seq`.
pub(crate) fn scan(space: &Space, seq: u64, request: &Scan) -> Option<Scanned> {
    let pin = pin();
    let read = Read { space, seq, request, pin: &pin, limit: request.limit.max(1) };
    match request.filter.as_ref().map(|f| hint(space, f, &pin)) {
        Some(Hint::Point(point)) => Some(read.point(&point)),
        Some(Hint::Sets(sets)) if !sets.sets.is_empty() && !read.is_dense(&sets) => Some(read.collect(&sets)),
        _ => read.walk(),
    }
}

struct Read<'a> {
    space: &'a Space,
    seq: u64,
    request: &'a Scan,
    pin: &'a Pin,
    limit: usize,
}

impl<'a> Read<'a> {
    fn matches(&self, r: &CollectionMetadata) -> bool {
        self.request.filter.as_ref().is_none_or(|f| f.evaluate(r))
    }

    fn comes_after(&self, r: &CollectionMetadata) -> bool {
        self.request.after.as_ref().is_none_or(|p| self.request.order.compare_to(r, p) == Ordering::Greater)
    }

    /// What is at each of the slots, in their order, with whether the keys that an index gave since the mark are exactly the
    /// record's. Goes through them in passes that do not wait for each other, so that memory is fetched for many at once.
    fn visit(&self, since: Mark, slots: &[u32], mut each: impl FnMut(usize, Option<Found<'a>>, bool)) {
        let mut touched = 0;
        for slot in slots {
            touched ^= self.space.slot(*slot).map_or(0, |s| s.seq());
        }
        let exact = self.space.unsettled.exact(since, slots);
        let heads: Vec<Option<Option<Found<'a>>>> = slots
            .iter()
            .map(|slot| {
                let head = self.space.slot(*slot)?.head(self.seq, self.pin);
                touched ^= head.flatten().map_or(0, |r| r.get().version ^ r.get().name.len() as u64);
                head
            })
            .collect();
        black_box(touched);
        for (at, ((head, slot), exact)) in heads.into_iter().zip(slots).zip(exact).enumerate() {
            match head {
                Some(record) => each(at, record, exact),
                None => match self.space.at(*slot, self.seq, self.pin) {
                    At::Was(record) => each(at, record, false),
                    // Not for a reader that holds a snapshot.
                    At::Dropped => each(at, None, false),
                },
            }
        }
    }

    fn point(&self, point: &Point<'_>) -> Scanned {
        let found = match point.field {
            Field::Id => self.space.by_id(point.value, self.seq, self.pin),
            _ => self.space.by_name(point.value, self.seq, self.pin),
        };
        let records = match found {
            At::Was(record) => record.filter(|r| self.matches(r.get()) && self.comes_after(r.get())),
            At::Dropped => None,
        };
        Scanned::new(records.map(Ref::to_arc).into_iter().collect(), None, 1, format!("index {}", point.shown))
    }

    /// Whether a walk over everything in order is likely to find `limit` matches in fewer steps than there are candidates.
    fn is_dense(&self, sets: &Sets<'_>) -> bool {
        let all = self.space.records().max(1) as f64;
        let candidates = sets.sets.iter().fold(all, |n, s| n * (s.len() as f64 / all).min(1.0));
        candidates * candidates > self.limit as f64 * all
    }

    /// Everything in all the sets that matches, sorted and cut.
    fn collect(&self, sets: &Sets<'_>) -> Scanned {
        let order = self.request.order;
        let (mut examined, mut found) = (0, Vec::new());
        let mut block = Vec::with_capacity(BLOCK);
        let mut since = self.space.unsettled.mark();
        let mut look = |since: Mark, block: &mut Vec<u32>| {
            examined += block.len() as u64;
            self.visit(since, block, |_, record, exact| {
                let matches = |r: &CollectionMetadata| if exact { sets.rest_matches(r) } else { self.matches(r) };
                found.extend(
                    record.filter(|r| matches(r.get()) && self.comes_after(r.get())).map(|r| Ranked::new(order, r)),
                );
            });
            block.clear();
        };
        if let Some((first, others)) = sets.sets.split_first() {
            first.intersect(self.pin, others, self.space.end(), |slot| {
                block.push(slot);
                if block.len() == BLOCK {
                    look(since, &mut block);
                    since = self.space.unsettled.mark();
                }
            });
            look(since, &mut block);
        }
        let compare = |a: &Ranked<'_>, b: &Ranked<'_>| a.compare(b, order);
        let more = found.len() > self.limit;
        if more {
            found.select_nth_unstable_by(self.limit, compare);
            found.truncate(self.limit);
        }
        found.sort_unstable_by(compare);
        let next = found.last().filter(|_| more).map(|r| Position::after(r.record.get(), order));
        let records = found.into_iter().map(|r| r.record.to_arc()).collect();
        Scanned::new(records, next, examined, format!("index {}", sets.shown.join(" AND ")))
    }

    /// Every record in the request's order, from its position on, while the budget lasts.
    fn walk(&self) -> Option<Scanned> {
        let field = self.request.order.field();
        Some(self.bounded(field, self.space.orders.get(field)?))
    }

    /// Where the walk begins: behind (or, downwards, before) every slot of the position's key.
    fn start(&self, field: Field) -> Option<Place> {
        let position = self.request.after.as_ref()?;
        let mut key = Vec::new();
        match (&position.key, field) {
            (SortKey::Name(name), Field::Name) => key.extend_from_slice(name.as_bytes()),
            (SortKey::Time(at), Field::CreatedAt | Field::UpdatedAt) => time_key(*at, &position.id, &mut key),
            _ => key.extend_from_slice(position.id.as_bytes()),
        }
        Some(Place::new(&key, if self.request.order.is_descending() { 0 } else { u32::MAX }))
    }

    /// Takes candidates in order until the page is full, the budget is spent or they end.
    fn bounded(&self, field: Field, keys: &Keys) -> Scanned {
        let down = self.request.order.is_descending();
        let mut page = Page::new(self);
        let mut steps = keys.steps(self.start(field), down);
        let (mut slots, mut key) = (Vec::with_capacity(BLOCK), Vec::new());
        let mut since = self.space.unsettled.mark();
        while let Some((packed, mut entries)) = steps.step(self.pin) {
            while !entries.is_empty() {
                // Not many more than are likely to be wanted.
                let some = (self.limit - page.records.len() + 1).clamp(8, BLOCK).min(entries.len());
                let part = if down { entries.end - some..entries.end } else { entries.start..entries.start + some };
                entries = if down { entries.start..part.start } else { part.end..entries.end };
                let place = |at: usize| if down { part.end - 1 - at } else { part.start + at };
                slots.clear();
                slots.extend((0..some).map(|at| packed.slot(place(at))));
                self.visit(since, &slots, |at, record, exact| {
                    // At this instant the record may have another key: then it stands elsewhere.
                    let stands_here = record.filter(|r| {
                        key.clear();
                        exact || {
                            order_key(field, r.get(), &mut key);
                            key == packed.key(place(at))
                        }
                    });
                    page.candidate(stands_here);
                });
                if page.over {
                    return page.scanned();
                }
            }
            since = self.space.unsettled.mark();
        }
        page.scanned()
    }
}

/// A record that is to be sorted, with the beginning of what it is sorted by: most comparisons end there, and need no look at
/// the record.
struct Ranked<'a> {
    rank: u128,
    record: Found<'a>,
}

impl<'a> Ranked<'a> {
    fn new(order: Order, record: Found<'a>) -> Self {
        let r = record.get();
        let text = |text: &str| {
            let mut first = [0; 16];
            first.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
            u128::from_be_bytes(first)
        };
        let rank = match order.field() {
            Field::Name => text(&r.name),
            Field::CreatedAt => time_rank(r.created_at).into(),
            Field::UpdatedAt => time_rank(r.updated_at).into(),
            _ => text(&r.id),
        };
        Self { rank: if order.is_descending() { !rank } else { rank }, record }
    }

    fn compare(&self, other: &Self, order: Order) -> Ordering {
        self.rank.cmp(&other.rank).then_with(|| order.compare(self.record.get(), other.record.get()))
    }
}

/// A page that is being filled.
struct Page<'a> {
    read: &'a Read<'a>,
    records: Vec<Found<'a>>,
    examined: usize,
    budget: usize,
    last: Option<Found<'a>>,
    /// Full, or over its budget: what comes now is on the next page.
    over: bool,
}

impl<'a> Page<'a> {
    fn new(read: &'a Read<'a>) -> Self {
        let (budget, room) = (read.limit.saturating_mul(4).max(MIN_BUDGET), read.limit.min(MIN_BUDGET));
        Self { read, records: Vec::with_capacity(room), examined: 0, budget, last: None, over: false }
    }

    /// An entry that is not there at this instant costs, but gives no place to go on from.
    fn candidate(&mut self, candidate: Option<Found<'a>>) {
        let full = self.records.len() == self.read.limit || self.examined >= self.budget;
        self.over |= full && self.last.is_some() && candidate.is_some();
        if self.over {
            return;
        }
        self.examined += 1;
        let Some(record) = candidate else { return };
        if self.read.matches(record.get()) {
            self.records.push(record);
        }
        self.last = Some(record);
    }

    fn scanned(self) -> Scanned {
        let order = self.read.request.order;
        let next = self.last.filter(|_| self.over).map(|r| Position::after(r.get(), order));
        let records = self.records.into_iter().map(Ref::to_arc).collect();
        Scanned::new(records, next, self.examined as u64, format!("walk by {order}"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proximadb_meta_core::{DistanceMetric, Timestamp};

    use super::*;
    use crate::sync::Swap;

    /// Texts that share the part that is compared first, that end in it, and that go on with the smallest characters.
    fn ranks_sort_as_the_order_does() {
        let texts = [
            "a",
            "a\u{1}",
            "a ",
            "ab",
            "0123456789abcde",
            "0123456789abcdef",
            "0123456789abcdef0",
            "0123456789abcdefé",
            "é",
        ];
        let record = |n: usize| {
            let mut r = CollectionMetadata::new(texts[n], 1, DistanceMetric::COSINE);
            r.id = texts[texts.len() - 1 - n].into();
            r.created_at = Timestamp::from_micros(n as i64 % 3 - 1);
            r.updated_at = Timestamp::from_micros(i64::MIN + n as i64 / 2);
            Swap::new(Some(Arc::new(r)))
        };
        let (records, pin): (Vec<_>, _) = ((0..texts.len()).map(record).collect(), pin());
        for field in Order::FIELDS {
            let up = Order::by(field).expect("a field of the list");
            for order in [up, up.reversed()] {
                for (a, b) in records.iter().flat_map(|a| records.iter().map(move |b| (a, b))) {
                    let (Some(a), Some(b)) = (a.read(&pin), b.read(&pin)) else { panic!("stored") };
                    let ranked = Ranked::new(order, a).compare(&Ranked::new(order, b), order);
                    assert_eq!(ranked, order.compare(a.get(), b.get()), "{order}");
                }
            }
        }
    }

    #[test]
    fn ranked_records_sort_as_the_order_does() {
        shuttle::check_random(ranks_sort_as_the_order_does, 1);
    }
}

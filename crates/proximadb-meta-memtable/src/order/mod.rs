//! Slots in the order of a key: a skip list of leaves, each with up to some hundred keys packed one behind the other.
//!
//! A leaf covers the keys from its own place to the place where the next one begins. It is replaced as a whole, so that a
//! reader has it as it was at one moment. A leaf that grows too large is split: the upper half is there before the lower one
//! is cut; an empty leaf goes after the one before it was made to cover its keys. So every key that was there when a reader
//! began is in the leaf that covers it, and a reader that finds a leaf cut looks again.

mod packed;

use std::ops::{Bound, Range};
use std::sync::Arc;

use crossbeam_skiplist::SkipMap;

pub(crate) use self::packed::{Packed, Place};
use crate::flaw::{Flaw, flawed};
use crate::sync::{Pin, Ref, Swap, pin};

/// The keys of one order. One writer; a reader may see a change that is not published: what it finds is a hint.
///
/// Of the skip list only bounds, `back` and single entries are used: the `range` of crossbeam-skiplist 0.1.3 never frees the
/// nodes that it visits.
pub(crate) struct Keys {
    leaves: SkipMap<Place, Swap<Packed>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({} leaves)", self.leaves.len())
    }
}

fn leaf(packed: Packed) -> Swap<Packed> {
    Swap::new(Some(Arc::new(packed)))
}

impl Keys {
    /// From keys in any order. O(n log n).
    pub(crate) fn new(bytes: &[u8], mut keys: Vec<(Range<usize>, u32)>) -> Self {
        let key = |r: &Range<usize>| bytes.get(r.clone()).unwrap_or_default();
        keys.sort_unstable_by(|(a, x), (b, y)| key(a).cmp(key(b)).then(x.cmp(y)));
        let leaves = SkipMap::new();
        let (mut place, mut packed) = (Place::default(), Packed::default());
        for (range, slot) in &keys {
            if packed.is_rather_full() {
                let next = Place::new(key(range), *slot);
                packed.high = Some(next.clone());
                leaves.insert(std::mem::replace(&mut place, next), leaf(std::mem::take(&mut packed)));
            }
            packed.push(key(range), *slot);
        }
        leaves.insert(place, leaf(packed));
        Self { leaves }
    }

    pub(crate) fn insert(&self, key: &[u8], slot: u32) {
        let pin = pin();
        let Some(entry) = self.leaves.upper_bound(Bound::Included(&Place::new(key, slot))) else { return };
        let Some(old) = entry.value().read(&pin).map(Ref::get) else { return };
        let Err(at) = old.find(key, slot) else { return };
        let mut new = old.with(at, key, slot);
        if new.is_full() {
            let (low, place, high) = new.split();
            self.leaves.insert(place, leaf(high));
            new = low;
        }
        entry.value().store(Some(Arc::new(new)), &pin);
    }

    pub(crate) fn remove(&self, key: &[u8], slot: u32) {
        let pin = pin();
        let Some(entry) = self.leaves.upper_bound(Bound::Included(&Place::new(key, slot))) else { return };
        let Some(old) = entry.value().read(&pin).map(Ref::get) else { return };
        let Ok(at) = old.find(key, slot) else { return };
        let new = old.without(at);
        let empty = new.len() == 0;
        let high = new.high.clone();
        entry.value().store(Some(Arc::new(new)), &pin);
        // The first leaf stays.
        if empty && let Some(before) = self.leaves.upper_bound(Bound::Excluded(entry.key())) {
            if let Some(low) = before.value().read(&pin).map(Ref::get) {
                before.value().store(Some(Arc::new(low.up_to(high))), &pin);
            }
            entry.remove();
        }
    }

    /// Goes through the leaves, upwards from the first key that is not below `from`, or downwards from the last one below it.
    pub(crate) fn steps(&self, from: Option<Place>, down: bool) -> Steps<'_> {
        Steps { keys: self, next: Next::From(from), down }
    }
}

enum Next {
    /// The end where the direction begins, if there is no place.
    From(Option<Place>),
    Over,
}

/// A way through the leaves. Each step gives a leaf and which of its entries are on the way; downwards from the last of them.
pub(crate) struct Steps<'a> {
    keys: &'a Keys,
    next: Next,
    down: bool,
}

/// What was found where a step leads to.
enum Look {
    /// A leaf, its entries on the way, and where the next step leads to.
    Leaf(Arc<Packed>, Range<usize>, Option<Place>),
    /// A leaf that was split since it was looked for, and no longer covers the place.
    Again,
}

impl Steps<'_> {
    pub(crate) fn step(&mut self, pin: &Pin) -> Option<(Arc<Packed>, Range<usize>)> {
        loop {
            let Next::From(from) = &self.next else { return None };
            let look = if self.down { self.downwards(from.as_ref(), pin) } else { self.upwards(from.as_ref(), pin) };
            let Look::Leaf(packed, range, next) = look? else { continue };
            self.next = next.map_or(Next::Over, |place| Next::From(Some(place)));
            if !range.is_empty() {
                return Some((packed, range));
            }
        }
    }

    fn upwards(&self, from: Option<&Place>, pin: &Pin) -> Option<Look> {
        let first = Place::default();
        let from = from.unwrap_or(&first);
        let packed = self.keys.leaves.upper_bound(Bound::Included(from))?.value().read(pin)?.to_arc();
        if packed.high.as_ref().is_some_and(|high| high <= from) && !flawed(Flaw::CutLeafTaken) {
            return Some(Look::Again);
        }
        let begin = packed.find(&from.key, from.slot).unwrap_or_else(|at| at);
        let (range, next) = (begin..packed.len(), packed.high.clone());
        Some(Look::Leaf(packed, range, next))
    }

    fn downwards(&self, from: Option<&Place>, pin: &Pin) -> Option<Look> {
        let entry = match from {
            None => self.keys.leaves.back()?,
            Some(from) => self.keys.leaves.upper_bound(Bound::Excluded(from))?,
        };
        let packed = entry.value().read(pin)?.to_arc();
        let covers = packed.high.as_ref().is_none_or(|high| from.is_some_and(|from| high >= from));
        if !covers && !flawed(Flaw::CutLeafTaken) {
            return Some(Look::Again);
        }
        let end = from.map_or(packed.len(), |from| packed.find(&from.key, from.slot).unwrap_or_else(|at| at));
        let next = (*entry.key() != Place::default()).then(|| entry.key().clone());
        Some(Look::Leaf(packed, 0..end, next))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all(keys: &Keys, from: Option<(&[u8], u32)>, down: bool) -> Vec<(Vec<u8>, u32)> {
        let (mut found, pin) = (Vec::new(), pin());
        let mut steps = keys.steps(from.map(|(k, s)| Place::new(k, s)), down);
        while let Some((packed, range)) = steps.step(&pin) {
            let entry = |at| (packed.key(at).to_vec(), packed.slot(at));
            if down { found.extend(range.rev().map(entry)) } else { found.extend(range.map(entry)) }
        }
        found
    }

    /// Short and long keys, many of them prefixes of others, compared with a plain sorted set from every kind of place.
    fn like_a_sorted_set(start: usize, changes: usize) {
        let mut n = changes as u64;
        let mut next = |below: u64| {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (n >> 33) % below
        };
        let mut entry = || {
            let length = if next(20) == 0 { 200 } else { next(5) as usize };
            let key: Vec<u8> = (0..length).map(|_| b'a' + next(3) as u8).collect();
            (key, next(4) as u32)
        };
        let mut model: BTreeSet<(Vec<u8>, u32)> = (0..start).map(|_| entry()).collect();
        let (mut bytes, mut ranges) = (Vec::new(), Vec::new());
        for (key, slot) in model.iter().rev() {
            ranges.push((bytes.len()..bytes.len() + key.len(), *slot));
            bytes.extend_from_slice(key);
        }
        let keys = Keys::new(&bytes, ranges);
        for round in 0..changes {
            let (key, slot) = entry();
            if round % 3 == 0 || round > changes * 2 / 3 {
                keys.remove(&key, slot);
                model.remove(&(key, slot));
            } else {
                keys.insert(&key, slot);
                model.insert((key, slot));
            }
            if round % 50 == 0 {
                compare(&keys, &model, &entry());
            }
        }
        for (key, slot) in std::mem::take(&mut model) {
            keys.remove(&key, slot);
        }
        compare(&keys, &model, &entry());
        assert_eq!(keys.leaves.len(), 1, "empty leaves go");
    }

    fn compare(keys: &Keys, model: &BTreeSet<(Vec<u8>, u32)>, from: &(Vec<u8>, u32)) {
        let up: Vec<_> = model.iter().cloned().collect();
        assert_eq!(all(keys, None, false), up);
        assert_eq!(all(keys, None, true), up.iter().rev().cloned().collect::<Vec<_>>());
        let place = Some((&*from.0, from.1));
        assert_eq!(all(keys, place, false), model.range(from..).cloned().collect::<Vec<_>>());
        assert_eq!(all(keys, place, true), model.range(..from).rev().cloned().collect::<Vec<_>>());
    }

    #[test]
    fn it_is_a_sorted_set_upwards_and_downwards_from_every_place() {
        for (start, changes) in [(0, 3000), (1000, 2000), (300, 900)] {
            shuttle::check_random(move || like_a_sorted_set(start, changes), 1);
        }
    }
}

//! Sets of slots: which records stand under one key of an index.
//!
//! A few slots are a sorted list, more are chunks of bits. One writer; a reader may see a change that is not published, or one
//! that no longer holds: what it finds is a hint.

use std::sync::{Arc, OnceLock};

use crate::grow::Grow;
use crate::sync::{AtomicU64, AtomicUsize, Ordering, Pin, Ref, Swap, pin};

/// Slots in one chunk of bits.
pub(crate) const CHUNK_SLOTS: u32 = 4096;
const WORDS: usize = CHUNK_SLOTS as usize / 64;
/// As a list up to this many.
const FEW: usize = 48;

type Chunk = OnceLock<Box<[AtomicU64; WORDS]>>;

/// A set of slots as bits.
#[derive(Default)]
pub(crate) struct Bits(Grow<Chunk>);

fn bit(slot: u32) -> (u32, usize, u64) {
    let within = (slot % CHUNK_SLOTS) as usize;
    (slot / CHUNK_SLOTS, within / 64, 1 << (within % 64))
}

impl Bits {
    fn chunk(&self, chunk: u32) -> Option<&[AtomicU64; WORDS]> {
        self.0.get(chunk)?.get().map(|c| &**c)
    }

    /// Puts a slot in; whether it is new there.
    pub(crate) fn insert(&self, slot: u32) -> bool {
        let (chunk, word, bit) = bit(slot);
        let Some(chunk) = self.0.make(chunk) else { return false };
        let words = chunk.get_or_init(|| Box::new([const { AtomicU64::new(0) }; WORDS]));
        words.get(word).is_some_and(|w| w.fetch_or(bit, Ordering::Release) & bit == 0)
    }

    /// Takes a slot out; whether it was there.
    pub(crate) fn remove(&self, slot: u32) -> bool {
        let (chunk, word, bit) = bit(slot);
        let word = self.chunk(chunk).and_then(|c| c.get(word));
        word.is_some_and(|w| w.fetch_and(!bit, Ordering::Release) & bit != 0)
    }

    pub(crate) fn contains(&self, slot: u32) -> bool {
        let (chunk, word, bit) = bit(slot);
        self.chunk(chunk).and_then(|c| c.get(word)).is_some_and(|w| w.load(Ordering::Acquire) & bit != 0)
    }
}

/// A set of slots.
pub(crate) struct SlotSet {
    few: Swap<Vec<u32>>,
    /// Made when there are more than a few, and then what counts.
    many: OnceLock<Box<Bits>>,
    len: AtomicUsize,
}

impl Default for SlotSet {
    fn default() -> Self {
        Self { few: Swap::empty(), many: OnceLock::new(), len: AtomicUsize::new(0) }
    }
}

impl std::fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SlotSet({})", self.len())
    }
}

impl SlotSet {
    /// How many slots: the cost of going through it.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub(crate) fn insert(&self, slot: u32) {
        let new = match self.many.get() {
            Some(many) => many.insert(slot),
            None => self.insert_few(slot),
        };
        if new {
            self.len.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn insert_few(&self, slot: u32) -> bool {
        let pin = pin();
        let few = self.few.read(&pin).map_or(&[][..], |f| f.get());
        let Err(at) = few.binary_search(&slot) else { return false };
        if few.len() >= FEW {
            let many = Box::<Bits>::default();
            for s in few.iter().chain([&slot]) {
                many.insert(*s);
            }
            let _ = self.many.set(many);
            self.few.store(None, &pin);
            return true;
        }
        let mut longer = Vec::with_capacity(few.len() + 1);
        longer.extend_from_slice(&few[..at]);
        longer.push(slot);
        longer.extend_from_slice(&few[at..]);
        self.few.store(Some(Arc::new(longer)), &pin);
        true
    }

    pub(crate) fn remove(&self, slot: u32) {
        let was = match self.many.get() {
            Some(many) => many.remove(slot),
            None => {
                let pin = pin();
                let few = self.few.read(&pin).map_or(&[][..], |f| f.get());
                let was = few.binary_search(&slot).is_ok();
                if was {
                    self.few.store(Some(Arc::new(few.iter().copied().filter(|s| *s != slot).collect())), &pin);
                }
                was
            }
        };
        if was {
            self.len.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn contains(&self, pin: &Pin, slot: u32) -> bool {
        // A set that turns from few to many between the two looks is looked at again.
        if let Some(many) = self.many.get() {
            return many.contains(slot);
        }
        match self.few.read(pin).map(Ref::get) {
            Some(few) => few.binary_search(&slot).is_ok(),
            None => self.many.get().is_some_and(|many| many.contains(slot)),
        }
    }

    /// The slots that are in this set and in all the others, below `end`, in their order.
    pub(crate) fn intersect(&self, pin: &Pin, others: &[Arc<Self>], end: u32, mut each: impl FnMut(u32)) {
        if self.many.get().is_none()
            && let Some(few) = self.few.read(pin).map(Ref::get)
        {
            few.iter().filter(|s| others.iter().all(|o| o.contains(pin, **s))).for_each(|s| each(*s));
            return;
        }
        let Some(many) = self.many.get() else { return };
        for chunk in 0..end.div_ceil(CHUNK_SLOTS) {
            let Some(words) = many.chunk(chunk) else { continue };
            let first = chunk * WORDS as u32;
            let mut both: [u64; WORDS] =
                std::array::from_fn(|at| words.get(at).map_or(0, |w| w.load(Ordering::Acquire)));
            for other in others {
                other.keep(pin, chunk, &mut both);
            }
            for (number, mut bits) in (first..).zip(both) {
                while bits != 0 {
                    each(number * 64 + bits.trailing_zeros());
                    bits &= bits - 1;
                }
            }
        }
    }

    /// Clears the bits of a chunk's slots that are not in this set.
    fn keep(&self, pin: &Pin, chunk: u32, bits: &mut [u64; WORDS]) {
        match self.many.get() {
            Some(many) => match many.chunk(chunk) {
                Some(words) => bits.iter_mut().zip(words).for_each(|(b, w)| *b &= w.load(Ordering::Acquire)),
                None => bits.fill(0),
            },
            None => {
                for (number, bits) in (chunk * WORDS as u32..).zip(bits) {
                    let before = *bits;
                    let here = (0..64).filter(|n| before >> n & 1 != 0 && self.contains(pin, number * 64 + n));
                    *bits = here.fold(0, |all, n| all | 1 << n);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn slots(set: &SlotSet, others: &[Arc<SlotSet>]) -> Vec<u32> {
        let mut found = Vec::new();
        set.intersect(&pin(), others, 20_000, |s| found.push(s));
        found
    }

    fn like_sets() {
        for (round, spread) in [40u64, 400, 15_000].into_iter().enumerate() {
            let sets: Vec<Arc<SlotSet>> = (0..3).map(|_| Arc::default()).collect();
            let mut model = vec![BTreeSet::new(); 3];
            let mut n = round as u64 + 1;
            for _ in 0..600 {
                n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let (which, slot) = ((n >> 60) as usize % 3, ((n >> 20) % spread) as u32);
                if (n >> 33).is_multiple_of(4) {
                    sets[which].remove(slot);
                    model[which].remove(&slot);
                } else {
                    sets[which].insert(slot);
                    model[which].insert(slot);
                }
                assert_eq!(sets[which].len(), model[which].len());
                assert_eq!(sets[which].contains(&pin(), slot), model[which].contains(&slot));
            }
            assert_eq!(slots(&sets[0], &[]), model[0].iter().copied().collect::<Vec<_>>());
            let both: Vec<u32> =
                model[0].iter().filter(|s| model[1].contains(s) && model[2].contains(s)).copied().collect();
            assert_eq!(slots(&sets[0], &sets[1..]), both);
        }
    }

    #[test]
    fn they_hold_and_meet_as_sets_do() {
        shuttle::check_random(like_sets, 1);
    }
}

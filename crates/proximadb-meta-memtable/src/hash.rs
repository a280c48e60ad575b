//! A hash index from a text to slots: open addressing, one writer, readers without a lock.
//!
//! An entry is 32 bits of the hash and the number of a slot; the text itself is in the record. So a look-up gives candidates, and
//! the reader asks the slot's record whether it is the one. An entry stays until nobody can see a record with that text. The
//! same 32 bits say where a search begins and what it looks for, so that a larger table is filled without the texts.

use std::hash::BuildHasher as _;
use std::sync::LazyLock;

use crate::sync::{AtomicU64, AtomicUsize, Ordering, Pin, Ref, Swap, pin};

/// Nothing was ever here: a search ends.
const EMPTY: u64 = 0;
/// Something was here: a search goes on.
const GONE: u64 = 1;
/// Slot numbers are stored above these two.
const FIRST: u64 = 2;
/// Cells of the smallest table.
const SMALLEST: usize = 64;

/// 32 bits of the hash of a text, the same for the whole process.
pub(crate) fn tag_of(text: &str) -> u32 {
    static STATE: LazyLock<foldhash::quality::RandomState> = LazyLock::new(Default::default);
    (STATE.hash_one(text) >> 32) as u32
}

fn entry(tag: u32, slot: u32) -> u64 {
    (u64::from(tag) << 32) | (u64::from(slot) + FIRST)
}

/// The slot of an entry with this tag.
fn slot_of(cell: u64, tag: u32) -> Option<u32> {
    let low = cell & 0xffff_ffff;
    (low >= FIRST && cell >> 32 == u64::from(tag)).then_some((low.wrapping_sub(FIRST)) as u32)
}

/// A table of a power of two of cells.
struct Cells(Box<[AtomicU64]>);

impl Cells {
    fn new(len: usize) -> Self {
        Self((0..len).map(|_| AtomicU64::new(EMPTY)).collect())
    }

    /// The cells of a tag, in the order of a search.
    fn from(&self, tag: u32) -> impl Iterator<Item = &AtomicU64> {
        let (before, after) = self.0.split_at(tag as usize & (self.0.len() - 1));
        after.iter().chain(before)
    }

    /// Stores an entry in the first free cell; whether that cell was never used.
    fn put(&self, entry: u64) -> bool {
        for cell in self.from((entry >> 32) as u32) {
            let old = cell.load(Ordering::Relaxed);
            if old == EMPTY || old == GONE {
                cell.store(entry, Ordering::Release);
                return old == EMPTY;
            }
        }
        false
    }
}

/// The index. An entry is removed by its slot, so that two records with one text (in versions, or by collision) do not meet.
pub(crate) struct HashIndex {
    cells: Swap<Cells>,
    /// Of the writer: cells that are not empty.
    used: AtomicUsize,
    /// Of the writer: cells with a slot.
    live: AtomicUsize,
}

impl Default for HashIndex {
    fn default() -> Self {
        Self { cells: Swap::empty(), used: AtomicUsize::new(0), live: AtomicUsize::new(0) }
    }
}

impl HashIndex {
    /// The first candidate for which `test` says something. Load the published number before this is called: the index then
    /// has everything that was published.
    pub(crate) fn find<T>(&self, pin: &Pin, tag: u32, mut test: impl FnMut(u32) -> Option<T>) -> Option<T> {
        for cell in self.cells.read(pin)?.get().from(tag) {
            let found = cell.load(Ordering::Acquire);
            if found == EMPTY {
                return None;
            }
            if let Some(answer) = slot_of(found, tag).and_then(&mut test) {
                return Some(answer);
            }
        }
        None
    }

    /// Adds an entry, unless it is there.
    pub(crate) fn insert(&self, tag: u32, slot: u32) {
        let pin = pin();
        if self.find(&pin, tag, |s| (s == slot).then_some(())).is_some() {
            return;
        }
        let cells = || self.cells.read(&pin).map(Ref::get);
        let used = self.used.load(Ordering::Relaxed);
        if cells().is_none_or(|c| used >= c.0.len() / 2) {
            self.enlarge(self.live.load(Ordering::Relaxed), &pin);
        }
        if cells().is_some_and(|c| c.put(entry(tag, slot))) {
            self.used.fetch_add(1, Ordering::Relaxed);
        }
        self.live.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes an entry away.
    pub(crate) fn remove(&self, tag: u32, slot: u32) {
        let pin = pin();
        let Some(cells) = self.cells.read(&pin).map(Ref::get) else { return };
        let wanted = entry(tag, slot);
        for cell in cells.from(tag) {
            let found = cell.load(Ordering::Relaxed);
            if found == wanted {
                cell.store(GONE, Ordering::Release);
                self.live.fetch_sub(1, Ordering::Relaxed);
                return;
            }
            if found == EMPTY {
                return;
            }
        }
    }

    /// Makes room for so many more entries at once.
    pub(crate) fn reserve(&self, more: usize) {
        let pin = pin();
        let wanted = self.used.load(Ordering::Relaxed) + more;
        if self.cells.read(&pin).is_none_or(|c| wanted > c.get().0.len() / 2) {
            self.enlarge(wanted.div_ceil(2), &pin);
        }
    }

    /// A table with room for twice as many entries, in place of the present one. Readers of that one miss nothing that was
    /// published when they began.
    fn enlarge(&self, entries: usize, pin: &Pin) {
        let live = self.live.load(Ordering::Relaxed);
        let larger = Cells::new((entries.max(SMALLEST / 4) * 4).next_power_of_two());
        if let Some(old) = self.cells.read(pin).map(Ref::get) {
            for cell in old.0.iter().map(|c| c.load(Ordering::Relaxed)).filter(|c| c & 0xffff_ffff >= FIRST) {
                larger.put(cell);
            }
        }
        self.used.store(live, Ordering::Relaxed);
        self.cells.store(Some(std::sync::Arc::new(larger)), pin);
    }

    /// Whether it has no entry.
    pub(crate) fn is_empty(&self) -> bool {
        self.live.load(Ordering::Relaxed) == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all(index: &HashIndex, tag: u32) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        index.find(&pin(), tag, |slot| {
            found.insert(slot);
            None::<()>
        });
        found
    }

    /// Few tags, so that they collide; compared with a plain set of pairs.
    fn like_a_set() {
        let index = HashIndex::default();
        index.reserve(100);
        let mut model = BTreeSet::new();
        let mut n = 1u64;
        for _ in 0..1500 {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (tag, slot) = (((n >> 40) % 9) as u32 | (((n >> 44) % 2) as u32) << 29, (n >> 50) as u32 % 30);
            if (n >> 33).is_multiple_of(3) {
                index.remove(tag, slot);
                model.remove(&(tag, slot));
            } else {
                index.insert(tag, slot);
                model.insert((tag, slot));
            }
            let expected: BTreeSet<u32> = model.iter().filter(|(t, _)| *t == tag).map(|(_, s)| *s).collect();
            assert_eq!(all(&index, tag), expected);
            assert_eq!(index.is_empty(), model.is_empty());
        }
        assert!(all(&index, 12345).is_empty());
    }

    #[test]
    fn it_holds_what_a_set_holds() {
        shuttle::check_random(like_a_set, 1);
    }

    #[test]
    fn the_largest_slot_fits() {
        assert_eq!(slot_of(entry(7, u32::MAX - 2), 7), Some(u32::MAX - 2));
        assert_eq!(slot_of(entry(7, 0), 8), None);
        assert_eq!((slot_of(EMPTY, 0), slot_of(GONE, 0)), (None, None));
    }
}

//! Which slots stand under a text: a hash index from the text to a set of slots.

use std::sync::{Arc, PoisonError};

use crate::bits::SlotSet;
use crate::grow::Grow;
use crate::hash::{HashIndex, tag_of};
use crate::sync::{AtomicU32, Mutex, Ordering, Pin, Swap, pin};

/// A text with its slots.
struct Posting {
    text: Arc<str>,
    slots: Arc<SlotSet>,
}

/// Where a posting is. Another one may come to the place when its text has no slots left.
struct Cell(Swap<Posting>);

impl Default for Cell {
    fn default() -> Self {
        Self(Swap::empty())
    }
}

/// The texts of one field. One writer; a reader may see a change that is not published: what it finds is a hint.
#[derive(Default)]
pub(crate) struct Postings {
    index: HashIndex,
    cells: Grow<Cell>,
    /// Of the writer: how many cells were ever used, and which of them are free.
    end: AtomicU32,
    free: Mutex<Vec<u32>>,
}

impl Postings {
    fn find<T>(&self, text: &str, pin: &Pin, found: impl Fn(u32, &Posting) -> T) -> Option<T> {
        self.index.find(pin, tag_of(text), |cell| {
            let posting = self.cells.get(cell)?.0.read(pin)?.get();
            (*posting.text == *text).then(|| found(cell, posting))
        })
    }

    /// The slots under a text.
    pub(crate) fn get(&self, text: &str, pin: &Pin) -> Option<Arc<SlotSet>> {
        self.find(text, pin, |_, posting| posting.slots.clone())
    }

    /// Puts a slot under a text; `shared` gives the text to keep, if it is new.
    pub(crate) fn insert(&self, text: &str, slot: u32, shared: impl FnOnce() -> Arc<str>) {
        let pin = pin();
        if self.find(text, &pin, |_, posting| posting.slots.insert(slot)).is_none() {
            let slots = Arc::<SlotSet>::default();
            slots.insert(slot);
            let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let at = free.unwrap_or_else(|| self.end.fetch_add(1, Ordering::Relaxed));
            if let Some(cell) = self.cells.make(at) {
                cell.0.store(Some(Arc::new(Posting { text: shared(), slots })), &pin);
                self.index.insert(tag_of(text), at);
            }
        }
    }

    /// Takes a slot away; a text without slots goes.
    pub(crate) fn remove(&self, text: &str, slot: u32) {
        let pin = pin();
        let left = self.find(text, &pin, |at, posting| {
            posting.slots.remove(slot);
            (at, posting.slots.len())
        });
        if let Some((at, 0)) = left {
            self.index.remove(tag_of(text), at);
            if let Some(cell) = self.cells.get(at) {
                cell.0.store(None, &pin);
            }
            self.free.lock().unwrap_or_else(PoisonError::into_inner).push(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Few texts that come and go, compared with a plain map.
    fn like_a_map() {
        let postings = Postings::default();
        let mut model: BTreeMap<Arc<str>, BTreeSet<u32>> = BTreeMap::new();
        let mut n = 7u64;
        for _ in 0..2000 {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (text, slot): (Arc<str>, _) = (format!("t{}", (n >> 40) % 12).into(), (n >> 50) as u32 % 4);
            if (n >> 33).is_multiple_of(2) {
                postings.insert(&text, slot, || text.clone());
                model.entry(text.clone()).or_default().insert(slot);
            } else {
                postings.remove(&text, slot);
                model.entry(text.clone()).or_default().remove(&slot);
            }
            let here = &model[&text];
            match postings.get(&text, &pin()) {
                Some(found) => assert!(found.len() == here.len() && here.iter().all(|s| found.contains(&pin(), *s))),
                None => assert!(here.is_empty()),
            }
        }
        assert!(postings.end.load(Ordering::Relaxed) <= 12, "places are used again");
    }

    #[test]
    fn it_is_a_map_from_texts_to_sets() {
        shuttle::check_random(like_a_map, 1);
    }
}

//! Which slots the indexes are exact for.
//!
//! An index names too many slots, never too few: a key that a record left stays until no reader needs it. Most records have
//! left no key. For these, when the newest version is the one a reader sees, the index alone says what the record has, and the
//! reader need not look at the record.

use crate::bits::Bits;
use crate::flaw::{Flaw, flawed};
use crate::sync::{AtomicU64, Ordering};

/// Slots with a key that is still to be taken out of an index.
#[derive(Default)]
pub(crate) struct Unsettled {
    slots: Bits,
    /// How often slots were settled.
    settled: AtomicU64,
}

/// A moment before an index was read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark(u64);

impl Unsettled {
    /// A key of the slot is about to become stale.
    pub(crate) fn unsettle(&self, slot: u32) {
        self.slots.insert(slot);
    }

    /// The stale keys of these slots were taken out.
    pub(crate) fn settle(&self, slots: impl Iterator<Item = u32>) {
        // First, so that who sees a slot settled sees this, too.
        self.settled.fetch_add(1, Ordering::AcqRel);
        for slot in slots {
            self.slots.remove(slot);
        }
    }

    /// To be taken before an index is read.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.settled.load(Ordering::Acquire))
    }

    /// Which of the slots, found in an index since the mark, have no other keys than those of versions that may be seen.
    /// Those whose newest version a reader sees have just the keys that an index says.
    pub(crate) fn exact(&self, since: Mark, slots: &[u32]) -> Vec<bool> {
        let mut exact: Vec<bool> = slots.iter().map(|s| !self.slots.contains(*s)).collect();
        // A key that was read may have been taken out meanwhile, and its slot settled.
        if self.mark() != since && !flawed(Flaw::SettledUnseen) {
            exact.fill(false);
        }
        exact
    }
}

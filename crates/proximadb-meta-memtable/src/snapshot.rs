//! The published sequence number, and the snapshots that keep versions alive.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use crate::flaw::{Flaw, flawed};
use crate::sync::{AtomicU64, Mutex, Ordering};

/// What is published, and which older numbers somebody still reads at.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    published: AtomicU64,
    /// How many snapshots are held of each number.
    held: Mutex<BTreeMap<u64, usize>>,
}

impl Snapshots {
    /// The newest number that readers may see.
    pub(crate) fn published(&self) -> u64 {
        self.published.load(Ordering::Acquire)
    }

    /// Lets readers see everything up to `seq`.
    pub(crate) fn publish(&self, seq: u64) {
        self.published.store(seq, Ordering::Release);
    }

    /// The oldest number that a snapshot taken now or before can read at.
    pub(crate) fn oldest(&self) -> u64 {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.keys().next().copied().unwrap_or_else(|| self.published())
    }

    /// Holds the newest number.
    pub(crate) fn hold(self: &Arc<Self>) -> Snapshot {
        if flawed(Flaw::HeldLate) {
            let seq = self.published();
            *self.held.lock().unwrap_or_else(PoisonError::into_inner).entry(seq).or_default() += 1;
            return Snapshot { all: self.clone(), seq };
        }
        // The number is read under the lock: `oldest` never misses a snapshot that is being taken.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = self.published();
        *held.entry(seq).or_default() += 1;
        Snapshot { all: self.clone(), seq }
    }
}

/// One instant of a table, readable until this value is dropped. While it is held, the versions it sees stay in memory.
#[derive(Debug)]
pub struct Snapshot {
    all: Arc<Snapshots>,
    seq: u64,
}

impl Snapshot {
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let mut held = self.all.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = held.get_mut(&self.seq) {
            *n -= 1;
            if *n == 0 {
                held.remove(&self.seq);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_the_oldest_held_or_the_published_one() {
        shuttle::check_random(the_oldest, 1);
    }

    fn the_oldest() {
        let all = Arc::new(Snapshots::default());
        all.publish(3);
        assert_eq!(all.oldest(), 3);
        let (a, b) = (all.hold(), all.hold());
        all.publish(5);
        let c = all.hold();
        assert_eq!((a.seq(), c.seq(), all.oldest()), (3, 5, 3));
        drop(a);
        assert_eq!(all.oldest(), 3);
        drop(b);
        assert_eq!(all.oldest(), 5);
        drop(c);
        all.publish(9);
        assert_eq!(all.oldest(), 9);
    }
}

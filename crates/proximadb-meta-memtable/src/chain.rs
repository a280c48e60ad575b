//! A value with its history: versions from the newest to the oldest that somebody may still read.

use std::fmt;
use std::sync::Arc;

use crate::flaw::{Flaw, flawed};
use crate::sync::{AtomicBool, AtomicU64, Ordering, Pin, Ref, Swap, pin};

/// A version that a newer one replaced.
struct Version<T> {
    seq: u64,
    /// Empty: not there from `seq` on.
    value: Swap<T>,
    previous: Swap<Version<T>>,
    /// Older versions were dropped. Set before they go, so that a reader who finds none knows why.
    cut: AtomicBool,
}

/// What a chain says of one sequence number.
pub(crate) enum At<'a, T> {
    /// The value then, if there was one.
    Was(Option<Ref<'a, T>>),
    /// Nobody knows any more: the reader did not hold a snapshot, and writers went on. Read again with a newer number.
    Dropped,
}

/// A chain of versions. One writer at a time; readers take no lock.
///
/// The newest version is in place, so that a reader finds it in one step. The writer replaces it in this order: the old one
/// goes to `previous`, `seq` takes the new number, `newest` the new value. A reader that sees one number before and after it
/// read the value has both of one version; until the number is published no reader wants the new one.
pub(crate) struct Chain<T> {
    /// Of the newest version; 0 while there is none.
    seq: AtomicU64,
    newest: Swap<T>,
    previous: Swap<Version<T>>,
    /// As in [`Version`]; counts only while `previous` is empty.
    cut: AtomicBool,
}

impl<T: 'static> Default for Chain<T> {
    fn default() -> Self {
        Self { seq: AtomicU64::new(0), newest: Swap::empty(), previous: Swap::empty(), cut: AtomicBool::new(false) }
    }
}

impl<T> fmt::Debug for Chain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Chain").field(&self.seq.load(Ordering::Relaxed)).finish()
    }
}

impl<T: Send + Sync + 'static> Chain<T> {
    /// The newest value, published or not. For the writer.
    pub(crate) fn newest<'a>(&'a self, pin: &'a Pin) -> Option<Ref<'a, T>> {
        self.newest.read(pin)
    }

    /// The number of the newest version, published or not.
    pub(crate) fn seq(&self) -> u64 {
        self.seq.load(Ordering::Acquire)
    }

    /// The newest value, if it is the one at `seq`.
    pub(crate) fn head<'a>(&'a self, seq: u64, pin: &'a Pin) -> Option<Option<Ref<'a, T>>> {
        let number = self.seq();
        if number > seq {
            return None;
        }
        let value = self.newest.read(pin);
        (self.seq() == number || flawed(Flaw::TornHead)).then_some(value)
    }

    /// The value at `seq`.
    pub(crate) fn at<'a>(&'a self, seq: u64, pin: &'a Pin) -> At<'a, T> {
        if let Some(value) = self.head(seq, pin) {
            return At::Was(value);
        }
        let (mut previous, mut cut) = (&self.previous, &self.cut);
        loop {
            let Some(older) = previous.read(pin).map(Ref::get) else {
                let dropped = cut.load(Ordering::Acquire) && !flawed(Flaw::CutUnseen);
                return if dropped { At::Dropped } else { At::Was(None) };
            };
            if older.seq <= seq {
                return At::Was(older.value.read(pin));
            }
            (previous, cut) = (&older.previous, &older.cut);
        }
    }

    /// Whether the test holds for any version that is kept.
    pub(crate) fn any(&self, pin: &Pin, mut test: impl FnMut(&T) -> bool) -> bool {
        if self.newest.read(pin).is_some_and(|r| test(r.get())) {
            return true;
        }
        let mut here = self.previous.read(pin).map(Ref::get);
        while let Some(version) = here {
            if version.value.read(pin).is_some_and(|r| test(r.get())) {
                return true;
            }
            here = version.previous.read(pin).map(Ref::get);
        }
        false
    }

    /// Adds a version; one of the same number is replaced. Whether there was one before.
    pub(crate) fn push(&self, seq: u64, value: Option<Arc<T>>, pin: &Pin) -> bool {
        let head = self.seq.load(Ordering::Relaxed);
        if head != 0 && head != seq {
            let old = Version {
                seq: head,
                value: Swap::new(self.newest.read(pin).map(Ref::to_arc)),
                previous: Swap::new(self.previous.read(pin).map(Ref::to_arc)),
                cut: AtomicBool::new(self.cut.load(Ordering::Relaxed)),
            };
            self.previous.store(Some(Arc::new(old)), pin);
        }
        self.seq.store(seq, Ordering::Release);
        self.newest.store(value, pin);
        head != 0
    }

    /// Drops what is older than the version that readers at `oldest` see. Whether the chain is then a single "not there".
    pub(crate) fn prune(&self, oldest: u64) -> bool {
        let pin = pin();
        let (mut seq, mut previous, mut cut) = (self.seq.load(Ordering::Relaxed), &self.previous, &self.cut);
        let gone = seq <= oldest && self.newest.read(&pin).is_none();
        while seq > oldest {
            let Some(older) = previous.read(&pin).map(Ref::get) else { return false };
            (seq, previous, cut) = (older.seq, &older.previous, &older.cut);
        }
        if previous.read(&pin).is_some() {
            cut.store(true, Ordering::Release);
            previous.store(None, &pin);
        }
        gone
    }
}

impl<T> Drop for Version<T> {
    fn drop(&mut self) {
        // One by one: a long history must not recurse.
        let mut next = self.previous.take();
        while let Some(mut version) = next.and_then(Arc::into_inner) {
            next = version.previous.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the chain says, with "dropped" as an error.
    fn at(c: &Chain<u64>, seq: u64) -> Result<Option<u64>, ()> {
        match c.at(seq, &pin()) {
            At::Was(value) => Ok(value.map(|v| *v.get())),
            At::Dropped => Err(()),
        }
    }

    #[test]
    fn each_number_sees_its_own_version() {
        shuttle::check_random(each_number, 1);
    }

    fn each_number() {
        let (c, pin) = (Chain::default(), pin());
        assert_eq!(at(&c, 5), Ok(None));
        assert!(!c.push(2, Some(Arc::new(20)), &pin));
        for (seq, value) in [(4, None), (6, Some(60)), (6, Some(61))] {
            assert!(c.push(seq, value.map(Arc::new), &pin));
        }
        let seen: Vec<_> = (1..8).map(|n| at(&c, n)).collect();
        assert_eq!(seen, [None, Some(20), Some(20), None, None, Some(61), Some(61)].map(Ok));
        assert_eq!((c.newest(&pin).map(|v| *v.get()), c.seq()), (Some(61), 6));
    }

    #[test]
    fn pruning_keeps_what_the_oldest_reader_sees_and_tells_the_others() {
        shuttle::check_random(pruning, 1);
    }

    fn pruning() {
        let (c, pin) = (Chain::default(), pin());
        for n in [2, 4, 6] {
            c.push(n, Some(Arc::new(n)), &pin);
        }
        assert!(!c.prune(5));
        assert_eq!((at(&c, 5), at(&c, 4), at(&c, 3)), (Ok(Some(4)), Ok(Some(4)), Err(())));
        c.push(8, None, &pin);
        assert!(!c.prune(7), "a reader at 7 sees the value");
        assert!(c.prune(8));
        assert_eq!((at(&c, 8), at(&c, 7)), (Ok(None), Err(())));
        c.push(8, Some(Arc::new(9)), &pin);
        assert!(!c.prune(8));
        assert_eq!((at(&c, 8), at(&c, 7)), (Ok(Some(9)), Err(())), "a replaced head remembers the cut");
        c.push(9, Some(Arc::new(10)), &pin);
        assert_eq!((at(&c, 8), at(&c, 7)), (Ok(Some(9)), Err(())), "and takes it along");
    }

    #[test]
    fn a_long_history_is_dropped_without_recursion() {
        shuttle::check_random(long_history, 1);
    }

    fn long_history() {
        let (c, pin) = (Chain::default(), pin());
        for n in 1..30_000 {
            c.push(n, Some(Arc::new(n)), &pin);
        }
        assert!(!c.prune(29_999));
        assert_eq!((at(&c, 29_999), at(&c, 5)), (Ok(Some(29_999)), Err(())));
    }
}

//! A value with its history: versions from the newest to the oldest that somebody may still read.

use std::fmt;
use std::sync::Arc;

use crate::flaw::{Flaw, flawed};
use crate::sync::{ArcSwapOption, AtomicBool, Ordering, take};

struct Version<T> {
    seq: u64,
    /// `None`: not there from `seq` on.
    value: Option<T>,
    previous: ArcSwapOption<Version<T>>,
    /// Older versions were dropped. Set before they go, so that a reader who finds none knows why.
    cut: AtomicBool,
}

/// What a chain says of one sequence number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum At<T> {
    /// The value then, if there was one.
    Was(Option<T>),
    /// Nobody knows any more: the reader did not hold a snapshot, and writers went on. Read again with a newer number.
    Dropped,
}

/// A chain of versions. One writer at a time; readers take no lock.
pub(crate) struct Chain<T>(ArcSwapOption<Version<T>>);

impl<T> Default for Chain<T> {
    fn default() -> Self {
        Self(ArcSwapOption::empty())
    }
}

impl<T> fmt::Debug for Chain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Chain").field(&self.0.load().as_ref().map(|v| v.seq)).finish()
    }
}

impl<T: Clone> Chain<T> {
    /// The newest value, published or not. For the writer.
    pub(crate) fn newest(&self) -> Option<T> {
        self.0.load().as_ref().and_then(|v| v.value.clone())
    }

    /// The value at `seq`.
    pub(crate) fn at(&self, seq: u64) -> At<T> {
        let head = self.0.load();
        let Some(head) = head.as_ref() else { return At::Was(None) };
        if head.seq <= seq {
            return At::Was(head.value.clone());
        }
        let mut here = head.clone();
        loop {
            let Some(older) = here.previous.load_full() else {
                return if here.cut.load(Ordering::Acquire) && !flawed(Flaw::CutUnseen) {
                    At::Dropped
                } else {
                    At::Was(None)
                };
            };
            if older.seq <= seq {
                return At::Was(older.value.clone());
            }
            here = older;
        }
    }

    /// Whether the test holds for any version that is kept.
    pub(crate) fn any(&self, mut test: impl FnMut(&T) -> bool) -> bool {
        let mut here = self.0.load_full();
        while let Some(version) = here {
            if version.value.as_ref().is_some_and(&mut test) {
                return true;
            }
            here = version.previous.load_full();
        }
        false
    }

    /// Adds a version; one of the same number is replaced. Whether there was one before.
    pub(crate) fn push(&self, seq: u64, value: Option<T>) -> bool {
        let head = self.0.load_full();
        let first = head.is_none();
        let version = |previous: Option<Arc<Version<T>>>, cut| {
            Arc::new(Version { seq, value, previous: ArcSwapOption::new(previous), cut: AtomicBool::new(cut) })
        };
        let new = match head {
            Some(h) if h.seq == seq => version(h.previous.load_full(), h.cut.load(Ordering::Acquire)),
            other => version(other, false),
        };
        self.0.store(Some(new));
        !first
    }

    /// Drops what is older than the version that readers at `oldest` see. Whether the chain is then a single "not there".
    pub(crate) fn prune(&self, oldest: u64) -> bool {
        let Some(mut here) = self.0.load_full() else { return true };
        let gone = here.value.is_none() && here.seq <= oldest;
        while here.seq > oldest {
            match here.previous.load_full() {
                Some(older) => here = older,
                None => return false,
            }
        }
        if here.previous.load().is_some() {
            here.cut.store(true, Ordering::Release);
            here.previous.store(None);
        }
        gone
    }
}

impl<T> Drop for Version<T> {
    fn drop(&mut self) {
        // One by one: a long history must not recurse.
        let mut next = take(&mut self.previous);
        while let Some(mut version) = next.and_then(Arc::into_inner) {
            next = take(&mut version.previous);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_sees_its_own_version() {
        shuttle::check_random(each_number, 1);
    }

    fn each_number() {
        let c = Chain::default();
        assert_eq!(c.at(5), At::Was(None));
        c.push(2, Some("a"));
        c.push(4, None);
        c.push(6, Some("b"));
        c.push(6, Some("c"));
        let seen: Vec<_> = (1..8).map(|n| c.at(n)).collect();
        let was = At::Was::<&str>;
        let expected =
            [was(None), was(Some("a")), was(Some("a")), was(None), was(None), was(Some("c")), was(Some("c"))];
        assert_eq!(seen, expected);
        assert_eq!(c.newest(), Some("c"));
    }

    #[test]
    fn pruning_keeps_what_the_oldest_reader_sees_and_tells_the_others() {
        shuttle::check_random(pruning, 1);
    }

    fn pruning() {
        let c = Chain::default();
        for n in [2, 4, 6] {
            c.push(n, Some(n));
        }
        assert!(!c.prune(5));
        assert_eq!((c.at(5), c.at(4), c.at(3)), (At::Was(Some(4)), At::Was(Some(4)), At::Dropped));
        c.push(8, None);
        assert!(!c.prune(7), "a reader at 7 sees the value");
        assert!(c.prune(8));
        assert_eq!((c.at(8), c.at(7)), (At::Was(None), At::Dropped));
        c.push(8, Some(9));
        assert!(!c.prune(8));
        assert_eq!((c.at(8), c.at(7)), (At::Was(Some(9)), At::Dropped), "a replaced head remembers the cut");
    }
}

//! An array that grows without moving: readers keep their place while the writer adds.

use std::sync::OnceLock;

/// Entries of the first part; every further part is twice as long as the one before.
const FIRST: usize = 64;
/// Parts: enough for more entries than a `u32` can name.
const PARTS: usize = 27;

/// Entries by number, all there from the beginning as far as a reader can tell.
pub(crate) struct Grow<T> {
    parts: [OnceLock<Box<[T]>>; PARTS],
}

impl<T> Default for Grow<T> {
    fn default() -> Self {
        Self { parts: [const { OnceLock::new() }; PARTS] }
    }
}

/// In which part an entry is, and where.
fn place(n: u32) -> (usize, usize) {
    let n = n as usize + FIRST;
    let part = n.ilog2() - FIRST.ilog2();
    (part as usize, n - (FIRST << part))
}

impl<T: Default> Grow<T> {
    /// The entry, if its part was made.
    pub(crate) fn get(&self, n: u32) -> Option<&T> {
        let (part, at) = place(n);
        self.parts.get(part)?.get()?.get(at)
    }

    /// The entry; its part is made when it is missing.
    pub(crate) fn make(&self, n: u32) -> Option<&T> {
        let (part, at) = place(n);
        let made = || (0..FIRST << part).map(|_| T::default()).collect();
        self.parts.get(part)?.get_or_init(made).get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_place_of_its_own() {
        let mut expected = (0, 0);
        for n in 0..100_000 {
            assert_eq!(place(n), expected, "{n}");
            expected.1 += 1;
            if expected.1 == FIRST << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
        assert!(place(u32::MAX).0 < PARTS);
    }

    #[test]
    fn what_was_not_made_is_not_there() {
        let g: Grow<std::sync::atomic::AtomicU32> = Grow::default();
        assert!(g.get(5).is_none());
        g.make(5).unwrap().store(7, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(g.get(5).unwrap().load(std::sync::atomic::Ordering::Relaxed), 7);
        assert!(g.get(63).is_some() && g.get(64).is_none());
    }
}

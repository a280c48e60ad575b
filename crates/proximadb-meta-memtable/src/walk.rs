//! Stepping through a skip list in either direction from a place.
//!
//! Only `front`, `back`, bounds and steps are used: the `range` of crossbeam-skiplist 0.1.3 never frees the nodes it visits.

use std::borrow::Borrow;
use std::ops::Bound;

use crossbeam_skiplist::SkipMap;
use crossbeam_skiplist::map::Entry;

/// The entries after a place, upwards or downwards.
pub(crate) struct Walk<'a, K, V> {
    next: Option<Entry<'a, K, V>>,
    down: bool,
}

impl<'a, K: Ord, V> Walk<'a, K, V> {
    /// From behind `after`, or from the end where the direction begins.
    pub(crate) fn new<Q: Ord + ?Sized>(map: &'a SkipMap<K, V>, after: Option<&Q>, down: bool) -> Self
    where
        K: Borrow<Q>,
    {
        let next = match (after, down) {
            (None, false) => map.front(),
            (None, true) => map.back(),
            (Some(place), false) => map.lower_bound(Bound::Excluded(place)),
            (Some(place), true) => map.upper_bound(Bound::Excluded(place)),
        };
        Self { next, down }
    }
}

impl<'a, K: Ord, V> Iterator for Walk<'a, K, V> {
    type Item = Entry<'a, K, V>;

    fn next(&mut self) -> Option<Self::Item> {
        let here = self.next.take()?;
        self.next = if self.down { here.prev() } else { here.next() };
        Some(here)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn both_directions_from_every_place() {
        let map = SkipMap::new();
        for n in [10, 20, 30] {
            map.insert(n, ());
        }
        let keys = |after: Option<i32>, down| -> Vec<i32> {
            Walk::new(&map, after.as_ref(), down).map(|e| *e.key()).collect()
        };
        assert_eq!(keys(None, false), [10, 20, 30]);
        assert_eq!(keys(None, true), [30, 20, 10]);
        assert_eq!(keys(Some(10), false), [20, 30]);
        assert_eq!(keys(Some(15), false), [20, 30]);
        assert_eq!(keys(Some(30), true), [20, 10]);
        assert_eq!(keys(Some(5), true), Vec::<i32>::new());
    }

    struct Counted(Arc<AtomicUsize>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// crossbeam frees in epochs: pinning again and again moves them on.
    fn freed(dropped: &AtomicUsize, wanted: usize) -> bool {
        let other = SkipMap::new();
        for n in 0..1_000_000 {
            if dropped.load(Ordering::SeqCst) == wanted {
                return true;
            }
            other.insert(n % 100, n);
            other.remove(&(n % 100));
        }
        false
    }

    #[test]
    fn what_was_walked_over_is_freed() {
        let dropped = Arc::new(AtomicUsize::new(0));
        let map = SkipMap::new();
        for n in 0..1000 {
            map.insert(n, Counted(dropped.clone()));
        }
        for down in [false, true] {
            assert_eq!(Walk::new(&map, None::<&i32>, down).count(), 1000);
            assert_eq!(Walk::new(&map, Some(&500), down).count(), if down { 500 } else { 499 });
        }
        for n in 0..1000 {
            map.remove(&n);
        }
        assert!(freed(&dropped, 1000), "{} of 1000 freed", dropped.load(Ordering::SeqCst));
    }
}

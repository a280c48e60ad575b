//! A shared pointer that one thread replaces while others read it: all the unsafe code of this crate.
//!
//! A reader pins the present epoch and borrows the value for as long. A replaced value is dropped once every reader that was
//! pinned at that moment has let go; crossbeam-epoch keeps the account. In the crate's scheduled tests a plain lock stands in
//! its place, with the same functions: see `sync`.
#![allow(unsafe_code, reason = "a borrow that is as long as an epoch cannot be said in safe Rust")]
#![cfg_attr(test, allow(dead_code, reason = "the other tests use the scheduled one"))]

use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use crossbeam_epoch::Guard;

/// While it is there, what was read under it stays.
pub(crate) struct Pin(Guard);

impl Pin {
    /// Drops some of what was replaced and that nobody reads any more: up to 512 values.
    pub(crate) fn sweep(&self) {
        self.0.flush();
    }
}

/// Pins the present epoch. Costs a few nanoseconds, less inside another pin of this thread.
pub(crate) fn pin() -> Pin {
    Pin(crossbeam_epoch::pin())
}

/// A value that was read, for as long as the pin and the place it was read from are there.
pub(crate) struct Ref<'a, T> {
    pointer: NonNull<T>,
    life: PhantomData<&'a T>,
}

impl<T> Clone for Ref<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ref<'_, T> {}

impl<'a, T> Ref<'a, T> {
    /// The value.
    pub(crate) fn get(self) -> &'a T {
        // SAFETY: it came from an `Arc` that `Swap` owned when it was read, and that is dropped at the earliest when the pin
        // ends, or together with the `Swap`. Both are borrowed for 'a. Nobody has a mutable reference to what is in an `Arc`.
        unsafe { self.pointer.as_ref() }
    }

    /// A count of one's own.
    pub(crate) fn to_arc(self) -> Arc<T> {
        let pointer = self.pointer.as_ptr().cast_const();
        // SAFETY: it came from `Arc::into_raw`, and the count that `Swap` holds is not given up before 'a ends.
        unsafe {
            Arc::increment_strong_count(pointer);
            Arc::from_raw(pointer)
        }
    }
}

/// The pointer, or nothing. It owns one count of the value.
pub(crate) struct Swap<T> {
    pointer: AtomicPtr<T>,
    owned: PhantomData<Arc<T>>,
}

fn raw<T>(value: Option<Arc<T>>) -> *mut T {
    value.map_or(ptr::null_mut(), |v| Arc::into_raw(v).cast_mut())
}

impl<T> Swap<T> {
    pub(crate) const fn empty() -> Self {
        Self { pointer: AtomicPtr::new(ptr::null_mut()), owned: PhantomData }
    }

    pub(crate) fn new(value: Option<Arc<T>>) -> Self {
        Self { pointer: AtomicPtr::new(raw(value)), owned: PhantomData }
    }

    /// What is there now.
    pub(crate) fn read<'a>(&'a self, _: &'a Pin) -> Option<Ref<'a, T>> {
        NonNull::new(self.pointer.load(Ordering::Acquire)).map(|pointer| Ref { pointer, life: PhantomData })
    }

    /// Empties a place that nobody else can reach any more.
    pub(crate) fn take(&mut self) -> Option<Arc<T>> {
        let old = std::mem::replace(self.pointer.get_mut(), ptr::null_mut());
        // SAFETY: a pointer here is from `Arc::into_raw`, and its count was ours until now.
        (!old.is_null()).then(|| unsafe { Arc::from_raw(old.cast_const()) })
    }
}

impl<T: Send + Sync + 'static> Swap<T> {
    /// Puts a value in place of the present one, which is dropped when no reader is left.
    pub(crate) fn store(&self, value: Option<Arc<T>>, pin: &Pin) {
        let old = self.pointer.swap(raw(value), Ordering::AcqRel);
        if !old.is_null() {
            // SAFETY: as in `take`; the exchange gave the count to us alone. Readers that have the pointer were pinned before
            // the exchange, and the drop is deferred past them.
            let old = unsafe { Arc::from_raw(old.cast_const()) };
            pin.0.defer(move || drop(old));
        }
    }
}

impl<T> Drop for Swap<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize};

    use super::*;

    /// Knows whether it was dropped: reading it afterwards is found even without a sanitizer.
    struct Canary {
        alive: AtomicBool,
        value: usize,
        dropped: Arc<AtomicUsize>,
    }

    impl Drop for Canary {
        fn drop(&mut self) {
            self.alive.store(false, Ordering::SeqCst);
            self.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn readers_beside_the_writer_see_living_values_that_only_grow_and_all_are_dropped_once() {
        let rounds = if cfg!(miri) { 200 } else { 200_000 };
        let dropped = Arc::new(AtomicUsize::new(0));
        let canary = |value| Some(Arc::new(Canary { alive: AtomicBool::new(true), value, dropped: dropped.clone() }));
        let swap = Swap::new(canary(0));
        let done = AtomicBool::new(false);
        std::thread::scope(|s| {
            for _ in 0..2 {
                s.spawn(|| {
                    let mut last = 0;
                    let mut kept: Option<Arc<Canary>> = None;
                    while !done.load(Ordering::SeqCst) {
                        let pin = pin();
                        let found = swap.read(&pin).expect("never empty");
                        assert!(found.get().alive.load(Ordering::SeqCst) && found.get().value >= last);
                        last = found.get().value;
                        if last % 64 == 0 {
                            kept = Some(found.to_arc());
                        }
                        drop(pin);
                        assert!(kept.as_ref().is_none_or(|k| k.alive.load(Ordering::SeqCst)));
                    }
                });
            }
            for n in 1..rounds {
                let pin = pin();
                swap.store(canary(n), &pin);
                if n % 100 == 0 {
                    pin.sweep();
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        drop(swap);
        // Others of this process may hold an epoch back for a while.
        while dropped.load(Ordering::SeqCst) < rounds {
            pin().sweep();
        }
        assert_eq!(dropped.load(Ordering::SeqCst), rounds);
    }

    #[test]
    fn an_empty_one_is_empty_and_take_gives_the_count_back() {
        let mut swap = Swap::empty();
        assert!(swap.read(&pin()).is_none() && swap.take().is_none());
        let value = Arc::new(7);
        swap.store(Some(value.clone()), &pin());
        assert_eq!((swap.read(&pin()).map(|r| *r.get()), Arc::strong_count(&value)), (Some(7), 2));
        let pinned = pin();
        assert_eq!(Arc::strong_count(&swap.read(&pinned).expect("stored").to_arc()), 3);
        drop(pinned);
        assert_eq!(swap.take().map(|v| *v), Some(7));
        assert_eq!(Arc::strong_count(&value), 1);
    }
}

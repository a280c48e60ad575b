//! Work on many things with all cores, and take the results in order.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// No more threads than this: what takes the results is one.
const MOST_THREADS: usize = 8;
/// Results that may wait for their turn, for each thread.
const AHEAD: usize = 2;

/// How many threads are worth while.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS)
}

struct Progress<R> {
    /// The next item that nobody works on.
    next: usize,
    /// The item whose result is taken next.
    taken: usize,
    /// Results that wait.
    done: BTreeMap<usize, R>,
    over: bool,
}

struct Shared<'a, T, R, W> {
    items: &'a [T],
    work: W,
    ahead: usize,
    progress: Mutex<Progress<R>>,
    changed: Condvar,
}

impl<T: Sync, R: Send, W: Fn(&T) -> R + Sync> Shared<'_, T, R, W> {
    fn progress(&self) -> MutexGuard<'_, Progress<R>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an item that nobody works on, if it is not too far ahead.
    fn claim(&self, progress: &mut Progress<R>) -> Option<usize> {
        let free = progress.next < self.items.len() && progress.next < progress.taken + self.ahead;
        free.then(|| {
            progress.next += 1;
            progress.next - 1
        })
    }

    fn finish(&self, at: usize) {
        let Some(item) = self.items.get(at) else { return };
        let result = (self.work)(item);
        self.progress().done.insert(at, result);
        self.changed.notify_all();
    }

    /// Works on an item, or waits until there is something new.
    fn step<'a>(&'a self, mut progress: MutexGuard<'a, Progress<R>>) -> MutexGuard<'a, Progress<R>> {
        match self.claim(&mut progress) {
            Some(at) => {
                drop(progress);
                self.finish(at);
                self.progress()
            }
            None => self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner),
        }
    }

    fn help(&self) {
        let mut progress = self.progress();
        while !progress.over && progress.next < self.items.len() {
            progress = self.step(progress);
        }
    }

    /// The result of the item that is taken next; works on others until it is there.
    fn result(&self) -> Option<R> {
        let mut progress = self.progress();
        loop {
            let at = progress.taken;
            if let Some(result) = progress.done.remove(&at) {
                progress.taken += 1;
                drop(progress);
                self.changed.notify_all();
                return Some(result);
            }
            if at >= self.items.len() {
                return None;
            }
            progress = self.step(progress);
        }
    }
}

/// Does the work for each item on `threads` threads (this one among them), and gives each result to `each`, in the order of the
/// items, on this thread. Stops at the first error of `each`.
///
/// # Errors
/// That error.
pub(crate) fn in_order<T: Sync, R: Send, E>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> R + Sync,
    mut each: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    if threads <= 1 || items.len() <= 1 {
        return items.iter().try_for_each(|item| each(work(item)));
    }
    let progress = Progress { next: 0, taken: 0, done: BTreeMap::new(), over: false };
    let shared =
        Shared { items, work, ahead: threads * AHEAD, progress: Mutex::new(progress), changed: Condvar::new() };
    std::thread::scope(|s| {
        for _ in 1..threads {
            // Where no thread can be had, this one does it all.
            let _ = std::thread::Builder::new().spawn_scoped(s, || shared.help());
        }
        let mut done = Ok(());
        while done.is_ok() {
            let Some(result) = shared.result() else { break };
            done = each(result);
        }
        shared.progress().over = true;
        shared.changed.notify_all();
        done
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn results_come_in_order_whoever_was_first() {
        for (items, threads) in [(0, 4), (1, 4), (2, 2), (1000, 1), (1000, 2), (1000, 7)] {
            let items: Vec<u64> = (0..items).collect();
            let mut found = Vec::new();
            // Some take much longer than others.
            let work = |n: &u64| (0..(n % 7) * 5000).fold(*n, |x, y| std::hint::black_box(x ^ y ^ y));
            let done = in_order(&items, threads, work, |n| {
                found.push(n);
                Ok::<(), ()>(())
            });
            assert!(done.is_ok() && found == items, "{} items, {threads} threads", items.len());
        }
    }

    #[test]
    fn the_first_error_in_order_ends_it_and_little_is_done_in_vain() {
        let items: Vec<usize> = (0..10_000).collect();
        let worked = AtomicUsize::new(0);
        let work = |n: &usize| {
            worked.fetch_add(1, Ordering::SeqCst);
            *n
        };
        let mut seen = 0;
        let done = in_order(&items, 4, work, |n| {
            seen += 1;
            if n % 50 == 49 { Err(n) } else { Ok(()) }
        });
        assert_eq!((done, seen), (Err(49), 50));
        assert!(worked.load(Ordering::SeqCst) <= 50 + 4 * AHEAD, "{worked:?}");
    }
}

//! Where threads meet: the real primitives, or, in this crate's own unit tests, those of a scheduler that tries interleavings.

#[cfg(not(test))]
pub(crate) use std::sync::Mutex;
#[cfg(not(test))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};

#[cfg(not(test))]
pub(crate) use arc_swap::ArcSwapOption;

#[cfg(test)]
pub(crate) use self::scheduled::ArcSwapOption;
#[cfg(test)]
pub(crate) use shuttle::sync::Mutex;
#[cfg(test)]
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Empties a cell that nobody else can reach any more.
pub(crate) fn take<T>(cell: &mut ArcSwapOption<T>) -> Option<std::sync::Arc<T>> {
    #[cfg(not(test))]
    return cell.swap(None);
    #[cfg(test)]
    return cell.take();
}

#[cfg(test)]
mod scheduled {
    use std::sync::{Arc, PoisonError};

    use shuttle::sync::Mutex;

    /// What `arc_swap::ArcSwapOption` does, with a scheduling point at each operation.
    pub(crate) struct ArcSwapOption<T>(Mutex<Option<Arc<T>>>);

    impl<T> ArcSwapOption<T> {
        pub(crate) fn empty() -> Self {
            Self::new(None)
        }

        pub(crate) fn new(value: Option<Arc<T>>) -> Self {
            Self(Mutex::new(value))
        }

        pub(crate) fn load(&self) -> Option<Arc<T>> {
            self.load_full()
        }

        pub(crate) fn load_full(&self) -> Option<Arc<T>> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }

        pub(crate) fn store(&self, value: Option<Arc<T>>) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
        }

        /// No scheduling point: the cell may be dropped after the test's threads are gone.
        pub(crate) fn take(&mut self) -> Option<Arc<T>> {
            self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take()
        }
    }
}

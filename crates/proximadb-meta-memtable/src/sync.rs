//! Where threads meet: the real primitives, or, in this crate's own unit tests, those of a scheduler that tries interleavings.

#[cfg(not(test))]
pub(crate) use std::sync::Mutex;
#[cfg(not(test))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};

#[cfg(not(test))]
pub(crate) use crate::swap::{Pin, Ref, Swap, pin};

#[cfg(test)]
pub(crate) use self::scheduled::{Pin, Ref, Swap, pin};
#[cfg(test)]
pub(crate) use shuttle::sync::Mutex;
#[cfg(test)]
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};

#[cfg(test)]
mod scheduled {
    use std::any::Any;
    use std::sync::{Arc, PoisonError};

    use elsa::FrozenVec;
    use shuttle::sync::Mutex;

    /// Keeps everything that was read under it.
    pub(crate) struct Pin(FrozenVec<Box<dyn Any>>);

    pub(crate) fn pin() -> Pin {
        Pin(FrozenVec::new())
    }

    impl Pin {
        pub(crate) fn sweep(&self) {}
    }

    pub(crate) struct Ref<'a, T>(&'a Arc<T>);

    impl<T> Clone for Ref<'_, T> {
        fn clone(&self) -> Self {
            *self
        }
    }

    impl<T> Copy for Ref<'_, T> {}

    impl<'a, T> Ref<'a, T> {
        pub(crate) fn get(self) -> &'a T {
            self.0
        }

        pub(crate) fn to_arc(self) -> Arc<T> {
            self.0.clone()
        }
    }

    /// What `crate::swap::Swap` does, with a scheduling point at each operation.
    pub(crate) struct Swap<T>(Mutex<Option<Arc<T>>>);

    impl<T: 'static> Swap<T> {
        pub(crate) fn empty() -> Self {
            Self::new(None)
        }

        pub(crate) fn new(value: Option<Arc<T>>) -> Self {
            Self(Mutex::new(value))
        }

        pub(crate) fn read<'a>(&'a self, pin: &'a Pin) -> Option<Ref<'a, T>> {
            let value = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
            pin.0.push_get(Box::new(value)).downcast_ref().map(Ref)
        }

        pub(crate) fn store(&self, value: Option<Arc<T>>, _: &Pin) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
        }
    }

    impl<T> Swap<T> {
        /// No scheduling point: the place may be dropped after the test's threads are gone.
        pub(crate) fn take(&mut self) -> Option<Arc<T>> {
            self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take()
        }
    }
}

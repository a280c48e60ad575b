//! Mistakes of the table that its own tests can switch on, to see that they are found. Not in other builds.

/// One mistake.
#[cfg_attr(not(test), allow(dead_code, reason = "the names are used by the tests"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A group is published before all of it is written.
    PublishedEarly,
    /// What a snapshot still sees is swept.
    SweptTooSoon,
    /// A chain that was cut looks as if nothing had been there.
    CutUnseen,
    /// A snapshot reads the number before it says that it holds it.
    HeldLate,
    /// The newest version is taken without a second look at its number.
    TornHead,
    /// A slot is taken as settled although it was not when the index was read.
    SettledUnseen,
    /// A slot is settled before its stale keys are taken out.
    SettledEarly,
    /// A leaf that no longer covers the place is taken.
    CutLeafTaken,
}

/// Never, outside this crate's own tests.
#[cfg(not(test))]
pub(crate) const fn flawed(_: Flaw) -> bool {
    false
}

#[cfg(test)]
pub(crate) use switch::{flawed, with_flaw};

#[cfg(test)]
mod switch {
    use std::cell::Cell;

    use super::Flaw;

    impl Flaw {
        pub(crate) const ALL: [Self; 8] = [
            Self::PublishedEarly,
            Self::SweptTooSoon,
            Self::CutUnseen,
            Self::HeldLate,
            Self::TornHead,
            Self::SettledUnseen,
            Self::SettledEarly,
            Self::CutLeafTaken,
        ];
    }

    // The scheduler runs all its threads on one thread of the system.
    thread_local! {
        static ON: Cell<Option<Flaw>> = const { Cell::new(None) };
    }

    pub(crate) fn flawed(what: Flaw) -> bool {
        ON.with(|on| on.get() == Some(what))
    }

    pub(crate) fn with_flaw<T>(what: Flaw, work: impl FnOnce() -> T) -> T {
        ON.with(|on| on.set(Some(what)));
        let done = work();
        ON.with(|on| on.set(None));
        done
    }
}

//! Protocol bugs that the crate's own tests can switch on, to prove that the tests would notice them. Not in other builds.

/// One mistake in the protocol.
#[cfg_attr(not(test), allow(dead_code, reason = "the names are used by the tests"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sabotage {
    /// Appended frames are not synced.
    UnsyncedAppend,
    /// Renames are not synced.
    UnsyncedDirectory,
    /// A file gets its name before its content is synced.
    RenameBeforeSync,
    /// A checkpoint, segment or marker is never synced before it gets its name.
    UnsyncedFile,
    /// After a failed sync it is tried again.
    RetriedSync,
    /// A group is acknowledged when it is written, and synced afterwards.
    AcknowledgedBeforeSync,
    /// Readers see a group before it is durable.
    PublishedBeforeDurable,
    /// Segments are removed before the checkpoint that covers them is there.
    LogDeletedEarly,
    /// Damage in the middle is cut off like a torn tail.
    DamageCut,
    /// The checksum of a frame's header is not looked at.
    HeaderUnchecked,
    /// The checksum of a frame's payload is not looked at.
    PayloadUnchecked,
    /// Frames do not say how far the log was durable.
    NoDurableMark,
    /// After a failed write the handle goes on.
    NotPoisoned,
    /// A write that was short counts as done.
    ShortWriteIsEnough,
    /// What a full disk left of a group is cut off, but not durably.
    UnsyncedCut,
    /// After the replay the indexes are those of the checkpoint.
    StaleIndex,
    /// What a failed sync may have left in memory alone is taken for durable when it is read again.
    SuspectKept,
    /// A torn tail is not cut off before the log goes on.
    TailLeft,
}

#[cfg(test)]
pub(crate) use switch::{sabotaged, with_sabotage};

/// Never, outside this crate's own tests.
#[cfg(not(test))]
pub(crate) const fn sabotaged(_: Sabotage) -> bool {
    false
}

#[cfg(test)]
mod switch {
    use std::cell::Cell;

    use super::Sabotage;

    thread_local! {
        static ON: Cell<Option<Sabotage>> = const { Cell::new(None) };
    }

    /// Whether the running test asked for this mistake.
    pub(crate) fn sabotaged(what: Sabotage) -> bool {
        ON.with(|on| on.get() == Some(what))
    }

    /// Runs with a mistake, on this thread.
    pub(crate) fn with_sabotage<T>(what: Option<Sabotage>, work: impl FnOnce() -> T) -> T {
        ON.with(|on| on.set(what));
        let done = work();
        ON.with(|on| on.set(None));
        done
    }
}

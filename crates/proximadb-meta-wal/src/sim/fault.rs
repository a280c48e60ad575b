//! Faults of a disk, and at which call they happen.

use std::io;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    /// The call fails (EIO) and does nothing.
    Error,
    /// No space: a write keeps half, then nothing more; names cannot be made.
    Full,
    /// The sync fails, and its pages are marked clean: no later sync writes them.
    LostSync,
    /// A short read or write.
    Short,
    /// EINTR.
    Interrupted,
    /// What follows on [`Full`](Self::Full): nothing fits.
    StillFull,
}

impl Fault {
    pub(crate) const ALL: [Self; 5] = [Self::Error, Self::Full, Self::LostSync, Self::Short, Self::Interrupted];

    pub(crate) fn error(self) -> io::Error {
        match self {
            Self::Full | Self::StillFull => io::ErrorKind::StorageFull.into(),
            Self::Interrupted => io::ErrorKind::Interrupted.into(),
            _ => io::Error::other("injected"),
        }
    }
}

/// When it goes wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// The call, counted from 1, and the fault.
    pub(crate) fault: Option<(u64, Fault)>,
    /// A full disk stays full until this call.
    full_until: u64,
}

impl Plan {
    pub(crate) fn of(call: u64, fault: Fault) -> Self {
        Self { fault: Some((call, fault)), full_until: 0 }
    }

    pub(crate) fn at(&mut self, call: u64, write: bool, sync: bool) -> Option<Fault> {
        if write && !sync && call < self.full_until {
            return Some(Fault::StillFull);
        }
        let (at, fault) = self.fault?;
        if call != at {
            return None;
        }
        if fault == Fault::Full {
            self.full_until = call + 3;
        }
        Some(fault)
    }
}

//! What goes wrong on one connection.

use std::sync::Arc;
use std::time::Duration;

use proximadb_meta_core::{Error, ErrorKind, Result};

/// A direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// How a connection is cut, to both sides alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cut {
    /// With a reset: reads and writes of either side fail.
    Rst,
    /// In good order: either side reads an end of the stream. What it still sends is thrown away.
    Fin,
}

/// The longest run of bytes that [`Request::containing`] looks for.
pub(super) const NEEDLE_MOST: usize = 256;

/// Which request of a connection: see [unknown outcomes](super#unknown-outcomes) for what counts as one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request(pub(super) Which);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Which {
    /// Counted from 1.
    Nth(u64),
    Containing(Arc<[u8]>),
}

impl Request {
    /// The n-th request, counted from 1; 0 is taken as 1.
    #[must_use]
    pub fn nth(n: u64) -> Self {
        Self(Which::Nth(n.max(1)))
    }

    /// The first request that holds these bytes in a row: a `COMMIT`, for one. Under TLS nothing is found.
    ///
    /// # Errors
    /// `InvalidInput` when there is no byte, or more than 256.
    pub fn containing(bytes: impl AsRef<[u8]>) -> Result<Self> {
        let bytes = bytes.as_ref();
        if bytes.is_empty() || bytes.len() > NEEDLE_MOST {
            let text = format!("a request is looked for by 1 to {NEEDLE_MOST} bytes, not by {}", bytes.len());
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        Ok(Self(Which::Containing(bytes.into())))
    }
}

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Every piece of bytes (at most 64 KiB, as it was read) waits this long before it is passed on. The next one is not read
    /// meanwhile.
    Delay {
        /// In which direction.
        direction: Direction,
        /// How long; the text of it keeps whole microseconds.
        by: Duration,
    },
    /// Bytes are passed on at this rate at most.
    Throttle {
        /// In which direction.
        direction: Direction,
        /// Bytes a second; 0 is taken as 1.
        per_second: u64,
    },
    /// Bytes are passed on in pieces of so many at most, each sent by itself: a reader that takes what one read gives it for a
    /// whole message is found out.
    Split {
        /// In which direction.
        direction: Direction,
        /// Most bytes of a piece; 0 is taken as 1.
        most: u64,
    },
    /// The connection is cut as soon as exactly so many bytes were passed on: 0 cuts once the server was reached.
    Cut {
        /// Counted in which direction.
        direction: Direction,
        /// After how many bytes.
        after: u64,
        /// How.
        how: Cut,
    },
    /// After so many bytes the rest is read and dropped, the end of the stream included; the connection stays open.
    HalfOpen {
        /// In which direction.
        direction: Direction,
        /// After how many bytes.
        after: u64,
    },
    /// The connection is reset when it was accepted: the client's connect fails, or its first read or write. The server is not
    /// connected to.
    Reset,
    /// The connection is accepted and nothing is ever passed on. The server is not connected to.
    Blackhole,
    /// The request is passed on as a whole; when the answer begins, the connection is cut and no byte of the answer passed on.
    ExecuteThenCut {
        /// Which request.
        request: Request,
        /// How.
        how: Cut,
    },
}

/// What goes wrong on one connection: any number of faults, each for itself. Of several cuts the first that is due happens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Plan(Vec<Fault>);

impl Plan {
    /// Nothing goes wrong.
    #[must_use]
    pub fn clean() -> Self {
        Self::default()
    }

    /// These faults.
    #[must_use]
    pub fn new(faults: Vec<Fault>) -> Self {
        Self(faults)
    }

    /// One more.
    #[must_use]
    pub fn and(mut self, fault: Fault) -> Self {
        self.0.push(fault);
        self
    }

    /// All of them.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.0
    }
}

impl From<Fault> for Plan {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

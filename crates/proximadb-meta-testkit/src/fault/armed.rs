//! A single cut that waits for its request, on whichever connection it comes.

use super::plan::{Cut, Request, Which};

/// An answer to be cut off, once.
#[derive(Debug)]
pub(super) struct Armed {
    request: Request,
    how: Cut,
    /// Requests since it was armed.
    seen: u64,
}

impl Armed {
    pub(super) fn new(request: Request, how: Cut) -> Self {
        Self { request, how, seen: 0 }
    }

    pub(super) fn how(&self) -> Cut {
        self.how
    }

    /// Whether this is the request; `begins` with its first piece.
    pub(super) fn is_hit(&mut self, begins: bool, recent: &[u8]) -> bool {
        self.seen += u64::from(begins);
        is_hit(&self.request, begins, self.seen, recent)
    }
}

/// Whether a piece is of the request; `number` is that of the request under way.
pub(super) fn is_hit(request: &Request, begins: bool, number: u64, recent: &[u8]) -> bool {
    match &request.0 {
        Which::Nth(n) => begins && *n == number,
        Which::Containing(needle) => recent.windows(needle.len().max(1)).any(|window| *window == **needle),
    }
}

//! Whose turn it is on a connection: which bytes begin a request, and which an answer.

use std::sync::PoisonError;

use super::armed::is_hit;
use super::plan::{Cut, Fault, NEEDLE_MOST, Plan, Request};
use super::shared::Shared;

/// The turns of one connection.
#[derive(Debug)]
pub(super) struct Turns {
    asking: bool,
    requests: u64,
    /// The end of the request under way: a run of bytes may come in several pieces.
    recent: Vec<u8>,
    watched: Vec<(Request, Cut)>,
    due: Option<Cut>,
}

impl Turns {
    pub(super) fn new(plan: &Plan) -> Self {
        let watched = plan.faults().iter().filter_map(|fault| match fault {
            Fault::ExecuteThenCut { request, how } => Some((request.clone(), *how)),
            _ => None,
        });
        Self { asking: false, requests: 0, recent: Vec::new(), watched: watched.collect(), due: None }
    }

    /// A piece is about to go up.
    pub(super) fn asked(&mut self, piece: &[u8], shared: &Shared) {
        let begins = !self.asking;
        if begins {
            self.asking = true;
            self.requests += 1;
            self.recent.clear();
            shared.counts.send_modify(|c| c.requests += 1);
        }
        self.recent.extend_from_slice(piece);
        if shared.is_on() {
            let hit = self.watched.iter().find(|(request, _)| is_hit(request, begins, self.requests, &self.recent));
            self.due = hit.map(|(_, how)| *how).or(self.due);
        }
        let mut armed = shared.armed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(armed) = armed.take_if(|armed| armed.is_hit(begins, &self.recent)) {
            self.due = Some(armed.how());
        }
        self.recent.drain(..self.recent.len().saturating_sub(NEEDLE_MOST - 1));
    }

    /// Bytes came down: whether the connection is to be cut instead of passing them on.
    pub(super) fn answered(&mut self) -> Option<Cut> {
        self.asking = false;
        self.due.take()
    }
}

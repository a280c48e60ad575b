//! Batches under way: several at a time, told in the order of the lines.

use std::collections::{HashSet, VecDeque};
use std::io::Write as _;
use std::sync::Arc;

use proximadb_meta::core::{Error, ErrorKind};
use tokio::task::JoinHandle;

use super::Totals;
use super::line::Line;
use super::write::{Target, Written, write};
use crate::exit::Result;
use crate::output::out_error;

/// Writes batches, so many at a time.
pub(super) struct Flight {
    target: Target,
    jobs: usize,
    ack: bool,
    under_way: VecDeque<Batch>,
    pub(super) totals: Totals,
}

struct Batch {
    task: JoinHandle<Written>,
    touches: HashSet<Arc<str>>,
}

impl Flight {
    pub(super) fn new(target: Target, jobs: usize, ack: bool) -> Self {
        Self { target, jobs, ack, under_way: VecDeque::new(), totals: Totals::default() }
    }

    /// Begins to write the lines, once there is room for them and nothing under way touches the same ids or names.
    ///
    /// # Errors
    /// Why an earlier batch was not written, or could not be told: then nothing of these lines is written.
    pub(super) async fn send(&mut self, lines: Vec<Line>) -> Result<()> {
        let touches = if self.jobs > 1 { touched(&lines) } else { HashSet::new() };
        while self.under_way.len() >= self.jobs || self.under_way.iter().any(|b| !b.touches.is_disjoint(&touches)) {
            self.land_one().await?;
        }
        let task = tokio::spawn(write(self.target.clone(), lines));
        self.under_way.push_back(Batch { task, touches });
        // The only one is awaited at once: nothing is read behind a failure.
        if self.jobs == 1 { self.land_one().await } else { Ok(()) }
    }

    /// Waits for all, also behind one that failed: what they wrote counts.
    ///
    /// # Errors
    /// That of the first that failed.
    pub(super) async fn land(&mut self) -> Result<()> {
        let mut landed = Ok(());
        while !self.under_way.is_empty() {
            let one = self.land_one().await;
            landed = landed.and(one);
        }
        landed
    }

    pub(super) fn is_under_way(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// Waits for the first: counts and acknowledges what it wrote. Dropping the wait changes nothing.
    ///
    /// # Errors
    /// Why it was not written, or could not be told.
    pub(super) async fn land_one(&mut self) -> Result<()> {
        let Some(batch) = self.under_way.front_mut() else { return Ok(()) };
        let written = (&mut batch.task).await;
        self.under_way.pop_front();
        let written = written.map_err(|e| Error::new(ErrorKind::Internal, "a batch ended early").with_source(e))?;
        self.totals += written.totals;
        self.target.most = self.target.most.min(written.most);
        let told = if self.ack { acknowledge(&written.ids) } else { Ok(()) };
        written.failure.map_or(told, Err)
    }
}

/// Ids and names of the lines.
fn touched(lines: &[Line]) -> HashSet<Arc<str>> {
    lines.iter().flat_map(|l| [l.record.id.clone(), l.record.name.clone()]).collect()
}

fn acknowledge(ids: &[Arc<str>]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    ids.iter().try_for_each(|id| writeln!(out, "{id}")).and_then(|()| out.flush()).map_err(out_error)
}

//! Histories of a store that something disturbs: connections break, servers die.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proximadb_meta_core::{CallContext, Error, Namespace};

use super::check::check;
use super::load::{Histories, LOADS, record};
use super::verdict::Verdict;
use crate::case::{CaseResult, Failure, Store};
use crate::fixture::Fixture;

/// Something that disturbs a store while a history is recorded. What goes wrong in it fails the history.
#[async_trait]
pub trait Disturb: Send + Sync {
    /// Before the clients of a history begin.
    async fn begin(&self, seed: u64) -> CaseResult {
        let _ = seed;
        Ok(())
    }

    /// A call of the history is over, answered or given up: with it so many are, counted from 1. The client that made it goes on
    /// when this returns, the others go on meanwhile.
    async fn answered(&self, calls: usize) -> CaseResult {
        let _ = calls;
        Ok(())
    }

    /// A call was refused as `Unavailable`. The client goes on when this returns: a server that is away for a while should not
    /// be all that it sees.
    async fn refused(&self, why: &Error) -> CaseResult {
        let _ = why;
        Ok(())
    }

    /// The clients are done. When this returns the store can be reached again, perhaps after a few calls that fail.
    async fn end(&self) -> CaseResult {
        Ok(())
    }

    /// What happened in the last history, for its failure.
    fn describe(&self) -> String {
        String::new()
    }
}

/// Several at once, each in turn.
#[async_trait]
impl Disturb for Vec<Arc<dyn Disturb>> {
    async fn begin(&self, seed: u64) -> CaseResult {
        for one in self {
            one.begin(seed).await?;
        }
        Ok(())
    }

    async fn answered(&self, calls: usize) -> CaseResult {
        for one in self {
            one.answered(calls).await?;
        }
        Ok(())
    }

    async fn refused(&self, why: &Error) -> CaseResult {
        for one in self {
            one.refused(why).await?;
        }
        Ok(())
    }

    async fn end(&self) -> CaseResult {
        for one in self {
            one.end().await?;
        }
        Ok(())
    }

    fn describe(&self) -> String {
        self.iter().map(|one| one.describe()).collect::<Vec<_>>().join("; ")
    }
}

/// Who makes the calls of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clients {
    /// Clients at once, each on a thread of its own.
    pub clients: usize,
    /// Calls of each.
    pub calls: usize,
    /// How long a client waits for an answer; then it drops the call, which stays without one. A backend with time limits of its
    /// own is given more than those.
    pub patience: Duration,
}

/// Eight clients of 25 calls that wait ten seconds.
impl Default for Clients {
    fn default() -> Self {
        Self { clients: 8, calls: 25, patience: Duration::from_secs(10) }
    }
}

/// As [`run_histories`](super::run_histories), while something disturbs the store: each seed once with every mix of calls, all
/// on one open store of `fixture`. Calls that fail with an unknown outcome, or are not answered in time, may have been done or
/// not; calls that are refused as unavailable were not. Everything acknowledged must be there in the end.
///
/// # Errors
/// The shortest part of the first history that is not linearizable, with what disturbed it; less than half of all calls with an
/// answer that tells something; a store that does not open or close, or cannot be read after a history.
pub fn run_disturbed<F: Fixture>(
    fixture: F,
    seeds: Range<u64>,
    clients: Clients,
    disturb: Arc<dyn Disturb>,
) -> CaseResult<Histories> {
    let fixture: Arc<dyn Fixture> = Arc::new(fixture);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(clients.clients.max(1))
        .enable_all()
        .build()
        .map_err(|e| Failure::new(format!("no runtime: {e}")))?;
    runtime.block_on(async {
        let store = Store::open(&fixture).await?;
        let mut done = Histories::default();
        for load in LOADS {
            for seed in seeds.clone() {
                let space = Namespace::new(&format!("disturbed-{}-{seed}", load.name))?;
                let db = store.db.scoped(CallContext::in_namespace(space));
                let what = |why: &str| format!("{} seed {seed}: {why}; {}", load.name, disturb.describe());
                let calls = record(db, seed, load, clients, &disturb).await;
                let calls = calls.map_err(|failure| Failure::new(what(&failure.to_string())))?;
                let verdict = check(&calls);
                done.add(&calls);
                if matches!(verdict, Verdict::TooHard { .. }) {
                    // Hardly any answers leave too many orders: that is the reason to tell.
                    told_enough(&done).map_err(|failure| Failure::new(what(&failure.to_string())))?;
                }
                ensure!(verdict.is_linearizable(), "{}", what(&verdict.to_string()));
            }
        }
        store.close().await?;
        told_enough(&done)?;
        Ok(done)
    })
}

/// At least half of the calls had an answer that tells something.
fn told_enough(done: &Histories) -> CaseResult {
    let told = done.calls - done.open - done.silent;
    ensure!(told * 2 >= done.calls, "of {} calls only {told} had an answer that tells something", done.calls);
    Ok(())
}

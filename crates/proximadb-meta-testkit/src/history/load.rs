//! What the clients of a history do: seeded mixes of calls on three ids and three names.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use proximadb_meta_core::{
    CallContext, Change, CollectionMetadata, DistanceMetric, Error, ErrorKind, MetadataBackend, Namespace, Result,
    StatsDelta,
};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};

use super::call::{Call, Worth};
use super::check::check;
use super::disturb::{Clients, Disturb};
use super::recorder::{Client, Recorder};
use crate::case::{CaseResult, Failure, Store};
use crate::fixture::Fixture;
use crate::rng::Rng;

type Record = Arc<CollectionMetadata>;

/// Clients of one history.
pub(crate) const CLIENTS: usize = 4;
/// Who makes the calls of an undisturbed history. Its patience ends only what hangs.
const CALM: Clients = Clients { clients: CLIENTS, calls: 60, patience: Duration::from_secs(600) };
const IDS: [&str; 3] = ["a", "b", "c"];
const NAMES: [&str; 3] = ["x", "y", "z"];

#[derive(Clone, Copy, Debug)]
enum Kind {
    Get,
    GetByName,
    Create,
    Update,
    Rename,
    Delete,
    Count,
    Set,
}

/// A mix of calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) name: &'static str,
    /// Each kind as often as it should come up.
    kinds: &'static [Kind],
    /// One call in so many is dropped after a few polls; 0: none.
    dropped: usize,
}

use Kind::{Count, Create, Delete, Get, GetByName, Rename, Set, Update};

/// Reads beside writes that succeed.
pub(super) const READS: Load =
    Load { name: "reads", kinds: &[Get, Get, Get, GetByName, GetByName, Set, Update, Count, Create], dropped: 0 };
/// Updates from what was read a while ago.
pub(super) const RACES: Load = Load { name: "races", kinds: &[Get, Update, Update, Update, Set, Create], dropped: 0 };
/// Counters beside updates.
pub(super) const COUNTERS: Load =
    Load { name: "counters", kinds: &[Count, Count, Count, Count, Get, Update, Create], dropped: 0 };
/// Ids with many lives.
pub(super) const LIVES: Load =
    Load { name: "lives", kinds: &[Create, Create, Delete, Delete, Get, Update, Count, Set], dropped: 0 };
/// Names that wander between ids.
pub(super) const HOLDERS: Load =
    Load { name: "holders", kinds: &[Rename, Rename, Create, Create, Delete, GetByName, GetByName, Get], dropped: 0 };
/// All of it, and calls that nobody waits for.
pub(super) const DROPPED: Load =
    Load { name: "dropped", kinds: &[Get, GetByName, Create, Update, Rename, Delete, Count, Set], dropped: 8 };

pub(super) const LOADS: [Load; 6] = [READS, RACES, COUNTERS, LIVES, HOLDERS, DROPPED];

/// How many histories were recorded and checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Histories {
    /// Histories.
    pub histories: usize,
    /// Calls in all of them.
    pub calls: usize,
    /// Of them, writes that may have been done or not.
    pub open: usize,
    /// Of them, calls that tell nothing: reads without an answer, and what was refused for a reason that is not of the record.
    pub silent: usize,
}

impl Histories {
    /// One more.
    pub(super) fn add(&mut self, calls: &[Call]) {
        self.histories += 1;
        self.calls += calls.len();
        self.open += calls.iter().filter(|c| matches!(c.worth(), Worth::Open)).count();
        self.silent += calls.iter().filter(|c| matches!(c.worth(), Worth::Nothing)).count();
    }

    fn merge(&mut self, more: Self) {
        self.histories += more.histories;
        self.calls += more.calls;
        self.open += more.open;
        self.silent += more.silent;
    }
}

/// Records and checks histories of four clients on as many threads, each seed once with every mix of calls, all on one open
/// store of `fixture`.
///
/// # Errors
/// The shortest part of the first history that is not linearizable; a history in which less than half of the calls had an
/// answer that tells something; a store that does not open or close.
pub fn run_histories<F: Fixture>(fixture: F, seeds: Range<u64>) -> CaseResult<Histories> {
    let fixture: Arc<dyn Fixture> = Arc::new(fixture);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CLIENTS)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(format!("no runtime: {e}")))?;
    runtime.block_on(async {
        let store = Store::open(&fixture).await?;
        let mut done = Histories::default();
        for load in LOADS {
            done.merge(run(&store, seeds.clone(), load).await?);
        }
        store.close().await?;
        Ok(done)
    })
}

/// One history a seed, each in a namespace of its own, on the runtime of the caller.
pub(super) async fn run(store: &Store, seeds: Range<u64>, load: Load) -> CaseResult<Histories> {
    let mut done = Histories::default();
    let calm: Arc<dyn Disturb> = Arc::new(Vec::new());
    for seed in seeds {
        let space = Namespace::new(&format!("{}-{seed}", load.name))?;
        let db = store.db.scoped(CallContext::in_namespace(space));
        let calls = record(db, seed, load, CALM, &calm).await?;
        let told = calls.iter().filter(|c| c.settled().is_some()).count();
        ensure!(told * 2 >= calls.len(), "{} {seed}: of {} calls only {told} were answered", load.name, calls.len());
        let verdict = check(&calls);
        ensure!(verdict.is_linearizable(), "{} seed {seed}: {verdict}", load.name);
        done.add(&calls);
    }
    Ok(done)
}

pub(super) async fn record(
    db: Arc<dyn MetadataBackend>,
    seed: u64,
    load: Load,
    clients: Clients,
    disturb: &Arc<dyn Disturb>,
) -> CaseResult<Vec<Call>> {
    let recorder = Recorder::new();
    let start = Arc::new(Start::of(clients.clients));
    let over = Arc::new(AtomicUsize::new(0));
    disturb.begin(seed).await?;
    let mut tasks = JoinSet::new();
    for n in 0..clients.clients {
        let mut hand = Hand {
            client: recorder.client(db.clone()),
            rng: Rng::new(seed.wrapping_mul(1000).wrapping_add(n as u64)),
            known: HashMap::new(),
            serial: u32::try_from(n * clients.calls).unwrap_or(0),
            patience: clients.patience,
        };
        let (start, over, disturb) = (start.clone(), over.clone(), disturb.clone());
        tasks.spawn(async move {
            start.wait().await?;
            for _ in 0..clients.calls {
                let failed = hand.call(load).await;
                disturb.answered(1 + over.fetch_add(1, Ordering::SeqCst)).await?;
                if let Some(e) = failed.filter(|e| e.kind() == ErrorKind::Unavailable) {
                    disturb.refused(&e).await?;
                }
                // A store that never waits would serve one client after the other.
                if hand.rng.one_in(3) {
                    yield_now().await;
                }
            }
            CaseResult::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    disturb.end().await?;
    // What is there in the end must be what the answers say.
    let last = recorder.client(db);
    for id in IDS {
        settled(clients.patience, || last.get_collection(id)).await?;
    }
    for name in NAMES {
        settled(clients.patience, || last.get_collection_by_name(name)).await?;
    }
    Ok(recorder.calls())
}

/// Where clients wait until all are there. They go on in the order in which they came, in every run: a
/// [`Barrier`](tokio::sync::Barrier) wakes them in a random one.
struct Start {
    missing: AtomicUsize,
    gate: Semaphore,
}

impl Start {
    fn of(clients: usize) -> Self {
        Self { missing: AtomicUsize::new(clients), gate: Semaphore::new(0) }
    }

    async fn wait(&self) -> CaseResult {
        let behind = self.missing.fetch_sub(1, Ordering::SeqCst) - 1;
        if behind == 0 {
            self.gate.add_permits(Semaphore::MAX_PERMITS);
        }
        self.gate.acquire().await.map_err(|e| Failure::new(format!("the start is closed: {e}")))?.forget();
        Ok(())
    }
}

/// How often a read is tried again while a pool still holds connections that are cut.
const TRIES: u32 = 200;

/// The answer of a read, once the store can be reached.
async fn settled<T, R: Future<Output = Result<T>>>(patience: Duration, read: impl Fn() -> R) -> CaseResult<T> {
    for _ in 0..TRIES {
        match timeout(patience, read()).await {
            Ok(Err(e)) if matches!(e.kind(), ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Throttled) => {
                sleep(Duration::from_millis(10)).await;
            }
            Ok(answer) => return Ok(answer?),
            Err(_) => {}
        }
    }
    Err(Failure::new(format!("the store cannot be read after the history, {TRIES} times")))
}

/// A client at work.
struct Hand {
    client: Client,
    rng: Rng,
    /// The record of each id as this client saw it last.
    known: HashMap<Arc<str>, Record>,
    serial: u32,
    patience: Duration,
}

impl Hand {
    /// A value that nobody writes twice.
    fn next(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    /// Keeps what was seen, gives back what failed.
    fn see(&mut self, seen: Option<Result<Option<Record>>>) -> Option<Error> {
        match seen? {
            Ok(seen) => {
                self.known.extend(seen.map(|r| (r.id.clone(), r)));
                None
            }
            Err(e) => Some(e),
        }
    }

    /// One call of the mix. Whether it may fail is for the history to judge.
    async fn call(&mut self, load: Load) -> Option<Error> {
        let kind = self.rng.pick(load.kinds);
        let drop_it = load.dropped > 0 && self.rng.one_in(load.dropped);
        let polls = if drop_it { 1 + self.rng.below(3) } else { usize::MAX };
        let id = self.rng.pick(&IDS);
        let name = self.rng.pick(&NAMES);
        let n = self.next();
        let (client, patience) = (&self.client, self.patience);
        let seen = match kind {
            Get => polled(polls, patience, client.get_collection(id)).await,
            GetByName => polled(polls, patience, client.get_collection_by_name(name)).await,
            Create => {
                let mut r = CollectionMetadata::new(name, n, DistanceMetric::COSINE);
                r.id = id.into();
                r.owner = Some(n.to_string().into());
                polled(polls, patience, client.create_collection(r)).await.map(|r| r.map(Some))
            }
            Update | Rename => {
                // Now and then from what was seen a while ago: that one should lose.
                let old = self.known.get(id).filter(|_| self.rng.one_in(2)).cloned();
                let base = match old {
                    Some(r) => Some(r),
                    None => match polled(usize::MAX, patience, client.get_collection(id)).await {
                        Some(Ok(found)) => found,
                        failed => return self.see(failed),
                    },
                };
                let base = base?;
                let mut r = (*base).clone();
                r.dimension = n;
                r.owner = Some(n.to_string().into());
                if matches!(kind, Rename) {
                    r.name = name.into();
                }
                if self.rng.one_in(2) {
                    yield_now().await;
                }
                polled(polls, patience, client.update_collection(r)).await.map(|r| r.map(Some))
            }
            Delete => polled(polls, patience, client.delete_collection(id)).await.map(|r| r.map(|_| None)),
            Count => {
                let vectors = self.rng.below(1_000_000) as i64 - 10_000;
                let delta = StatsDelta { vectors, bytes: i64::from(n) };
                polled(polls, patience, client.record_stats(id, delta)).await.map(|r| r.map(Some))
            }
            Set => {
                let change = Change::Owner(Some(n.to_string().into()));
                polled(polls, patience, client.set(id, change)).await.map(|r| r.map(Some))
            }
        };
        self.see(seen)
    }
}

/// The result, unless it takes more than so many polls or longer than that: then the future is dropped.
async fn polled<T>(times: usize, patience: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = times;
    let polled = poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left <= 1 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    });
    timeout(patience, polled).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who asked when.
    fn turns(seed: u64) -> CaseResult<Vec<(usize, u64)>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|e| Failure::new(format!("no runtime: {e}")))?;
        runtime.block_on(async {
            let db = proximadb_meta_memory::memory().into_backend();
            let calm: Arc<dyn Disturb> = Arc::new(Vec::new());
            let calls = record(db, seed, DROPPED, CALM, &calm).await?;
            Ok(calls.iter().map(|c| (c.client, c.asked)).collect())
        })
    }

    #[test]
    fn on_one_thread_every_run_is_the_same() -> CaseResult {
        let first = turns(600)?;
        assert!(first.iter().map(|(client, _)| client).collect::<std::collections::HashSet<_>>().len() > CLIENTS);
        for _ in 0..20 {
            assert_eq!(turns(600)?, first);
        }
        Ok(())
    }
}

//! What the clients of a history do: seeded mixes of calls on three ids and three names.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use proximadb_meta_core::{
    CallContext, Change, CollectionMetadata, DistanceMetric, MetadataBackend, Namespace, StatsDelta,
};
use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};

use super::call::Call;
use super::check::check;
use super::recorder::{Client, Recorder};
use crate::case::{CaseResult, Failure, Store};
use crate::fixture::Fixture;
use crate::rng::Rng;

type Record = Arc<CollectionMetadata>;

/// Clients of one history.
pub(crate) const CLIENTS: usize = 4;
/// Calls of each.
const CALLS: usize = 60;
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
    name: &'static str,
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

const LOADS: [Load; 6] = [READS, RACES, COUNTERS, LIVES, HOLDERS, DROPPED];

/// How many histories were recorded and checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histories {
    /// Histories.
    pub histories: usize,
    /// Calls in all of them.
    pub calls: usize,
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
            let more = run(&store, seeds.clone(), load).await?;
            done.histories += more.histories;
            done.calls += more.calls;
        }
        store.close().await?;
        Ok(done)
    })
}

/// One history a seed, each in a namespace of its own, on the runtime of the caller.
pub(super) async fn run(store: &Store, seeds: Range<u64>, load: Load) -> CaseResult<Histories> {
    let mut done = Histories::default();
    for seed in seeds {
        let space = Namespace::new(&format!("{}-{seed}", load.name))?;
        let calls = record(store.db.scoped(CallContext::in_namespace(space)), seed, load).await?;
        let told = calls.iter().filter(|c| c.settled().is_some()).count();
        ensure!(told * 2 >= calls.len(), "{} {seed}: of {} calls only {told} were answered", load.name, calls.len());
        let verdict = check(&calls);
        ensure!(verdict.is_linearizable(), "{} seed {seed}: {verdict}", load.name);
        done.histories += 1;
        done.calls += calls.len();
    }
    Ok(done)
}

async fn record(db: Arc<dyn MetadataBackend>, seed: u64, load: Load) -> CaseResult<Vec<Call>> {
    let recorder = Recorder::new();
    let start = Arc::new(Barrier::new(CLIENTS));
    let mut tasks = JoinSet::new();
    for n in 0..CLIENTS {
        let mut hand = Hand {
            client: recorder.client(db.clone()),
            rng: Rng::new(seed.wrapping_mul(1000).wrapping_add(n as u64)),
            known: HashMap::new(),
            serial: u32::try_from(n * CALLS).unwrap_or(0),
        };
        let start = start.clone();
        tasks.spawn(async move {
            start.wait().await;
            for _ in 0..CALLS {
                hand.call(load).await;
                // A store that never waits would serve one client after the other.
                if hand.rng.one_in(3) {
                    yield_now().await;
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    // What is there in the end must be what the answers say.
    let last = recorder.client(db);
    for id in IDS {
        last.get_collection(id).await?;
    }
    for name in NAMES {
        last.get_collection_by_name(name).await?;
    }
    Ok(recorder.calls())
}

/// A client at work.
struct Hand {
    client: Client,
    rng: Rng,
    /// The record of each id as this client saw it last.
    known: HashMap<Arc<str>, Record>,
    serial: u32,
}

impl Hand {
    /// A value that nobody writes twice.
    fn next(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    fn see(&mut self, seen: Option<Record>) {
        if let Some(r) = seen {
            self.known.insert(r.id.clone(), r);
        }
    }

    /// One call of the mix. Whether it fails is for the history to judge.
    async fn call(&mut self, load: Load) {
        let kind = self.rng.pick(load.kinds);
        let drop_it = load.dropped > 0 && self.rng.one_in(load.dropped);
        let polls = if drop_it { 1 + self.rng.below(3) } else { usize::MAX };
        let id = self.rng.pick(&IDS);
        let name = self.rng.pick(&NAMES);
        let n = self.next();
        let client = &self.client;
        let seen = match kind {
            Get => polled(polls, client.get_collection(id)).await.and_then(Result::ok).flatten(),
            GetByName => polled(polls, client.get_collection_by_name(name)).await.and_then(Result::ok).flatten(),
            Create => {
                let mut r = CollectionMetadata::new(name, n, DistanceMetric::COSINE);
                r.id = id.into();
                r.owner = Some(n.to_string().into());
                polled(polls, client.create_collection(r)).await.and_then(Result::ok)
            }
            Update | Rename => {
                // Now and then from what was seen a while ago: that one should lose.
                let old = self.known.get(id).filter(|_| self.rng.one_in(2)).cloned();
                let base = match old {
                    Some(r) => Some(r),
                    None => client.get_collection(id).await.ok().flatten(),
                };
                let Some(base) = base else { return };
                let mut r = (*base).clone();
                r.dimension = n;
                r.owner = Some(n.to_string().into());
                if matches!(kind, Rename) {
                    r.name = name.into();
                }
                if self.rng.one_in(2) {
                    yield_now().await;
                }
                polled(polls, client.update_collection(r)).await.and_then(Result::ok)
            }
            Delete => {
                polled(polls, client.delete_collection(id)).await;
                None
            }
            Count => {
                let vectors = self.rng.below(1_000_000) as i64 - 10_000;
                let delta = StatsDelta { vectors, bytes: i64::from(n) };
                polled(polls, client.record_stats(id, delta)).await.and_then(Result::ok)
            }
            Set => {
                let change = Change::Owner(Some(n.to_string().into()));
                polled(polls, client.set(id, change)).await.and_then(Result::ok)
            }
        };
        self.see(seen);
    }
}

/// The result, unless it takes more than so many polls: then the future is dropped.
async fn polled<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left <= 1 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

//! What the proxy's handle and its connections share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

use super::armed::Armed;
use super::counts::Counts;
use super::plan::{Cut, Plan};
use super::script::Script;

/// The script under way.
#[derive(Debug)]
struct Playing {
    script: Script,
    /// Plans of the connections since it was set.
    played: Vec<Plan>,
}

#[derive(Debug)]
pub(super) struct Shared {
    upstream: Mutex<SocketAddr>,
    playing: Mutex<Playing>,
    on: AtomicBool,
    pub(super) armed: Mutex<Option<Armed>>,
    pub(super) counts: watch::Sender<Counts>,
    /// Open connections, each with the way to cut it until that was used.
    live: Mutex<BTreeMap<u64, Option<oneshot::Sender<Cut>>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(upstream: SocketAddr, script: Script) -> Self {
        Self {
            upstream: Mutex::new(upstream),
            playing: Mutex::new(Playing { script, played: Vec::new() }),
            on: AtomicBool::new(true),
            armed: Mutex::new(None),
            counts: watch::Sender::new(Counts::default()),
            live: Mutex::new(BTreeMap::new()),
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    pub(super) fn switch(&self, on: bool) {
        self.on.store(on, Ordering::SeqCst);
    }

    pub(super) fn upstream(&self) -> SocketAddr {
        *lock(&self.upstream)
    }

    pub(super) fn set_upstream(&self, upstream: SocketAddr) {
        *lock(&self.upstream) = upstream;
    }

    pub(super) fn set_script(&self, script: Script) {
        *lock(&self.playing) = Playing { script, played: Vec::new() };
    }

    pub(super) fn played(&self) -> Vec<Plan> {
        lock(&self.playing).played.clone()
    }

    /// A new connection: its plan, and its place among the open ones.
    pub(super) fn admit(self: &Arc<Self>) -> (Plan, Ticket) {
        let mut playing = lock(&self.playing);
        let plan = playing.script.plan(playing.played.len() as u64);
        playing.played.push(plan.clone());
        drop(playing);
        let (cut, is_cut) = oneshot::channel();
        let mut live = lock(&self.live);
        let number = self.counts.borrow().accepted;
        live.insert(number, Some(cut));
        self.counts.send_modify(|c| {
            c.accepted += 1;
            c.open += 1;
        });
        (plan, Ticket { number, shared: self.clone(), is_cut })
    }

    /// Asks every open connection to cut itself: which they are.
    pub(super) fn cut_all(&self, how: Cut) -> Vec<u64> {
        let mut live = lock(&self.live);
        for cut in live.values_mut().filter_map(Option::take) {
            // One that ends by itself at this moment needs no cut.
            let _ = cut.send(how);
        }
        live.keys().copied().collect()
    }

    pub(super) fn is_any_open(&self, numbers: &[u64]) -> bool {
        let live = lock(&self.live);
        numbers.iter().any(|n| live.contains_key(n))
    }
}

/// The place of a connection among the open ones, until dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    number: u64,
    shared: Arc<Shared>,
    is_cut: oneshot::Receiver<Cut>,
}

impl Ticket {
    /// Ends when somebody wants the connection cut.
    pub(super) async fn is_cut(&mut self) -> Cut {
        match (&mut self.is_cut).await {
            Ok(how) => how,
            // The other end is kept as long as the ticket.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.shared.live).remove(&self.number);
        self.shared.counts.send_modify(|c| c.open -= 1);
    }
}

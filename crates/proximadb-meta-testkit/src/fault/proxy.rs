//! The proxy and what a test does with it.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use proximadb_meta_core::{Error, ErrorKind, Result};
use tokio::runtime::Builder;
use tokio::select;
use tokio::sync::oneshot;

use super::armed::Armed;
use super::counts::Counts;
use super::plan::{Cut, Request};
use super::script::Script;
use super::serve::serve;
use super::shared::Shared;

/// A TCP proxy on a loopback port that breaks connections as its [`Script`] says.
///
/// It runs on a thread of its own, so that one proxy serves tests with and without a runtime, and a blocked test does not block
/// it. Dropping it closes the port and every connection, and ends the thread, before `drop` returns.
///
/// ```
/// use proximadb_meta_testkit::fault::{FaultProxy, Script};
/// let server = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let proxy = FaultProxy::start(server.local_addr()?, Script::random(7))?;
/// let url = format!("postgresql://app@{}/db", proxy.address());
/// # let _ = url;
/// println!("{}", proxy.script_played());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FaultProxy {
    address: SocketAddr,
    pub(super) shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

fn failed(what: &str, e: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the fault proxy cannot {what}")).with_source(e)
}

impl FaultProxy {
    /// A proxy to `upstream` that begins with `script`, switched on. The server need not be there yet.
    ///
    /// # Errors
    /// `Unavailable` when the system has no port, thread or event queue for it.
    pub fn start(upstream: SocketAddr, script: impl Into<Script>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| failed("listen", e))?;
        let address = listener.local_addr().map_err(|e| failed("learn its port", e))?;
        listener.set_nonblocking(true).map_err(|e| failed("listen without blocking", e))?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| failed("start a runtime", e))?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(|e| failed("wait for connections", e))?
        };
        let shared = Arc::new(Shared::new(upstream, script.into()));
        let (stop, stopped) = oneshot::channel();
        let serving = serve(listener, shared.clone());
        let work = move || {
            runtime.block_on(async {
                select! {
                    _ = stopped => {}
                    () = serving => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("fault-proxy".to_owned()).spawn(work);
        let thread = thread.map_err(|e| failed("start its thread", e))?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where clients connect to: 127.0.0.1 and a port that stays the same.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends later connections to another server: one that was restarted elsewhere, or promoted.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.shared.set_upstream(upstream);
    }

    /// Begins another script. It counts connections from 0 again; those that are open keep their plans.
    pub fn set_script(&self, script: impl Into<Script>) {
        self.shared.set_script(script.into());
    }

    /// The plans that were given out since the script was set, written out for a log: set as a script, it gives the same plans
    /// to as many connections.
    #[must_use]
    pub fn script_played(&self) -> Script {
        Script::Each(self.shared.played())
    }

    /// Switches all faults on or off, for open connections too. Off, bytes pass as they come, and what is counted for a cut is
    /// counted on: a place reached while off does not cut later. What was dropped before stays dropped: a half-open or blackholed
    /// connection stays that way until it is closed or [cut](Self::cut_all).
    pub fn switch(&self, on: bool) {
        self.shared.switch(on);
    }

    /// Once, executes and then cuts: the request is looked for among those of all connections from now on, passed on as a
    /// whole, and its connection cut when the answer begins. Whether faults are switched on does not matter. A call before the
    /// request came replaces the earlier one.
    ///
    /// [`wait`](Self::wait) for one more of [`Counts::cuts`] to know that it happened.
    pub fn cut_answer(&self, request: Request, how: Cut) {
        *self.shared.armed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Armed::new(request, how));
    }

    /// Takes back a [`cut_answer`](Self::cut_answer) that waits for its request: whether there was one.
    pub fn disarm(&self) -> bool {
        self.shared.armed.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }

    /// Cuts every connection that is open, and returns when all of them are: how many.
    pub async fn cut_all(&self, how: Cut) -> usize {
        let cut = self.shared.cut_all(how);
        self.wait(|_| !self.shared.is_any_open(&cut)).await;
        cut.len()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.shared.counts.borrow()
    }

    /// Waits until the counts are as wanted, and returns them: for a connection made, a request passed on, a cut. It waits as
    /// long as it takes; a test that may wait in vain puts its own bound around it.
    pub async fn wait(&self, mut until: impl FnMut(&Counts) -> bool) -> Counts {
        let mut counts = self.shared.counts.subscribe();
        match counts.wait_for(|c| until(c)).await {
            Ok(counts) => *counts,
            // The sender is in this proxy: it cannot be gone.
            Err(_) => self.counts(),
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was printed there; here is no place for another.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for FaultProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, upstream) = (self.address, self.shared.upstream());
        write!(f, "FaultProxy({address} to {upstream}, {:?})", self.counts())
    }
}

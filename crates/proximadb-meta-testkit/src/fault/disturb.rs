//! What disturbs a history: a proxy with a script a history, and a server that is killed in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use proximadb_meta_core::Error;
use tokio::sync::Mutex;

use super::{Cut, FaultProxy, Mix, Script, ServerProcess};
use crate::case::CaseResult;
use crate::history::Disturb;
use crate::rng::Rng;

/// Every history goes through the proxy with a script of its own, drawn by its seed. All connections are cut before it, so that
/// pooled ones get new plans, and after it, so that none stays half-open.
#[derive(Debug)]
pub struct ProxyFaults {
    proxy: Arc<FaultProxy>,
    mix: Mix,
}

impl ProxyFaults {
    /// Faults of this mix.
    #[must_use]
    pub fn new(proxy: Arc<FaultProxy>, mix: Mix) -> Self {
        proxy.switch(false);
        Self { proxy, mix }
    }
}

#[async_trait]
impl Disturb for ProxyFaults {
    async fn begin(&self, seed: u64) -> CaseResult {
        self.proxy.set_script(Script::Random { seed, mix: self.mix });
        self.proxy.switch(true);
        self.proxy.cut_all(Cut::Fin).await;
        Ok(())
    }

    async fn end(&self) -> CaseResult {
        self.proxy.switch(false);
        self.proxy.cut_all(Cut::Fin).await;
        Ok(())
    }

    fn describe(&self) -> String {
        format!("the proxy played {}", self.proxy.script_played())
    }
}

/// The server is killed and restarted again and again, while the clients go on.
#[derive(Debug)]
pub struct ServerKills {
    server: Mutex<ServerProcess>,
    every: usize,
    /// Calls before the first kill of the history.
    first: AtomicUsize,
}

impl ServerKills {
    /// Kills of a running server: one in every so many calls of a history, the first at a place drawn by its seed.
    #[must_use]
    pub fn new(server: ServerProcess, every: usize) -> Self {
        Self { server: Mutex::new(server), every: every.max(1), first: AtomicUsize::new(0) }
    }

    /// How often it was killed.
    pub async fn kills(&self) -> u64 {
        self.server.lock().await.kills()
    }
}

#[async_trait]
impl Disturb for ServerKills {
    async fn begin(&self, seed: u64) -> CaseResult {
        self.first.store(Rng::new(seed).below(self.every), Ordering::SeqCst);
        Ok(())
    }

    async fn answered(&self, calls: usize) -> CaseResult {
        if calls % self.every == self.first.load(Ordering::SeqCst) {
            self.server.lock().await.restart().await?;
        }
        Ok(())
    }

    async fn refused(&self, _why: &Error) -> CaseResult {
        // Free once the server is up again.
        drop(self.server.lock().await);
        Ok(())
    }

    fn describe(&self) -> String {
        format!("the server was killed every {} calls from call {}", self.every, self.first.load(Ordering::SeqCst))
    }
}

//! The proxy against itself: what each side sees of every fault.

mod control;
mod cutting;
mod lines;
mod passing;
mod repeat;
mod silence;
mod slow;
mod text;

use std::future::Future;
use std::time::Duration;

use lines::{Client, Lines};

use super::{FaultProxy, Script};

/// The result, unless it hangs: a test that waits in vain says so.
async fn bounded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("nothing happened for a minute")
}

/// A server and a proxy to it.
async fn through(script: impl Into<Script>) -> (Lines, FaultProxy) {
    let server = Lines::start().await;
    let proxy = FaultProxy::start(server.address, script).unwrap();
    (server, proxy)
}

/// A script from its text.
fn script(text: &str) -> Script {
    text.parse().unwrap()
}

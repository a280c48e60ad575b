//! Histories of eight clients while connections break and the server is killed: one order of the calls explains every answer.
//!
//! `PXMETA_SOAK_HISTORIES` seeds, each a history of each of the six mixes of calls, on a server of the test's own, which is killed;
//! some more through the proxy to the server under test, over TLS.

mod fixture;
mod node;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proximadb_meta_core::{Clock, Result};
use proximadb_meta_postgres::PostgresOptions;
use proximadb_meta_testkit::fault::{FaultProxy, Mix, ProxyFaults, Script, ServerKills};
use proximadb_meta_testkit::history::{Clients, Disturb, Histories, run_disturbed};
use proximadb_meta_testkit::scripts::number_from_env;
use proximadb_meta_testkit::{Fixture, Opened};

/// Seeds in CI.
const SEEDS: u64 = 50;
/// One in so many is played over TLS again: a connection costs ten times as much.
const OVER_TLS: u64 = 25;
/// Calls of histories for each kill.
const CALLS_PER_KILL: usize = 400;
/// Histories of a seed.
const MIXES: usize = 6;

/// Cuts in all places, most of them with the request done; few connections that only end by the client's patience, which cost
/// seconds each.
const ROUGH: Mix = Mix {
    delay: 100,
    split: 100,
    cut: 250,
    half_open: 2,
    reset: 50,
    blackhole: 2,
    execute_then_cut: 400,
    most_requests: 40,
    most_millis: 1,
    ..Mix::NONE
};

fn seeds() -> Range<u64> {
    let first = number_from_env("PXMETA_SOAK_FIRST", 1).expect("a number");
    first..first + number_from_env("PXMETA_SOAK_HISTORIES", SEEDS).expect("a number")
}

/// The backend behind a proxy.
struct Through {
    address: String,
    options: PostgresOptions,
}

impl Through {
    fn new(address: String, mut options: PostgresOptions) -> Self {
        options.schema = fixture::fresh_schema();
        // What is silent is given up before the client loses its patience.
        options.connect_timeout = Duration::from_secs(1);
        options.statement_timeout = Duration::from_secs(2);
        options.pool_timeout = Duration::from_secs(2);
        options.pool_size = 6;
        Self { address, options }
    }
}

#[async_trait]
impl Fixture for Through {
    fn name(&self) -> &str {
        "postgresql behind a proxy"
    }

    async fn open(&self, clock: Arc<dyn Clock>) -> Result<Opened> {
        let catalog = proximadb_meta_postgres::open_with(&self.address, self.options.clone()).await?;
        Ok(Opened::new(catalog.with_clock(clock).into_backend(), ()))
    }
}

fn told(done: &Histories, cuts: u64, kills: u64) {
    println!(
        "PostgreSQL: {} histories of {} calls by 8 clients, all linearizable: {} unknown outcomes, {} silent, {cuts} cuts, \
         {kills} kills",
        done.histories, done.calls, done.open, done.silent
    );
}

#[test]
fn through_faults_and_kills_are_linearizable() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let place = node::Place::new().unwrap();
    let mut node = place.node("killed", "").unwrap();
    runtime.block_on(node.server.start()).unwrap();
    let proxy = Arc::new(FaultProxy::start(node.server.address(), Script::clean()).unwrap());
    let through = Through::new(fixture::via(&node.address(), proxy.address()), PostgresOptions::default());
    let kills = Arc::new(ServerKills::new(node.server, CALLS_PER_KILL));
    let faults = Arc::new(ProxyFaults::new(proxy.clone(), ROUGH));
    let both: Vec<Arc<dyn Disturb>> = vec![faults, kills.clone()];
    let seeds = seeds();
    let wanted = (seeds.end - seeds.start) as usize * MIXES;
    let done = run_disturbed(through, seeds, Clients::default(), Arc::new(both)).unwrap();
    let killed = runtime.block_on(kills.kills());
    let counts = proxy.counts();
    told(&done, counts.cuts, killed);
    assert_eq!(done.histories, wanted);
    assert!(done.calls > wanted * 150, "{done:?}");
    assert!(done.open > wanted, "writes with an unknown outcome: {done:?}");
    assert!(counts.cuts as usize > 5 * wanted, "{counts:?}");
    assert!(killed as usize > wanted / 4, "{killed} kills");
    assert!(counts.unreachable > 0, "clients met a server that was away: {counts:?}");
}

#[test]
fn over_tls_through_every_fault_are_linearizable() {
    let (address, options) = fixture::server().unwrap();
    let proxy = Arc::new(FaultProxy::start(fixture::resolved(&address), Script::clean()).unwrap());
    let through = Through::new(fixture::via(&address, proxy.address()), options);
    let _schema = fixture::Schema(through.options.schema.clone());
    let faults = Arc::new(ProxyFaults::new(proxy.clone(), ROUGH));
    let all = seeds();
    let seeds = all.start..all.start + (all.end - all.start).div_ceil(OVER_TLS);
    let wanted = (seeds.end - seeds.start) as usize * MIXES;
    let done = run_disturbed(through, seeds, Clients::default(), faults).unwrap();
    let counts = proxy.counts();
    told(&done, counts.cuts, 0);
    assert_eq!(done.histories, wanted);
    assert!(done.open > wanted, "writes with an unknown outcome: {done:?}");
    assert!(counts.cuts as usize > 5 * wanted, "{counts:?}");
}

//! A primary that is lost and a standby that takes its place: the catalog goes on, nothing acknowledged is lost, and nobody reads
//! or decides from an old state. With servers of the test's own.

mod node;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use node::{Node, Place};
use proximadb_meta_core::{
    CallContext, Change, Clock, CollectionMetadata, DistanceMetric, Error, ErrorKind, MetadataBackend, Operation,
    Outcome, Result, StatsDelta,
};
use proximadb_meta_postgres::PostgresOptions;
use proximadb_meta_testkit::history::{Clients, Disturb, run_disturbed};
use proximadb_meta_testkit::scripts::number_from_env;
use proximadb_meta_testkit::{CaseResult, Fixture, Opened};
use tokio::sync::Mutex;

fn record(name: &str) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(name, 8, DistanceMetric::COSINE);
    r.id = format!("id-{name}").into();
    r
}

async fn set(db: &Arc<dyn MetadataBackend>, id: &str, change: Change) -> Result<Outcome> {
    let mut outcomes = db.batch_operations(vec![Operation::Set { id: id.into(), change }]).await?;
    outcomes.pop().ok_or_else(|| Error::new(ErrorKind::Internal, "no outcome"))
}

fn address(nodes: &[&Node]) -> String {
    node::address(&nodes.iter().map(|n| n.server.address()).collect::<Vec<_>>())
}

fn with_replicas(replicas: &[&Node]) -> PostgresOptions {
    let mut options = PostgresOptions::default();
    options.replicas = replicas.iter().map(|n| n.server.address().to_string()).collect();
    options
}

async fn open(address: &str, options: PostgresOptions) -> Arc<dyn MetadataBackend> {
    proximadb_meta_postgres::open_with(address, options).await.expect("it can be opened").into_backend()
}

fn stale(catalog: &Arc<dyn MetadataBackend>) -> Arc<dyn MetadataBackend> {
    catalog.scoped(CallContext::new().with_staleness(Duration::from_secs(3600)))
}

async fn replica_reads(catalog: &Arc<dyn MetadataBackend>) -> u64 {
    let stats = catalog.get_stats().await.expect("the server answers");
    stats.more.iter().find(|s| s.name == "replica_reads").map(|s| s.value.value).expect("it has replicas")
}

/// Reads until a replica answers, for half a minute.
async fn until_a_replica_answers(catalog: &Arc<dyn MetadataBackend>, id: &str) -> Option<Arc<CollectionMetadata>> {
    let reads = async {
        loop {
            let before = replica_reads(catalog).await;
            let found = stale(catalog).get_collection(id).await.expect("the server answers");
            if replica_reads(catalog).await > before {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reads).await.expect("a replica is asked")
}

/// A primary and standbys that have all it has.
async fn primary_and(place: &Place, standbys: &[&str]) -> (Node, Vec<Node>) {
    let mut primary = place.node("primary", "").expect("the test can go on");
    primary.server.start().await.expect("the test can go on");
    let mut all = Vec::new();
    for name in standbys {
        let mut standby = place.standby_of(&primary, name).expect("the test can go on");
        standby.server.start().await.expect("the test can go on");
        all.push(standby);
    }
    (primary, all)
}

/// A pair of servers on two ports. In every history the primary is killed and the standby, which has every acknowledged write,
/// promoted; before the next one the dead one becomes a standby.
struct Failovers {
    place: Place,
    pair: Mutex<Pair>,
    /// Calls before the failover of the history.
    at: AtomicUsize,
    done: AtomicU64,
}

struct Pair {
    primary: Node,
    standby: Option<Node>,
    dead: Option<Node>,
}

impl Failovers {
    async fn new() -> Result<(Self, String)> {
        let place = Place::new()?;
        let mut primary = place.node("node-0", "")?;
        primary.server.start().await?;
        let mut standby = place.standby_of(&primary, "node-1")?;
        standby.server.start().await?;
        synchronous(&primary).await?;
        let address = address(&[&primary, &standby]);
        let pair = Mutex::new(Pair { primary, standby: Some(standby), dead: None });
        Ok((Self { place, pair, at: AtomicUsize::new(0), done: AtomicU64::new(0) }, address))
    }

    async fn fail_over(&self) -> Result<()> {
        let mut pair = self.pair.lock().await;
        pair.primary.server.kill()?;
        let Some(standby) = pair.standby.take() else { return Ok(()) };
        standby.promote().await?;
        pair.dead = Some(std::mem::replace(&mut pair.primary, standby));
        self.done.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn make_standby(&self) -> Result<()> {
        let mut pair = self.pair.lock().await;
        let Some(dead) = pair.dead.take() else { return Ok(()) };
        let (port, name) = (dead.port, format!("node-{}", 1 + self.done.load(Ordering::SeqCst)));
        dead.remove()?;
        let mut standby = self.place.standby_at(&pair.primary, &name, port)?;
        standby.server.start().await?;
        synchronous(&pair.primary).await?;
        pair.standby = Some(standby);
        Ok(())
    }
}

/// From now on a commit is acknowledged when the standby has it. A standby that is a copy of before does not ask this of its own.
async fn synchronous(primary: &Node) -> Result<()> {
    primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'").await?;
    primary.execute("SELECT pg_reload_conf()").await?;
    primary.until("SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'").await?;
    // The one who tells the others that somebody waits also makes checkpoints, after it read the settings.
    primary.execute("CHECKPOINT").await
}

#[async_trait]
impl Disturb for Failovers {
    async fn begin(&self, seed: u64) -> CaseResult {
        self.make_standby().await?;
        self.at.store(20 + (seed as usize * 41) % 150, Ordering::SeqCst);
        Ok(())
    }

    async fn answered(&self, calls: usize) -> CaseResult {
        if calls == self.at.load(Ordering::SeqCst) {
            self.fail_over().await?;
        }
        Ok(())
    }

    async fn refused(&self, _why: &Error) -> CaseResult {
        // Free once the standby is promoted.
        drop(self.pair.lock().await);
        Ok(())
    }

    fn describe(&self) -> String {
        format!("the primary was killed at call {}", self.at.load(Ordering::SeqCst))
    }
}

/// The backend that knows both servers.
struct Both {
    address: String,
}

#[async_trait]
impl Fixture for Both {
    fn name(&self) -> &str {
        "postgresql on two servers"
    }

    async fn open(&self, clock: Arc<dyn Clock>) -> Result<Opened> {
        let mut options = PostgresOptions::default();
        options.connect_timeout = Duration::from_secs(2);
        options.statement_timeout = Duration::from_secs(5);
        let catalog = proximadb_meta_postgres::open_with(&self.address, options).await?;
        Ok(Opened::new(catalog.with_clock(clock).into_backend(), ()))
    }
}

/// One seed in CI: six failovers. A twentieth of `PXMETA_SOAK_HISTORIES` in long runs.
#[test]
fn histories_through_failovers_are_linearizable() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seeds = number_from_env("PXMETA_SOAK_HISTORIES", 20).unwrap().div_ceil(20);
    let (failovers, address) = runtime.block_on(Failovers::new()).unwrap();
    let failovers = Arc::new(failovers);
    let done = run_disturbed(Both { address }, 1..1 + seeds, Clients::default(), failovers.clone()).unwrap();
    let failed_over = failovers.done.load(Ordering::SeqCst);
    println!(
        "PostgreSQL: {failed_over} failovers in {} histories of {} calls by 8 clients, all linearizable: {} unknown outcomes, {} silent",
        done.histories, done.calls, done.open, done.silent
    );
    assert_eq!(failed_over, 6 * seeds);
    assert!(done.open > 0, "{done:?}");
}

#[tokio::test]
async fn a_strong_read_is_never_stale_and_no_write_is_decided_from_a_replica() {
    let place = Place::new().unwrap();
    let (primary, standbys) = primary_and(&place, &["standby"]).await;
    let replicas: Vec<&Node> = standbys.iter().collect();
    let other = open(&primary.address(), PostgresOptions::default()).await;
    other.create_collection(record("old")).await.unwrap();
    primary.replayed_by(replicas[0]).await.unwrap();
    // A catalog for each write: one that wrote does not read from who has not seen it.
    let mut catalogs = Vec::new();
    for _ in 0..6 {
        let catalog = open(&primary.address(), with_replicas(&replicas)).await;
        assert!(until_a_replica_answers(&catalog, "id-old").await.is_some());
        catalogs.push(catalog);
    }
    replicas[0].execute("SELECT pg_wal_replay_pause()").await.unwrap();
    replicas[0].until("SELECT pg_get_wal_replay_pause_state() = 'paused'").await.unwrap();
    for name in ["a", "b", "c", "d", "e"] {
        other.create_collection(record(name)).await.unwrap();
    }
    set(&other, "id-old", Change::Owner(Some("somebody".into()))).await.unwrap();
    type Work = Box<dyn Fn(Arc<dyn MetadataBackend>) -> futures_util::future::BoxFuture<'static, ()>>;
    let writes: [Work; 6] = [
        Box::new(|db| Box::pin(async move { assert!(db.delete_collection("id-a").await.unwrap()) })),
        Box::new(|db| {
            Box::pin(async move {
                let counted = db.record_stats("id-b", StatsDelta { vectors: 3, bytes: 4 }).await.unwrap();
                assert_eq!((counted.vector_count, counted.total_size_bytes), (3, 4));
            })
        }),
        Box::new(|db| {
            Box::pin(async move {
                let set = set(&db, "id-c", Change::Description(Some("here".into()))).await.unwrap();
                assert!(matches!(&set, Outcome::Stored(r) if r.version == 2), "{set:?}");
            })
        }),
        Box::new(|db| {
            Box::pin(async move {
                let delta = StatsDelta { vectors: 1, bytes: 1 };
                let batch =
                    vec![Operation::RecordStats { id: "id-d".into(), delta }, Operation::Delete { id: "id-e".into() }];
                let outcomes = db.batch_operations(batch).await.unwrap();
                assert!(matches!(outcomes[1], Outcome::Deleted(true)), "{outcomes:?}");
            })
        }),
        Box::new(|db| {
            Box::pin(async move {
                let e = db.create_collection(record("c")).await.unwrap_err();
                assert_eq!(e.kind(), ErrorKind::AlreadyExists, "{e:?}");
            })
        }),
        Box::new(|db| {
            Box::pin(async move {
                // From the old state: the refusal knows the new one.
                let old = db.get_collection("id-old").await.unwrap().unwrap();
                let e = db.update_collection((*old).clone()).await.unwrap_err();
                let found = format!("{:?}", e.detail());
                assert_eq!(e.kind(), ErrorKind::VersionConflict, "{e:?}");
                assert!(old.version == 1 && found.contains("found: 2"), "{found}");
            })
        }),
    ];
    for (write, catalog) in writes.iter().zip(catalogs) {
        assert!(until_a_replica_answers(&catalog, "id-d").await.is_none(), "the replica does not have it yet");
        assert!(catalog.get_collection("id-d").await.unwrap().is_some(), "a strong read");
        assert_eq!(catalog.get_collection("id-old").await.unwrap().unwrap().version, 2, "a strong read");
        write(stale(&catalog)).await;
        catalog.close().await.unwrap();
    }
    other.close().await.unwrap();
}

/// A replica that followed the lost primary further than the new one did: its place in the log is beyond everything that the new
/// primary writes for a while, and it has none of it.
#[tokio::test]
async fn a_replica_of_a_lost_timeline_is_left_out() {
    let place = Place::new().unwrap();
    let (mut primary, mut standbys) = primary_and(&place, &["next", "ahead"]).await;
    let (ahead, next) = (standbys.pop().unwrap(), standbys.pop().unwrap());
    let catalog = open(&address(&[&primary, &next]), with_replicas(&[&ahead])).await;
    catalog.create_collection(record("before")).await.unwrap();
    primary.replayed_by(&next).await.unwrap();
    primary.replayed_by(&ahead).await.unwrap();
    assert!(until_a_replica_answers(&catalog, "id-before").await.is_some());
    next.execute("ALTER SYSTEM SET primary_conninfo = ''").await.unwrap();
    next.execute("SELECT pg_reload_conf()").await.unwrap();
    next.until("SELECT count(*) = 0 FROM pg_stat_wal_receiver").await.unwrap();
    for n in 0..3 {
        primary.execute(&format!("CREATE TABLE filler_{n} (x int)")).await.unwrap();
        primary.execute("SELECT pg_switch_wal()").await.unwrap();
    }
    primary.replayed_by(&ahead).await.unwrap();
    primary.server.kill().unwrap();
    next.promote().await.unwrap();
    // The first answers come from connections that are dead.
    let mut refused = 0;
    while let Err(e) = catalog.create_collection(record("after")).await {
        refused += 1;
        assert!(e.kind() == ErrorKind::Unavailable && refused < 50, "{e:?}");
    }
    for _ in 0..2 {
        // Two looks at the primary: in between the replica was looked at.
        let client = next.raw().await.unwrap();
        let now: String = client.query_one("SELECT clock_timestamp()::text", &[]).await.unwrap().get(0);
        let looks = "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%pg_walfile_name%' AND pid <> pg_backend_pid()";
        next.until(&format!("{looks} AND query_start > '{now}'")).await.unwrap();
    }
    for _ in 0..50 {
        assert!(stale(&catalog).get_collection("id-after").await.unwrap().is_some(), "we wrote it");
    }
    let findings = catalog.diagnose().await.unwrap();
    let replicas = findings.iter().find(|f| f.subject == "replicas").unwrap();
    assert_eq!(replicas.found, "0 of 1 follow");
    // One that follows the new primary serves.
    let mut follower = place.standby_of(&next, "follower").unwrap();
    follower.server.start().await.unwrap();
    let catalog = open(&address(&[&primary, &next]), with_replicas(&[&follower])).await;
    assert!(until_a_replica_answers(&catalog, "id-after").await.is_some());
}

/// The system accepts connections in the name of a server that hangs: it must not take the time of the one after it.
#[tokio::test]
async fn a_primary_that_hangs_is_left_for_the_promoted_standby() {
    let place = Place::new().unwrap();
    let (primary, standbys) = primary_and(&place, &["standby"]).await;
    let standby = &standbys[0];
    let mut options = PostgresOptions::default();
    options.pool_size = 2;
    options.connect_timeout = Duration::from_secs(2);
    options.statement_timeout = Duration::from_secs(1);
    let catalog = open(&address(&[&primary, standby]), options).await;
    catalog.create_collection(record("before")).await.unwrap();
    primary.replayed_by(standby).await.unwrap();
    primary.signal("-STOP").unwrap();
    standby.promote().await.unwrap();
    // Each connection that leads to the one that hangs is found out once.
    let mut refused = 0;
    while let Err(e) = catalog.record_stats("id-before", StatsDelta { vectors: 1, bytes: 1 }).await {
        refused += 1;
        assert!(matches!(e.kind(), ErrorKind::Timeout | ErrorKind::Unavailable), "{e:?}");
        assert!(refused <= 4, "{e:?}");
    }
    let counted = catalog.get_collection("id-before").await.unwrap().unwrap();
    assert_eq!(counted.vector_count, 1);
    let there: i64 = standby
        .raw()
        .await
        .unwrap()
        .query_one("SELECT vector_count FROM proximadb_meta.collections", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(there, 1);
    primary.signal("-CONT").unwrap();
}

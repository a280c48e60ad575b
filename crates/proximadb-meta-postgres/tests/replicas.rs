//! Replicas: what may be read from one that lags, by whom, and what a dead one costs. Needs `PXMETA_TEST_POSTGRES_REPLICA_URL`.

mod fixture;

use std::sync::Arc;
use std::time::Duration;

use proximadb_meta_core::{CallContext, CollectionMetadata, DistanceMetric, ErrorKind, MetadataBackend};

/// `host:port` of the standby.
fn standby() -> String {
    let url = std::env::var("PXMETA_TEST_POSTGRES_REPLICA_URL")
        .expect("PXMETA_TEST_POSTGRES_REPLICA_URL names a standby of the server under test");
    let (address, _) = fixture::parse(&url).expect("the test can go on");
    let (_, rest) = address.rsplit_once('@').expect("the test can go on");
    rest.split('/').next().expect("the test can go on").to_owned()
}

fn record(name: &str) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(name, 8, DistanceMetric::COSINE);
    r.id = format!("id-{name}").into();
    r
}

async fn open(schema: &fixture::Schema, replicas: &[String]) -> Arc<dyn MetadataBackend> {
    let (address, mut options) = fixture::server().expect("the test can go on");
    options.schema = schema.0.clone();
    options.replicas = replicas.to_vec();
    proximadb_meta_postgres::open_with(&address, options).await.expect("the test can go on").into_backend()
}

async fn replica_reads(catalog: &Arc<dyn MetadataBackend>) -> u64 {
    let stats = catalog.get_stats().await.expect("the test can go on");
    stats.more.iter().find(|s| s.name == "replica_reads").map(|s| s.value.value).expect("the test can go on")
}

/// Reads through a scope with staleness until the answer is as wanted.
async fn until(stale: &Arc<dyn MetadataBackend>, wanted: u64) -> bool {
    for _ in 0..2000 {
        if stale.count_collections(None).await.expect("the test can go on") == wanted {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

#[tokio::test]
async fn a_replica_serves_who_allows_it_and_nobody_else() {
    let (schema, standby) = (fixture::Schema(fixture::fresh_schema()), standby());
    let (host, port) = standby.rsplit_once(':').unwrap();
    let catalog = open(&schema, &[format!("{host}:{port}")]).await;
    assert!(catalog.capabilities().stale_reads);
    let stale = catalog.scoped(CallContext::new().with_staleness(Duration::from_secs(3600)));
    catalog.create_collection(record("a")).await.unwrap();
    // Read your writes: from the primary, or from a replica that has them.
    assert_eq!(stale.count_collections(None).await.unwrap(), 1);
    // Another process writes while the replica does not replay.
    let replica = fixture::connect(&std::env::var("PXMETA_TEST_POSTGRES_REPLICA_URL").unwrap()).await.unwrap();
    let other = open(&schema, &[]).await;
    // The replica has replayed a position that was noted after our write.
    let mut reads = 0;
    while replica_reads(&catalog).await == 0 {
        assert_eq!(stale.count_collections(None).await.unwrap(), 1);
        reads += 1;
        assert!(reads < 20_000, "the standby does not follow the server under test");
    }
    replica.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
    let paused = "SELECT pg_get_wal_replay_pause_state()";
    while replica.query_one(paused, &[]).await.unwrap().get::<_, &str>(0) != "paused" {
        tokio::task::yield_now().await;
    }
    other.create_collection(record("b")).await.unwrap();
    // In strong mode nobody reads an old state; with staleness it is the replica that answers.
    for _ in 0..20 {
        assert_eq!(catalog.count_collections(None).await.unwrap(), 2);
    }
    let old = until(&stale, 1).await;
    let strict = catalog.scoped(CallContext::new().with_staleness(Duration::from_millis(1)));
    let strict = strict.count_collections(None).await;
    // A write whose caller went away completes all the same, and is one of ours.
    let left = tokio::time::timeout(Duration::ZERO, catalog.create_collection(record("left"))).await;
    let completed = until(&stale, 3).await;
    // Whoever wrote here sees it, however much staleness it allows.
    catalog.create_collection(record("c")).await.unwrap();
    let own = stale.count_collections(None).await;
    replica.batch_execute("SELECT pg_wal_replay_resume()").await.unwrap();
    assert!(old, "the replica was asked");
    assert_eq!(strict.unwrap(), 2);
    assert!(left.is_err() && completed, "{left:?}");
    assert_eq!(own.unwrap(), 4);
    assert!(until(&stale, 4).await);
    other.close().await.unwrap();
    catalog.close().await.unwrap();
}

#[tokio::test]
async fn a_dead_replica_costs_nothing_but_itself_and_a_bad_address_is_refused() {
    let schema = fixture::Schema(fixture::fresh_schema());
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let catalog = open(&schema, &[closed.to_string()]).await;
    let stale = catalog.scoped(CallContext::new().with_staleness(Duration::from_secs(3600)));
    catalog.create_collection(record("a")).await.unwrap();
    assert_eq!(stale.count_collections(None).await.unwrap(), 1);
    let findings = catalog.diagnose().await.unwrap();
    let replicas = findings.iter().find(|f| f.subject == "replicas").unwrap();
    assert_eq!(replicas.found, "0 of 1 follow");
    let dead = findings.iter().find(|f| f.subject == format!("replica {closed}")).unwrap();
    assert!(dead.found.starts_with("does not follow, weight 1, asked 0 times: cannot"), "{dead:?}");
    assert!(dead.found.contains("refused"), "{dead:?}");
    catalog.close().await.unwrap();
    for bad in ["user:hunter2@h:1", "h:port", "h/db", "", "h:1?weight=0"] {
        let (address, mut options) = fixture::server().unwrap();
        options.schema = schema.0.clone();
        options.replicas = vec![bad.to_owned()];
        let e = proximadb_meta_postgres::open_with(&address, options).await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Config, "{bad}: {e:?}");
        assert!(e.hint().is_some_and(|h| h.contains("host:5432")), "{bad}: {e:?}");
        assert!(!format!("{e:?}").contains("hunter2"), "{e:?}");
    }
}

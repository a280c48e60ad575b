//! What health says of replicas that are gone or lag, that it is as before when they are back, and what one that falls silent costs.
//! With servers of the test's own.

mod node;

use std::sync::Arc;
use std::time::Duration;

use node::{Node, Place};
use proximadb_meta_core::report::{Health, HealthStatus, Severity};
use proximadb_meta_core::{CallContext, CollectionMetadata, DistanceMetric, MetadataBackend};
use proximadb_meta_postgres::PostgresOptions;
use proximadb_meta_testkit::fault::{Direction, Fault, FaultProxy};

/// For what is waited for at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// A primary and two standbys.
struct Three {
    primary: Node,
    standbys: [Node; 2],
}

impl Three {
    async fn new(place: &Place) -> Self {
        let mut primary = place.node("primary", "").expect("the test can go on");
        primary.server.start().await.expect("the test can go on");
        let mut standbys = [place.standby_of(&primary, "one"), place.standby_of(&primary, "two")]
            .map(|standby| standby.expect("the test can go on"));
        for standby in &mut standbys {
            standby.server.start().await.expect("the test can go on");
        }
        Self { primary, standbys }
    }

    fn places(&self) -> [String; 2] {
        [0, 1].map(|n| self.standbys[n].server.address().to_string())
    }

    async fn open(&self) -> Arc<dyn MetadataBackend> {
        let mut options = PostgresOptions::default();
        options.replicas = self.places().to_vec();
        let catalog = proximadb_meta_postgres::open_with(&self.primary.address(), options).await;
        catalog.expect("it opens").into_backend()
    }

    /// Opens a catalog when this one lacks what was written before.
    async fn open_without(&self, lagging: &Node) -> Arc<dyn MetadataBackend> {
        let before = self.open().await;
        lagging.execute("SELECT pg_wal_replay_pause()").await.expect("the test can go on");
        lagging.until("SELECT pg_get_wal_replay_pause_state() = 'paused'").await.expect("the test can go on");
        let name = lagging.port.to_string();
        before
            .create_collection(CollectionMetadata::new(&*name, 8, DistanceMetric::COSINE))
            .await
            .expect("it is written");
        before.close().await.expect("it closes");
        self.open().await
    }
}

/// Asks until health, and what the doctor has of it, is as wanted.
async fn until(catalog: &Arc<dyn MetadataBackend>, wanted: impl Fn(&Health) -> bool) -> Health {
    let asked = async {
        loop {
            let health = catalog.health_check().await.expect("the server answers");
            let severity = match health.status {
                HealthStatus::Ready => Severity::Ok,
                _ => Severity::Warning,
            };
            let findings = catalog.diagnose().await.expect("the server answers");
            let of = |subject| findings.iter().find(|f| f.subject == subject).expect("it is told of").severity;
            if wanted(&health)
                && of("health") == severity
                && (of("replicas") == Severity::Warning) == (severity == Severity::Warning)
            {
                return health;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("within a minute")
}

async fn until_ready(catalog: &Arc<dyn MetadataBackend>) {
    let health = until(catalog, |health| health.status == HealthStatus::Ready).await;
    assert_eq!(health.cause, None);
}

/// Until it is degraded, and the cause holds all these.
async fn until_told(catalog: &Arc<dyn MetadataBackend>, parts: &[&str]) -> String {
    let told = |health: &Health| {
        let cause = health.cause.as_deref().unwrap_or_default();
        health.status == HealthStatus::Degraded && parts.iter().all(|part| cause.contains(part))
    };
    until(catalog, told).await.cause.expect("it was looked at")
}

async fn until_doctor_says(catalog: &Arc<dyn MetadataBackend>, place: &str, found: &str) {
    let subject = format!("replica {place}");
    let asked = async {
        loop {
            let findings = catalog.diagnose().await.expect("the server answers");
            if findings.iter().any(|f| f.subject == subject && f.found.contains(found)) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("within a minute");
}

#[tokio::test]
async fn those_that_are_gone_are_named_and_all_is_well_when_they_are_back() {
    let place = Place::new().unwrap();
    let mut three = Three::new(&place).await;
    let [one, two] = three.places();
    let catalog = three.open().await;
    until_ready(&catalog).await;
    three.standbys[1].server.kill().unwrap();
    let cause = until_told(&catalog, &["1 of 2", &two, "refused"]).await;
    assert!(!cause.contains(&one) && !cause.contains("primary"), "{cause}");
    three.standbys[0].server.kill().unwrap();
    until_told(&catalog, &["2 of 2", &one, &two, "the primary serves"]).await;
    three.standbys[0].server.start().await.unwrap();
    let cause = until_told(&catalog, &["1 of 2", &two]).await;
    assert!(!cause.contains(&one), "{cause}");
    three.standbys[1].server.start().await.unwrap();
    until_ready(&catalog).await;
    // It hangs, and keeps its connections.
    three.standbys[0].signal("-STOP").unwrap();
    until_told(&catalog, &["1 of 2", &one, "does not answer"]).await;
    // Who opens now is told at once, and not that all is well until it was looked at.
    let late = three.open().await;
    let health = late.health_check().await.unwrap();
    assert_eq!(health.status, HealthStatus::Degraded, "{health:?}");
    late.close().await.unwrap();
    three.standbys[0].signal("-CONT").unwrap();
    until_ready(&catalog).await;
    // It takes writes of its own.
    three.standbys[0].promote().await.unwrap();
    until_told(&catalog, &["1 of 2", &one, "no standby"]).await;
    catalog.close().await.unwrap();
}

#[tokio::test]
async fn one_that_lags_is_told_of_when_none_is_left() {
    let place = Place::new().unwrap();
    let three = Three::new(&place).await;
    let ([one, two], [first, second]) = (three.places(), &three.standbys);
    let catalog = three.open_without(second).await;
    until_doctor_says(&catalog, &two, "too far behind").await;
    until_doctor_says(&catalog, &one, "follows").await;
    until_ready(&catalog).await;
    catalog.close().await.unwrap();
    let catalog = three.open_without(first).await;
    until_told(&catalog, &["2 of 2", &one, &two, "too far behind"]).await;
    first.execute("SELECT pg_wal_replay_resume()").await.unwrap();
    until_ready(&catalog).await;
    second.execute("SELECT pg_wal_replay_resume()").await.unwrap();
    until_doctor_says(&catalog, &two, "follows").await;
    until_ready(&catalog).await;
    catalog.close().await.unwrap();
}

/// The replica, or what stands before it, takes what it is asked and gives nothing back. A statement may take an hour here.
#[tokio::test]
async fn a_read_that_a_replica_swallows_is_answered_by_the_primary() {
    let place = Place::new().unwrap();
    let mut primary = place.node("primary", "").unwrap();
    primary.server.start().await.unwrap();
    let mut standby = place.standby_of(&primary, "standby").unwrap();
    standby.server.start().await.unwrap();
    let hour = Duration::from_secs(3600);
    let proxy =
        FaultProxy::start(standby.server.address(), Fault::Delay { direction: Direction::Down, by: hour }).unwrap();
    proxy.switch(false);
    let through = proxy.address().to_string();
    let mut options = PostgresOptions::default();
    options.replicas = vec![through.clone()];
    options.statement_timeout = hour;
    options.connect_timeout = Duration::from_secs(2);
    // One for the read, and one for the look: each has a connection that falls silent, and makes none.
    options.pool_min_idle = 3;
    let catalog = proximadb_meta_postgres::open_with(&primary.address(), options).await.unwrap().into_backend();
    let stale = catalog.scoped(CallContext::new().with_staleness(hour));
    let written = catalog.create_collection(CollectionMetadata::new("a", 8, DistanceMetric::COSINE)).await.unwrap();
    // `(sent to the replica, answered by it)`.
    let reads = async || {
        let findings = catalog.diagnose().await.unwrap();
        let sent = findings.iter().find(|f| f.subject == format!("replica {through}")).unwrap().value.unwrap().number;
        let stats = catalog.get_stats().await.unwrap();
        (sent, stats.more.iter().find(|s| s.name == "replica_reads").unwrap().value.value)
    };
    // A look may find it silent before the read is sent there: then all begins anew.
    let swallowed = async {
        loop {
            proxy.switch(false);
            until_ready(&catalog).await;
            let before = reads().await;
            assert!(stale.get_collection(&written.id).await.unwrap().is_some());
            if reads().await.1 == before.1 {
                continue;
            }
            let before = reads().await;
            proxy.switch(true);
            assert!(stale.get_collection(&written.id).await.unwrap().is_some(), "the primary has it");
            let after = reads().await;
            assert_eq!(after.1, before.1, "the replica cannot have answered");
            if after.0 > before.0 {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, swallowed).await.expect("the read is not left with the replica");
    until_told(&catalog, &["1 of 1", &through, "not answer", "the primary serves"]).await;
    // It is back; the connections on which it fell silent are not waited for.
    proxy.switch(false);
    until_ready(&catalog).await;
    catalog.close().await.unwrap();
}

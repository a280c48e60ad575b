//! Which replica a read goes to: each as often as its weight says, none that is dead, hangs or lacks what was written here; and
//! who is back is asked again. With servers of the test's own.

mod node;

use std::sync::Arc;
use std::time::Duration;

use node::{Node, Place};
use proximadb_meta_core::report::{BackupFormat, BackupOptions, RestoreOptions};
use proximadb_meta_core::{CallContext, CollectionMetadata, DistanceMetric, MetadataBackend};
use proximadb_meta_postgres::PostgresOptions;

/// For what is waited for at most.
const PATIENCE: Duration = Duration::from_secs(60);

fn record(name: &str) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(name, 8, DistanceMetric::COSINE);
    r.id = format!("id-{name}").into();
    r
}

/// A primary, two standbys, and a catalog that reads from them with the weights 3 and 1.
struct Three {
    primary: Node,
    heavy: Node,
    light: Node,
    catalog: Arc<dyn MetadataBackend>,
    stale: Arc<dyn MetadataBackend>,
}

impl Three {
    async fn new(place: &Place) -> Self {
        let mut primary = place.node("primary", "").expect("the test can go on");
        primary.server.start().await.expect("the test can go on");
        let mut standbys = Vec::new();
        for name in ["heavy", "light"] {
            let mut standby = place.standby_of(&primary, name).expect("the test can go on");
            standby.server.start().await.expect("the test can go on");
            standbys.push(standby);
        }
        let (light, heavy) = (standbys.pop().expect("two"), standbys.pop().expect("two"));
        let mut options = PostgresOptions::default();
        options.replicas = vec![format!("{}?weight=3", heavy.server.address()), light.server.address().to_string()];
        options.statement_timeout = Duration::from_secs(1);
        options.connect_timeout = Duration::from_secs(1);
        let catalog = proximadb_meta_postgres::open_with(&primary.address(), options).await.expect("it opens");
        let catalog = catalog.into_backend();
        catalog.create_collection(record("a")).await.expect("it is written");
        let stale = catalog.scoped(CallContext::new().with_staleness(Duration::from_secs(3600)));
        Self { primary, heavy, light, catalog, stale }
    }

    /// Whether a replica follows, and how many reads it was sent.
    async fn seen(&self, node: &Node) -> (bool, u64) {
        let findings = self.catalog.diagnose().await.expect("the server answers");
        let subject = format!("replica {}", node.server.address());
        let found = findings.iter().find(|f| f.subject == subject).expect("each is told of");
        let weight = if node.port == self.heavy.port { "weight 3" } else { "weight 1" };
        assert!(found.found.contains(weight), "{found:?}");
        (found.found.starts_with("follows"), found.value.expect("a number").number)
    }

    /// Reads until both are as wanted: who follows is sent reads, the other one is known not to follow.
    async fn until(&self, heavy: bool, light: bool) {
        let nodes = [(&self.heavy, heavy), (&self.light, light)];
        let mut before = Vec::new();
        for (node, _) in nodes {
            before.push(self.seen(node).await.1);
        }
        let reads = async {
            loop {
                self.read(4).await;
                let mut reached = true;
                for ((node, wanted), before) in nodes.into_iter().zip(&before) {
                    let (follows, asked) = self.seen(node).await;
                    reached &= follows == wanted && (asked > *before || !wanted);
                }
                if reached {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, reads).await.expect("within a minute");
    }

    async fn read(&self, times: usize) {
        for _ in 0..times {
            assert!(self.stale.get_collection("id-a").await.expect("a read is answered").is_some());
        }
    }

    /// Reads, one after the other; how many of them each had.
    async fn shares(&self, times: usize) -> (u64, u64) {
        let before = (self.seen(&self.heavy).await.1, self.seen(&self.light).await.1);
        self.read(times).await;
        (self.seen(&self.heavy).await.1 - before.0, self.seen(&self.light).await.1 - before.1)
    }
}

#[tokio::test]
async fn reads_are_shared_by_weight_among_those_that_answer() {
    let place = Place::new().unwrap();
    let mut three = Three::new(&place).await;
    three.until(true, true).await;
    // A machine that stands still for a second may leave one out meanwhile.
    let (heavy, light) = three.shares(400).await;
    assert!((270..=330).contains(&heavy) && (70..=130).contains(&light), "{heavy} and {light}, not about 3 to 1");
    // Dead: left out, and back.
    three.light.server.kill().unwrap();
    three.until(true, false).await;
    let (heavy, light) = three.shares(40).await;
    assert!(heavy > 0 && light == 0, "{heavy} and {light}");
    three.light.server.start().await.unwrap();
    three.until(true, true).await;
    let (_, light) = three.shares(40).await;
    assert!(light > 0, "who is back is asked again");
    // It hangs, and keeps its connections: it is left out, and holds up neither the other nor what is known of that one.
    three.heavy.signal("-STOP").unwrap();
    three.until(false, true).await;
    let soon = three.catalog.scoped(CallContext::new().with_staleness(Duration::from_secs(30)));
    let before = (three.seen(&three.heavy).await.1, three.seen(&three.light).await.1);
    for _ in 0..40 {
        assert!(soon.get_collection("id-a").await.unwrap().is_some());
    }
    assert_eq!(three.seen(&three.heavy).await.1, before.0);
    assert!(three.seen(&three.light).await.1 > before.1);
    three.heavy.signal("-CONT").unwrap();
    three.until(true, true).await;
    let (heavy, light) = three.shares(40).await;
    assert!(heavy > light && light > 0, "{heavy} and {light}");
    // None is left: the primary answers.
    three.heavy.server.kill().unwrap();
    three.light.server.kill().unwrap();
    three.until(false, false).await;
    assert_eq!(three.shares(10).await, (0, 0));
    three.catalog.close().await.unwrap();
}

/// What a restore writes goes past the writer, in either format.
#[tokio::test]
async fn who_restored_reads_what_was_restored() {
    let (place, dir) = (Place::new().unwrap(), tempfile::tempdir().unwrap());
    let three = Three::new(&place).await;
    let location = dir.path().to_str().unwrap();
    let mut native = BackupOptions::default();
    native.format = BackupFormat::Native;
    let mut backups = Vec::new();
    for format in [native, BackupOptions::default()] {
        backups.push(three.catalog.backup(location, format).await.unwrap());
    }
    three.catalog.create_collection(record("b")).await.unwrap();
    for backup in backups {
        for replica in [&three.heavy, &three.light] {
            three.primary.replayed_by(replica).await.unwrap();
        }
        // They are asked, and then stand still.
        let reads = async { while three.shares(1).await == (0, 0) {} };
        tokio::time::timeout(PATIENCE, reads).await.expect("a replica is asked");
        for replica in [&three.heavy, &three.light] {
            replica.execute("SELECT pg_wal_replay_pause()").await.unwrap();
            replica.until("SELECT pg_get_wal_replay_pause_state() = 'paused'").await.unwrap();
        }
        three.catalog.restore(&backup.id, location, RestoreOptions::replacing()).await.unwrap();
        for _ in 0..20 {
            assert_eq!(three.stale.count_collections(None).await.unwrap(), 1, "{backup:?}");
        }
        for replica in [&three.heavy, &three.light] {
            replica.execute("SELECT pg_wal_replay_resume()").await.unwrap();
        }
        three.catalog.create_collection(record("b")).await.unwrap();
    }
    three.catalog.close().await.unwrap();
}

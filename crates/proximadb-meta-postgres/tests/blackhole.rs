//! Connections that fall silent under work which may take as long as it takes: restores, dumps, maintenance and the making of the
//! tables end all the same, leave no lock behind, and go on where the server is at them. The proxy acknowledges everything, so no
//! keepalive notices anything. With a server of the test's own.

mod node;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use node::{Node, Place};
use proximadb_meta_core::report::{BackupFormat, BackupOptions, RestoreOptions};
use proximadb_meta_core::{CollectionMetadata, ConfigJson, DistanceMetric, ErrorKind, MetadataBackend, Retry};
use proximadb_meta_postgres::PostgresOptions;
use proximadb_meta_testkit::fault::{Direction, Fault, FaultProxy, Plan, Script};
use tempfile::TempDir;

/// For what is waited for at most: the bound of a failure.
const PATIENCE: Duration = Duration::from_secs(120);
const HOUR: Duration = Duration::from_secs(3600);

fn record(name: &str) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(name, 8, DistanceMetric::COSINE);
    r.id = format!("id-{name}").into();
    r
}

fn native() -> BackupOptions {
    let mut options = BackupOptions::default();
    options.format = BackupFormat::Native;
    options
}

/// A statement may take an hour, and no connection is used twice, so that a script's first is that of the next call.
fn patient() -> PostgresOptions {
    let mut options = PostgresOptions::default();
    options.statement_timeout = HOUR;
    options.connect_timeout = Duration::from_secs(2);
    options.keepalive_idle = Duration::from_millis(100);
    options.idle_timeout = Duration::from_nanos(1);
    options
}

async fn open(address: &str, options: PostgresOptions) -> Arc<dyn MetadataBackend> {
    proximadb_meta_postgres::open_with(address, options).await.expect("it opens").into_backend()
}

async fn bounded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it ends")
}

/// The first connection falls silent after so many bytes, the later ones are sound.
fn silent_after(direction: Direction, after: u64) -> Script {
    Script::Each(vec![Plan::from(Fault::HalfOpen { direction, after })])
}

/// Records that are more than goes into the buffers between us and the programs.
const RECORDS: u64 = 30;

/// A server, a proxy before it, a catalog past the proxy, and a native backup of it.
struct Stage {
    node: Node,
    proxy: FaultProxy,
    sound: Arc<dyn MetadataBackend>,
    dir: TempDir,
    backup: String,
}

impl Stage {
    async fn new(place: &Place) -> Self {
        let mut node = place.node("server", "").expect("the test can go on");
        node.server.start().await.expect("the test can go on");
        let proxy = FaultProxy::start(node.server.address(), Script::clean()).expect("the test can go on");
        let sound = open(&node.address(), PostgresOptions::default()).await;
        for n in 0..RECORDS {
            let mut record = record(&n.to_string());
            let config = format!("{{\"filler\":\"{}\"}}", "x".repeat(60_000));
            record.config = ConfigJson::parse(&config).expect("it is one");
            sound.create_collection(record).await.expect("it is written");
        }
        let dir = tempfile::tempdir().expect("the test can go on");
        let backup = sound.backup(dir.path().to_str().expect("a text"), native()).await.expect("it is backed up").id;
        Self { node, proxy, sound, dir, backup }
    }

    fn location(&self) -> &str {
        self.dir.path().to_str().expect("a text")
    }

    fn through(&self) -> String {
        node::address(&[self.proxy.address()])
    }

    /// The table is there, with what it had, and nobody holds it.
    async fn is_free(&self) {
        self.sound.create_collection(record("new")).await.expect("nothing is locked");
        assert!(self.sound.delete_collection("id-new").await.expect("nothing is locked"));
        assert_eq!(self.sound.count_collections(None).await.expect("it is read"), RECORDS);
    }
}

#[tokio::test]
async fn a_restore_ends_wherever_its_connection_falls_silent() {
    let place = Place::new().unwrap();
    let stage = Stage::new(&place).await;
    let catalog = open(&stage.through(), patient()).await;
    let restored = async |direction, after| {
        stage.proxy.set_script(silent_after(direction, after));
        let restored = bounded(catalog.restore(&stage.backup, stage.location(), RestoreOptions::replacing())).await;
        stage.is_free().await;
        let e = restored.err()?;
        assert_eq!(e.kind(), ErrorKind::Timeout, "{direction:?} after {after}: {e:?}");
        Some(e.retry())
    };
    for direction in [Direction::Down, Direction::Up] {
        let (mut silent, mut last) = (0, 0);
        // Before the rows, and among them.
        for after in (0..3_000).step_by(200).chain((100_000..).step_by(600_000)) {
            if restored(direction, after).await.is_none() {
                break;
            }
            silent += 1;
            last = after;
        }
        assert!(silent > 4, "{direction:?}: {silent}");
        if direction == Direction::Down {
            // The answer to the commit is the last that comes, and is 18 bytes.
            let mut retries = Vec::new();
            for after in (last..).step_by(15) {
                let Some(retry) = restored(direction, after).await else { break };
                retries.push(retry);
            }
            assert!(retries.ends_with(&[Retry::UnknownOutcome]) && retries.starts_with(&[Retry::Safe]), "{retries:?}");
        }
    }
    catalog.close().await.unwrap();
}

/// All connections at once: the server cannot be asked.
#[tokio::test]
async fn a_restore_ends_when_the_server_is_silent_altogether() {
    let place = Place::new().unwrap();
    let stage = Stage::new(&place).await;
    stage.proxy.set_script(Fault::Delay { direction: Direction::Down, by: HOUR });
    stage.proxy.switch(false);
    let mut options = patient();
    options.connect_timeout = Duration::from_secs(1);
    let catalog = open(&stage.through(), options).await;
    let holder = stage.node.raw().await.unwrap();
    holder.batch_execute("BEGIN; LOCK TABLE proximadb_meta.collections IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let work = async {
        let waits = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        stage.node.until(waits).await.unwrap();
        stage.proxy.switch(true);
        holder.batch_execute("COMMIT").await.unwrap();
    };
    let restore = bounded(catalog.restore(&stage.backup, stage.location(), RestoreOptions::replacing()));
    let (restored, ()) = futures_util::future::join(restore, work).await;
    let e = restored.unwrap_err();
    assert_eq!((e.kind(), e.retry()), (ErrorKind::Timeout, Retry::Safe), "{e:?}");
    assert!(e.to_string().contains("restore the namespace"), "{e:?}");
    // It went on to accept our bytes; that we are gone it hears from the proxy.
    stage.is_free().await;
    stage.proxy.switch(false);
    bounded(catalog.restore(&stage.backup, stage.location(), RestoreOptions::replacing())).await.unwrap();
    catalog.close().await.unwrap();
}

/// It waits for a lock for many times the silence after which it is asked whether it is at work; and the pool's one connection is
/// in use by somebody who waits for the same.
#[tokio::test]
async fn a_restore_that_takes_long_goes_on() {
    let place = Place::new().unwrap();
    let stage = Stage::new(&place).await;
    let mut options = patient();
    options.pool_size = 1;
    let catalog = open(&stage.through(), options).await;
    let holder = stage.node.raw().await.unwrap();
    holder.batch_execute("BEGIN; LOCK TABLE proximadb_meta.collections IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let waiting = async |count| {
        let waits = format!("SELECT count(*) = {count} FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
        stage.node.until(&waits).await.unwrap();
    };
    let write = async {
        waiting(1).await;
        bounded(catalog.create_collection(record("other"))).await
    };
    let work = async {
        waiting(2).await;
        let before = stage.proxy.counts().requests;
        bounded(stage.proxy.wait(|counts| counts.requests > before + 12)).await;
        holder.batch_execute("COMMIT").await.unwrap();
    };
    let restore = bounded(catalog.restore(&stage.backup, stage.location(), RestoreOptions::replacing()));
    let (restored, written, ()) = futures_util::future::join3(restore, write, work).await;
    restored.unwrap();
    written.unwrap();
    catalog.close().await.unwrap();
}

#[tokio::test]
async fn a_look_at_what_is_backed_up_ends_with_the_time_of_a_statement() {
    let place = Place::new().unwrap();
    let stage = Stage::new(&place).await;
    let mut options = patient();
    options.statement_timeout = Duration::from_secs(1);
    options.connect_timeout = Duration::from_secs(1);
    let catalog = open(&stage.through(), options).await;
    for direction in [Direction::Down, Direction::Up] {
        let mut silent = 0;
        for after in (0..).step_by(300) {
            stage.proxy.set_script(silent_after(direction, after));
            let Err(e) = bounded(catalog.backup(stage.location(), native())).await else { break };
            assert_eq!((e.kind(), e.retry()), (ErrorKind::Timeout, Retry::Safe), "{direction:?} after {after}: {e:?}");
            silent += 1;
        }
        assert!(silent > 1, "{direction:?}: {silent}");
    }
    let left = std::fs::read_dir(stage.dir.path()).unwrap().count();
    assert_eq!(left, 3, "one that failed leaves nothing");
    catalog.close().await.unwrap();
}

#[tokio::test]
async fn whoever_comes_after_maintenance_in_vain_is_not_given_its_connection() {
    let place = Place::new().unwrap();
    let stage = Stage::new(&place).await;
    stage.proxy.set_script(Fault::Delay { direction: Direction::Down, by: HOUR });
    stage.proxy.switch(false);
    let mut options = PostgresOptions::default();
    options.statement_timeout = Duration::from_secs(1);
    options.connect_timeout = Duration::from_secs(1);
    let catalog = open(&stage.through(), options).await;
    stage.proxy.switch(true);
    let e = bounded(catalog.maintain()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Timeout, "{e:?}");
    stage.proxy.switch(false);
    assert_eq!(bounded(catalog.count_collections(None)).await.unwrap(), RECORDS);
    assert!(bounded(catalog.maintain()).await.unwrap().contains("removed 0"));
    catalog.close().await.unwrap();
}

/// `pg_dump` that connects to another port.
fn dump_through(dir: &TempDir, proxy: SocketAddr) {
    let own = std::env::var_os("PXMETA_TEST_POSTGRES_BIN").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = own.into_iter().chain(std::env::split_paths(&path)).map(|place| place.join("pg_dump"));
    let real = places.find(|place| place.is_file()).expect("pg_dump is there");
    let text = format!("#!/bin/sh\nPGPORT={} exec '{}' \"$@\"\n", proxy.port(), real.display());
    let script = dir.path().join("pg_dump");
    std::fs::write(&script, text).expect("it is written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&script, mode).expect("it can be run");
}

#[tokio::test]
async fn a_dump_ends_wherever_its_connection_falls_silent() {
    let place = Place::new().unwrap();
    let stage = Stage::new(&place).await;
    let tools = tempfile::tempdir().unwrap();
    dump_through(&tools, stage.proxy.address());
    let mut options = patient();
    options.tools = Some(tools.path().to_owned());
    options.connect_timeout = Duration::from_secs(2);
    let catalog = open(&stage.node.address(), options).await;
    for direction in [Direction::Down, Direction::Up] {
        let mut silent = 0;
        // Before the rows, and among them.
        let places = (1_000..30_000).step_by(12_000).chain((100_000..).step_by(800_000));
        for after in places {
            stage.proxy.set_script(silent_after(direction, after));
            let Err(e) = bounded(catalog.backup(stage.location(), native())).await else { break };
            assert_eq!((e.kind(), e.retry()), (ErrorKind::Timeout, Retry::Safe), "{direction:?} after {after}: {e:?}");
            assert!(e.to_string().contains("dump the schema"), "{e:?}");
            silent += 1;
            let gone = "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'proximadb-meta-dump%'";
            stage.node.until(gone).await.unwrap();
        }
        assert!(silent > 1, "{direction:?}: {silent}");
    }
    catalog.close().await.unwrap();
}

#[tokio::test]
async fn the_making_of_tables_ends_wherever_its_connection_falls_silent() {
    let place = Place::new().unwrap();
    let stage = Stage::new(&place).await;
    let opened = |direction: Direction, n: u64| {
        let mut options = patient();
        options.schema = format!("{direction:?}_{n}").to_lowercase();
        options.statement_timeout = Duration::from_secs(2);
        let address = stage.through();
        async move { bounded(proximadb_meta_postgres::open_with(&address, options)).await }
    };
    for (direction, step) in [(Direction::Down, 250), (Direction::Up, 1_200)] {
        stage.proxy.set_script(Script::clean());
        let before = stage.proxy.counts();
        let mut options = patient();
        options.auto_migrate = false;
        options.schema = "none".to_owned();
        proximadb_meta_postgres::open_with(&stage.through(), options).await.unwrap_err();
        let after = stage.proxy.counts();
        // From where it is known that something is missing.
        let start = match direction {
            Direction::Down => after.down.passed - before.down.passed,
            Direction::Up => after.up.passed - before.up.passed,
        };
        let mut silent = 0;
        for after in (start..).step_by(step) {
            stage.proxy.set_script(silent_after(direction, after));
            let Err(e) = opened(direction, after).await else { break };
            assert_eq!(e.kind(), ErrorKind::Timeout, "{direction:?} after {after}: {e:?}");
            silent += 1;
            // Nobody is left in the middle of it.
            stage.proxy.set_script(Script::clean());
            opened(direction, after).await.unwrap().into_backend().close().await.unwrap();
        }
        assert!(silent > 1, "{direction:?}: {silent}");
    }
}

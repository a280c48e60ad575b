//! The backend on a server: several openers, connections that end, callers that go away, backups in the format of pg_dump.

mod fixture;

use std::future::Future as _;
use std::sync::Arc;
use std::time::Duration;

use proximadb_meta_core::report::{BackupFormat, BackupOptions, HealthStatus, RestoreOptions};
use proximadb_meta_core::{
    CallContext, CollectionMetadata, DistanceMetric, ErrorKind, MetadataBackend, Namespace, Operation, PutIf, Retry,
    StatsDelta,
};
use proximadb_meta_postgres::{Isolation, PostgresOptions};

fn record(name: &str) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(name, 8, DistanceMetric::COSINE);
    r.id = format!("id-{name}").into();
    r
}

fn put(name: &str) -> Operation {
    Operation::Put { record: record(name), when: PutIf::Any }
}

fn settings(schema: &fixture::Schema) -> (String, PostgresOptions) {
    let (address, mut options) = fixture::server().expect("the test can go on");
    options.schema = schema.0.clone();
    (address, options)
}

fn fresh() -> fixture::Schema {
    fixture::Schema(fixture::fresh_schema())
}

async fn open(schema: &fixture::Schema) -> Arc<dyn MetadataBackend> {
    let (address, options) = settings(schema);
    proximadb_meta_postgres::open_with(&address, options).await.expect("the test can go on").into_backend()
}

async fn number(catalog: &Arc<dyn MetadataBackend>, name: &str) -> u64 {
    let stats = catalog.get_stats().await.expect("the test can go on");
    stats.more.iter().find(|s| s.name == name).map(|s| s.value.value).expect("the test can go on")
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_writes_share_transactions_and_no_count_is_lost() {
    let schema = fresh();
    let (one, two) = (open(&schema).await, open(&schema).await);
    for i in 0..4 {
        one.create_collection(record(&i.to_string())).await.unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for t in 0..64 {
        let catalog = if t % 2 == 0 { one.clone() } else { two.clone() };
        tasks.spawn(async move {
            for i in 0..10 {
                let id = format!("id-{}", (t + i) % 4);
                catalog.record_stats(&id, StatsDelta { vectors: 3, bytes: 5 }).await.unwrap();
                if i == 5 {
                    catalog.batch_operations(vec![put(&format!("{t}-a")), put(&format!("{t}-b"))]).await.unwrap();
                }
            }
        });
    }
    tasks.join_all().await;
    let all = one.list_collections(None).await.unwrap();
    assert_eq!(all.iter().map(|r| r.vector_count).sum::<u64>(), 64 * 10 * 3);
    assert_eq!(all.iter().map(|r| r.total_size_bytes).sum::<u64>(), 64 * 10 * 5);
    assert_eq!(all.len(), 4 + 128);
    let (units, commits) = (number(&one, "committed_units").await, number(&one, "commits").await);
    assert_eq!(units, 4 + 32 * 11);
    assert!(commits < units, "commits are shared: {commits} of {units} units");
    one.close().await.unwrap();
    two.close().await.unwrap();
}

/// Somebody is always at one of the two records; the batch needs both.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_busy_records_has_its_turn() {
    let schema = fresh();
    let catalog = open(&schema).await;
    let ids = ["id-a", "id-b"];
    for name in ["a", "b"] {
        catalog.create_collection(record(name)).await.unwrap();
    }
    let counted = Arc::new(tokio::sync::watch::Sender::new(0u64));
    let mut tasks = tokio::task::JoinSet::new();
    for t in 0..16 {
        let (catalog, counted) = (catalog.clone(), counted.clone());
        tasks.spawn(async move {
            for _ in 0..500 {
                catalog.record_stats(ids[t % 2], StatsDelta { vectors: 1, bytes: 0 }).await.unwrap();
                counted.send_modify(|n| *n += 1);
            }
        });
    }
    for _ in 0..5 {
        let begun = *counted.subscribe().borrow();
        let both = ids.map(|id| Operation::RecordStats { id: id.into(), delta: StatsDelta { vectors: 0, bytes: 1 } });
        catalog.batch_operations(both.into()).await.unwrap();
        let meanwhile = *counted.subscribe().borrow() - begun;
        assert!(meanwhile < 400, "{meanwhile} of 8000 counts came first");
    }
    tasks.join_all().await;
    let all = catalog.list_collections(None).await.unwrap();
    assert_eq!(all.iter().map(|r| (r.vector_count, r.total_size_bytes)).collect::<Vec<_>>(), [(4000, 5), (4000, 5)]);
    catalog.close().await.unwrap();
}

#[tokio::test]
async fn every_isolation_level_gives_the_same_answers() {
    for isolation in [Isolation::RepeatableRead, Isolation::Serializable] {
        let schema = fresh();
        let (address, mut options) = settings(&schema);
        options.isolation = isolation;
        let catalog = proximadb_meta_postgres::open_with(&address, options).await.unwrap().into_backend();
        catalog.create_collection(record("a")).await.unwrap();
        let counting = (0..32).map(|_| catalog.record_stats("id-a", StatsDelta { vectors: 1, bytes: 1 }));
        for counted in futures_util::future::join_all(counting).await {
            counted.unwrap();
        }
        assert_eq!(catalog.get_collection("id-a").await.unwrap().unwrap().vector_count, 32);
        let e = catalog.create_collection(record("a")).await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::AlreadyExists);
        catalog.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_transaction_and_a_good_pool() {
    let schema = fresh();
    let catalog = open(&schema).await;
    for round in 0..40 {
        let catalog = catalog.clone();
        let mut call = Box::pin(async move {
            let name = format!("n{round}");
            catalog.batch_operations(vec![put(&name), put(&format!("{name}-too"))]).await
        });
        // Polled a few times, then dropped: at another step of the write each time.
        for _ in 0..round % 8 {
            let waker = std::task::Waker::noop();
            if call.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    catalog.close().await.unwrap();
    let catalog = open(&schema).await;
    let all = catalog.list_collections(None).await.unwrap();
    let pairs = all.iter().filter(|r| !r.name.ends_with("-too")).count();
    assert_eq!(all.len(), 2 * pairs, "whole batches: {all:?}");
    let raw = fixture::raw().await.unwrap();
    let open = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND query LIKE $1";
    let left: i64 = raw.query_one(open, &[&format!("%{}%", schema.0)]).await.unwrap().get(0);
    assert_eq!(left, 0);
    catalog.close().await.unwrap();
}

#[tokio::test]
async fn a_reader_that_goes_away_leaves_nobody_waiting_for_its_statement() {
    let schema = fresh();
    let (address, mut options) = settings(&schema);
    options.pool_size = 1;
    let catalog = proximadb_meta_postgres::open_with(&address, options).await.unwrap().into_backend();
    let mut raw = fixture::raw().await.unwrap();
    let transaction = raw.transaction().await.unwrap();
    let lock = format!("LOCK TABLE {}.collections IN ACCESS EXCLUSIVE MODE", schema.0);
    transaction.batch_execute(&lock).await.unwrap();
    let gone = tokio::time::timeout(Duration::from_millis(500), catalog.get_collection("id-a")).await;
    assert!(gone.is_err(), "it waits for the lock");
    // What touches another table, on the one connection that there may be; within less than a statement may take.
    let looked = catalog.schema(proximadb_meta_core::report::SchemaAction::Status);
    let looked = tokio::time::timeout(Duration::from_secs(15), looked).await.expect("nobody is in its way");
    assert!(looked.unwrap().pending.is_empty());
    transaction.rollback().await.unwrap();
    assert!(catalog.get_collection("id-a").await.unwrap().is_none());
    catalog.close().await.unwrap();
}

#[tokio::test]
async fn connections_that_the_server_ends_are_replaced() {
    let schema = fresh();
    let (address, mut options) = settings(&schema);
    options.application_name = schema.0.clone();
    let catalog = proximadb_meta_postgres::open_with(&address, options).await.unwrap().into_backend();
    catalog.create_collection(record("a")).await.unwrap();
    let raw = fixture::raw().await.unwrap();
    for round in 0..5 {
        let killed = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1";
        let killed: i64 = raw.query_one(killed, &[&schema.0]).await.unwrap().get(0);
        assert!(killed > 0, "round {round}");
        assert!(catalog.get_collection("id-a").await.unwrap().is_some());
        match catalog.record_stats("id-a", StatsDelta { vectors: 1, bytes: 0 }).await {
            Ok(_) => {}
            Err(e) => assert_eq!(e.retry(), Retry::UnknownOutcome, "{e:?}"),
        }
        assert_eq!(catalog.health_check().await.unwrap().status, HealthStatus::Ready);
    }
    catalog.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_whole_or_absent_when_the_server_ends_connections() {
    let schema = fresh();
    let (address, mut options) = settings(&schema);
    options.application_name = schema.0.clone();
    let catalog = proximadb_meta_postgres::open_with(&address, options).await.unwrap().into_backend();
    let killer = {
        let (raw, name) = (fixture::raw().await.unwrap(), schema.0.clone());
        tokio::spawn(async move {
            for _ in 0..60 {
                let killed =
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1";
                raw.query_one(killed, &[&name]).await.unwrap();
                tokio::task::yield_now().await;
            }
        })
    };
    let mut tasks = tokio::task::JoinSet::new();
    for t in 0..8 {
        let catalog = catalog.clone();
        tasks.spawn(async move {
            let mut answers = Vec::new();
            for i in 0..20 {
                let names: Vec<String> = (0..5).map(|n| format!("{t}-{i}-{n}")).collect();
                let batch = catalog.batch_operations(names.iter().map(|n| put(n)).collect()).await;
                answers.push((format!("{t}-{i}-"), batch.map(drop)));
            }
            answers
        });
    }
    let answers: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    killer.await.unwrap();
    let all = catalog.list_collections(None).await.unwrap();
    for (prefix, answer) in answers {
        let found = all.iter().filter(|r| r.name.starts_with(&prefix)).count();
        match answer {
            Ok(()) => assert_eq!(found, 5, "{prefix}: acknowledged"),
            Err(e) if e.retry() == Retry::UnknownOutcome => {
                assert!(found == 0 || found == 5, "{prefix}: {found}, {e:?}")
            }
            Err(e) => assert_eq!(found, 0, "{prefix}: {e:?}"),
        }
    }
    catalog.close().await.unwrap();
}

#[tokio::test]
async fn a_full_pool_is_told_and_counted() {
    let schema = fresh();
    let (address, mut options) = settings(&schema);
    options.pool_size = 1;
    options.pool_timeout = Duration::from_millis(100);
    let catalog = proximadb_meta_postgres::open_with(&address, options).await.unwrap().into_backend();
    catalog.create_collection(record("a")).await.unwrap();
    let mut raw = fixture::raw().await.unwrap();
    let transaction = raw.transaction().await.unwrap();
    let lock = format!("LOCK TABLE {}.collections IN ACCESS EXCLUSIVE MODE", schema.0);
    transaction.batch_execute(&lock).await.unwrap();
    let (stuck, refused) = tokio::join!(
        async {
            let call = catalog.get_collection("id-a");
            tokio::time::timeout(Duration::from_secs(2), call).await
        },
        async {
            tokio::task::yield_now().await;
            let e = catalog.get_collection("id-a").await.unwrap_err();
            (e, ())
        },
    );
    assert!(stuck.is_err(), "it waits for the lock");
    let e = refused.0;
    assert_eq!((e.kind(), e.retry()), (ErrorKind::Throttled, Retry::Safe), "{e:?}");
    assert!(e.hint().is_some_and(|h| h.contains("pool_size")), "{e:?}");
    transaction.rollback().await.unwrap();
    assert_eq!(number(&catalog, "pool_max").await, 1);
    assert_eq!(number(&catalog, "pool_waiting").await, 0);
    catalog.close().await.unwrap();
}

#[tokio::test]
async fn who_waits_for_a_connection_is_counted() {
    let schema = fresh();
    let (address, mut options) = settings(&schema);
    options.pool_size = 2;
    let catalog = proximadb_meta_postgres::open_with(&address, options).await.unwrap().into_backend();
    assert_eq!((number(&catalog, "pool_active").await, number(&catalog, "pool_idle").await), (0, 1));
    let mut raw = fixture::raw().await.unwrap();
    let transaction = raw.transaction().await.unwrap();
    let lock = format!("LOCK TABLE {}.collections IN ACCESS EXCLUSIVE MODE", schema.0);
    transaction.batch_execute(&lock).await.unwrap();
    // Polled one after the other, each as far as the pool.
    let (read, stats, ()) = tokio::join!(
        futures_util::future::join_all((0..5).map(|_| catalog.get_collection("id-a"))),
        catalog.get_stats(),
        async { transaction.rollback().await.unwrap() },
    );
    assert!(read.into_iter().all(|found| found.unwrap().is_none()));
    let (stats, mut counted) = (stats.unwrap(), Vec::new());
    for name in ["pool_active", "pool_idle", "pool_waiting", "pool_max"] {
        counted.push(stats.more.iter().find(|s| s.name == name).map(|s| s.value.value).unwrap());
    }
    // One reads, one makes a connection, and there is none for the other three.
    assert_eq!(counted, [2, 0, 3, 2]);
    assert_eq!((number(&catalog, "pool_active").await, number(&catalog, "pool_waiting").await), (0, 0));
    catalog.close().await.unwrap();
}

/// Waits until the server has so many connections of an application that began before an instant of its own.
async fn until_connections(application: &str, before: &str, wanted: impl Fn(i64) -> bool) {
    let raw = fixture::raw().await.expect("the test can go on");
    let text =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND backend_start < $2::text::timestamptz";
    let counted = async {
        loop {
            let row = raw.query_one(text, &[&application, &before]).await.expect("the server answers");
            if wanted(row.get(0)) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), counted).await.expect("within a minute");
}

#[tokio::test]
async fn connections_are_kept_ready_and_closed_when_idle_or_old() {
    let schema = fresh();
    let (address, mut options) = settings(&schema);
    options.application_name = schema.0.clone();
    options.pool_size = 6;
    options.pool_min_idle = 2;
    options.idle_timeout = Duration::from_millis(200);
    let catalog = proximadb_meta_postgres::open_with(&address, options.clone()).await.unwrap().into_backend();
    until_connections(&schema.0, "infinity", |n| n == 2).await;
    // Six at a time need six; afterwards they are more than are kept.
    let mut raw = fixture::raw().await.unwrap();
    let transaction = raw.transaction().await.unwrap();
    let lock = format!("LOCK TABLE {}.collections IN ACCESS EXCLUSIVE MODE", schema.0);
    transaction.batch_execute(&lock).await.unwrap();
    let reads = futures_util::future::join_all((0..6).map(|_| catalog.get_collection("id-a")));
    let (read, ()) = tokio::join!(reads, async {
        until_connections(&schema.0, "infinity", |n| n == 6).await;
        transaction.rollback().await.unwrap();
    });
    assert!(read.into_iter().all(|found| found.unwrap().is_none()));
    // Also where somebody goes on to read, which needs one beside the two that stay.
    let trickle = async {
        loop {
            assert!(catalog.get_collection("id-a").await.unwrap().is_none());
        }
    };
    tokio::select! {
        () = until_connections(&schema.0, "infinity", |n| n <= 3) => {}
        () = trickle => {}
    }
    catalog.close().await.unwrap();
    until_connections(&schema.0, "infinity", |n| n == 0).await;
    // Old ones are replaced, whether somebody uses them or not.
    options.idle_timeout = Duration::from_secs(3600);
    options.max_lifetime = Duration::from_millis(200);
    let catalog = proximadb_meta_postgres::open_with(&address, options).await.unwrap().into_backend();
    until_connections(&schema.0, "infinity", |n| n >= 2).await;
    let now: String = raw.query_one("SELECT clock_timestamp()::text", &[]).await.unwrap().get(0);
    until_connections(&schema.0, &now, |n| n == 0).await;
    until_connections(&schema.0, "infinity", |n| n >= 2).await;
    assert!(catalog.get_collection("id-a").await.unwrap().is_none());
    catalog.close().await.unwrap();
}

#[tokio::test]
async fn a_statement_has_an_end() {
    let schema = fresh();
    let (address, mut options) = settings(&schema);
    options.statement_timeout = Duration::from_millis(300);
    let catalog = proximadb_meta_postgres::open_with(&address, options).await.unwrap().into_backend();
    let mut raw = fixture::raw().await.unwrap();
    let transaction = raw.transaction().await.unwrap();
    let lock = format!("LOCK TABLE {}.collections IN ACCESS EXCLUSIVE MODE", schema.0);
    transaction.batch_execute(&lock).await.unwrap();
    let e = catalog.get_collection("id-a").await.unwrap_err();
    assert_eq!((e.kind(), e.retry()), (ErrorKind::Timeout, Retry::Safe), "{e:?}");
    let e = catalog.create_collection(record("a")).await.unwrap_err();
    assert_eq!((e.kind(), e.retry()), (ErrorKind::Timeout, Retry::Safe), "the server says it was not done: {e:?}");
    transaction.rollback().await.unwrap();
    catalog.create_collection(record("a")).await.unwrap();
    catalog.close().await.unwrap();
}

fn native() -> BackupOptions {
    let mut options = BackupOptions::default();
    options.format = BackupFormat::Native;
    options
}

#[tokio::test]
async fn a_native_backup_gives_a_namespace_back() {
    let (schema, dir) = (fresh(), tempfile::tempdir().unwrap());
    let location = dir.path().to_str().unwrap();
    let catalog = open(&schema).await;
    let scope = |name: &str| catalog.scoped(CallContext::in_namespace(Namespace::new(name).unwrap()));
    let tenant = scope("te'n\\ant");
    for i in 0..50 {
        let mut r = record(&format!("{i} \\N \"x\" {{}}"));
        r.description = Some("tab\there\nline \\. end\r".into());
        r.tags = ["a,b", "{c}", "NULL", "d\\"].into();
        r.config = proximadb_meta_core::ConfigJson::parse(r#"{"a\\\"":["x\n",1.5]}"#).unwrap();
        tenant.create_collection(r.clone()).await.unwrap();
        catalog.create_collection(r).await.unwrap();
    }
    let before = tenant.list_collections(None).await.unwrap();
    let made = tenant.backup(location, native()).await.unwrap();
    assert_eq!(made.records, 50);
    for r in &before {
        tenant.delete_collection(&r.id).await.unwrap();
    }
    tenant.create_collection(record("newer")).await.unwrap();
    catalog.create_collection(record("stays")).await.unwrap();
    // A part of it cannot be had, and is not taken for the whole.
    let some = proximadb_meta_core::Filter::parse("dimension > 1").unwrap();
    let e = tenant.restore(&made.id, location, RestoreOptions::replacing().with_filter(some)).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unsupported, "{e:?}");
    assert_eq!(tenant.count_collections(None).await.unwrap(), 1);
    let e = tenant.restore(&made.id, location, RestoreOptions::default()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::AlreadyExists, "{e:?}");
    let report = tenant.restore(&made.id, location, RestoreOptions::replacing()).await.unwrap();
    assert_eq!((report.records, report.replaced), (50, 1));
    let after = tenant.list_collections(None).await.unwrap();
    assert_eq!(after.len(), before.len());
    for (a, b) in before.iter().zip(&after) {
        assert!(a.same_content(b) && a.incarnation != b.incarnation, "{a:?} {b:?}");
    }
    assert_eq!(catalog.count_collections(None).await.unwrap(), 51);
    // Into a schema of another name.
    let other_schema = fresh();
    let other = open(&other_schema).await.scoped(CallContext::in_namespace(Namespace::new("te'n\\ant").unwrap()));
    other.restore(&made.id, location, RestoreOptions::default()).await.unwrap();
    let text = proximadb_meta_core::Filter::parse("text(\"line\")").unwrap();
    assert_eq!(other.count_collections(Some(text)).await.unwrap(), 50);
    let e = open(&other_schema).await.restore(&made.id, location, RestoreOptions::default()).await;
    assert!(e.is_ok(), "the default namespace is in the dump too: {e:?}");
    // Damage is found before anything is changed.
    let dump = dir.path().join(&made.id).join("catalog.dump");
    let mut bytes = std::fs::read(&dump).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&dump, bytes).unwrap();
    let e = tenant.restore(&made.id, location, RestoreOptions::replacing()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corruption, "{e:?}");
    assert_eq!(tenant.list_collections(None).await.unwrap().len(), 50);
    catalog.close().await.unwrap();
}

#[tokio::test]
async fn a_missing_tool_is_told_before_anything_begins() {
    let (schema, dir) = (fresh(), tempfile::tempdir().unwrap());
    let (address, mut options) = settings(&schema);
    options.tools = Some(dir.path().join("nowhere"));
    let catalog = proximadb_meta_postgres::open_with(&address, options).await.unwrap().into_backend();
    let place = dir.path().join("backups");
    let e = catalog.backup(place.to_str().unwrap(), native()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Config, "{e:?}");
    assert!(e.hint().is_some_and(|h| h.contains("postgres_tools")), "{e:?}");
    assert!(!place.exists());
    catalog.close().await.unwrap();
}

/// Everybody on the machine reads the arguments of a process; its environment, only who may.
#[tokio::test]
async fn no_tool_has_the_password_among_its_arguments() {
    let (schema, dir) = (fresh(), tempfile::tempdir().unwrap());
    let (address, mut options) = settings(&schema);
    let config: tokio_postgres::Config = format!("postgresql://{address}").parse().unwrap();
    let password = String::from_utf8(config.get_password().unwrap().to_vec()).unwrap();
    let own = std::env::var_os("PXMETA_TEST_POSTGRES_BIN").map(std::path::PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places: Vec<_> = own.into_iter().chain(std::env::split_paths(&path)).collect();
    let told = dir.path().join("told");
    for tool in ["pg_dump", "pg_restore"] {
        let real = places.iter().map(|p| p.join(tool)).find(|p| p.is_file()).unwrap();
        let (told, real, script) = (told.display(), real.display(), dir.path().join(tool));
        let text = format!("#!/bin/sh\nprintf '%s\\n' {tool} \"$@\" >> '{told}'\nexec '{real}' \"$@\"\n");
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    }
    options.tools = Some(dir.path().to_owned());
    let catalog = proximadb_meta_postgres::open_with(&address, options).await.unwrap().into_backend();
    catalog.create_collection(record("a")).await.unwrap();
    let location = dir.path().join("backups");
    let location = location.to_str().unwrap();
    let made = catalog.backup(location, native()).await.unwrap();
    catalog.restore(&made.id, location, RestoreOptions::replacing()).await.unwrap();
    let told = std::fs::read_to_string(&told).unwrap();
    assert!(told.contains("pg_dump\n--format=custom") && told.contains("pg_restore\n--data-only"), "{told}");
    assert!(!password.is_empty() && !told.contains(&password), "the password is among them");
    assert!(!told.contains(address.split('@').next().unwrap()), "what stands in the address is");
    catalog.close().await.unwrap();
}

//! Backups in a bucket of moto, a stand-in for S3, that `PXMETA_TEST_S3_URL` names; and answers as S3 documents them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use archive_tests::bucket::Bucket;
use archive_tests::child::is_child;
use archive_tests::fake::serve;
use archive_tests::{content, fill, large, memory, record};
use proximadb_meta_archive::{ArchiveSource, Pages, verify, write};
use proximadb_meta_core::report::{BackupOptions, RestoreOptions};
use proximadb_meta_core::{CollectionMetadata, Error, ErrorKind, Filter, Namespace, Operation, PutIf, Timestamp};

const NOW: Timestamp = Timestamp::from_micros(1_764_000_000_000_000);
const NO_SUCH: &str = "01930000-0000-7000-8000-000000000000";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs a test in a process that knows the bucket.
fn with_bucket<F: Future<Output = ()>>(test: &str, body: impl FnOnce(Bucket, String) -> F) {
    let bucket = Bucket::of_environment();
    if is_child(test, &bucket.variables()) {
        let location = bucket.location(test);
        runtime().block_on(body(bucket, location));
    }
}

#[test]
fn memory_and_the_log_take_each_others_backups() {
    with_bucket("memory_and_the_log_take_each_others_backups", |bucket, location| async move {
        let (dir, memory) = (tempfile::tempdir().unwrap(), memory());
        let log = proximadb_meta_wal::open(dir.path().join("log")).await.unwrap().into_backend();
        fill(&memory, 500).await;
        for n in 500..650 {
            memory.batch_operations(vec![Operation::Put { record: large(n), when: PutIf::Absent }]).await.unwrap();
        }
        let there = memory.backup(&location, BackupOptions::default()).await.unwrap();
        let verified = verify(&location, &there.id).await.unwrap();
        assert_eq!((verified.manifest.records, verified.parts), (650, 3));
        assert_eq!(bucket.keys(&location).len(), 4);
        assert_eq!(log.restore(&there.id, &location, RestoreOptions::default()).await.unwrap().records, 650);
        let back = log.backup(&location, BackupOptions::default()).await.unwrap();
        assert_eq!((&back.blake3, back.bytes), (&there.blake3, there.bytes));
        let again = archive_tests::memory();
        assert_eq!(again.restore(&back.id, &location, RestoreOptions::default()).await.unwrap().records, 650);
        assert_eq!(content(&again).await, content(&memory).await);
        let some = RestoreOptions::replacing().with_filter(Filter::parse("tags:odd").unwrap());
        let done = again.restore(&back.id, &location, some).await.unwrap();
        assert_eq!((done.records, done.replaced), (325, 650));
        log.close().await.unwrap();
    });
}

#[test]
fn damage_in_a_bucket_is_found() {
    with_bucket("damage_in_a_bucket_is_found", |bucket, location| async move {
        let store = memory();
        fill(&store, 3).await;
        let id = store.backup(&location, BackupOptions::default()).await.unwrap().id;
        let prefix = location.strip_prefix(&format!("s3://{}", bucket.name)).unwrap();
        let at = |file: &str| format!("{prefix}/{id}/{file}");
        let part = "records-00001.ndjson.zst";
        let before = content(&store).await;
        let refused = async |says: &str| {
            let e = store.restore(&id, &location, RestoreOptions::replacing()).await.unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Corruption, "{e}");
            assert!(e.message().contains(says), "{says:?} is not in: {e}");
            assert_eq!(content(&store).await, before);
        };
        let put = |path: &str, body: &[u8]| assert!(bucket.send("PUT", path, body).0.contains("200"));
        for file in ["manifest.json", part] {
            let good = bucket.send("GET", &at(file), b"").1;
            let mut flipped = good.clone();
            flipped[20] ^= 1;
            for bad in [&flipped[..], &good[..good.len() - 1], &[&good[..], b"x"].concat(), b""] {
                put(&at(file), bad);
                refused(file).await;
            }
            put(&at(file), &good);
        }
        put(&at("records-00002.ndjson.zst"), b"x");
        refused("the manifest does not know it").await;
        assert!(bucket.send("DELETE", &at("records-00002.ndjson.zst"), b"").0.contains("204"));
        let good = bucket.send("GET", &at(part), b"").1;
        assert!(bucket.send("DELETE", &at(part), b"").0.contains("204"));
        refused("it is missing").await;
        put(&at(part), &good);
        // An upload that was cut off: everything but the manifest.
        assert!(bucket.send("DELETE", &at("manifest.json"), b"").0.contains("204"));
        assert_eq!(verify(&location, &id).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(verify(&location, NO_SUCH).await.unwrap_err().kind(), ErrorKind::NotFound);
    });
}

/// Pages of which the last never comes, or is an error.
struct Endless {
    pages: u64,
    fails: bool,
}

impl Pages for Endless {
    async fn next_page(&mut self) -> proximadb_meta_core::Result<Vec<Arc<CollectionMetadata>>> {
        if self.pages == 0 {
            if self.fails {
                return Err(Error::new(ErrorKind::Unavailable, "the store went away"));
            }
            std::future::pending::<()>().await;
        }
        self.pages -= 1;
        let from = self.pages.abs_diff(1_000_000) * 100;
        Ok((from..from + 100).map(|n| Arc::new(large(n))).collect())
    }
}

#[test]
fn a_backup_that_is_given_up_leaves_nothing() {
    with_bucket("a_backup_that_is_given_up_leaves_nothing", |bucket, location| async move {
        let namespace = Namespace::default();
        let records = Endless { pages: 3, fails: true };
        let source = ArchiveSource { namespace: &namespace, records, snapshot: false, now: NOW };
        let e = write(&location, source).await.unwrap_err();
        assert_eq!(e.message(), "the store went away");
        assert!(bucket.keys(&location).is_empty());

        let records = Endless { pages: 3, fails: false };
        let source = ArchiveSource { namespace: &namespace, records, snapshot: false, now: NOW };
        {
            let mut writing = std::pin::pin!(write(&location, source));
            while bucket.keys(&location).is_empty() {
                // Some steps, until the first part is there.
                let step = tokio::time::timeout(std::time::Duration::from_millis(20), &mut writing).await;
                assert!(step.is_err(), "it cannot end");
            }
        }
        while !bucket.keys(&location).is_empty() {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn what_a_bucket_answers_is_told_apart() {
    const SECRET: &str = "hunter2";
    let xml = |code: &str| {
        format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>words about {code}</Message>\
             <AWSAccessKeyId>{SECRET}</AWSAccessKeyId><StringToSign>{SECRET}</StringToSign></Error>"
        )
    };
    let cases = [
        ("403 Forbidden", xml("InvalidAccessKeyId"), ErrorKind::Unauthenticated, "InvalidAccessKeyId"),
        ("403 Forbidden", xml("SignatureDoesNotMatch"), ErrorKind::Unauthenticated, "SignatureDoesNotMatch"),
        ("400 Bad Request", xml("ExpiredToken"), ErrorKind::Unauthenticated, "ExpiredToken"),
        ("401 Unauthorized", String::new(), ErrorKind::Unauthenticated, "not authenticated"),
        ("403 Forbidden", xml("AccessDenied"), ErrorKind::PermissionDenied, "AccessDenied"),
        ("403 Forbidden", String::new(), ErrorKind::PermissionDenied, "access denied"),
        ("404 Not Found", xml("NoSuchBucket"), ErrorKind::NotFound, "there is no bucket \"case-6\""),
        ("503 Slow Down", xml("SlowDown"), ErrorKind::Throttled, "SlowDown"),
        ("500 Internal Server Error", xml("InternalError"), ErrorKind::Unavailable, "InternalError"),
        ("418 I'm a teapot", "<html>".to_owned(), ErrorKind::Unavailable, "418"),
    ];
    let answers: Vec<(String, String)> = cases.iter().map(|(s, body, ..)| ((*s).to_owned(), body.clone())).collect();
    let address = serve(move |path| {
        let case = path.strip_prefix("/case-").and_then(|p| p.split(['/', '?']).next()?.parse::<usize>().ok());
        answers[case.unwrap()].clone()
    });
    let variables = [
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", format!("key-{SECRET}")),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
    ];
    if !is_child("what_a_bucket_answers_is_told_apart", &variables) {
        return;
    }
    runtime().block_on(async move {
        let mut all = tokio::task::JoinSet::new();
        for (n, (_, _, kind, says)) in cases.into_iter().enumerate() {
            all.spawn(async move {
                let location = format!("s3://case-{n}/prefix");
                let written = memory().backup(&location, BackupOptions::default()).await.unwrap_err();
                let mut errors = vec![written];
                // What there is no bucket for, or no object, is the same to who reads: there is no backup.
                if kind != ErrorKind::NotFound {
                    errors.push(verify(&location, NO_SUCH).await.unwrap_err());
                }
                for e in errors {
                    assert_eq!(e.kind(), kind, "{e:?}");
                    assert!(e.message().contains(says), "{says:?} is not in {e:?}");
                    assert!(!format!("{e:?}").contains(SECRET), "{e:?}");
                }
            });
        }
        all.join_all().await;
    });
}

#[test]
fn a_request_that_fails_for_a_moment_is_sent_again() {
    let asked = Arc::new(AtomicU64::new(0));
    let address = serve(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        n if n % 3 < 2 => ("503 Service Unavailable".to_owned(), String::new()),
        _ => ("200 OK".to_owned(), String::new()),
    });
    let variables = [
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ];
    if is_child("a_request_that_fails_for_a_moment_is_sent_again", &variables) {
        runtime().block_on(async {
            let store = memory();
            store.create_collection(record(1)).await.unwrap();
            assert_eq!(store.backup("s3://bucket", BackupOptions::default()).await.unwrap().records, 1);
        });
    }
}

/// An address where nobody listens, and what one must know to ask there.
fn nobody() -> Vec<(&'static str, String)> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    vec![
        ("AWS_ENDPOINT_URL", format!("http://{}", listener.local_addr().unwrap())),
        ("AWS_ACCESS_KEY_ID", "hunter2".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "hunter2".to_owned()),
    ]
}

#[test]
fn a_closed_port_is_unavailable() {
    let variables = [nobody(), vec![("AWS_ALLOW_HTTP", "true".to_owned())]].concat();
    if is_child("a_closed_port_is_unavailable", &variables) {
        let e = runtime().block_on(memory().backup("s3://bucket/x", BackupOptions::default())).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Unavailable, "{e:?}");
        assert!(e.message().contains("refused") && e.hint().unwrap().contains("AWS_ENDPOINT_URL"), "{e:?}");
        assert!(!format!("{e:?}").contains("hunter2"), "{e:?}");
    }
}

#[test]
fn plain_http_has_to_be_asked_for() {
    if is_child("plain_http_has_to_be_asked_for", &nobody()) {
        let e = runtime().block_on(memory().backup("s3://bucket/x", BackupOptions::default())).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Config, "{e:?}");
        assert!(e.hint().unwrap().contains("AWS_ALLOW_HTTP") && !format!("{e:?}").contains("hunter2"), "{e:?}");
    }
}

#[test]
fn half_of_the_credentials_is_a_wrong_configuration() {
    let variables = [("AWS_ACCESS_KEY_ID", "hunter2".to_owned())];
    if is_child("half_of_the_credentials_is_a_wrong_configuration", &variables) {
        let e = runtime().block_on(memory().backup("s3://bucket/x", BackupOptions::default())).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Config, "{e:?}");
        assert!(!format!("{e:?}").contains("hunter2"), "{e:?}");
    }
}

#[test]
fn a_bucket_that_is_not_there_is_not_found() {
    with_bucket("a_bucket_that_is_not_there_is_not_found", |_, _| async move {
        let location = format!("s3://no-such-bucket-{}/x", std::process::id());
        let e = memory().backup(&location, BackupOptions::default()).await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::NotFound, "{e:?}");
        assert!(e.message().contains("there is no bucket"), "{e:?}");
        assert_eq!(verify(&location, NO_SUCH).await.unwrap_err().kind(), ErrorKind::NotFound);
    });
}

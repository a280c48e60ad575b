//! A crash or an error between any two steps: of a backup it leaves nothing that has a backup's name, of a restore a catalog that
//! is as before, or one that refuses use until it is restored again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use archive_tests::child::is_child;
use archive_tests::{Backup, content, large, memory, record};
use proximadb_meta_archive::{ArchiveSource, Pages, verify, write};
use proximadb_meta_core::driver::{Applied, Driver, Key, Prepared, Scan, Scanned};
use proximadb_meta_core::report::{
    BackendStats, BackupOptions, BackupReport, Descriptor, Health, RestoreOptions, RestoreReport,
};
use proximadb_meta_core::{
    BatchLimits, Call, Capabilities, CollectionMetadata, Contract, Error, ErrorKind, Filter, MetadataBackend,
    Namespace, Result, Timestamp,
};
use proximadb_meta_memory::MemoryDriver;

const PAGES: u64 = 4;
const NOW: Timestamp = Timestamp::from_micros(1_764_000_000_000_000);

/// Pages of large records, and what happens instead of page `at`.
struct Interrupted {
    page: u64,
    at: u64,
    by: fn() -> Result<()>,
}

impl Pages for Interrupted {
    async fn next_page(&mut self) -> Result<Vec<Arc<CollectionMetadata>>> {
        if self.page == self.at {
            (self.by)()?;
        }
        let from = self.page * 50;
        self.page += 1;
        Ok(if self.page > PAGES { Vec::new() } else { (from..from + 50).map(|n| Arc::new(large(n))).collect() })
    }
}

async fn back_up(location: &str, at: u64, by: fn() -> Result<()>) -> Result<BackupReport> {
    let namespace = Namespace::default();
    let records = Interrupted { page: 0, at, by };
    write(location, ArchiveSource { namespace: &namespace, records, snapshot: true, now: NOW }).await
}

fn names(dir: &std::path::Path) -> Vec<String> {
    std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_backup_that_fails_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let location = dir.path().to_str().unwrap();
    for at in 0..=PAGES {
        let e = back_up(location, at, || Err(Error::new(ErrorKind::Unavailable, "the store went away"))).await;
        assert_eq!(e.unwrap_err().message(), "the store went away");
        assert!(names(dir.path()).is_empty(), "{at}: {:?}", names(dir.path()));
    }
    let whole = back_up(location, PAGES + 1, || Ok(())).await.unwrap();
    assert_eq!(names(dir.path()), [whole.id.clone()]);
    assert_eq!(verify(location, &whole.id).await.unwrap().manifest.records, 50 * PAGES);
}

#[test]
fn a_process_that_dies_in_a_backup_leaves_none() {
    let test = "a_process_that_dies_in_a_backup_leaves_none";
    let dir = tempfile::tempdir().unwrap();
    let variables =
        |at: u64| [("PXMETA_TEST_DIR", dir.path().to_str().unwrap().to_owned()), ("PXMETA_TEST_AT", at.to_string())];
    if let (Ok(location), Ok(at)) = (std::env::var("PXMETA_TEST_DIR"), std::env::var("PXMETA_TEST_AT")) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let _ = runtime.block_on(back_up(&location, at.parse().unwrap(), || std::process::abort()));
        return;
    }
    for at in 0..=PAGES {
        let died = std::panic::catch_unwind(|| is_child(test, &variables(at)));
        assert!(died.is_err(), "the child passed");
        let left = names(dir.path());
        assert_eq!(left.len() as u64, at + 1);
        assert!(left.iter().all(|n| n.starts_with('.') && n.ends_with(".part")), "{left:?}");
    }
    // What was cut off is in nobody's way.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let location = dir.path().to_str().unwrap();
    let whole = runtime.block_on(back_up(location, PAGES + 1, || Ok(()))).unwrap();
    assert_eq!(runtime.block_on(verify(location, &whole.id)).unwrap().manifest.records, 50 * PAGES);
}

#[tokio::test]
async fn a_backup_whose_future_is_dropped_leaves_nothing() {
    struct Forever(Option<Vec<Arc<CollectionMetadata>>>);
    impl Pages for Forever {
        async fn next_page(&mut self) -> Result<Vec<Arc<CollectionMetadata>>> {
            match self.0.take() {
                Some(page) => Ok(page),
                None => std::future::pending().await,
            }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let location = dir.path().to_str().unwrap().to_owned();
    let part_is_there = || {
        let temporary = names(dir.path()).pop().map(|n| dir.path().join(n));
        temporary.is_some_and(|t| !names(&t).is_empty())
    };
    let task = tokio::spawn(async move {
        let namespace = Namespace::default();
        let records = Forever(Some((0..100).map(|n| Arc::new(large(n))).collect()));
        write(&location, ArchiveSource { namespace: &namespace, records, snapshot: true, now: NOW }).await
    });
    while !part_is_there() {
        tokio::task::yield_now().await;
    }
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    while !names(dir.path()).is_empty() {
        tokio::task::yield_now().await;
    }
}

/// A store in memory that fails at one of its calls: before it, or after it was done.
#[derive(Debug, Default)]
struct Failing {
    inner: MemoryDriver,
    calls: AtomicU64,
    at: AtomicU64,
    after: bool,
}

impl Failing {
    async fn step<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let fails = self.calls.fetch_add(1, Ordering::SeqCst) == self.at.load(Ordering::SeqCst);
        let broken = || Err(Error::new(ErrorKind::Unavailable, "the store broke"));
        if fails && !self.after {
            return broken();
        }
        let done = work.await;
        if fails { broken() } else { done }
    }
}

impl Driver for Failing {
    fn descriptor(&self) -> &Descriptor {
        self.inner.descriptor()
    }

    fn capabilities(&self) -> Capabilities {
        let mut c = self.inner.capabilities();
        // Small units: many steps.
        c.atomic_batch = BatchLimits { ops: 3, items: 3, bytes: 1 << 20 };
        c
    }

    async fn get(&self, call: &Call, key: Key<'_>) -> Result<Option<Arc<CollectionMetadata>>> {
        self.inner.get(call, key).await
    }

    async fn apply(&self, call: &Call, unit: Prepared) -> Result<Applied> {
        assert!(unit.writes.len() <= 3, "a unit over the limits of the store");
        self.step(self.inner.apply(call, unit)).await
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Scanned> {
        self.step(self.inner.scan(call, scan)).await
    }

    async fn mark_restoring(&self, call: &Call, on: bool) -> Result<()> {
        self.step(self.inner.mark_restoring(call, on)).await
    }

    async fn stats(&self, call: &Call) -> Result<BackendStats> {
        self.inner.stats(call).await
    }

    async fn health(&self, call: &Call) -> Result<Health> {
        self.inner.health(call).await
    }

    async fn backup(&self, call: &Call, location: &str, options: BackupOptions) -> Result<BackupReport> {
        self.inner.backup(call, location, options).await
    }

    async fn restore(&self, call: &Call, id: &str, location: &str, options: RestoreOptions) -> Result<RestoreReport> {
        proximadb_meta_archive::restore(self, call, id, location, options).await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

#[tokio::test]
async fn a_restore_that_fails_at_any_step_is_as_before_or_refuses_use() {
    let backup = Backup::of(10).await;
    let wanted: Vec<String> = (0..10).filter(|n| n % 2 == 1).map(|n| record(n).to_json()).collect();
    let (mut as_before, mut marked) = (0, 0);
    for after in [false, true] {
        for at in 0.. {
            let driver = Failing { after, ..Failing::default() };
            driver.at.store(u64::MAX, Ordering::SeqCst);
            let contract = Contract::new(driver);
            for n in 100..107 {
                contract.create_collection(record(n)).await.unwrap();
            }
            let before: Vec<_> = contract.list_collections(None).await.unwrap();
            let options = || RestoreOptions::replacing().with_filter(Filter::parse("tags:odd").unwrap());
            let driver = contract.driver();
            driver.calls.store(0, Ordering::SeqCst);
            driver.at.store(at, Ordering::SeqCst);
            let outcome = contract.restore(&backup.id, backup.location(), options()).await;
            driver.at.store(u64::MAX, Ordering::SeqCst);
            match (outcome, contract.list_collections(None).await) {
                (Ok(done), listed) => {
                    assert_eq!((done.records, done.replaced), (5, 7));
                    assert_eq!(listed.unwrap().iter().map(|r| r.to_json()).collect::<Vec<_>>(), wanted);
                    break;
                }
                (Err(e), Ok(listed)) => {
                    assert_eq!(e.message(), "the store broke");
                    // Only the last step can have failed after it was done.
                    let done = listed.iter().map(|r| r.to_json()).collect::<Vec<_>>() == wanted;
                    assert!(listed == before || (after && done), "half a catalog serves: {listed:?}");
                    as_before += 1;
                }
                (Err(e), Err(refused)) => {
                    assert_eq!(e.message(), "the store broke");
                    assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
                    marked += 1;
                }
            }
            // The same restore finishes the job.
            let done = contract.restore(&backup.id, backup.location(), options()).await.unwrap();
            assert_eq!(done.records, 5);
            let listed = contract.list_collections(None).await.unwrap();
            assert_eq!(listed.iter().map(|r| r.to_json()).collect::<Vec<_>>(), wanted);
        }
    }
    assert!(as_before >= 2 && marked >= 10, "{as_before} as before, {marked} marked");
}

#[tokio::test]
async fn a_refusal_leaves_no_mark() {
    let (backup, store) = (Backup::of(10).await, memory());
    assert_eq!(backup.restore(&store, RestoreOptions::default()).await.unwrap().records, 10);
    let e = backup.restore(&store, RestoreOptions::default()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::AlreadyExists);
    assert!(e.message().contains("10 collections"), "{e}");
    assert_eq!(content(&store).await.len(), 10, "not marked by a refusal");
}

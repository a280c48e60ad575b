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
    assert_eq!(names(dir.path()), std::slice::from_ref(&whole.id));
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

/// A store that fails, or dies, at one of its calls: before it, or after it was done.
#[derive(Debug)]
struct Failing<D: Driver> {
    inner: Contract<D>,
    calls: AtomicU64,
    at: AtomicU64,
    after: bool,
    dies: bool,
}

impl<D: Driver> Failing<D> {
    fn new(inner: Contract<D>, after: bool) -> Self {
        Self { inner, calls: AtomicU64::new(0), at: AtomicU64::new(u64::MAX), after, dies: false }
    }

    /// From now on call `at` fails; `u64::MAX`: none.
    fn fail_at(&self, at: u64) {
        self.calls.store(0, Ordering::SeqCst);
        self.at.store(at, Ordering::SeqCst);
    }

    async fn step<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let fails = self.calls.fetch_add(1, Ordering::SeqCst) == self.at.load(Ordering::SeqCst);
        let broken = || {
            if self.dies {
                std::process::abort();
            }
            Err(Error::new(ErrorKind::Unavailable, "the store broke"))
        };
        if fails && !self.after {
            return broken();
        }
        let done = work.await;
        if fails { broken() } else { done }
    }
}

impl<D: Driver> Driver for Failing<D> {
    fn descriptor(&self) -> &Descriptor {
        self.inner.driver().descriptor()
    }

    fn capabilities(&self) -> Capabilities {
        let mut c = self.inner.driver().capabilities();
        // Small units: many steps.
        c.atomic_batch = BatchLimits { ops: 3, items: 3, bytes: 1 << 20 };
        c
    }

    async fn get(&self, call: &Call, key: Key<'_>) -> Result<Option<Arc<CollectionMetadata>>> {
        self.inner.driver().get(call, key).await
    }

    async fn apply(&self, call: &Call, unit: Prepared) -> Result<Applied> {
        assert!(unit.writes.len() <= 3, "a unit over the limits of the store");
        self.step(self.inner.driver().apply(call, unit)).await
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Scanned> {
        self.step(self.inner.driver().scan(call, scan)).await
    }

    async fn mark_restoring(&self, call: &Call, on: bool) -> Result<()> {
        self.step(self.inner.driver().mark_restoring(call, on)).await
    }

    async fn stats(&self, call: &Call) -> Result<BackendStats> {
        self.inner.driver().stats(call).await
    }

    async fn health(&self, call: &Call) -> Result<Health> {
        self.inner.driver().health(call).await
    }

    async fn backup(&self, call: &Call, location: &str, options: BackupOptions) -> Result<BackupReport> {
        self.inner.driver().backup(call, location, options).await
    }

    async fn restore(&self, call: &Call, id: &str, location: &str, options: RestoreOptions) -> Result<RestoreReport> {
        proximadb_meta_archive::restore(self, call, id, location, options).await
    }

    async fn close(&self) -> Result<()> {
        self.inner.driver().close().await
    }
}

#[tokio::test]
async fn a_restore_that_fails_at_any_step_is_as_before_or_refuses_use() {
    let backup = Backup::of(10).await;
    let wanted: Vec<String> = (0..10).filter(|n| n % 2 == 1).map(|n| record(n).to_json()).collect();
    let (mut as_before, mut marked) = (0, 0);
    for after in [false, true] {
        for at in 0.. {
            let contract = Contract::new(Failing::new(proximadb_meta_memory::memory(), after));
            for n in 100..107 {
                contract.create_collection(record(n)).await.unwrap();
            }
            let before: Vec<_> = contract.list_collections(None).await.unwrap();
            let options = || RestoreOptions::replacing().with_filter(Filter::parse("tags:odd").unwrap());
            let driver = contract.driver();
            driver.fail_at(at);
            let outcome = contract.restore(&backup.id, backup.location(), options()).await;
            driver.fail_at(u64::MAX);
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

#[test]
fn a_process_that_dies_in_a_restore_leaves_the_log_as_before_or_marked() {
    let test = "a_process_that_dies_in_a_restore_leaves_the_log_as_before_or_marked";
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let variable = |name| std::env::var(name).ok();
    if let (Some(log), Some(backup)) = (variable("PXMETA_TEST_LOG"), variable("PXMETA_TEST_BACKUP")) {
        let (location, id) = backup.rsplit_once('/').unwrap();
        let number = |name| variable(name).unwrap().parse::<u64>().unwrap();
        runtime.block_on(async {
            let log = proximadb_meta_wal::open(log).await.unwrap();
            let mut driver = Failing::new(log, number("PXMETA_TEST_AFTER") == 1);
            driver.dies = true;
            driver.fail_at(number("PXMETA_TEST_AT"));
            let contract = Contract::new(driver);
            contract.restore(id, location, RestoreOptions::replacing()).await.unwrap();
            contract.close().await.unwrap();
        });
        return;
    }
    let backup = runtime.block_on(Backup::of(7));
    let wanted: Vec<String> = (0..7).map(|n| record(n).to_json()).collect();
    let dir = tempfile::tempdir().unwrap();
    let mut marked = 0;
    for after in 0..2 {
        for at in 0.. {
            let log = dir.path().join(format!("{after}-{at}"));
            let open = async || proximadb_meta_wal::open(&log).await.unwrap().into_backend();
            let before = runtime.block_on(async {
                let store = open().await;
                for n in 100..104 {
                    store.create_collection(record(n)).await.unwrap();
                }
                let before = content(&store).await;
                store.close().await.unwrap();
                before
            });
            let variables = [
                ("PXMETA_TEST_LOG", log.display().to_string()),
                ("PXMETA_TEST_BACKUP", format!("{}/{}", backup.location(), backup.id)),
                ("PXMETA_TEST_AT", at.to_string()),
                ("PXMETA_TEST_AFTER", after.to_string()),
            ];
            let died = std::panic::catch_unwind(|| is_child(test, &variables)).is_err();
            let is_marked = runtime.block_on(async {
                let store = open().await;
                let is_marked = match store.list_collections(None).await {
                    Ok(_) => {
                        let now = content(&store).await;
                        assert!(now == before || now == wanted, "half a catalog serves: {now:?}");
                        assert!(died || now == wanted);
                        false
                    }
                    Err(e) => {
                        assert_eq!(e.kind(), ErrorKind::Unavailable, "{e}");
                        true
                    }
                };
                let done = backup.restore(&store, RestoreOptions::replacing()).await.unwrap();
                assert_eq!((done.records, content(&store).await), (7, wanted.clone()));
                store.close().await.unwrap();
                is_marked
            });
            marked += u64::from(is_marked);
            if !died {
                break;
            }
        }
    }
    assert!(marked >= 10, "{marked} left marked");
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

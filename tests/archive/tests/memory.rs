//! Memory stays flat: a backup, its verification and its restore take a few parts, and 16 bytes a record, however many there are.
//!
//! `PXMETA_SOAK_ARCHIVE_RECORDS` (60000) sets how many; with `--nocapture` the numbers are printed.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(unsafe_code, reason = "GlobalAlloc is an unsafe trait; the calls are handed on unchanged")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use archive_tests::record;
use proximadb_meta_archive::{ArchiveSource, Pages, restore, verify, write};
use proximadb_meta_core::driver::{Applied, Driver, Key, NetWrite, Prepared, Scan, Scanned};
use proximadb_meta_core::page::Position;
use proximadb_meta_core::report::{BackendStats, Descriptor, Health, HealthStatus, RestoreOptions};
use proximadb_meta_core::{
    BatchLimits, Call, Capabilities, CollectionMetadata, Durability, MetadataBackendType, Namespace, Result, Timestamp,
};

/// Counts what is allocated, and the most at once.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// Safety: every call is the system allocator's own, with the arguments as they came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // Safety: the caller keeps the contract of this very method.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // Safety: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

/// The most that is allocated at once while `work` runs, beyond what was there before.
async fn peak<T>(work: impl Future<Output = T>) -> (T, usize) {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let done = work.await;
    (done, PEAK.load(Ordering::Relaxed).saturating_sub(before))
}

/// A store that keeps nothing but a number: record `n` is what it always is. It makes and checks records without holding any.
#[derive(Debug)]
struct Made {
    descriptor: Descriptor,
    count: AtomicU64,
}

impl Made {
    fn of(count: u64) -> Self {
        let descriptor = Descriptor::new(MetadataBackendType::MEMORY, "made", "made://");
        Self { descriptor, count: AtomicU64::new(count) }
    }

    fn page(&self, from: u64, most: usize) -> Vec<Arc<CollectionMetadata>> {
        let end = self.count.load(Ordering::SeqCst).min(from + most as u64);
        (from..end).map(|n| Arc::new(record(n))).collect()
    }
}

fn number(id: &str) -> u64 {
    id.strip_prefix("id-").unwrap().parse().unwrap()
}

impl Driver for Made {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn capabilities(&self) -> Capabilities {
        let limits = BatchLimits { ops: 10_000, items: 10_000, bytes: 64 << 20 };
        Capabilities::mandatory(limits, Durability::Volatile)
    }

    async fn get(&self, _: &Call, _: Key<'_>) -> Result<Option<Arc<CollectionMetadata>>> {
        Ok(None)
    }

    async fn apply(&self, _: &Call, unit: Prepared) -> Result<Applied> {
        for write in &unit.writes {
            let NetWrite::Put { record: put, .. } = write else { unreachable!() };
            let n = self.count.fetch_add(1, Ordering::SeqCst);
            assert!(put.same_content(&record(n)), "{n} comes back as another record");
        }
        Ok(Applied::Done(vec![None; unit.writes.len()]))
    }

    async fn scan(&self, _: &Call, scan: Scan) -> Result<Scanned> {
        let records = self.page(scan.after.map_or(0, |p| number(&p.id) + 1), scan.limit);
        let next = records.last().map(|r| Position::after(r, scan.order));
        Ok(Scanned::new(records, next, 0, "made"))
    }

    async fn mark_restoring(&self, _: &Call, _: bool) -> Result<()> {
        Ok(())
    }

    async fn stats(&self, _: &Call) -> Result<BackendStats> {
        Ok(BackendStats::default())
    }

    async fn health(&self, _: &Call) -> Result<Health> {
        Ok(Health::new(HealthStatus::Ready, None, std::time::Duration::ZERO))
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

struct Paged {
    from: Made,
    next: u64,
}

impl Pages for Paged {
    async fn next_page(&mut self) -> Result<Vec<Arc<CollectionMetadata>>> {
        let page = self.from.page(self.next, 1000);
        self.next += page.len() as u64;
        Ok(page)
    }
}

/// The most that a backup of so many records, its verification and its restore allocate at once.
async fn peaks(count: u64) -> [usize; 3] {
    let dir = tempfile::tempdir().unwrap();
    let location = dir.path().to_str().unwrap();
    let (namespace, now) = (Namespace::default(), Timestamp::from_micros(1_764_000_000_000_000));
    let records = Paged { from: Made::of(count), next: 0 };
    let source = ArchiveSource { namespace: &namespace, records, snapshot: true, now };
    let (report, written) = peak(write(location, source)).await;
    let id = report.unwrap().id;
    let (found, verified) = peak(verify(location, &id)).await;
    let found = found.unwrap();
    assert_eq!(found.manifest.records, count);
    let (into, call) = (Made::of(0), Call::new(namespace, now));
    let (done, restored) = peak(restore(&into, &call, &id, location, RestoreOptions::default())).await;
    assert_eq!((done.unwrap().records, into.count.load(Ordering::SeqCst)), (count, count));
    eprintln!(
        "memory: {count} records, {} MiB in {} parts: written with {} KiB, verified with {} KiB, restored with {} KiB",
        found.manifest.bytes >> 20,
        found.parts,
        written >> 10,
        verified >> 10,
        restored >> 10
    );
    [written, verified, restored]
}

#[tokio::test]
async fn ten_times_the_records_take_no_more_memory() {
    /// What does not grow: some parts as lines, as records and compressed, a page, a chunk of names.
    const FLAT: usize = 64 << 20;
    let count = std::env::var("PXMETA_SOAK_ARCHIVE_RECORDS").map_or(60_000, |n| n.parse().unwrap());
    let (few, many) = (peaks(count / 10).await, peaks(count).await);
    for (few, many) in few.into_iter().zip(many) {
        // 16 bytes a record, in chunks of 1 MiB; the parts of the manifest are some 300 bytes for each 4 MiB.
        let grown = many.saturating_sub(few);
        let allowed = (16 << 20) + 20 * count as usize;
        assert!(many <= FLAT + 20 * count as usize, "{many} bytes at once");
        assert!(grown <= allowed, "{few} bytes became {many}");
    }
}

//! What the tests of the archive share: catalogs, copies of backups, what a store holds.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, missing_docs, reason = "helpers of tests")]

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proximadb_meta_archive::ArchiveSource;
use proximadb_meta_core::report::{RestoreOptions, RestoreReport};
use proximadb_meta_core::{
    AccessPattern, CollectionMetadata, ConfigJson, DistanceMetric, Extra, MetadataBackend, Namespace, Operation, PutIf,
    Result, Retention, Timestamp,
};
use tempfile::TempDir;

pub mod resealed;

pub type Store = Arc<dyn MetadataBackend>;

/// A new store in memory.
#[must_use]
pub fn memory() -> Store {
    proximadb_meta_memory::memory().into_backend()
}

/// Record `n`: every other one has every field.
#[must_use]
pub fn record(n: u64) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(format!("name \"{n}\" ü"), 3 + n as u32, DistanceMetric::COSINE);
    r.id = format!("id-{n:09}").into();
    r.created_at = Timestamp::from_micros(1_764_000_000_000_000 + n as i64);
    r.updated_at = r.created_at;
    r.version = 1 + n;
    r.vector_count = n * 1000;
    r.tags = ["prod", if n.is_multiple_of(2) { "even" } else { "odd" }].into();
    if n.is_multiple_of(2) {
        r.access_pattern = AccessPattern::Cold;
        r.retention = Some(Retention { retain_days: 30, auto_delete: true });
        r.expires_at = Some(Timestamp::MAX);
        r.config = ConfigJson::parse(r#"{"index":{"m":16},"on":true,"x":0.5}"#).unwrap();
        r.description = Some("line\n\ttwo".into());
        r.owner = Some("böb".into());
        r.extra = Extra::parse(r#"{"future":[1,2],"zone":"eu"}"#).unwrap();
    }
    r
}

/// Puts records `0..count` into a store, as they are.
pub async fn fill(store: &Store, count: u64) {
    for from in (0..count).step_by(1000) {
        let put = |n| Operation::Put { record: record(n), when: PutIf::Absent };
        let batch = (from..count.min(from + 1000)).map(put).collect();
        store.batch_operations(batch).await.unwrap();
    }
}

/// What a store lists, in the portable form.
pub async fn content(store: &Store) -> Vec<String> {
    store.list_collections(None).await.unwrap().iter().map(|r| r.to_json()).collect()
}

/// Record `n` with a config of 60 KiB that compresses badly: some seventy of them fill a part.
#[must_use]
pub fn large(n: u64) -> CollectionMetadata {
    let mut noise = vec![0; 30_000];
    blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(&mut noise);
    let noise: String = noise.iter().map(|b| format!("{b:02x}")).collect();
    let mut r = record(n);
    r.config = ConfigJson::parse(&format!(r#"{{"noise":"{noise}"}}"#)).unwrap();
    r
}

/// A backup of some records, in a directory of its own.
#[derive(Debug)]
pub struct Backup {
    pub dir: TempDir,
    pub id: String,
}

impl Backup {
    /// Of records `0..count`.
    pub async fn of(count: u64) -> Self {
        Self::from(0..count, record).await
    }

    /// Of these records.
    pub async fn from(numbers: Range<u64>, record: fn(u64) -> CollectionMetadata) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let records: Vec<_> = numbers.map(|n| Arc::new(record(n))).collect();
        let (namespace, now) = (Namespace::default(), Timestamp::from_micros(1_764_000_000_000_000));
        let source = ArchiveSource { namespace: &namespace, records, snapshot: true, now };
        let report = proximadb_meta_archive::write(dir.path().to_str().unwrap(), source).await.unwrap();
        Self { dir, id: report.id }
    }

    /// The same again, to be damaged.
    #[must_use]
    pub fn copy(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        copy(self.dir.path(), dir.path());
        Self { dir, id: self.id.clone() }
    }

    #[must_use]
    pub fn location(&self) -> &str {
        self.dir.path().to_str().unwrap()
    }

    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(&self.id).join(name)
    }

    /// Restores it into this store.
    pub async fn restore(&self, into: &Store, options: RestoreOptions) -> Result<RestoreReport> {
        into.restore(&self.id, self.location(), options).await
    }
}

/// Copies a directory of files and directories.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

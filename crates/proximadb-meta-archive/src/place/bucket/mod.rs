//! Backups in a bucket of S3, or of a store that speaks its language: each file an object, the manifest last.
//!
//! A part has at most a little over 4 MiB, so that each is one upload, held in memory, retried as a whole. Parts are what
//! S3 asks of a multipart upload, without uploads that were begun and never completed: those are invisible, and cost.

mod error;
mod http;
mod place;

use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use proximadb_meta_core::{Error, ErrorKind, Result};

use crate::manifest;
use error::failed;
pub(crate) use place::Bucket;

/// One backup in a bucket.
#[derive(Clone, Debug)]
pub(crate) struct BucketBackup {
    store: Arc<dyn ObjectStore>,
    bucket: Arc<str>,
    /// The prefix with the id.
    below: Path,
}

impl BucketBackup {
    pub(crate) fn shown(&self, file: &str) -> String {
        format!("s3://{}/{}", self.bucket, self.at(file))
    }

    fn at(&self, file: &str) -> Path {
        self.below.clone().join(file)
    }

    pub(crate) async fn names(&self) -> Result<Vec<String>> {
        let listed = self.store.list_with_delimiter(Some(&self.below)).await;
        let listed = listed.map_err(|e| failed("list", &self.shown(""), &self.bucket, &e))?;
        Ok(listed.objects.iter().filter_map(|o| o.location.filename().map(str::to_owned)).collect())
    }

    pub(crate) async fn size(&self, file: &str) -> Result<u64> {
        let meta = self.store.head(&self.at(file)).await;
        Ok(meta.map_err(|e| failed("open", &self.shown(file), &self.bucket, &e))?.size)
    }

    pub(crate) async fn read(&self, file: &str, offset: u64, limit: usize) -> Result<Vec<u8>> {
        let (path, shown) = (self.at(file), self.shown(file));
        let failed = |e| failed("read", &shown, &self.bucket, &e);
        let end = offset.saturating_add(limit as u64);
        let bytes = if offset == 0 {
            let whole = self.store.get(&path).await.map_err(failed)?;
            if whole.meta.size <= end {
                whole.bytes().await
            } else {
                // Not the rest of something that is longer than it should be.
                drop(whole);
                self.store.get_range(&path, 0..end).await
            }
        } else {
            self.store.get_range(&path, offset..end).await
        };
        Ok(bytes.map_err(failed)?.to_vec())
    }

    async fn put(&self, file: &str, bytes: Vec<u8>) -> Result<()> {
        let stored = self.store.put(&self.at(file), bytes.into()).await;
        stored.map(drop).map_err(|e| failed("write", &self.shown(file), &self.bucket, &e))
    }
}

/// A backup that is being written.
#[derive(Debug)]
pub(crate) struct BucketSink {
    backup: BucketBackup,
    /// What was stored, or perhaps was, until the manifest is.
    unfinished: Vec<String>,
}

impl BucketSink {
    pub(crate) async fn put(&mut self, file: String, bytes: Vec<u8>) -> Result<()> {
        self.unfinished.push(file.clone());
        self.backup.put(&file, bytes).await
    }

    pub(crate) async fn publish(&mut self, manifest: Vec<u8>) -> Result<()> {
        match self.backup.put(manifest::FILE, manifest).await {
            Ok(()) => {
                self.unfinished.clear();
                Ok(())
            }
            Err(e) => self.unclear(e).await,
        }
    }

    /// The manifest may be there although the answer got lost: then the backup is whole, and must not lose its parts.
    async fn unclear(&mut self, e: Error) -> Result<()> {
        if e.kind() != ErrorKind::Unavailable {
            return Err(e);
        }
        match self.backup.size(manifest::FILE).await {
            Ok(_) => {
                self.unfinished.clear();
                Ok(())
            }
            Err(now) if now.kind() == ErrorKind::NotFound => Err(e),
            Err(_) => {
                self.unfinished.clear();
                let hint = "whether the backup is there is not known: verify it, or remove what is below its id";
                Err(e.with_retry(proximadb_meta_core::Retry::UnknownOutcome).with_hint(hint))
            }
        }
    }

    pub(crate) async fn discard(mut self) {
        remove(self.backup.clone(), std::mem::take(&mut self.unfinished)).await;
    }
}

/// For a write whose future was dropped.
impl Drop for BucketSink {
    fn drop(&mut self) {
        if let (false, Ok(runtime)) = (self.unfinished.is_empty(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(remove(self.backup.clone(), std::mem::take(&mut self.unfinished)));
        }
    }
}

/// Best effort: without a manifest they are no backup, so they can only waste space.
async fn remove(backup: BucketBackup, files: Vec<String>) {
    for file in files {
        let _ = backup.store.delete(&backup.at(&file)).await;
    }
}

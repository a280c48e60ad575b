//! The bucket that a location names, and the settings that the environment gives.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStore, RetryConfig};
use proximadb_meta_core::{Error, ErrorKind, Result};

use super::error::words;
use super::http::Connector;
use super::{BucketBackup, BucketSink};

/// Retries of one request, with growing pauses.
const RETRIES: usize = 5;
/// For how long one request is tried.
const RETRY_FOR: Duration = Duration::from_secs(30);

/// A prefix in a bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    store: Arc<dyn ObjectStore>,
    name: Arc<str>,
    prefix: Path,
}

impl Bucket {
    /// `place` is what stands behind `s3://`: a bucket, and a prefix if there is a slash behind it.
    ///
    /// # Errors
    /// `InvalidInput` for what is no bucket or prefix; `Config` for settings that do not fit together.
    pub(crate) fn new(place: &str) -> Result<Self> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let known = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_');
        if bucket.is_empty() || !bucket.bytes().all(known) {
            // It is not repeated: it may hold a key and a secret.
            return Err(Error::invalid("there is no bucket's name behind s3://")
                .with_hint("s3://bucket/prefix; credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"));
        }
        let prefix = Path::parse(prefix).map_err(|e| Error::invalid(format!("the prefix in s3://{bucket}: {e}")))?;
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_FOR, ..RetryConfig::default() };
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_http_connector(Connector)
            .with_retry(retry)
            .build()
            .map_err(|e| {
                let what = format!("the settings for s3://{bucket}: {}", words(&e));
                Error::new(ErrorKind::Config, what).with_hint("they are the variables that begin with AWS_")
            })?;
        Ok(Self { store: Arc::new(store), name: bucket.into(), prefix })
    }

    pub(crate) fn backup(&self, id: &str) -> BucketBackup {
        let below = self.prefix.clone().join(id);
        BucketBackup { store: self.store.clone(), bucket: self.name.clone(), below }
    }

    pub(crate) fn begin(&self, id: &str) -> BucketSink {
        BucketSink { backup: self.backup(id), unfinished: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_prefixes_are_checked_before_anything_is_sent() {
        for good in ["bucket", "bucket/", "b.c-d_e/a/b c/", "bucket/ä"] {
            assert!(Bucket::new(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "/x", "key:hunter2@bucket/x", "bucket?secret=hunter2", "b/../c", "b/./c", "b/a//c"] {
            let e = Bucket::new(bad).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::InvalidInput, "{bad}: {e}");
            assert!(!format!("{e:?}").contains("hunter2"), "{e:?}");
        }
    }
}

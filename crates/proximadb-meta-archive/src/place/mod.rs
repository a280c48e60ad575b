//! Where backups lie: a directory of the machine, or a bucket.

#[cfg(feature = "s3")]
mod bucket;
mod directory;

use proximadb_meta_core::{Error, Result};

#[cfg(feature = "s3")]
pub(crate) use bucket::{Bucket, BucketBackup, BucketSink};
pub(crate) use directory::{Directory, DirectoryBackup, DirectorySink};

/// A location that backups are written to and restored from.
#[derive(Debug)]
pub(crate) enum Place {
    Directory(Directory),
    #[cfg(feature = "s3")]
    Bucket(Bucket),
}

/// One backup at a location, to be read.
#[derive(Debug)]
pub(crate) enum Source {
    Directory(DirectoryBackup),
    #[cfg(feature = "s3")]
    Bucket(BucketBackup),
}

/// One backup that is being written. What is dropped before it was published is removed, as well as can be.
#[derive(Debug)]
pub(crate) enum Sink {
    Directory(DirectorySink),
    #[cfg(feature = "s3")]
    Bucket(BucketSink),
}

impl Place {
    /// The place a location names: a path, `file://` and a path, or `s3://` with bucket and prefix.
    ///
    /// # Errors
    /// `InvalidInput` for an empty one; `Unsupported` for a scheme that is not known, or not compiled in.
    pub(crate) fn parse(location: &str) -> Result<Self> {
        let path = location.strip_prefix("file://").unwrap_or(location);
        if path.is_empty() {
            return Err(Error::invalid("the backup location is empty").with_hint("name a directory"));
        }
        match path.split_once("://") {
            None => Ok(Self::Directory(Directory::new(path))),
            #[cfg(feature = "s3")]
            Some(("s3", place)) => Bucket::new(place).map(Self::Bucket),
            #[cfg(not(feature = "s3"))]
            Some(("s3", _)) => Err(Error::unsupported("this program was compiled without the feature s3")
                .with_hint("name a directory, or build with the feature s3")),
            // What stands behind a scheme is not repeated: it may hold credentials.
            Some((scheme, _)) => {
                Err(Error::unsupported(format!("backups go to directories and buckets, not to {scheme}://"))
                    .with_hint("name a directory, or s3:// with a bucket and a prefix"))
            }
        }
    }

    /// The backup with this id. The id must be a UUID in its usual form: nothing a caller gives can lead out of the location.
    pub(crate) fn backup(&self, id: &str) -> Result<Source> {
        let usual = uuid::Uuid::try_parse(id).is_ok_and(|u| u.hyphenated().to_string() == id);
        if !usual {
            return Err(Error::invalid(format!("{id:?} is not a backup id"))
                .with_hint("a backup id is the UUID that backup returned, the name of its directory"));
        }
        match self {
            Self::Directory(d) => Ok(Source::Directory(d.backup(id))),
            #[cfg(feature = "s3")]
            Self::Bucket(b) => Ok(Source::Bucket(b.backup(id))),
        }
    }

    /// Begins a backup.
    pub(crate) async fn begin(self, id: &str) -> Result<Sink> {
        match self {
            Self::Directory(d) => d.begin(id).await.map(Sink::Directory),
            #[cfg(feature = "s3")]
            Self::Bucket(b) => Ok(Sink::Bucket(b.begin(id))),
        }
    }
}

impl Source {
    /// A file as it is named to people.
    pub(crate) fn shown(&self, file: &str) -> String {
        match self {
            Self::Directory(d) => d.shown(file),
            #[cfg(feature = "s3")]
            Self::Bucket(b) => b.shown(file),
        }
    }

    /// The names of the files, in any order.
    ///
    /// # Errors
    /// `NotFound` where nothing of a backup is.
    pub(crate) async fn names(&self) -> Result<Vec<String>> {
        match self {
            Self::Directory(d) => d.names().await,
            #[cfg(feature = "s3")]
            Self::Bucket(b) => b.names().await,
        }
    }

    /// The bytes of a file.
    pub(crate) async fn size(&self, file: &str) -> Result<u64> {
        match self {
            Self::Directory(d) => d.size(file).await,
            #[cfg(feature = "s3")]
            Self::Bucket(b) => b.size(file).await,
        }
    }

    /// At most `limit` bytes of a file from `offset` on; fewer only at its end.
    pub(crate) async fn read(&self, file: &str, offset: u64, limit: usize) -> Result<Vec<u8>> {
        match self {
            Self::Directory(d) => d.read(file, offset, limit).await,
            #[cfg(feature = "s3")]
            Self::Bucket(b) => b.read(file, offset, limit).await,
        }
    }
}

impl Sink {
    /// Stores a file, as durably as the place can.
    pub(crate) async fn put(&mut self, file: String, bytes: Vec<u8>) -> Result<()> {
        match self {
            Self::Directory(d) => d.put(file, bytes).await,
            #[cfg(feature = "s3")]
            Self::Bucket(b) => b.put(file, bytes).await,
        }
    }

    /// Stores the manifest, and gives the backup its name.
    pub(crate) async fn publish(&mut self, manifest: Vec<u8>) -> Result<()> {
        match self {
            Self::Directory(d) => d.publish(manifest).await,
            #[cfg(feature = "s3")]
            Self::Bucket(b) => b.publish(manifest).await,
        }
    }

    /// Removes what was written, as well as can be: it has no backup's name, so it can only waste space.
    pub(crate) async fn discard(self) {
        match self {
            Self::Directory(d) => d.discard().await,
            #[cfg(feature = "s3")]
            Self::Bucket(b) => b.discard().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use proximadb_meta_core::ErrorKind;

    use super::*;

    #[test]
    fn a_bucket_needs_the_feature() {
        let e = Place::parse("s3://bucket/prefix").err();
        if cfg!(feature = "s3") {
            assert!(e.is_none(), "{e:?}");
        } else {
            let e = e.unwrap();
            assert_eq!(e.kind(), ErrorKind::Unsupported);
            assert!(e.message().contains("compiled without the feature s3"), "{e}");
        }
    }

    #[test]
    fn other_schemes_are_refused_without_what_stands_behind_them() {
        let e = Place::parse("ftp://user:hunter2@host/x").unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Unsupported);
        assert!(!format!("{e:?}").contains("hunter2"), "{e:?}");
    }
}

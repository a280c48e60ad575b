//! What a backup in SQLite's own format says of itself.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use proximadb_meta_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::error::damaged;
use crate::file::io;

/// The newest layout this release writes, and the newest it reads.
pub(super) const FORMAT: u32 = 1;
/// The database in a backup's directory.
pub(super) const DATABASE: &str = "catalog.db";
/// The manifest beside it.
pub(super) const MANIFEST: &str = "sqlite.json";
/// More than this is no manifest.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// `sqlite`.
    pub(super) kind: String,
    /// The backup's id, also the name of its directory.
    pub(super) id: String,
    /// The version of SQLite that wrote it.
    pub(super) sqlite: String,
    /// When it was begun, microseconds since 1970 UTC.
    pub(super) created_at: i64,
    /// Live records of each namespace.
    pub(super) namespaces: BTreeMap<String, u64>,
    /// Bytes of the database.
    pub(super) bytes: u64,
    /// BLAKE3 of the database, hexadecimal.
    pub(super) blake3: String,
}

impl Manifest {
    /// Reads and checks it.
    pub(super) fn read(directory: &Path, id: &str) -> Result<Self> {
        let path = directory.join(MANIFEST);
        let wrong = |why: String| damaged(format!("{}: {why}", path.display()));
        let mut text = Vec::new();
        let file = open_regular(&path)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(|e| io("read", &path, e))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(wrong("too long for a manifest".to_owned()));
        }
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(|e| wrong(e.to_string()))?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format > u64::from(FORMAT) => {
                return Err(Error::unsupported(format!("the backup has format {format}; this release reads {FORMAT}"))
                    .with_hint("restore it with the release that wrote it, or a newer one"));
            }
            Some(_) => {}
            None => return Err(wrong("it has no format number".to_owned())),
        }
        let manifest: Self = serde_json::from_value(value).map_err(|e| wrong(e.to_string()))?;
        if manifest.kind != "sqlite" || manifest.id != id {
            return Err(wrong(format!("it belongs to the {} backup {:?}", manifest.kind, manifest.id)));
        }
        Ok(manifest)
    }

    /// Checks length and hash of the database.
    pub(super) fn check(&self, directory: &Path) -> Result<PathBuf> {
        let path = directory.join(DATABASE);
        let (bytes, hash) = digest(&path)?;
        if bytes != self.bytes || hash != self.blake3 {
            return Err(damaged(format!(
                "{} is not what its manifest says: it was damaged or changed",
                path.display()
            )));
        }
        Ok(path)
    }
}

/// Bytes and BLAKE3 of a file.
pub(super) fn digest(path: &Path) -> Result<(u64, String)> {
    let mut file = open_regular(path)?;
    let mut hash = blake3::Hasher::new();
    let bytes = std::io::copy(&mut file, &mut hash).map_err(|e| io("read", path, e))?;
    Ok((bytes, hash.finalize().to_hex().to_string()))
}

/// A file that must be a regular file itself, not a link to one.
fn open_regular(path: &Path) -> Result<std::fs::File> {
    let meta = std::fs::symlink_metadata(path).map_err(|e| io("open", path, e))?;
    if !meta.is_file() {
        return Err(Error::new(ErrorKind::Corruption, format!("{} is not a regular file", path.display())));
    }
    std::fs::File::open(path).map_err(|e| io("open", path, e))
}

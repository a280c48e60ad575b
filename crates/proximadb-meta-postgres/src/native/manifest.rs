//! What a backup in the format of `pg_dump` says of itself.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use proximadb_meta_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::file::{io, open_regular};

/// The newest layout this release writes, and the newest it reads.
pub(super) const FORMAT: u32 = 1;
/// The dump in a backup's directory.
pub(super) const DUMP: &str = "catalog.dump";
/// The manifest beside it.
pub(super) const MANIFEST: &str = "postgresql.json";
/// More than this is no manifest.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// `postgresql`.
    pub(super) kind: String,
    /// The backup's id, also the name of its directory.
    pub(super) id: String,
    /// What `pg_dump` says of its version.
    pub(super) tool: String,
    /// The schema that was dumped.
    pub(super) schema: String,
    /// When it was begun, microseconds since 1970 UTC.
    pub(super) created_at: i64,
    /// Records of each namespace, with those that had expired.
    pub(super) rows: BTreeMap<String, u64>,
    /// Live records of each namespace.
    pub(super) namespaces: BTreeMap<String, u64>,
    /// Bytes of the dump.
    pub(super) bytes: u64,
    /// BLAKE3 of the dump, hexadecimal.
    pub(super) blake3: String,
}

fn damaged(what: String) -> Error {
    Error::new(ErrorKind::Corruption, what).with_hint("take another backup; nothing was changed")
}

impl Manifest {
    /// Reads and checks it.
    pub(super) fn read(directory: &Path, id: &str) -> Result<Self> {
        let path = directory.join(MANIFEST);
        let wrong = |why: String| damaged(format!("{}: {why}", path.display()));
        let mut text = Vec::new();
        open_regular(&path)?.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(|e| io("read", &path, e))?;
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
        if manifest.kind != "postgresql" || manifest.id != id {
            return Err(wrong(format!("it belongs to the {} backup {:?}", manifest.kind, manifest.id)));
        }
        Ok(manifest)
    }

    /// Checks length and hash of the dump.
    pub(super) fn check(&self, directory: &Path) -> Result<PathBuf> {
        let path = directory.join(DUMP);
        let (bytes, hash) = digest(&path)?;
        if bytes != self.bytes || hash != self.blake3 {
            let what = format!("{} is not what its manifest says: it was damaged or changed", path.display());
            return Err(damaged(what));
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

//! The manifest of a backup.

use std::io::Read as _;
use std::path::Path;

use proximadb_meta_core::{Error, ErrorKind, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::location::{io, open_regular};

/// The newest format this release writes, and the newest it reads.
pub(crate) const FORMAT: u32 = 1;
/// A manifest is a few hundred bytes; more than this is not one.
const MAX_MANIFEST_BYTES: u64 = 64 * 1024;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// Layout of the archive; this release reads 1.
    pub format: u32,
    /// The backup's id, also the name of its directory.
    pub id: String,
    /// The namespace the records came from.
    pub namespace: String,
    /// When it was begun, RFC 3339.
    pub created_at: String,
    /// Records in the payload.
    pub records: u64,
    /// Bytes of the payload.
    pub bytes: u64,
    /// BLAKE3 of the payload, hexadecimal.
    pub blake3: String,
    /// How the payload is compressed: `none`.
    pub compression: String,
    /// Whether the records show one instant.
    pub snapshot: bool,
}

impl Manifest {
    pub(crate) fn read(directory: &Path, id: &str) -> Result<Self> {
        let path = directory.join("manifest.json");
        let mut bytes = Vec::new();
        let file = open_regular(&path).map_err(|e| match e.kind() {
            ErrorKind::NotFound => Error::new(ErrorKind::NotFound, format!("no backup at {}", directory.display()))
                .with_hint("the location is the one given to backup, the id is what backup returned"),
            _ => e,
        })?;
        let corrupt = |why: String| Error::new(ErrorKind::Corruption, format!("{}: {why}", path.display()));
        file.take(MAX_MANIFEST_BYTES + 1).read_to_end(&mut bytes).map_err(|e| io("read", &path, e))?;
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(corrupt("too long for a manifest".to_owned()));
        }
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| corrupt(e.to_string()))?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format > u64::from(FORMAT) => {
                return Err(Error::unsupported(format!("the backup has format {format}; this release reads {FORMAT}"))
                    .with_hint("restore it with the release that wrote it, or a newer one"));
            }
            Some(_) => {}
            None => return Err(corrupt("it has no format number".to_owned())),
        }
        let manifest: Self = serde_json::from_value(value).map_err(|e| corrupt(e.to_string()))?;
        if manifest.id != id {
            return Err(corrupt(format!("it belongs to the backup {:?}", manifest.id)));
        }
        if manifest.compression != "none" {
            return Err(Error::unsupported(format!(
                "compression {:?} is not known to this release",
                manifest.compression
            )));
        }
        Timestamp::parse(&manifest.created_at).map_err(|e| corrupt(e.to_string()))?;
        Ok(manifest)
    }
}

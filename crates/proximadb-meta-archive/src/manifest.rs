//! The manifest of a backup, of every format there was.

use proximadb_meta_core::{Error, ErrorKind, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::corrupt;
use crate::part::{MAX_PARTS, PART_BYTES, Part, STORED_BYTES};

/// The format this release writes, and the newest it reads.
pub(crate) const FORMAT: u32 = 2;
/// The file.
pub(crate) const FILE: &str = "manifest.json";
/// The longest manifest: room for the parts of 50 GiB of records, whatever their ids.
pub(crate) const MAX_MANIFEST_BYTES: usize = 16 * 1024 * 1024;
/// What stands before the seal, and behind it.
const SEAL: (&str, &str) = (",\"seal\":\"", "\"}\n");

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// Layout of the archive; this release reads 1 and 2.
    pub format: u32,
    /// The backup's id: a UUID, also the name of its directory.
    pub id: String,
    /// The namespace the records came from.
    pub namespace: String,
    /// When it was begun, RFC 3339.
    pub created_at: String,
    /// Records in it.
    pub records: u64,
    /// Bytes of the records, one line each, before compression.
    pub bytes: u64,
    /// BLAKE3 of these lines, hexadecimal: equal catalogs, equal hashes.
    pub blake3: String,
    /// How the lines are compressed: `zstd`, in format 1 `none`.
    pub compression: String,
    /// Whether the records show one instant.
    pub snapshot: bool,
}

/// As it stands in the file of format 2, without the seal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    format: u32,
    id: String,
    namespace: String,
    created_at: String,
    records: u64,
    bytes: u64,
    blake3: String,
    compression: String,
    snapshot: bool,
    parts: Vec<Part>,
    #[serde(default, skip_serializing)]
    #[expect(dead_code, reason = "it is checked on the bytes, before they are read")]
    seal: String,
}

/// Only the number that says how to read the rest.
#[derive(Deserialize)]
struct Format {
    format: Option<u64>,
}

/// The bytes of a manifest of format 2.
///
/// # Errors
/// `Unsupported` for more parts than a manifest holds.
pub(crate) fn seal(m: &Manifest, parts: &[Part]) -> Result<Vec<u8>> {
    let json = |value: serde_json::Result<String>| {
        value.map_err(|e| Error::new(ErrorKind::Internal, "the manifest has no JSON").with_source(e))
    };
    let mut text = json(serde_json::to_string(m))?;
    text.pop();
    text.push_str(",\"parts\":[");
    for (n, part) in parts.iter().enumerate() {
        text.push_str(if n == 0 { "\n" } else { ",\n" });
        text.push_str(&json(serde_json::to_string(part))?);
    }
    text.push_str("\n]");
    let seal = blake3::hash(text.as_bytes()).to_hex();
    text.push_str(SEAL.0);
    text.push_str(&seal);
    text.push_str(SEAL.1);
    if parts.len() > MAX_PARTS || text.len() > MAX_MANIFEST_BYTES {
        return Err(Error::unsupported(format!("a backup of {} bytes is more than one archive holds", m.bytes)));
    }
    Ok(text.into_bytes())
}

/// Reads a manifest; the parts are those of format 2, in format 1 there are none. `place` is the file, for errors.
///
/// # Errors
/// `Corruption`; `Unsupported` for a newer format.
pub(crate) fn read(bytes: &[u8], id: &str, place: &str) -> Result<(Manifest, Option<Vec<Part>>)> {
    let wrong = |e: serde_json::Error| corrupt(place, format!("it is no manifest: {e}"));
    let Format { format } = serde_json::from_slice(bytes).map_err(wrong)?;
    let (manifest, parts) = match format {
        Some(1) => (serde_json::from_slice::<Manifest>(bytes).map_err(wrong)?, None),
        Some(2) => {
            check_seal(bytes, place)?;
            let s: Sealed = serde_json::from_slice(bytes).map_err(wrong)?;
            let manifest = Manifest {
                format: s.format,
                id: s.id,
                namespace: s.namespace,
                created_at: s.created_at,
                records: s.records,
                bytes: s.bytes,
                blake3: s.blake3,
                compression: s.compression,
                snapshot: s.snapshot,
            };
            check_parts(&manifest, &s.parts, place)?;
            (manifest, Some(s.parts))
        }
        Some(newer) if newer > u64::from(FORMAT) => {
            return Err(Error::unsupported(format!(
                "the backup has format {newer}; this release reads up to {FORMAT}"
            ))
            .with_hint("restore it with the release that wrote it, or a newer one"));
        }
        _ => return Err(corrupt(place, "it has no format number")),
    };
    if manifest.id != id {
        return Err(corrupt(place, format!("it belongs to the backup {:?}", manifest.id)));
    }
    let expected = if parts.is_some() { "zstd" } else { "none" };
    if manifest.compression != expected {
        let is = &manifest.compression;
        return Err(Error::unsupported(format!("compression {is:?} is not known to this release")));
    }
    Timestamp::parse(&manifest.created_at).map_err(|e| corrupt(place, e))?;
    Ok((manifest, parts))
}

/// The seal is the hash of everything before it: no byte of a manifest can change unnoticed.
fn check_seal(bytes: &[u8], place: &str) -> Result<()> {
    let sealed = bytes
        .strip_suffix(SEAL.1.as_bytes())
        .and_then(|rest| rest.split_last_chunk::<64>())
        .and_then(|(rest, seal)| Some((rest.strip_suffix(SEAL.0.as_bytes())?, seal)));
    match sealed {
        Some((rest, seal)) if blake3::hash(rest).to_hex().as_bytes() == seal => Ok(()),
        Some(_) => Err(corrupt(place, "its seal does not fit: it was damaged or changed")),
        None => Err(corrupt(place, "it does not end with a seal: it was damaged or changed")),
    }
}

fn check_parts(m: &Manifest, parts: &[Part], place: &str) -> Result<()> {
    let (mut records, mut bytes) = (0u64, 0u64);
    let mut last: Option<&str> = None;
    for (n, part) in parts.iter().enumerate() {
        let wrong = |what: &str| corrupt(place, format!("part {}: {what}", n + 1));
        let holds = part.records >= 1 && part.records <= part.bytes && part.bytes <= PART_BYTES as u64;
        let fits = (1..=STORED_BYTES as u64).contains(&part.stored);
        if !holds || !fits || n >= MAX_PARTS {
            return Err(wrong("these are not the numbers of a part"));
        }
        if part.first > part.last || last.is_some_and(|last| last >= part.first.as_str()) {
            return Err(wrong("it is out of order"));
        }
        last = Some(&part.last);
        (records, bytes) = (records + part.records, bytes + part.bytes);
    }
    if (records, bytes) != (m.records, m.bytes) {
        return Err(corrupt(place, "the numbers of the parts do not give those of the whole"));
    }
    Ok(())
}

//! The check of a backup without a store.

use std::sync::Arc;

use proximadb_meta_core::Result;

use crate::archive::Archive;
use crate::manifest::Manifest;
use crate::reading::survey;

/// A backup that was found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// What it says of itself, all of which is true but what cannot be checked: the time, and whether it is a snapshot.
    pub manifest: Manifest,
    /// Files that hold records.
    pub parts: u64,
    /// Bytes of these files.
    pub stored_bytes: u64,
}

/// Reads the backup `id` below `location` whole and checks everything that a restore checks before it changes anything: that
/// all files are there, every hash and count, that every record is one and in its place, that no name is there twice.
///
/// # Errors
/// `NotFound` for no such backup, `Corruption` with file and line for damage, `Unsupported` for a newer format, and what the
/// place gives.
pub async fn verify(location: &str, id: &str) -> Result<Verified> {
    let archive = Arc::new(Archive::open(location, id).await?);
    survey(&archive, None).await?;
    let parts = archive.parts.as_ref().map_or(1, |parts| parts.len() as u64);
    Ok(Verified { manifest: archive.manifest.clone(), parts, stored_bytes: archive.stored_bytes() })
}

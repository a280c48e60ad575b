//! The portable archive: what every backend can back up to and restore from.
//!
//! A backup is one namespace: its records in their portable form (see `CollectionMetadata::to_json`), ordered by id, in
//! compressed parts, under a manifest with counts and BLAKE3 hashes. `docs/format.md` describes it byte by byte. This release
//! writes format 2, and reads formats 1 and 2.
//!
//! * [`write()`] takes records a page at a time, [`restore`] gives them to a driver in atomic units, [`verify`] checks a backup
//!   without a store. Each holds a few parts of 4 MiB at most, and 16 bytes a record to find a name that is there twice: 16 MB
//!   for a million records.
//! * A backup lies in a directory, or with the feature `s3` in a bucket: `s3://bucket/prefix`. It appears whole or not at all:
//!   the directory gets its name when everything in it is synced; in a bucket the manifest is written last.
//! * [`native`] is what stands around backups in a store's own format, and [`files`] what both kinds, and stores, need of files.
//! * What is restored was checked whole before: nothing of a damaged backup reaches a store.
//!
//! What an archive is not: encrypted, or signed. The hashes find damage, not malice; a hostile archive costs memory within
//! bounds, and changes nothing that a good one would not.

#![deny(clippy::expect_used)]

mod archive;
mod check;
mod digest;
mod encode;
mod error;
pub mod files;
mod line;
mod manifest;
mod names;
pub mod native;
mod part;
mod place;
mod reading;
mod restore;
mod units;
mod verify;
mod write;

pub use digest::digest;
pub use manifest::Manifest;
pub use place::check_location;
pub use restore::restore;
pub use verify::{Verified, verify};
pub use write::{ArchiveSource, Pages, write};

//! The portable archive: what every backend can back up to and restore from.
//!
//! # Format 1
//!
//! `LOCATION/<backup id>/` holds two files, `0600` in a `0700` directory:
//!
//! * `records.ndjson`: one record a line in its portable form (see `CollectionMetadata::to_json`), ordered by id, each
//!   line ended by one line feed. Canonical, byte for byte, and no id or name twice: anything else is refused as damage.
//! * `manifest.json`: one JSON object with `format` (1), `id`, `namespace`, `created_at`, `records`, `bytes`, `blake3` (of
//!   `records.ndjson`, hexadecimal), `compression` (`"none"`), `snapshot`.
//!
//! The manifest is written last and the directory gets its name only when both files are synced: a directory with the name
//! of a backup is a whole backup. What it is not: encrypted, or signed. The hash finds damage, not malice.

mod location;
mod manifest;
mod restore;
mod write;

pub use manifest::Manifest;
pub use restore::restore;
pub use write::{ArchiveSource, write};

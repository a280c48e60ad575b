//! The durable embedded log: one directory that holds checkpoints and log segments. See `docs/format.md`.
//!
//! ```
//! # async fn example(dir: std::path::PathBuf) -> proximadb_meta_core::Result<()> {
//! use proximadb_meta_core::{CollectionMetadata, DistanceMetric};
//! let catalog = proximadb_meta_wal::open(dir).await?.into_backend();
//! catalog.create_collection(CollectionMetadata::new("docs", 768, DistanceMetric::COSINE)).await?;
//! catalog.close().await
//! # }
//! ```
//!
//! A write is acknowledged after its bytes were synced (`fdatasync`), and visible to readers only then. One thread writes:
//! it gathers what waits into a group, syncs once, publishes, answers. Reads never touch the disk: the whole catalog is in
//! memory. One process opens a directory at a time.

#![deny(clippy::expect_used)]

mod avro_bounds;
mod catalog;
mod codec;
mod decode;
mod driver;
mod engine;
mod files;
mod frame;
mod in_order;
pub mod inspect;
#[cfg(test)]
mod library;
pub mod log;
mod look;
mod plugin;
mod random;
mod recover;
mod sabotage;
pub mod salvage;
#[cfg(test)]
mod sim;
mod storage;
mod writer;

pub use driver::{WalDriver, open, open_storage, open_with, would_create};
pub use plugin::{WalPlugin, register};
pub use recover::State;
pub use storage::{FileStorage, Storage, StorageFile};

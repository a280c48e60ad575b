//! The in-memory backend: everything the contract offers but durability. For tests, caches and short-lived catalogs.
//!
//! ```
//! # async fn example() -> proximadb_meta_core::Result<()> {
//! use proximadb_meta_core::{CollectionMetadata, DistanceMetric};
//! let catalog = proximadb_meta_memory::memory().into_backend();
//! let made = catalog.create_collection(CollectionMetadata::new("docs", 768, DistanceMetric::COSINE)).await?;
//! assert_eq!(catalog.get_collection(&made.id).await?, Some(made));
//! # Ok(())
//! # }
//! ```

#![deny(clippy::expect_used)]

mod driver;
mod plugin;

pub use driver::MemoryDriver;
pub use plugin::{MemoryPlugin, register};
use proximadb_meta_core::Contract;

/// A new, empty catalog in memory.
#[must_use]
pub fn memory() -> Contract<MemoryDriver> {
    Contract::new(MemoryDriver::default())
}

/// The examples of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

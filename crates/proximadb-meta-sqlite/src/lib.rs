//! The SQLite backend: a catalog in one database file, opened by several processes at once.
//!
//! ```
//! # async fn example(path: std::path::PathBuf) -> proximadb_meta_core::Result<()> {
//! use proximadb_meta_core::{CollectionMetadata, DistanceMetric};
//! let catalog = proximadb_meta_sqlite::open(path).await?.into_backend();
//! catalog.create_collection(CollectionMetadata::new("docs", 768, DistanceMetric::COSINE)).await?;
//! catalog.close().await
//! # }
//! ```
//!
//! A write is acknowledged after its transaction was committed and synced (`journal_mode=WAL`, `synchronous=FULL`). One
//! connection writes: what waits is committed together, each unit as if it were alone. Reads have connections of their own, and
//! wait for no writer. Filters, orders and pages are SQL; every value is a bound parameter.

#![deny(clippy::expect_used)]

mod apply;
mod backup;
mod config;
mod diagnose;
mod driver;
mod error;
mod file;
mod filter;
mod group;
mod layout;
mod maintain;
mod native;
mod packed;
mod plugin;
mod readers;
mod room;
mod row;
mod scan;
mod schema;
mod search;
mod snapshot;
mod sql;
mod statistics;
mod stats;
mod words;
mod writer;

pub use config::SqliteOptions;
pub use driver::{SqliteDriver, open, open_with};
pub use file::would_create;
pub use plugin::{SqlitePlugin, register};

/// The examples of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

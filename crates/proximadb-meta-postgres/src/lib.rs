//! The PostgreSQL backend: a catalog in one table of your server, used by many processes at once.
//!
//! ```no_run
//! # async fn example() -> proximadb_meta_core::Result<()> {
//! use proximadb_meta_core::{CollectionMetadata, DistanceMetric};
//! let catalog = proximadb_meta_postgres::open("app:secret@db.example:5432/catalog").await?.into_backend();
//! catalog.create_collection(CollectionMetadata::new("docs", 768, DistanceMetric::COSINE)).await?;
//! catalog.close().await
//! # }
//! ```
//!
//! A read is one prepared statement, one round trip. A write that is alone is one statement too; what waits is done together, in
//! one transaction of two round trips, each unit as if it were alone. Filters, orders and pages are SQL; every value is a bound
//! parameter. Off loopback the server's certificate is verified, chain and host.

#![deny(clippy::expect_used)]

mod apply;
mod attend;
mod backup;
mod config;
mod contention;
mod diagnose;
mod driver;
mod endpoint;
mod error;
mod filter;
mod group;
mod hosts;
mod maintain;
mod native;
mod plugin;
mod pool;
mod replicas;
mod row;
mod scan;
mod schema;
mod search;
mod single;
mod snapshot;
mod sql;
mod standing;
mod statements;
mod stats;
mod tls;
mod turns;
mod types;
mod writer;

pub use config::{Isolation, PostgresOptions, TlsMode};
pub use driver::{PostgresDriver, open, open_with};
pub use plugin::{PostgresPlugin, register};
pub use tokio_postgres::config::{ChannelBinding, TargetSessionAttrs};

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! Copy, compare and digest catalogs of the proximadb-meta contract: from any backend to any other, with flat memory.
//!
//! * [`digest`] makes the digest of a catalog, within its store where that can, else from a list.
//! * [`diff`](diff::diff) says what two catalogs differ in. Where both stores make digests it reads only what differs.
//! * [`copy`](copy::copy) writes one catalog's records into another, as they are, with their times, versions and counters; it
//!   plans, writes in atomic batches, and proves what it did.
//!
//! Each works on handles in one namespace: the scope of the handle says which. To copy between namespaces of one store, scope
//! one handle twice.

#![deny(clippy::expect_used)]

mod ask;
pub mod copy;
pub mod diff;
mod digest;
mod records;

pub use digest::digest;

/// The examples of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

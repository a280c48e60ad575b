//! The ordered in-memory table that the Memory and the WAL backend share: every record by id, with indexes on name, owner, tag,
//! access pattern, creation, update and expiry time.
//!
//! # Versions and snapshots
//!
//! Every id is a chain of versions, each with the sequence number of the group that wrote it. A reader takes the published
//! sequence number and follows a chain to the newest version that is not younger: it takes no lock, and sees a group of writes
//! whole or not at all. An index is only a hint: it may name records that no longer (or not yet) belong there, never miss one.
//! A candidate is checked against its record, unless its slot is settled: then no key of an older version is left in any index,
//! and for a reader of the newest version the indexes are exact. What no reader can need any more is dropped by a later write.
//!
//! A record lives in a numbered slot with its newest version in place. Id and name are found through hash tables of slot
//! numbers, owner, tag and access pattern through sets of slots that are intersected, orders through skip lists of packed leaves
//! that are made when a list first needs them. Memory is given back in epochs (crossbeam-epoch); the one module with unsafe code
//! holds a pointer that is replaced while it is read.
//!
//! # Writing
//!
//! A write is two steps. [`Table::plan`] checks a unit against the newest versions and the units accepted before it in the same
//! group, and changes nothing. [`Table::install`] publishes planned units. Between the two a durable backend writes its log. Only
//! one writer may be between `plan` and `install` at a time.
//!
//! # Cost
//!
//! Point reads are O(1). A [`scan`](Table::scan) looks at the records that all of its indexed parts name, or, where those are
//! many, walks an order for a bounded number of steps; the first walk of an order builds it in O(n log n) and keeps the writer
//! waiting meanwhile. A statistics call looks at the expired records alone.

#![deny(clippy::expect_used)]

mod bits;
mod chain;
mod flaw;
mod grow;
mod hash;
mod hint;
mod index;
mod order;
mod plan;
mod postings;
mod scan;
#[cfg(test)]
mod scheduled;
mod settled;
mod snapshot;
mod space;
mod swap;
mod sync;
mod table;

pub use plan::{Effect, Effects, Overlay};
pub use snapshot::Snapshot;
pub use table::Table;

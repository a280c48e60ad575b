//! The ordered in-memory table that the Memory and the WAL backend share: every record by id, with indexes on name, owner, tag,
//! access pattern, creation, update and expiry time.
//!
//! # Versions and snapshots
//!
//! Every id is a chain of versions, each with the sequence number of the group that wrote it. A reader takes the published
//! sequence number and follows a chain to the newest version that is not younger: it takes no lock, and sees a group of writes
//! whole or not at all. An index is only a hint: it may name records that no longer (or not yet) belong there, never miss one,
//! and every candidate is checked against its chain. What no reader can need any more is dropped by the next write.
//!
//! # Writing
//!
//! A write is two steps. [`Table::plan`] checks a unit against the newest versions and the units accepted before it in the same
//! group, and changes nothing. [`Table::install`] publishes planned units. Between the two a durable backend writes its log. Only
//! one writer may be between `plan` and `install` at a time.
//!
//! # Cost
//!
//! Point reads and index steps are O(log n) in a skip list. A [`scan`](Table::scan) looks at a bounded number of records. A
//! statistics call looks at the expired records alone.

mod chain;
mod flaw;
mod index;
mod plan;
mod scan;
#[cfg(test)]
mod scheduled;
mod snapshot;
mod space;
mod sync;
mod table;
mod walk;

pub use plan::{Effect, Effects, Overlay};
pub use snapshot::Snapshot;
pub use table::Table;

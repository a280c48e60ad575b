//! The in-memory table that the Memory and the WAL backend share: every record by id, with indexes on name, owner, tag, access
//! pattern, creation and update time.
//!
//! A write is two steps. [`Table::plan`] checks a unit against the table and the units accepted before it in the same group,
//! and changes nothing. [`Table::install`] publishes planned units: a reader sees each whole or not at all. Between the two a
//! durable backend writes its log. Only one writer may be between `plan` and `install` at a time.

mod plan;
mod scan;
mod space;
mod table;

pub use plan::{Effect, Effects, Overlay};
pub use table::Table;

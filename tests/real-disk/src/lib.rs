//! The embedded log, and SQLite, on real file systems: what the simulated disk of `proximadb-meta-wal` proves by exhaustion, seen on the real
//! thing. See the README of this crate for what each test needs.
//!
//! A process of its own writes ([`child`]) and says what was acknowledged; its parent breaks things and compares what is left
//! with the [`script`] of every writer ([`tracks`]).

#[macro_use]
pub mod failure;
mod ballast;
pub mod child;
pub mod dice;
pub mod engine;
pub mod exact;
mod found;
pub mod full;
pub mod kill;
pub mod mount;
pub mod perform;
pub mod places;
pub mod power;
pub mod process;
mod sample;
pub mod script;
pub mod snapshot;
pub mod soak;
pub mod sqlite;
pub mod storage;
mod system;
pub mod tracks;

//! Histories of concurrent clients, and whether one order of the calls explains every answer.
//!
//! A [`Recorder`] writes down what each [`Client`] asked, what it was answered, and which answers came before which questions.
//! [`check`] then looks for an order of the calls in which each takes effect at one instant between its question and its
//! answer, and every answer is what the contract says of the state at that instant. If there is none, the store is not
//! linearizable, and the shortest part of the history that shows it is told.
//!
//! # The method
//!
//! The search is that of Wing and Gong ("Testing and verifying concurrent objects", 1993) as Lowe made it fast ("Testing for
//! linearizability", 2017), in the form of the Porcupine checker: depth first over a linked list of questions and answers,
//! undone step by step, with a memory of the pairs (set of calls placed, state) that led nowhere.
//!
//! A history is cut by key first. Linearizability is local (Herlihy and Wing, "Linearizability: a correctness condition for
//! concurrent objects", 1990), so that records of different ids are checked apart: each id against what the contract says of
//! one record. Names tie ids together: each name is checked for itself, as a place that at most one id holds. What one of
//! these checks refuses is wrong; that all accept does not prove the ties between keys, such as which of two reasons a
//! refusal gives first, nor what batches promise.
//!
//! # Calls without an answer
//!
//! A call that was dropped, or answered [`Retry::UnknownOutcome`](proximadb_meta_core::Retry), stays open: it may take effect
//! at any later time, or never. A call refused for a reason that is not of the record (unavailable, throttled, invalid) did
//! nothing and says nothing.
//!
//! [`run_disturbed`] makes them on purpose: it records histories while connections are cut and servers killed, by a [`Disturb`]
//! such as those in [`fault`](crate::fault).
//!
//! # Limits
//!
//! Ids and names of a history must be new when its recording starts, and only recorded clients may write them. Records under
//! a history do not expire. Looked at are id, name, dimension, owner, version, incarnation and both counters.

mod call;
mod cases;
mod check;
mod disturb;
mod load;
mod name;
mod record;
mod recorder;
mod search;
mod verdict;

#[cfg(test)]
mod tests;

pub use call::{Action, Answer, Call};
pub(crate) use cases::all;
pub use check::check;
pub use disturb::{Clients, Disturb, run_disturbed};
pub use load::{Histories, run_histories};
pub use recorder::{Client, Recorder};
pub use verdict::{Key, Verdict, Violation};

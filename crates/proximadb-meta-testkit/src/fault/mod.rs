//! Faults for every backend across a network: a TCP proxy that does what a script says, and servers that are killed.
//!
//! A [`FaultProxy`] listens on a loopback port and passes bytes between its clients and a server. What goes wrong on which
//! connection is a [`Script`]: one [`Plan`] of [`Fault`]s a connection, written down, or drawn by seed from a [`Mix`]. A
//! script is printed and read as one line of text, so that a failed run is repeated from its log.
//!
//! ```
//! use proximadb_meta_testkit::fault::{Fault, Plan, Script};
//! let script: Script = "each: clean | delay up 5ms, cut down after 17 rst".parse()?;
//! assert_eq!(script.plan(0), Plan::clean());
//! assert_eq!(script.plan(1).faults().len(), 2);
//! assert_eq!(script.to_string().parse::<Script>()?, script);
//! # Ok::<(), proximadb_meta_core::Error>(())
//! ```
//!
//! # Unknown outcomes
//!
//! [`Fault::ExecuteThenCut`] passes a request on as a whole, waits for the first byte of the answer and then cuts, so that the
//! server did what it was asked and the client cannot know. [`FaultProxy::cut_answer`] does it once, on demand, to whichever
//! connection asks next. The proxy knows no protocol. To it a request is what goes up after something came down: right for
//! protocols that take turns; where a server speaks unasked or a client does not wait, requests are counted too many or too
//! few. Under TLS each turn of the handshake counts.
//!
//! # Histories
//!
//! [`run_disturbed`](crate::history::run_disturbed) records histories of clients while something disturbs the store:
//! [`ProxyFaults`] draws a new script for every history, [`ServerKills`] kills and restarts a [`ServerProcess`] in the middle.
//!
//! # What is repeatable
//!
//! The plan of the n-th connection depends on the script and n alone. Which call of a backend with a pool gets the n-th
//! connection is up to the pool and the scheduler.
//!
//! # Limits
//!
//! TCP only. Nothing is done below the stream: no packets are lost or reordered; pieces of a [`Fault::Split`] are sent one by one,
//! and a receiver that is slow may read several at once. A reset makes the kernel forget what it has
//! not sent yet; and on some systems what the receiver has not read yet.

mod armed;
mod connection;
mod counts;
mod disturb;
mod lane;
mod mix;
mod plan;
mod proxy;
mod script;
mod serve;
mod server;
mod shared;
mod socket;
mod text;
mod tree;
mod turns;

#[cfg(test)]
mod tests;

pub use counts::{Counts, Flow};
pub use disturb::{ProxyFaults, ServerKills};
pub use mix::Mix;
pub use plan::{Cut, Direction, Fault, Plan, Request};
pub use proxy::FaultProxy;
pub use script::Script;
pub use server::ServerProcess;

//! Histories of a backend across a network while connections break and servers die, and servers as processes.
//!
//! The binary is also the servers: it is started again as one, with what it is to do as its arguments.

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of it is a test, which its harness cannot know")]

mod histories;
mod remote;
mod roles;
mod servers;

use libtest_mimic::{Arguments, Failed, Trial};

type Checked = Result<(), Failed>;
/// A test and its name.
type Named = (&'static str, fn() -> Checked);

/// Runs to the end, on a runtime of its own.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn main() {
    if roles::play() {
        return;
    }
    let mut trials: Vec<Trial> = servers::ALL.iter().map(|(name, run)| Trial::test(*name, run)).collect();
    trials.extend(histories::ALL.iter().map(|(name, run)| Trial::test(*name, run)));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

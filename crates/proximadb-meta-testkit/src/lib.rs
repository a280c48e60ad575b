//! The conformance suite of the proximadb-meta catalog: for our backends and everyone's.
//!
//! A backend crate has one test without a harness that calls [`run_conformance`] with its [`Fixture`]. Each rule of the
//! contract is a set of named cases; a model, concurrency and cancellation follow. A case that needs a capability which
//! the backend does not declare is listed as ignored, with the reason as its kind. Everything is counted by seed: nothing
//! sleeps, and a failure is the same failure when it is run again.
//!
//! [`docs`] holds a backend's list of its errors against its sources.
//!
//! What several threads did at once is recorded as a [`history`], and checked for one order of the calls that explains every
//! answer; for backends across a network the [`fault`] proxy breaks connections, and servers are killed, meanwhile.
//!
//! [`plans`] is for backends that answer filters by indexes, [`processes`] for those that several processes share, and [`rng`] for
//! tests of their own that go by seed.
//!
//! The suite tests itself: [`matrix`] runs all cases against seeded [`bugs`] and fails when a bug is not caught.

#![deny(clippy::expect_used)]

#[macro_use]
mod cases;

pub mod bugs;
mod cancel;
pub mod case;
mod concurrency;
pub mod docs;
pub mod fault;
pub mod fixture;
pub mod history;
pub mod matrix;
pub mod model;
pub mod plans;
pub mod processes;
pub mod random;
mod rewrite;
pub mod rng;
pub mod script;
pub mod scripts;

use std::sync::Arc;

pub use case::{Case, CaseResult, Failure, Need, Store};
pub use fixture::{BackupDir, Fixture, Opened};
use libtest_mimic::{Arguments, Failed, Trial};
use proximadb_meta_core::Capabilities;

/// Every case, in the order of the rules.
#[must_use]
pub fn all_cases() -> Vec<Case> {
    cases::all()
}

/// What a fresh store of the fixture declares.
///
/// # Errors
/// When it cannot be opened.
pub fn capabilities_of(fixture: &Arc<dyn Fixture>) -> CaseResult<Capabilities> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(format!("no runtime: {e}")))?;
    runtime.block_on(async {
        let store = Store::open(fixture).await?;
        let capabilities = store.db.capabilities();
        store.close().await?;
        Ok(capabilities)
    })
}

/// Runs every case as a test of its own, with the arguments of the command line, and ends the process.
///
/// A store that cannot be opened fails the run: an absent server is not a passed test.
pub fn run_conformance<F: Fixture>(fixture: F) -> ! {
    let arguments = Arguments::from_args();
    let fixture: Arc<dyn Fixture> = Arc::new(fixture);
    let trials = match capabilities_of(&fixture) {
        Ok(capabilities) => trials(&fixture, &capabilities),
        Err(failure) => {
            let text = failure.to_string();
            vec![Trial::test("fixture::opens", move || Err(Failed::from(text)))]
        }
    };
    libtest_mimic::run(&arguments, trials).exit()
}

/// One trial a case; those the backend cannot run are ignored with the reason.
fn trials(fixture: &Arc<dyn Fixture>, capabilities: &Capabilities) -> Vec<Trial> {
    let has_backup_dir = fixture.backup_dir().is_some();
    all_cases()
        .into_iter()
        .map(|case| {
            let fixture = fixture.clone();
            let missing = case.needs.missing(capabilities, has_backup_dir);
            let trial = Trial::test(case.name, move || case.run_on(&fixture).map_err(|f| Failed::from(f.to_string())));
            match missing {
                Some(reason) => trial.with_kind(reason).with_ignored_flag(true),
                None => trial,
            }
        })
        .collect()
}

/// The examples of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

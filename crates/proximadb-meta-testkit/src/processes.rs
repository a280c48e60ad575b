//! Several processes on one store, for backends that declare it: a test binary without a harness whose children are itself.
//!
//! [`run`] is its `main`. A trial starts children by [`together`], or one by one by [`spawn`], or as a [`Talk`] to speak with, and
//! looks at the store when they have ended. What a child does is the backend's to say; a race for names and [`mixed`] work, which any
//! of them can run, are here.

pub mod mixed;
mod talk;

use std::collections::BTreeSet;
use std::future::Future;
use std::process::{Child, Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};
use proximadb_meta_core::{CollectionMetadata, DistanceMetric, ErrorKind, MetadataBackend, Result};
use tokio::runtime::{Builder, Runtime};

pub use self::talk::{Talk, hear, say};
use crate::case::{CaseResult, Failure};

/// A test of several processes: its name, and what it does.
pub type ProcessTrial = (&'static str, fn() -> CaseResult);

/// Before the arguments of a child.
const CHILD: &str = "child";

/// Runs the trials, with the arguments of the command line; in a child `work`, with the arguments that it was given. A child whose
/// work fails says why on its standard error.
#[must_use]
pub fn run(work: impl AsyncFnOnce(Vec<String>) -> Result<()>, trials: &[ProcessTrial]) -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(CHILD) {
        let trial =
            |&(name, trial): &ProcessTrial| Trial::test(name, move || trial().map_err(|f| Failed::from(f.to_string())));
        return libtest_mimic::run(&Arguments::from_args(), trials.iter().map(trial).collect()).exit_code();
    }
    let done = runtime().and_then(|runtime| Ok(runtime.block_on(work(arguments.collect()))?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn runtime() -> CaseResult<Runtime> {
    Builder::new_current_thread().enable_all().build().map_err(|e| Failure::new(format!("no runtime: {e}")))
}

/// Waits for work on a runtime of its own.
///
/// # Errors
/// What the work gives.
pub fn wait<T>(work: impl Future<Output = CaseResult<T>>) -> CaseResult<T> {
    runtime()?.block_on(work)
}

/// Starts a child with these arguments. Its output is read, or lost with the child.
///
/// # Errors
/// When the system starts none.
pub fn spawn(arguments: &[&str]) -> CaseResult<Child> {
    Ok(command(arguments)?.stdin(Stdio::null()).spawn()?)
}

fn command(arguments: &[&str]) -> CaseResult<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(CHILD).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

/// Runs so many children at once, each with its number behind the arguments.
///
/// # Errors
/// When one of them fails, with what it says.
pub fn together(count: u64, arguments: &[&str]) -> CaseResult {
    Talk::start_each(count, arguments)?.into_iter().try_for_each(Talk::end)
}

/// A record with this id, and `name-` before it as its name.
#[must_use]
pub fn record(id: &str) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(format!("name-{id}"), 8, DistanceMetric::COSINE);
    r.id = id.into();
    r
}

/// What each child of a race for names does: it tries to take every one of so many.
///
/// # Errors
/// Every one but that a name is taken.
pub async fn take_names(catalog: &dyn MetadataBackend, number: u64, names: u64) -> Result<()> {
    for n in 0..names {
        let mut r = record(&format!("{number}-{n}"));
        r.name = format!("prize-{n}").into();
        match catalog.create_collection(r).await {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            other => drop(other?),
        }
    }
    Ok(())
}

/// What there must be after the race, in a catalog that held nothing before it: so many records, each with a name of its own.
///
/// # Errors
/// Where there is more or less.
pub async fn each_name_was_taken_once(catalog: &dyn MetadataBackend, names: u64) -> CaseResult {
    let all = catalog.list_collections(None).await?;
    let distinct: BTreeSet<_> = all.iter().map(|r| r.name.clone()).collect();
    same!((all.len() as u64, distinct.len() as u64), (names, names));
    Ok(())
}

//! Histories of the in-memory backend are linearizable, and those of a backend with a bug are not.

use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::{Arguments, Failed, Trial};
use proximadb_meta_core::{Clock, Result};
use proximadb_meta_testkit::bugs::Bug;
use proximadb_meta_testkit::history::run_histories;
use proximadb_meta_testkit::matrix::Matrix;
use proximadb_meta_testkit::{Fixture, Opened, all_cases};

struct Memory;

#[async_trait]
impl Fixture for Memory {
    fn name(&self) -> &str {
        "memory"
    }

    async fn open(&self, clock: Arc<dyn Clock>) -> Result<Opened> {
        Ok(Opened::new(proximadb_meta_memory::memory().with_clock(clock).into_backend(), ()))
    }
}

/// What clients can notice of one record or one name.
const BUGS: &[Bug] = &[
    Bug::StaleRead,
    Bug::StaleByOne,
    Bug::StaleName,
    Bug::LostUpdate,
    Bug::CompareThenUpdate,
    Bug::UpdateNotDone,
    Bug::CounterLost,
    Bug::DeltaTwice,
    Bug::CounterBumpsVersion,
    Bug::UpdateWritesCounters,
    Bug::RacyName,
    Bug::NameKeptOnDelete,
    Bug::NameKeptOnRename,
    Bug::AbaAccepted,
    Bug::DeleteAlwaysTrue,
];

type Checked = std::result::Result<(), Failed>;

fn memory_is_linearizable() -> Checked {
    let done = run_histories(Memory, 1_000_000..1_000_040).map_err(|f| f.to_string())?;
    println!("{} histories of {} calls on memory, all linearizable", done.histories, done.calls);
    Ok(())
}

/// The cases on one thread alone find every bug, and so in every run; those on threads find them too.
fn bugs_are_found(threads: bool) -> Checked {
    let mut cases = all_cases();
    cases.retain(|c| c.name.starts_with("history::") && (c.threads > 1) == threads);
    let matrix = Matrix::of(Memory, cases, BUGS).map_err(|f| f.to_string())?;
    println!("{matrix}");
    if matrix.escaped().is_empty() { Ok(()) } else { Err(format!("not found: {:?}", matrix.escaped()).into()) }
}

fn main() {
    let trials = vec![
        Trial::test("memory_is_linearizable", memory_is_linearizable),
        Trial::test("bugs_are_found_on_one_thread", || bugs_are_found(false)),
        Trial::test("bugs_are_found_on_threads", || bugs_are_found(true)),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

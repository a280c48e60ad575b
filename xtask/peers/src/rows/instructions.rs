//! Instructions of an operation, counted by callgrind: what a run of 2N operations takes more than one of N, over N.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use super::Group;
use super::reads::{By, MIN_DIMENSION, keys};
use crate::catalog::{Filter, Op};
use crate::child::Step;
use crate::drive::runtime;
use crate::engines::{OURS, engine};
use crate::plan::Plan;
use crate::samples::Metric;
use crate::stores::{copy, filled};
use crate::workload::{owner, record, tag};

pub(crate) const INSTRUCTIONS: Metric = Metric { name: "instructions", unit: "instructions/op" };

/// Enough that a page of 100 is full, few enough that opening them does not take minutes.
const RECORDS: u64 = 20_000;
/// The numbers of created records begin here.
const FIRST_NEW: u64 = 20_000_000;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Get,
    Create,
    Page,
}

impl Work {
    const ALL: [Self; 3] = [Self::Get, Self::Create, Self::Page];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Create => "create",
            Self::Page => "page",
        }
    }

    pub(crate) fn of(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|w| w.name() == name).with_context(|| format!("{name:?} is nothing to count"))
    }

    fn row(self) -> &'static str {
        match self {
            Self::Get => "instructions-get",
            Self::Create => "instructions-create",
            Self::Page => "instructions-page",
        }
    }

    /// Enough that what the opening takes more or less in one run than in another does not show.
    fn operations(self) -> u64 {
        match self {
            Self::Get => 100_000,
            Self::Create => 4_000,
            Self::Page => 1_000,
        }
    }
}

pub(super) fn measure(plan: &Plan) -> Result<()> {
    let valgrind = Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !valgrind.is_ok_and(|status| status.success()) {
        const MISSING: &str = "valgrind is not installed: instructions cannot be counted";
        // It is an error where nothing else was asked for.
        ensure!(!plan.is_all(Group::Instructions), MISSING);
        eprintln!("  {MISSING}; the other rows are there without it");
        return Ok(());
    }
    // Once: another count differs by one in a thousand, of creates by one in a hundred.
    for work in Work::ALL.into_iter().filter(|w| plan.wants(w.row())) {
        let n = work.operations() / if plan.quick { 10 } else { 1 };
        let (once, twice) = (count(plan, work, n, n)?, count(plan, work, 2 * n, n)?);
        plan.samples.add(work.row(), OURS, INSTRUCTIONS, (twice as f64 - once as f64) / n as f64)?;
    }
    Ok(())
}

/// The instructions of a process that opens a catalog, makes 2 N operations ready, and does this many.
fn count(plan: &Plan, work: Work, operations: u64, n: u64) -> Result<u64> {
    let name = "instructions";
    copy(plan, &filled(plan, engine(OURS)?, RECORDS)?, name)?;
    let step = Step::Count { work, operations, ready: 2 * n, dir: name.to_owned() };
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).args(step.words(plan)?);
    let output = command.stdin(Stdio::null()).output().context("start valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind ended with {}\n{said}", output.status);
    match collected(&said) {
        Some(instructions) => Ok(instructions),
        None => bail!("callgrind did not say what it counted\n{said}"),
    }
}

/// The number after `Collected :`.
fn collected(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

/// A step: opens a catalog, makes operations ready, does some of them, and ends.
pub(crate) fn count_here(plan: &Plan, work: Work, operations: u64, ready: u64, dir: &str) -> Result<()> {
    let store = engine(OURS)?.open(&plan.dir.join(dir))?;
    let operations = operations as usize;
    match work {
        Work::Get => {
            let ids = keys(RECORDS, By::Id);
            for id in ids.iter().cycle().take(operations) {
                store.get(id)?.context("a record is missing")?;
            }
        }
        Work::Create => {
            let writer = store.clone().native_async().context("ours can be awaited")?;
            let create = |i| writer.prepare(Op::Create(record(i)));
            let jobs: Vec<_> = (FIRST_NEW..FIRST_NEW + ready).map(create).collect::<Result<_>>()?;
            runtime()?.block_on(async {
                for job in jobs.into_iter().take(operations) {
                    ensure!(job().await?.is_ok(), "a create was rejected");
                }
                Ok(())
            })?;
        }
        Work::Page => {
            for i in 0..operations as u64 {
                let (owner, tag) = (owner(i), tag(i));
                let filter = Filter { owner: &owner, tag: &tag, min_dimension: MIN_DIMENSION, after: "", limit: 100 };
                ensure!(!store.list(&filter)?.is_empty(), "a page is empty");
            }
        }
    }
    crate::sys::leave()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callgrind_says_is_read() {
        let said = "==7== Callgrind, a call-graph generating cache profiler\n==7== \n==7== Events    : Ir\n==7== Collected : 226143\n";
        assert_eq!(collected(said), Some(226_143));
        assert_eq!(collected("==7== Collected\n"), None);
    }
}

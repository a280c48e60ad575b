//! Steps of a run that need a process of their own: a fresh heap, a crash, an opening that nothing has warmed.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::check;
use crate::engines::{Engine, engine};
use crate::plan::Plan;
use crate::rows::{self, Group, ROWS, Work};

/// The first argument of such a process.
pub(crate) const STEP: &str = "--step";

/// How a process that opened a catalog ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Without closing anything.
    Crash,
    /// Cleanly.
    Close,
}

/// A step. Directories are names below the directory of the data.
#[derive(Clone)]
pub(crate) enum Step {
    /// Compares the engines with the reference.
    Check,
    /// Measures a group of rows.
    Group(Group),
    /// Fills a catalog, and ends as in a crash.
    Fill { engine: &'static Engine, records: u64, dir: String },
    /// Opens a catalog and measures that, as a value of the row.
    Open { engine: &'static Engine, records: u64, dir: String, row: &'static str, end: End },
    /// Brings a catalog into its compact form, and closes it.
    Settle { engine: &'static Engine, dir: String },
    /// Does some of the operations that it made ready, for who counts instructions.
    Count { work: Work, operations: u64, ready: u64, dir: String },
    /// Measures the memory that a catalog takes.
    Resident { engine: &'static Engine, records: u64 },
}

impl Step {
    fn text(&self) -> String {
        match self {
            Self::Check => "check".to_owned(),
            Self::Group(group) => format!("group:{}", group.name()),
            Self::Fill { engine, records, dir } => format!("fill:{}:{records}:{dir}", engine.name),
            Self::Open { engine, records, dir, row, end } => {
                let end = if *end == End::Crash { "crash" } else { "close" };
                format!("open:{}:{records}:{dir}:{row}:{end}", engine.name)
            }
            Self::Settle { engine, dir } => format!("settle:{}:{dir}", engine.name),
            Self::Count { work, operations, ready, dir } => format!("count:{}:{operations}:{ready}:{dir}", work.name()),
            Self::Resident { engine, records } => format!("resident:{}:{records}", engine.name),
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split(':').collect();
        Ok(match words[..] {
            ["check"] => Self::Check,
            ["group", name] => Self::Group(Group::of(name)?),
            ["fill", name, n, dir] => Self::Fill { engine: engine(name)?, records: n.parse()?, dir: dir.to_owned() },
            ["open", name, n, dir, row, end] => Self::Open {
                engine: engine(name)?,
                records: n.parse()?,
                dir: dir.to_owned(),
                row: ROWS.iter().find(|r| r.name == row).context("no such row")?.name,
                end: if end == "crash" { End::Crash } else { End::Close },
            },
            ["settle", name, dir] => Self::Settle { engine: engine(name)?, dir: dir.to_owned() },
            ["count", work, operations, ready, dir] => Self::Count {
                work: Work::of(work)?,
                operations: operations.parse()?,
                ready: ready.parse()?,
                dir: dir.to_owned(),
            },
            ["resident", name, n] => Self::Resident { engine: engine(name)?, records: n.parse()? },
            _ => bail!("{text:?} is no step"),
        })
    }

    /// The command line of the process.
    pub(crate) fn words(&self, plan: &Plan) -> Result<Vec<OsString>> {
        let program = std::env::current_exe().context("find this program")?.into_os_string();
        let arguments = [STEP.to_owned(), self.text()].into_iter().chain(plan.arguments());
        Ok(std::iter::once(program).chain(arguments.map(OsString::from)).collect())
    }

    /// Runs it in a process of its own. What that prints goes to standard error.
    pub(crate) fn run(&self, plan: &Plan) -> Result<()> {
        let words = self.words(plan)?;
        let (program, arguments) = words.split_first().context("the program has a name")?;
        let mut command = Command::new(program);
        let status = command.args(arguments).stdout(std::io::stderr()).status().context("start this program again")?;
        ensure!(status.success(), "the step {} ended with {status}", self.text());
        Ok(())
    }

    /// What the process does.
    pub(crate) fn perform(text: &str, arguments: &[String]) -> Result<()> {
        let plan = Plan::new(arguments)?;
        match Self::parse(text)? {
            Self::Check => check::check(&plan),
            Self::Group(group) => group.measure(&plan),
            Self::Fill { engine, records, dir } => rows::fill_here(&plan, engine, records, &dir),
            Self::Open { engine, records, dir, row, end } => rows::open_here(&plan, engine, records, &dir, row, end),
            Self::Settle { engine, dir } => rows::settle_here(&plan, engine, &dir),
            Self::Count { work, operations, ready, dir } => rows::count_here(&plan, work, operations, ready, &dir),
            Self::Resident { engine, records } => rows::resident_here(&plan, engine, records),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_as_they_are_written() {
        let engine = engine("lmdb").unwrap();
        let dir = || "lmdb-10".to_owned();
        let steps = [
            Step::Check,
            Step::Group(Group::Durable),
            Step::Fill { engine, records: 10, dir: dir() },
            Step::Open { engine, records: 10, dir: dir(), row: "open-crash-100k", end: End::Crash },
            Step::Open { engine, records: 10, dir: dir(), row: "open-close-100k", end: End::Close },
            Step::Settle { engine, dir: dir() },
            Step::Count { work: Work::Page, operations: 5, ready: 10, dir: dir() },
            Step::Resident { engine, records: 10 },
        ];
        for step in steps {
            assert_eq!(Step::parse(&step.text()).unwrap().text(), step.text());
        }
        assert!(Step::parse("group:none").is_err());
        assert!(Step::parse("").is_err());
    }
}

//! What is wrong with the disk below a database, and what writes down what is done to it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::ValueEnum;

use super::trace::Recorder;
use super::{Act, Part};
use crate::child::{say, under_way};
use crate::system;

/// Whose syncs are forgotten: bugs that the power-cut tests must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Forgotten {
    /// Nothing is ever synced, as with `synchronous=OFF`.
    All,
    /// The journal: what was acknowledged is not durable.
    Journal,
    /// The database: a checkpoint is taken for done before it is.
    Database,
}

impl Forgotten {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Journal => "journal",
            Self::Database => "database",
        }
    }

    fn is(self, part: Part) -> bool {
        match self {
            Self::All => true,
            Self::Journal => part == Part::Journal,
            Self::Database => part == Part::Database,
        }
    }
}

/// Where the power is cut.
#[derive(Clone, Debug)]
pub struct CutAt {
    /// Before the operation with this number, counted from 1.
    pub operation: u64,
    /// Counted are operations on this file alone.
    pub part: Option<Part>,
    /// Where the file system is mounted.
    pub mount: PathBuf,
}

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is done.
    Go,
    /// It is not, and SQLite is told that it was.
    Skip,
}

/// All that is wrong.
#[derive(Debug, Default)]
pub struct Troubles {
    forgotten: Option<Forgotten>,
    cut: Option<CutAt>,
    recorder: Option<Recorder>,
    operations: AtomicU64,
}

impl Troubles {
    /// As told.
    #[must_use]
    pub fn new(forgotten: Option<Forgotten>, cut: Option<CutAt>, recorder: Option<Recorder>) -> Self {
        Self { forgotten, cut, recorder, operations: AtomicU64::new(0) }
    }

    /// What writes down what is done.
    pub(crate) fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    pub(crate) fn before(&self, part: Part, act: &Act<'_>) -> Verdict {
        if matches!(act, Act::Sync) && self.forgotten.is_some_and(|f| f.is(part)) {
            return Verdict::Skip;
        }
        if let Some(cut) = self.cut.as_ref().filter(|c| c.part.is_none_or(|p| p == part))
            && self.operations.fetch_add(1, Ordering::SeqCst) + 1 == cut.operation
        {
            say(&format!("cut\t{}\t{}\t{}", part.name(), act.name(), under_way()));
            // Where it fails the writers go on, and the parent finds a process that does not end; it says why.
            if let Err(e) = system::shut_down(&cut.mount) {
                eprintln!("error: the power was not cut: {e}");
                std::process::exit(1);
            }
        }
        if let Some(recorder) = &self.recorder {
            recorder.note(part, act);
        }
        Verdict::Go
    }
}

//! The suite against itself: every case on every seeded bug, and who noticed.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use proximadb_meta_core::{Clock, Result};

use crate::bugs::{Bug, Buggy};
use crate::fixture::{BackupDir, Fixture, Opened};
use crate::{Case, CaseResult, all_cases, capabilities_of};

struct BuggyFixture {
    inner: Arc<dyn Fixture>,
    bug: Bug,
}

#[async_trait]
impl Fixture for BuggyFixture {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn open(&self, clock: Arc<dyn Clock>) -> Result<Opened> {
        let opened = self.inner.open(clock.clone()).await?;
        Ok(Opened { backend: Buggy::wrap(opened.backend, self.bug, clock), guard: opened.guard })
    }

    fn backup_dir(&self) -> Option<BackupDir> {
        self.inner.backup_dir()
    }
}

/// Which cases caught which bug.
#[derive(Clone, Debug)]
pub struct Matrix {
    rows: Vec<(Bug, Vec<&'static str>)>,
    cases: usize,
}

impl Matrix {
    /// Runs every case that needs no reopen on every bug around the backend of `fixture`, which must be right by itself.
    ///
    /// # Errors
    /// When a store cannot be opened.
    pub fn run<F: Fixture>(fixture: F) -> CaseResult<Self> {
        Self::of(fixture, all_cases(), Bug::ALL)
    }

    /// The part of [`run`](Self::run) with these cases and these bugs.
    ///
    /// # Errors
    /// When a store cannot be opened.
    pub fn of<F: Fixture>(fixture: F, mut cases: Vec<Case>, bugs: &[Bug]) -> CaseResult<Self> {
        let inner: Arc<dyn Fixture> = Arc::new(fixture);
        let capabilities = capabilities_of(&inner)?;
        let has_backup_dir = inner.backup_dir().is_some();
        cases.retain(|c| c.needs != crate::Need::Durable && c.needs.missing(&capabilities, has_backup_dir).is_none());
        // A case that the right backend fails says nothing about a wrong one.
        cases.retain(|c| c.run_on(&inner).is_ok());
        let rows = bugs
            .iter()
            .map(|&bug| {
                let buggy: Arc<dyn Fixture> = Arc::new(BuggyFixture { inner: inner.clone(), bug });
                let caught = cases.iter().filter(|c| c.run_on(&buggy).is_err()).map(|c| c.name).collect();
                (bug, caught)
            })
            .collect();
        Ok(Self { rows, cases: cases.len() })
    }

    /// The bugs that no case caught.
    #[must_use]
    pub fn escaped(&self) -> Vec<Bug> {
        self.rows.iter().filter(|(_, caught)| caught.is_empty()).map(|(bug, _)| *bug).collect()
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} bugs, {} cases", self.rows.len(), self.cases)?;
        for (bug, caught) in &self.rows {
            let name = format!("{bug:?}");
            writeln!(f, "{name:<24}{:>4}  {}", caught.len(), caught.join(" "))?;
        }
        Ok(())
    }
}

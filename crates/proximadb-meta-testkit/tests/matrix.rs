//! Every seeded bug around the in-memory backend is caught by a case; the table bug by case is printed in every run.

use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::{Arguments, Failed, Trial};
use proximadb_meta_core::{Clock, Result};
use proximadb_meta_testkit::matrix::Matrix;
use proximadb_meta_testkit::{BackupDir, Fixture, Opened, all_cases};

struct Memory;

#[async_trait]
impl Fixture for Memory {
    fn name(&self) -> &str {
        "memory"
    }

    async fn open(&self, clock: Arc<dyn Clock>) -> Result<Opened> {
        Ok(Opened::new(proximadb_meta_memory::memory().with_clock(clock).into_backend(), ()))
    }

    fn backup_dir(&self) -> Option<BackupDir> {
        let dir = tempfile::tempdir().ok()?;
        Some(BackupDir::new(dir.path().to_str()?.to_owned(), dir))
    }
}

fn every_bug_is_caught() -> std::result::Result<(), Failed> {
    let matrix = Matrix::run(Memory).map_err(|f| f.to_string())?;
    println!("{matrix}");
    if matrix.escaped().is_empty() { Ok(()) } else { Err(format!("not caught: {:?}", matrix.escaped()).into()) }
}

fn names_are_unique_and_many() -> std::result::Result<(), Failed> {
    let mut names: Vec<_> = all_cases().iter().map(|c| c.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    if all >= 120 && names.len() == all {
        return Ok(());
    }
    Err(format!("{all} cases, {} different names", names.len()).into())
}

/// Without libtest, which would swallow the table of a test that passes.
fn main() {
    let trials = vec![
        Trial::test("every_bug_is_caught", every_bug_is_caught),
        Trial::test("names_are_unique_and_many", names_are_unique_and_many),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

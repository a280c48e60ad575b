//! Every seeded bug around the in-memory backend is caught by a case.

use std::sync::Arc;

use async_trait::async_trait;
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

#[test]
fn every_bug_is_caught() {
    let matrix = Matrix::run(Memory).unwrap();
    println!("{matrix}");
    assert!(matrix.escaped().is_empty(), "not caught: {:?}\n{matrix}", matrix.escaped());
}

#[test]
fn names_are_unique_and_many() {
    let mut names: Vec<_> = all_cases().iter().map(|c| c.name).collect();
    assert!(names.len() >= 120, "{} cases", names.len());
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

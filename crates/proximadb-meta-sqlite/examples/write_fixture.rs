//! Writes the fixture of format 1 into a new directory: `cargo run -p proximadb-meta-sqlite --example write_fixture -- DIRECTORY`.
//!
//! It refuses a directory that is there: a fixture is never written again, only a new format gets a new one.
#![allow(clippy::unwrap_used, reason = "a helper of tests")]

#[path = "../tests/content/mod.rs"]
mod content;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(dir), None) = (arguments.next().map(PathBuf::from), arguments.next()) else {
        eprintln!("usage: write_fixture DIRECTORY");
        return ExitCode::from(2);
    };
    if let Err(e) = std::fs::create_dir(&dir) {
        eprintln!("error: {}: {e}", dir.display());
        eprintln!("hint: a fixture is kept as it is for ever; name a new directory");
        return ExitCode::from(4);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let expected = runtime.block_on(async {
        content::write_database(&dir.join("catalog.db")).await;
        // Read from a copy: an opening writes.
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(dir.join("catalog.db"), copy.path().join("catalog.db")).unwrap();
        content::told(&copy.path().join("catalog.db")).await
    });
    std::fs::write(dir.join("expected.ndjson"), expected).unwrap();
    println!("wrote {}", dir.display());
    ExitCode::SUCCESS
}

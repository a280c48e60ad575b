//! Writes the fixture of format 1 into a new directory: `cargo run -p proximadb-meta-wal --example write_fixture -- DIRECTORY`.
//!
//! It refuses a directory that is there: a fixture is never written again, only a new format gets a new one.
#![allow(clippy::unwrap_used, reason = "a helper of tests")]

#[path = "../tests/checkpoint/mod.rs"]
mod checkpoint;
#[path = "../tests/content/mod.rs"]
mod content;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use proximadb_meta_wal::FileStorage;
use proximadb_meta_wal::log::Log;

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
    let mut expected = None;
    for (name, seal) in content::STORES {
        let store = dir.join(name);
        content::write_store(&store, seal);
        // Read from a copy: an opening writes.
        let copy = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(&store).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        let state = Log::open(Arc::new(FileStorage::new(copy.path())), 1 << 20).unwrap().state();
        let told = content::told(&state);
        assert_eq!(*expected.get_or_insert_with(|| told.clone()), told, "both stores hold the same");
    }
    std::fs::write(dir.join("expected.ndjson"), expected.unwrap_or_default()).unwrap();
    println!("wrote {}", dir.display());
    ExitCode::SUCCESS
}

//! The documents for operators: every error text that they quote is one of the sources, every option is told.

use std::path::Path;

use proximadb_meta_core::registry::BackendPlugin as _;
use proximadb_meta_testkit::docs::{check_options, check_troubleshooting};

#[test]
fn every_quoted_error_is_in_the_sources() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources = ["proximadb-meta-core/src", "proximadb-meta-sqlite/src"].map(|name| crates.join(name));
    let sources: Vec<&Path> = sources.iter().map(|p| &**p).collect();
    let quoted = check_troubleshooting(include_str!("../docs/troubleshooting.md"), &sources).unwrap();
    assert!(quoted >= 15, "{quoted}");
}

#[test]
fn every_option_is_told_with_its_default() {
    check_options(include_str!("../docs/setup.md"), proximadb_meta_sqlite::SqlitePlugin.options()).unwrap();
}

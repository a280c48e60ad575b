//! The documents for operators: every error text that they quote is one of the sources.

use std::path::Path;

use proximadb_meta_testkit::docs::check_troubleshooting;

#[test]
fn every_quoted_error_is_in_the_sources() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources = ["proximadb-meta-core/src", "proximadb-meta-memtable/src", "proximadb-meta-memory/src"];
    let sources = sources.map(|name| crates.join(name));
    let sources: Vec<&Path> = sources.iter().map(|p| &**p).collect();
    let quoted = check_troubleshooting(include_str!("../docs/troubleshooting.md"), &sources).unwrap();
    assert!(quoted >= 30, "{quoted}");
}

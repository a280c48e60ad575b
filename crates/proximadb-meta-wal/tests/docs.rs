//! The documents for operators: every error text that they quote is one of the sources, every error of the log is quoted, every
//! option is told.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::path::Path;

use proximadb_meta_core::registry::BackendPlugin as _;
use proximadb_meta_testkit::docs::{check_options, check_troubleshooting, code_of};

const TROUBLE: &str = include_str!("../docs/troubleshooting.md");

fn source(name: &str) -> String {
    code_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name)).unwrap()
}

#[test]
fn every_quoted_error_is_in_the_sources() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources = ["proximadb-meta-core/src", "proximadb-meta-memtable/src", "proximadb-meta-wal/src"];
    let sources = sources.map(|name| crates.join(name));
    let sources: Vec<&Path> = sources.iter().map(|p| &**p).collect();
    let quoted = check_troubleshooting(TROUBLE, &sources).unwrap();
    assert!(quoted >= 50, "{quoted}");
}

/// What an error of the file system is of, and every text behind a kind. Damage is of the format's document.
#[test]
fn every_error_of_the_log_is_quoted() {
    let mut seen = 0;
    for name in
        ["driver.rs", "engine.rs", "writer.rs", "log/mod.rs", "log/open.rs", "log/checkpoint.rs", "look/schema.rs"]
    {
        let text = source(name);
        for call in [
            "at(\"",
            "failed(s, \"",
            "failed(&*storage, \"",
            "failed(&*self.storage, \"",
            "poisoned(\"",
            "const UNMARKED: &str = \"",
        ] {
            for part in text.split(call).skip(1) {
                let said = part.split('"').next().unwrap_or_default();
                if !said.is_empty() {
                    assert!(TROUBLE.contains(&format!("| `{said}` |")), "{name}: {said:?} is not in the document");
                    seen += 1;
                }
            }
        }
        for part in text.split("Error::new(ErrorKind::").skip(1) {
            let Some((kind, rest)) = part.split_once(", ") else { continue };
            let rest = rest.strip_prefix("format!(").unwrap_or(rest);
            let Some(said) = rest.strip_prefix('"').and_then(|r| r.split(['"', '{']).next()) else { continue };
            let section = TROUBLE.split("\n## ").find(|s| s.starts_with(&format!("`{kind}`")));
            let section = section.unwrap_or_else(|| panic!("{name}: {kind} has no section"));
            assert!(section.contains(said), "{name}: {said:?} is not under {kind}");
            seen += 1;
        }
    }
    assert!(seen >= 40, "{seen}");
}

#[test]
fn every_option_is_told_with_its_default() {
    check_options(include_str!("../docs/setup.md"), proximadb_meta_wal::WalPlugin.options()).unwrap();
}

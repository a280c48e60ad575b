//! The documents for operators: every error text that they quote is one of the sources, every error of settings, replicas, TLS,
//! pool, schema and backups is quoted under its kind, every option is told.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::path::Path;

use proximadb_meta_core::registry::BackendPlugin as _;
use proximadb_meta_testkit::docs::{check_troubleshooting, code_of};

const TROUBLE: &str = include_str!("../docs/troubleshooting.md");
const SETUP: &str = include_str!("../docs/setup.md");

#[test]
fn every_quoted_error_is_in_the_sources() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources = ["proximadb-meta-core/src", "proximadb-meta-postgres/src"].map(|name| crates.join(name));
    let sources: Vec<&Path> = sources.iter().map(|p| &**p).collect();
    let quoted = check_troubleshooting(TROUBLE, &sources).unwrap();
    assert!(quoted >= 50, "{quoted}");
}

fn source(name: &str) -> String {
    code_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name)).unwrap()
}

/// The longest part of a text that does not vary.
fn fixed(literal: &str) -> &str {
    let parts = literal.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest).trim());
    parts.max_by_key(|part| part.len()).unwrap_or_default()
}

#[test]
fn every_error_is_quoted_under_its_kind() {
    let mut seen = 0;
    let names = [
        "config.rs",
        "endpoint.rs",
        "plugin.rs",
        "tls.rs",
        "pool.rs",
        "schema.rs",
        "error.rs",
        "maintain.rs",
        "native/mod.rs",
        "native/replace.rs",
        "native/tool.rs",
    ];
    for name in names {
        let text = source(name);
        for (call, kind) in [
            ("Error::new(ErrorKind::", None),
            ("unsupported(", Some("Unsupported")),
            ("damaged(", Some("Corruption")),
            ("wrong(text, ", Some("Config")),
            ("wrong(&one.address, ", Some("Config")),
            ("wrong(&", Some("Config")),
            ("wrong(\"", Some("Config")),
            ("bad(\"", Some("Corruption")),
        ] {
            for part in text.split(call).skip(1) {
                let (kind, rest) = match kind {
                    None => part.split_once(", ").unwrap_or((part, "")),
                    Some(kind) => (kind, part),
                };
                let rest = if call.ends_with('"') { Some(rest) } else { after_quote(rest) };
                // A text of elsewhere, or of the driver.
                let Some(said) = rest.and_then(|r| r.split('"').next()).map(fixed).filter(|s| s.len() > 3) else {
                    continue;
                };
                if kind == "Internal" {
                    continue;
                }
                let section = TROUBLE.split("\n## ").find(|s| s.starts_with(&format!("`{kind}`")));
                let section = section.unwrap_or_else(|| panic!("{name}: {kind} has no section"));
                assert!(section.contains(said), "{name}: {said:?} is not under {kind}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 35, "{seen}");
}

/// What follows the quotation mark, of a text that is an argument: alone, formatted, or borrowed.
fn after_quote(argument: &str) -> Option<&str> {
    let argument = argument.trim_start_matches('&');
    argument.strip_prefix("format!(").unwrap_or(argument).strip_prefix('"')
}

#[test]
fn every_option_is_told() {
    for option in proximadb_meta_postgres::PostgresPlugin.options() {
        let row = SETUP.lines().find(|l| l.starts_with("| ") && l.contains(&format!("`{}`", option.name)));
        let row = row.unwrap_or_else(|| panic!("{} is in no row", option.name));
        let default = option.default.unwrap_or_default();
        assert!(row.contains(default), "{}: {default}, {row}", option.name);
    }
}

//! TOML.

use std::time::Duration;

use proximadb_meta_core::config::{Door, MAX_TOML_BYTES, OptionValue};
use proximadb_meta_core::{MetadataBackendConfig, MetadataBackendType};

use crate::fakes::{registry, says, without_layers};

pub(crate) const REQUIREMENT: &str = r#"
[metadata_storage]
backend_type = "postgresql"
connection_string = "postgresql://user:pass@host:5432/db"

[metadata_storage.connection]
pool_size = 10
timeout_seconds = 30
ssl_enabled = true

[metadata_storage.performance]
enable_read_replicas = true
read_replica_endpoints = ["replica1:5432", "replica2:5432"]
enable_caching = true
cache_ttl_seconds = 300
"#;

#[test]
fn the_toml_of_the_requirement_works_as_it_is() {
    let config = MetadataBackendConfig::from_toml(REQUIREMENT, &registry()).unwrap();
    assert_eq!(*config.backend_type(), MetadataBackendType::POSTGRESQL);
    assert_eq!((config.location(), config.door()), ("user:pass@host:5432/db", Door::Toml));
    for (name, value) in [
        ("pool_size", OptionValue::Integer(10)),
        ("timeout_seconds", OptionValue::Seconds(Duration::from_secs(30))),
        ("ssl_enabled", OptionValue::Bool(true)),
        ("enable_read_replicas", OptionValue::Bool(true)),
        ("read_replica_endpoints", OptionValue::from(["replica1:5432", "replica2:5432"])),
        ("enable_caching", OptionValue::Bool(true)),
        ("cache_ttl_seconds", OptionValue::Seconds(Duration::from_secs(300))),
    ] {
        assert_eq!(config.option(name), Some(&value), "{name}");
    }
}

#[test]
fn keys_of_a_layer_that_is_not_there_are_refused() {
    let e = MetadataBackendConfig::from_toml(REQUIREMENT, &without_layers()).unwrap_err();
    let words = [
        "TOML line 14, column 1 (metadata_storage.performance.enable_caching)",
        "no registered layer or backend knows the option \"enable_caching\"",
    ];
    says(&e, &words, "no cache layer");
}

#[test]
fn which_table_an_option_stands_in_does_not_matter() {
    let head = "[metadata_storage]\nbackend_type = \"postgresql\"\nlocation = \"h/db\"\n";
    let read = |rest: &str| MetadataBackendConfig::from_toml(&format!("{head}{rest}"), &registry()).unwrap();
    let one = read("[metadata_storage.connection]\npool_size = 3\ncache_ttl_seconds = 1.5\nnamespace = \"t\"");
    assert_eq!(
        one,
        read("[metadata_storage.performance]\npool_size = 0x3\ncache_ttl_seconds = 1.5\nnamespace = \"t\"")
    );
    assert_eq!(one, read("options = { pool_size = 3, cache_ttl_seconds = 1.50 }\nnamespace = \"t\""));
    assert_eq!(one, read("connection.pool_size = 3\nperformance.cache_ttl_seconds = 15e-1\nnamespace = 't'"));
    assert_eq!(one.namespace().as_str(), "t");
}

#[test]
fn tables_of_others_are_passed_over() {
    let text = "title = 'x'\n[server]\nport = 1\n[[node]]\nx = 1\n[metadata_storage]\nbackend_type = 'memory'\n[storage]\ny = 2";
    let config = MetadataBackendConfig::from_toml(text, &registry()).unwrap();
    assert_eq!(*config.backend_type(), MetadataBackendType::MEMORY);
}

/// Text that follows a good head with the options table open.
fn in_options(text: &str) -> String {
    format!(
        "[metadata_storage]\nconnection_string = \"postgresql://h/db?application_name=x\"\n[metadata_storage.options]\n{text}"
    )
}

#[test]
fn what_is_wrong_is_refused_with_line_and_key() {
    for (text, words) in [
        (String::new(), &["TOML: there is no table [metadata_storage]"][..]),
        ("[storage]\nx = 1".into(), &["there is no table [metadata_storage]"]),
        (
            "[metadata_storge]\nx = 1".into(),
            &["TOML line 1, column 2 (metadata_storge)", "misspelt", "[metadata_storage]"],
        ),
        (
            "[metadata_storage]\nbackend_type='memory'\n[metadata_storag.options]\nx=1".into(),
            &["TOML line 3, column 2 (metadata_storag)", "misspelt"],
        ),
        (
            "metadata_storage = 1".into(),
            &["TOML line 1, column 1 (metadata_storage): this must be a table, found a number"],
        ),
        ("[[metadata_storage]]\nx = 1".into(), &["this must be a table, found a list"]),
        ("[metadata_storage]".into(), &["TOML: it does not say which store", "backend_type and location"]),
        ("[metadata_storage]\nlocation = './x'".into(), &["TOML: it does not say which store"]),
        (
            "[metadata_storage]\nbackend_type = 'memory'\nbackend_tpye = 'x'".into(),
            &["TOML line 3, column 1 (metadata_storage.backend_tpye)", "no key", "did you mean \"backend_type\"?"],
        ),
        (
            "[metadata_storage]\nbackend_type = 'memory'\npool_size = 1".into(),
            &["has no key \"pool_size\"", "options stand in [metadata_storage.options]"],
        ),
        (
            "[metadata_storage]\nbackend_type = 'memory'\n[metadata_storage.performence]\nx = 1".into(),
            &["TOML line 3, column 19 (metadata_storage.performence)", "did you mean \"performance\"?"],
        ),
        (
            "[metadata_storage]\nbackend_type = 'memory'\noptions = 1".into(),
            &["(metadata_storage.options): this must be a table, found a number"],
        ),
        (
            "[metadata_storage]\nbackend_type = 1".into(),
            &["line 2, column 1 (metadata_storage.backend_type): this must be a text, found a number"],
        ),
        ("[metadata_storage]\nlocation = true".into(), &["must be a text, found true or false"]),
        ("[metadata_storage]\nconnection_string = ['a']".into(), &["must be a text, found a list"]),
        (
            "[metadata_storage]\nbackend_type = 'wall'\nlocation = './x'".into(),
            &["line 2, column 1 (metadata_storage.backend_type)", "\"wall\"", "did you mean \"wal\"?"],
        ),
        (
            "[metadata_storage]\nbackend_type = 'postgres'".into(),
            &["\"postgres\" is a scheme of the backend \"postgresql\""],
        ),
        (
            "[metadata_storage]\nbackend_type = 'wal'\nconnection_string = 'memory://'".into(),
            &["line 2, column 1", "the backend type is \"wal\", but the scheme \"memory\"", "belongs to \"memory\""],
        ),
        (
            "[metadata_storage]\nlocation = 'x'\nconnection_string = 'file://x'".into(),
            &["line 2, column 1 (metadata_storage.location): the location is given twice"],
        ),
        ("[metadata_storage]\nbackend_type = 'wal'".into(), &["file:// needs a path", "give a location"]),
        (
            "[metadata_storage]\nbackend_type = 'memory'\nlocation = 'x'".into(),
            &["line 3, column 1 (metadata_storage.location): memory:// takes nothing"],
        ),
        (
            "[metadata_storage]\nbackend_type = 'postgresql'\nlocation = 'h/db?pool_size=1'".into(),
            &["line 3, column 1", "the location holds a ?", "%3F"],
        ),
        (
            "[metadata_storage]\nconnection_string = 'file://%zz'".into(),
            &["connection string in TOML line 2, column 1 (metadata_storage.connection_string): the path: a %"],
        ),
        (
            "[metadata_storage]\nconnection_string = 'memory://?x=1'".into(),
            &["connection string in TOML line 2, column 1 (metadata_storage.connection_string)", "option \"x\""],
        ),
        (
            "[metadata_storage]\nbackend_type = 'memory'\nnamespace = 3".into(),
            &["line 3, column 1 (metadata_storage.namespace): the option \"namespace\" takes a text, found 3"],
        ),
        (
            in_options("pool_size = \"10\""),
            &["line 4, column 1 (metadata_storage.options.pool_size)", "from 1 to 1000, found the text \"10\""],
        ),
        (in_options("pool_size = 0"), &["from 1 to 1000, found 0"]),
        (in_options("pool_size = -5"), &["found a number below 0"]),
        (in_options("pool_size = 1.0"), &["found 1"]),
        (in_options("pool_size = 99999999999999999999"), &["found a number that is too large"]),
        (in_options("pool_size = true"), &["found true"]),
        (in_options("pool_size = 1979-05-27"), &["found a date or time"]),
        (in_options("pool_size = {}"), &["found a table"]),
        (in_options("timeout_seconds = -0.5"), &["a number of seconds, found -0.5"]),
        (in_options("timeout_seconds = inf"), &["a number of seconds, found inf"]),
        (in_options("timeout_seconds = nan"), &["a number of seconds, found NaN"]),
        (in_options("timeout_seconds = '30'"), &["a number of seconds, found the text \"30\""]),
        (in_options("ssl_enabled = 'true'"), &["true or false, found the text \"true\""]),
        (in_options("ssl_enabled = 1"), &["true or false, found 1"]),
        (in_options("read_replica_endpoints = 'a,b'"), &["a list of non-empty texts, found the text \"a,b\""]),
        (in_options("read_replica_endpoints = ['a', 1]"), &["found a list with something else in it than texts"]),
        (in_options("read_replica_endpoints = ['a', '']"), &["a list of non-empty texts"]),
        (
            in_options("\n# ä\n  pool_szie = 1"),
            &["TOML line 6, column 3 (metadata_storage.options.pool_szie)", "did you mean \"pool_size\"?"],
        ),
        (in_options("\"a\\nb\" = 1"), &["(metadata_storage.options.a\\nb)", "option \"a\\nb\""]),
        (in_options("uri = 'x'"), &["knows the option \"uri\""]),
        (
            in_options("application_name = 'y'"),
            &[
                "TOML line 4, column 1",
                "\"application_name\" is given twice, first in: connection string in TOML line 2",
            ],
        ),
        (
            in_options("pool_size = 1\n[metadata_storage.connection]\npool_size = 1"),
            &["TOML line 6, column 1 (metadata_storage.connection.pool_size)", "given twice, first in: TOML line 4"],
        ),
        (in_options("pool_size = 1\npool_size = 2"), &["TOML line 5, column 1", "duplicate key"]),
        (in_options("pool_size = "), &["TOML line 4, column 13"]),
        (in_options("ä = "), &["TOML line 4, column 1"]),
        ("[metadata_storage".into(), &["TOML line 1"]),
        ("\0".into(), &["TOML line 1"]),
        ("x".repeat(MAX_TOML_BYTES + 1), &["TOML: it is longer than 262144 bytes"]),
        (format!("[metadata_storage]\nx = {}", "[".repeat(100_000)), &["TOML line 2"]),
    ] {
        let about = text.get(..200).unwrap_or(&text);
        let e = MetadataBackendConfig::from_toml(&text, &registry()).expect_err(about);
        says(&e, words, about);
        assert!(format!("{e:?}").len() < 2000, "{about}");
    }
}

#[test]
fn a_file_is_named_in_its_errors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("proximadb-meta.toml");
    says(
        &MetadataBackendConfig::from_toml_file(&path, &registry()).unwrap_err(),
        &["proximadb-meta.toml: the file cannot be read"],
        "missing",
    );
    std::fs::write(&path, b"\xFF").unwrap();
    says(
        &MetadataBackendConfig::from_toml_file(&path, &registry()).unwrap_err(),
        &["proximadb-meta.toml: the file is not UTF-8"],
        "bytes",
    );
    std::fs::write(&path, "x = 1\n[metadata_storage]\nbackend_type = 'x'").unwrap();
    says(
        &MetadataBackendConfig::from_toml_file(&path, &registry()).unwrap_err(),
        &["proximadb-meta.toml: TOML line 3, column 1"],
        "kind",
    );
    std::fs::write(&path, vec![b' '; MAX_TOML_BYTES + 1]).unwrap();
    says(
        &MetadataBackendConfig::from_toml_file(&path, &registry()).unwrap_err(),
        &["proximadb-meta.toml: TOML: it is longer"],
        "long",
    );
    std::fs::write(&path, REQUIREMENT).unwrap();
    let read = MetadataBackendConfig::from_toml_file(&path, &registry()).unwrap();
    assert_eq!(read, MetadataBackendConfig::from_toml(REQUIREMENT, &registry()).unwrap());
}

//! The builder.

use std::time::Duration;

use proximadb_meta_core::config::{Door, OptionValue};
use proximadb_meta_core::{MetadataBackendConfig, MetadataBackendType, Secret};

use crate::fakes::{registry, says};

#[test]
fn values_may_be_typed_or_texts() {
    let start = || MetadataBackendConfig::builder(MetadataBackendType::POSTGRESQL).location("h/db").namespace("t");
    let typed = start()
        .option("pool_size", 5)
        .option("timeout_seconds", Duration::from_millis(250))
        .option("ssl_enabled", false)
        .option("read_replica_endpoints", ["a:1", "b:2"])
        .option("application_name", "x")
        .option("password", Secret::from("pw"))
        .build(&registry())
        .unwrap();
    let texts = start()
        .option("pool_size", "5")
        .option("timeout_seconds", "0.25")
        .option("ssl_enabled", "false")
        .option("read_replica_endpoints", "a:1,b:2")
        .option("application_name", String::from("x"))
        .option("password", "pw")
        .build(&registry())
        .unwrap();
    assert_eq!(typed, texts);
    assert_eq!((typed.door(), typed.namespace().as_str()), (Door::Builder, "t"));
    let whole = start().option("timeout_seconds", 3).build(&registry()).unwrap();
    assert_eq!(whole.option("timeout_seconds"), Some(&OptionValue::Seconds(Duration::from_secs(3))));
}

#[test]
fn a_location_is_not_percent_decoded_and_a_connection_string_is() {
    let wal = || MetadataBackendConfig::builder(MetadataBackendType::WAL);
    let plain = wal().location("./100%zz?x").build(&registry()).unwrap();
    assert_eq!(plain.location(), "./100%zz?x");
    assert_eq!(plain, wal().connection_string("file://./100%25zz%3Fx").build(&registry()).unwrap());
    assert_eq!(wal().location("a").location("b").build(&registry()).unwrap().location(), "b");
}

#[test]
fn what_is_wrong_is_refused() {
    let wal = || MetadataBackendConfig::builder(MetadataBackendType::WAL).location("x");
    let pg = || MetadataBackendConfig::builder(MetadataBackendType::POSTGRESQL);
    for (builder, words) in [
        (MetadataBackendConfig::builder(MetadataBackendType::WAL), &["file:// needs a path", "give a location"][..]),
        (
            MetadataBackendConfig::builder("casandra".into()),
            &["builder: no backend of the type \"casandra\"", "known: "],
        ),
        (wal().connection_string("file://x"), &["builder: the location is given twice"]),
        (pg().connection_string("file://x"), &["builder: the backend type is \"postgresql\", but the scheme \"file\""]),
        (pg().connection_string("x"), &["connection string in builder: it does not begin"]),
        (wal().location("a\0b"), &["builder: the location holds a control character"]),
        (wal().option("x", "y"), &["builder: no registered layer or backend knows the option \"x\"", "namespace"]),
        (pg().option("pool_size", 1).option("pool_size", 1), &["builder: the option \"pool_size\" is given twice"]),
        (
            pg().connection_string("postgresql://h?pool_size=1").option("pool_size", 1),
            &["builder: ", "given twice, first in: connection string in builder"],
        ),
        (
            pg().option("pool_size", true),
            &["builder: the option \"pool_size\" takes a whole number from 1 to 1000, found true"],
        ),
        (pg().option("pool_size", 1001), &["found 1001"]),
        (pg().option("ssl_enabled", 1), &["true or false, found 1"]),
        (pg().option("application_name", 1), &["takes a text, found 1"]),
        (pg().option("application_name", Secret::from("pw")), &["takes a text, found a secret"]),
        (pg().option("application_name", "a\0b"), &["holds a NUL"]),
        (pg().option("application_name", "x".repeat(65_537)), &["is longer than 65536 bytes"]),
        (pg().option("read_replica_endpoints", ["a", ""]), &["a list of non-empty texts"]),
        (pg().option("timeout_seconds", Duration::MAX), &["a number of seconds, found "]),
        (pg().option("timeout_seconds", u64::MAX), &["a number of seconds, found "]),
        (pg().option("password", 7), &["takes a secret text, found something else"]),
        (wal().namespace("x").namespace("x"), &["\"namespace\" is given twice"]),
        (wal().namespace("x".repeat(65)), &["builder: ", "namespace"]),
    ] {
        let about = format!("{builder:?}");
        says(&builder.build(&registry()).expect_err(&about), words, &about);
    }
}

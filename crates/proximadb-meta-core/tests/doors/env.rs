//! The environment.

use std::time::Duration;

use proximadb_meta_core::config::{Door, OptionValue};
use proximadb_meta_core::{MetadataBackendConfig, MetadataBackendType, Result};

use crate::fakes::{registry, says};

pub(crate) fn variables(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

fn read(list: &[(&str, &str)]) -> Result<Option<MetadataBackendConfig>> {
    MetadataBackendConfig::from_env(variables(list), &registry())
}

#[test]
fn no_variable_of_ours_is_no_configuration() {
    for list in [
        &[][..],
        &[("HOME", "/root"), ("PXMETAURI", "x"), ("pxmeta_uri", "x"), ("PXMETA", "x"), ("XPXMETA_URI", "x")],
        &[("PXMETA_TEST_POSTGRES_URL", "x"), ("PXMETA_CI_TARGET", "y"), ("PXMETA_SOAK_SEEDS", "3")],
    ] {
        assert_eq!(read(list).unwrap(), None, "{list:?}");
    }
}

#[test]
fn variables_name_the_store_and_its_options() {
    let config = read(&[
        ("PATH", "/bin"),
        ("PXMETA_BACKEND_TYPE", "postgresql"),
        ("PXMETA_LOCATION", "host:5432/db"),
        ("PXMETA_POOL_SIZE", "12"),
        ("PXMETA_READ_REPLICA_ENDPOINTS", "a:1,b:2"),
        ("PXMETA_ENABLE_CACHING", "true"),
        ("PXMETA_CACHE_TTL_SECONDS", "1.5"),
        ("PXMETA_NAMESPACE", "tenant"),
        ("PXMETA_TEST_X", "ignored"),
    ]);
    let config = config.unwrap().expect("a configuration");
    assert_eq!(*config.backend_type(), MetadataBackendType::POSTGRESQL);
    assert_eq!((config.location(), config.namespace().as_str()), ("host:5432/db", "tenant"));
    assert_eq!(config.door(), Door::Environment);
    assert_eq!(config.option("pool_size"), Some(&OptionValue::Integer(12)));
    assert_eq!(config.option("read_replica_endpoints"), Some(&OptionValue::from(["a:1", "b:2"])));
    assert_eq!(config.option("enable_caching"), Some(&OptionValue::Bool(true)));
    assert_eq!(config.option("cache_ttl_seconds"), Some(&OptionValue::Seconds(Duration::from_millis(1500))));
    let by_uri = read(&[("PXMETA_URI", "file://./my%20data"), ("PXMETA_BACKEND_TYPE", "wal")]).unwrap().expect("one");
    assert_eq!(by_uri.location(), "./my data");
}

#[test]
fn what_is_wrong_is_refused_with_the_variable() {
    for (list, words) in [
        (&[("PXMETA_URI", "")][..], &["environment variable PXMETA_URI: it is set, but empty", "unset"][..]),
        (&[("PXMETA_BACKEND_TYPE", "")], &["PXMETA_BACKEND_TYPE: it is set, but empty"]),
        (&[("PXMETA_URI", "x")], &["connection string in environment variable PXMETA_URI: it does not begin"]),
        (&[("PXMETA_URI", "fiel://x")], &["in environment variable PXMETA_URI", "did you mean \"file\"?"]),
        (&[("PXMETA_URI", "file://x?y=1")], &["connection string in environment variable PXMETA_URI", "option \"y\""]),
        (&[("PXMETA_BACKEND_TYPE", "wall")], &["environment variable PXMETA_BACKEND_TYPE", "did you mean \"wal\"?"]),
        (&[("PXMETA_URL", "file://x")], &["environment variable PXMETA_URL", "did you mean \"PXMETA_URI\"?"]),
        (
            &[("PXMETA_URI", "postgresql://h"), ("PXMETA_POOL_SZIE", "1")],
            &[
                "environment variable PXMETA_POOL_SZIE",
                "option \"PXMETA_POOL_SZIE\"",
                "did you mean \"PXMETA_POOL_SIZE\"?",
            ],
        ),
        (&[("PXMETA_URI", "postgresql://h"), ("PXMETA_pool_size", "1")], &["environment variable PXMETA_pool_size"]),
        (&[("PXMETA_URI", "file://x"), ("PXMETA_", "1")], &["environment variable PXMETA_: "]),
        (&[("PXMETA_URI", "file://x"), ("PXMETA_TEST", "1")], &["environment variable PXMETA_TEST"]),
        (
            &[("PXMETA_URI", "file://x"), ("PXMETA_POOL_SIZE", "1")],
            &["environment variable PXMETA_POOL_SIZE", "\"wal\" has no option", "\"postgresql\" has"],
        ),
        (
            &[("PXMETA_URI", "postgresql://h?pool_size=1"), ("PXMETA_POOL_SIZE", "1")],
            &[
                "PXMETA_POOL_SIZE: the option \"pool_size\" is given twice, first in: connection string in environment variable PXMETA_URI",
            ],
        ),
        (
            &[("PXMETA_URI", "file://x"), ("PXMETA_URI", "file://x")],
            &["environment variable PXMETA_URI: it is given twice"],
        ),
        (
            &[("PXMETA_URI", "postgresql://h"), ("PXMETA_POOL_SIZE", "two")],
            &[
                "environment variable PXMETA_POOL_SIZE: the option \"pool_size\" takes a whole number from 1 to 1000, found \"two\"",
            ],
        ),
        (&[("PXMETA_URI", "postgresql://h"), ("PXMETA_POOL_SIZE", "")], &["found \"\""]),
        (&[("PXMETA_URI", "file://x"), ("PXMETA_LOCATION", "x")], &["PXMETA_LOCATION: the location is given twice"]),
        (
            &[("PXMETA_URI", "file://x"), ("PXMETA_BACKEND_TYPE", "memory")],
            &["environment variable PXMETA_BACKEND_TYPE: the backend type is \"memory\", but"],
        ),
        (&[("PXMETA_POOL_SIZE", "1")], &["environment: it does not say which store", "set PXMETA_URI"]),
        (&[("PXMETA_LOCATION", "./x")], &["environment: it does not say which store"]),
        (&[("PXMETA_BACKEND_TYPE", "wal")], &["file:// needs a path"]),
        (
            &[("PXMETA_URI", "file://x"), ("PXMETA_NAMESPACE", "a\nb")],
            &["environment variable PXMETA_NAMESPACE", "namespace"],
        ),
        (&[("PXMETA_URI", "file://x"), ("PXMETA_A\nB", "1")], &["environment variable PXMETA_A\\nB"]),
    ] {
        says(&read(list).expect_err(&format!("{list:?}")), words, &format!("{list:?}"));
    }
}

#[test]
fn the_environment_of_the_process_can_be_read() {
    let all = proximadb_meta_core::config::process_environment().unwrap();
    assert!(all.iter().any(|(name, _)| name == "CARGO_PKG_NAME"));
}

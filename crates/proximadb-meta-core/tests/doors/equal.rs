//! One meaning by four doors is one configuration.

use proximadb_meta_core::config::MetadataBackendConfig as Config;
use proximadb_meta_core::config::{Door, OptionValue};
use proximadb_meta_core::{MetadataBackendType, Secret};

use crate::env::variables;
use crate::fakes::registry;
use crate::table::REQUIREMENT;

fn all_equal(configs: &[Config]) {
    assert_eq!(configs.len(), 4);
    let doors: Vec<Door> = configs.iter().map(Config::door).collect();
    assert_eq!(doors, [Door::ConnectionString, Door::Toml, Door::Environment, Door::Builder]);
    for config in configs {
        assert_eq!(*config, configs[0]);
        assert_eq!(config.redacted(), configs[0].redacted());
    }
}

fn env(list: &[(&str, &str)]) -> Config {
    Config::from_env(variables(list), &registry()).expect("it is right").expect("a configuration")
}

#[test]
fn the_configuration_of_the_requirement() {
    let uri = "postgresql://user:pass@host:5432/db?pool_size=10&timeout_seconds=30&ssl_enabled=true&\
               enable_read_replicas=true&read_replica_endpoints=replica1:5432,replica2:5432&enable_caching=true&\
               cache_ttl_seconds=300";
    all_equal(&[
        Config::from_uri(uri, &registry()).unwrap(),
        Config::from_toml(REQUIREMENT, &registry()).unwrap(),
        env(&[
            ("PXMETA_URI", "postgresql://user:pass@host:5432/db"),
            ("PXMETA_POOL_SIZE", "10"),
            ("PXMETA_TIMEOUT_SECONDS", "30"),
            ("PXMETA_SSL_ENABLED", "true"),
            ("PXMETA_ENABLE_READ_REPLICAS", "true"),
            ("PXMETA_READ_REPLICA_ENDPOINTS", "replica1:5432,replica2:5432"),
            ("PXMETA_ENABLE_CACHING", "true"),
            ("PXMETA_CACHE_TTL_SECONDS", "300"),
        ]),
        Config::builder(MetadataBackendType::POSTGRESQL)
            .location("user:pass@host:5432/db")
            .option("pool_size", 10)
            .option("timeout_seconds", 30)
            .option("ssl_enabled", true)
            .option("enable_read_replicas", true)
            .option("read_replica_endpoints", ["replica1:5432", "replica2:5432"])
            .option("enable_caching", true)
            .option("cache_ttl_seconds", 300)
            .build(&registry())
            .unwrap(),
    ]);
}

#[test]
fn a_path_with_a_blank_and_a_namespace() {
    all_equal(&[
        Config::from_uri("file://./my%20data%2525?namespace=a%20b", &registry()).unwrap(),
        Config::from_toml(
            "[metadata_storage]\nbackend_type = 'wal'\nlocation = './my data%25'\nnamespace = 'a b'",
            &registry(),
        )
        .unwrap(),
        env(&[("PXMETA_BACKEND_TYPE", "wal"), ("PXMETA_LOCATION", "./my data%25"), ("PXMETA_NAMESPACE", "a b")]),
        Config::builder(MetadataBackendType::WAL).location("./my data%25").namespace("a b").build(&registry()).unwrap(),
    ]);
}

#[test]
fn a_secret_however_it_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    std::fs::write(&path, "hunter2\n").unwrap();
    let file = format!("file:{}", path.display());
    all_equal(&[
        Config::from_uri("dynamodb://eu/t?secret_key=hunter2&access_key=me", &registry()).unwrap(),
        Config::from_toml(
            &format!(
                "[metadata_storage]\nconnection_string = 'dynamodb://eu/t'\n[metadata_storage.options]\n\
                 access_key = 'me'\nsecret_key = '{file}'"
            ),
            &registry(),
        )
        .unwrap(),
        env(&[
            ("PXMETA_URI", "dynamodb://eu/t?access_key=me"),
            ("PXMETA_SECRET_KEY", "env:AWS_SECRET"),
            ("AWS_SECRET", "hunter2"),
        ]),
        Config::builder(MetadataBackendType::DYNAMODB)
            .location("eu/t")
            .option("access_key", "me")
            .option("secret_key", Secret::from("hunter2"))
            .build(&registry())
            .unwrap(),
    ]);
}

#[test]
fn a_default_that_is_said_changes_nothing_and_another_value_does() {
    let read = |uri| Config::from_uri(uri, &registry()).unwrap();
    let bare = read("postgresql://h/db");
    assert_eq!(bare, read("postgresql://h/db?pool_size=10&cache_ttl_seconds=60&ssl_enabled=true"));
    assert_eq!(bare.option("pool_size"), Some(&OptionValue::Integer(10)));
    assert_eq!(bare.option("application_name"), None);
    for other in [
        "postgresql://h/db?pool_size=11",
        "postgresql://h/db2",
        "postgres://h/db",
        "mongodb://h/db",
        "postgresql://h/db?application_name=",
        "postgresql://h/db?namespace=t",
        "postgresql://h/db?password=x",
    ] {
        assert_ne!(bare, read(other), "{other}");
    }
    assert_ne!(read("postgresql://h/db?password=x"), read("postgresql://h/db?password=y"));
}

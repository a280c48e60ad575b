//! Connection strings.

use std::time::Duration;

use proximadb_meta_core::config::{Door, MAX_CONNECTION_STRING_BYTES, OptionValue};
use proximadb_meta_core::{MetadataBackendConfig, MetadataBackendType};

use crate::fakes::{registry, says};

fn read(uri: &str) -> MetadataBackendConfig {
    MetadataBackendConfig::from_uri(uri, &registry()).expect(uri)
}

#[test]
fn the_strings_of_the_requirement_work_as_they_are() {
    for (uri, kind, location) in [
        ("file://./data/metadata", MetadataBackendType::WAL, "./data/metadata"),
        (
            "postgresql://user:password@host:5432/database",
            MetadataBackendType::POSTGRESQL,
            "user:password@host:5432/database",
        ),
        (
            "dynamodb://region/table_name?access_key=KEY&secret_key=SECRET",
            MetadataBackendType::DYNAMODB,
            "region/table_name",
        ),
        (
            "mongodb://user:password@host:27017/database",
            MetadataBackendType::MONGODB,
            "user:password@host:27017/database",
        ),
        ("sqlite:///path/to/database.db", MetadataBackendType::SQLITE, "/path/to/database.db"),
        ("memory://", MetadataBackendType::MEMORY, ""),
    ] {
        let config = read(uri);
        assert_eq!((config.backend_type(), config.location()), (&kind, location), "{uri}");
        assert_eq!(config.door(), Door::ConnectionString);
        assert!(uri.starts_with(&format!("{}://", config.scheme())), "{uri}");
    }
    let dynamo = read("dynamodb://region/table_name?access_key=KEY&secret_key=SECRET");
    assert_eq!(dynamo.option("access_key"), Some(&OptionValue::from("KEY")));
    let Some(OptionValue::Secret(secret)) = dynamo.option("secret_key") else { panic!("{dynamo:?}") };
    assert_eq!(secret.expose(), "SECRET");
}

#[test]
fn paths_are_decoded_and_addresses_are_not() {
    for (uri, location) in [
        ("file://./my%20data", "./my data"),
        ("file://./my data", "./my data"),
        ("file:///a%3Fb%25c", "/a?b%c"),
        ("file://./%C3%A4€", "./ä€"),
        ("file://./a:b@c", "./a:b@c"),
        ("file://C:/data", "C:/data"),
        ("file://./a+b#c", "./a+b#c"),
        ("sqlite://x.db?", "x.db"),
        ("sqlite://x.db?&", "x.db"),
        ("postgresql://u%40x:p%3Fq@h/db%20x", "u%40x:p%3Fq@h/db%20x"),
        ("mongodb://h1:27017,h2:27018,[::1]:27019/db", "h1:27017,h2:27018,[::1]:27019/db"),
        ("postgresql://", ""),
        ("mongodb+srv://cluster.example/db", "cluster.example/db"),
        ("postgres://a://b", "a://b"),
    ] {
        assert_eq!(read(uri).location(), location, "{uri}");
    }
}

#[test]
fn options_are_read_as_their_kind_says() {
    let seconds = |s| OptionValue::Seconds(Duration::from_millis(s));
    for (option, value) in [
        ("pool_size=7", OptionValue::Integer(7)),
        ("pool_size=%37", OptionValue::Integer(7)),
        ("pool%5Fsize=007", OptionValue::Integer(7)),
        ("pool_size=1", OptionValue::Integer(1)),
        ("pool_size=1000", OptionValue::Integer(1000)),
        ("timeout_seconds=5", seconds(5000)),
        ("timeout_seconds=0.25", seconds(250)),
        ("timeout_seconds=1000000000", seconds(1_000_000_000_000)),
        ("ssl_enabled=false", OptionValue::Bool(false)),
        ("application_name=a%20b%3D%26c+d=e", OptionValue::from("a b=&c+d=e")),
        ("application_name=", OptionValue::from("")),
        ("read_replica_endpoints=", OptionValue::List(vec![])),
        ("read_replica_endpoints=a:1", OptionValue::from(["a:1"])),
        ("read_replica_endpoints=a:1, b:2,c%2Cd", OptionValue::from(["a:1", "b:2", "c,d"])),
        ("enable_caching=true", OptionValue::Bool(true)),
    ] {
        let config = read(&format!("postgresql://host/db?{option}"));
        let name = option.split_once('=').unwrap().0.replace("%5F", "_");
        assert_eq!(config.option(&name), Some(&value), "{option}");
    }
}

#[test]
fn what_is_wrong_is_refused_and_said() {
    for (uri, words) in [
        ("", &["connection string: it does not begin with a scheme", "file://./data/metadata"][..]),
        ("file:./x", &["does not begin with a scheme"]),
        ("://x", &["does not begin with a scheme"]),
        ("1x://y", &["does not begin with a scheme"]),
        ("my scheme://x", &["does not begin with a scheme"]),
        ("fiel://x", &["\"fiel\"", "registered: dynamodb, file, memory", "did you mean \"file\"?"]),
        ("FILE://x", &["\"FILE\"", "registered:"]),
        ("memory://x", &["connection string: memory:// takes nothing"]),
        ("file://", &["connection string: file:// needs a path"]),
        ("file://?namespace=x", &["file:// needs a path"]),
        ("file://./a%zz", &["connection string: the path: a % is not followed", "%25"]),
        ("file://./a%2", &["a % is not followed"]),
        ("file://./%FF", &["not UTF-8"]),
        ("file://./a%00b", &["control character"]),
        ("file://./a\0b", &["control character"]),
        ("postgresql://h\n/db", &["control character"]),
        (
            "postgresql://h/db?pool_szie=1",
            &["connection string:", "\"pool_szie\"", "did you mean \"pool_size\"?", "password"],
        ),
        ("postgresql://h/db?access_key=1", &["\"postgresql\" has no option \"access_key\"", "\"dynamodb\" has"]),
        ("postgresql://h/db?POOL_SIZE=1", &["knows the option \"POOL_SIZE\""]),
        ("postgresql://h/db?pool_size", &["an option has no value", "name=value"]),
        ("postgresql://h/db?=1", &["knows the option \"\""]),
        ("postgresql://h/db?pool_size=1&pool_size=1", &["\"pool_size\" is given twice"]),
        ("postgresql://h/db?pool_size=1&pool%5Fsize=2", &["\"pool_size\" is given twice"]),
        (
            "postgresql://h/db?pool_size=two",
            &["\"pool_size\" takes a whole number from 1 to 1000, found \"two\"", "connections"],
        ),
        ("postgresql://h/db?pool_size=0", &["from 1 to 1000, found \"0\""]),
        ("postgresql://h/db?pool_size=1001", &["found \"1001\""]),
        ("postgresql://h/db?pool_size=-1", &["found \"-1\""]),
        ("postgresql://h/db?pool_size=+1", &["found \"+1\""]),
        ("postgresql://h/db?pool_size=", &["found \"\""]),
        ("postgresql://h/db?pool_size=99999999999999999999999", &["found \"99999999999999999999999\""]),
        ("postgresql://h/db?pool_size=%31%zz", &["\"pool_size\": a % is not followed"]),
        ("postgresql://h/db?%zz=1", &["the name of an option: a % is not followed"]),
        ("postgresql://h/db?ssl_enabled=yes", &["true or false, found \"yes\""]),
        ("postgresql://h/db?ssl_enabled=True", &["true or false"]),
        ("postgresql://h/db?timeout_seconds=30s", &["a number of seconds, found \"30s\""]),
        ("postgresql://h/db?timeout_seconds=-1", &["a number of seconds"]),
        ("postgresql://h/db?timeout_seconds=inf", &["a number of seconds"]),
        ("postgresql://h/db?timeout_seconds=1.2.3", &["a number of seconds"]),
        ("postgresql://h/db?timeout_seconds=1000000001", &["a number of seconds"]),
        ("postgresql://h/db?timeout_seconds=", &["a number of seconds"]),
        ("postgresql://h/db?read_replica_endpoints=a,,b", &["a list of non-empty texts"]),
        ("postgresql://h/db?read_replica_endpoints=a,%zz", &["a % is not followed"]),
        ("postgresql://h/db?application_name=a%00b", &["\"application_name\" holds a NUL"]),
        ("postgresql://h/db?namespace=a%0Ab", &["connection string:", "namespace"]),
    ] {
        let e = MetadataBackendConfig::from_uri(uri, &registry()).expect_err(uri);
        says(&e, words, uri);
        says(&e, &["connection string: "], uri);
    }
}

#[test]
fn long_input_is_refused_or_shortened() {
    let long = "x".repeat(MAX_CONNECTION_STRING_BYTES);
    for (uri, words) in [
        (format!("file://{long}"), &["longer than 65536 bytes"][..]),
        (format!("{}://x", &long[..60_000]), &["no backend is registered", "(60000 bytes)"]),
        (format!("memory://?{}=1", &long[..60_000]), &["(60000 bytes)"]),
        (format!("postgresql://h?pool_size={}", &long[..60_000]), &["(60000 bytes)"]),
        (format!("postgresql://h?namespace={}", &long[..60_000]), &["namespace"]),
    ] {
        let e = MetadataBackendConfig::from_uri(&uri, &registry()).expect_err("too long");
        says(&e, words, &uri[..20]);
        assert!(format!("{e:?}").len() < 2000, "an error of {} bytes", format!("{e:?}").len());
    }
    let fits = format!("file://{}", &long[..60_000]);
    assert_eq!(read(&fits).location().len(), 60_000);
}

#[test]
fn the_redacted_form_can_be_read_again() {
    for uri in [
        "file://./my%20data%3F?namespace=a%20b",
        "postgresql://h/db?read_replica_endpoints=a%2Cb,c&application_name=x%26y",
        "postgres://h/db?timeout_seconds=0.5",
        "memory://",
    ] {
        let config = read(uri);
        assert_eq!(read(&config.redacted()), config, "{uri}: {}", config.redacted());
    }
}

//! No secret is shown: not by `Debug` or `Display`, not in an error, not in a trace, by whichever door it came.

use std::io;
use std::sync::{Arc, Mutex};

use proximadb_meta_core::config::{Sources, redact};
use proximadb_meta_core::{Error, MetadataBackendConfig as Config, MetadataBackendType, Result, Secret};

use crate::env::variables;
use crate::fakes::{registry, says};

/// Collects what is traced on this thread while `work` runs.
pub(crate) fn traced<T>(work: impl FnOnce() -> T) -> (T, String) {
    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no poison").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let result = tracing::subscriber::with_default(subscriber, work);
    let text = String::from_utf8(buffer.0.lock().expect("no poison").clone()).expect("UTF-8");
    (result, text)
}

/// Everything that can be shown of an error.
fn shown(e: &Error) -> String {
    let mut text = format!("{e} {e:?} {e:#?} {:?} {:?}", e.hint(), e.message());
    let mut source = std::error::Error::source(e);
    while let Some(s) = source {
        text += &format!(" {s} {s:?}");
        source = s.source();
    }
    text
}

type Read = Box<dyn Fn() -> Result<Config>>;

fn uri(text: &'static str) -> Read {
    Box::new(move || Config::from_uri(text, &registry()))
}

fn toml(text: &'static str) -> Read {
    Box::new(move || Config::from_toml(text, &registry()))
}

fn env(list: &'static [(&'static str, &'static str)]) -> Read {
    Box::new(move || Config::from_env(variables(list), &registry()).map(|c| c.expect("a configuration")))
}

fn dynamo(
    build: impl Fn(proximadb_meta_core::config::ConfigBuilder) -> proximadb_meta_core::config::ConfigBuilder + 'static,
) -> Read {
    Box::new(move || {
        let builder = build(Config::builder(MetadataBackendType::DYNAMODB));
        assert!(!format!("{builder:?}").contains("hunter"));
        builder.build(&registry())
    })
}

#[test]
fn good_configurations_show_no_secret() {
    let doors: Vec<Read> = vec![
        uri("postgresql://user:hunter2@host:5432/db"),
        uri("postgresql://user:hunter2/hunter2@host:5432/db"),
        uri("postgresql://host/db?password=hunter2"),
        uri("dynamodb://eu/t?access_key=me&secret_key=hunter2&session_token=hunter2"),
        uri("mongodb://user:hunter2@h1:1,h2:2/db"),
        toml(
            "[metadata_storage]\nconnection_string = 'postgresql://user:hunter2@host/db'\noptions.password = 'hunter2'",
        ),
        toml("[metadata_storage]\nbackend_type = 'postgresql'\nlocation = 'user:hunter2@host/db'"),
        env(&[("PXMETA_URI", "postgresql://user:hunter2@host/db"), ("PXMETA_PASSWORD", "hunter2")]),
        env(&[("PXMETA_URI", "dynamodb://eu/t"), ("PXMETA_SECRET_KEY", "env:K"), ("K", "hunter2")]),
        env(&[("PXMETA_BACKEND_TYPE", "postgresql"), ("PXMETA_LOCATION", "user:hunter2@host/db")]),
        dynamo(|b| b.location("user:hunter2@eu/t").option("secret_key", "hunter2")),
        dynamo(|b| {
            b.connection_string("dynamodb://eu/t?secret_key=hunter2").option("session_token", Secret::from("hunter2"))
        }),
    ];
    for read in doors {
        let (config, trace) = traced(read);
        let config = config.unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (opened, trace_of_open) = traced(|| runtime.block_on(registry().open(config.clone())));
        let opened = opened.unwrap();
        let text = format!(
            "{config:?} {config:#?} {} {:?} {opened:?} {:?} {trace} {trace_of_open}",
            config.redacted(),
            config.option("secret_key"),
            opened.descriptor()
        );
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("***"), "{text}");
    }
}

#[test]
fn wrong_configurations_show_no_secret() {
    let doors: Vec<Read> = vec![
        uri("user:hunter2@host/db"),
        uri("user:hunter2@host://db"),
        uri("postgres:user:hunter2@host/db"),
        uri("postgresql://user:hunter2@host/db?pool_size=x"),
        uri("postgresql://user:hunter2@host/db?nonsense=hunter2"),
        uri("postgresql://user:hunter2@host/db?hunter2"),
        uri("postgresql://user:x?hunter2@host/db"),
        uri("postgresql://user:x?hunter2=y@host/db"),
        uri("postgresql://user:hunter2\0@host/db"),
        uri("oracle://user:hunter2@host/db"),
        uri("dynamodb://eu/t?secret_key=hunter2&secret_key=hunter2"),
        uri("dynamodb://eu/t?secret_key=hunter2%00"),
        uri("dynamodb://eu/t?secret_key=hunter2%zz"),
        uri("dynamodb://eu/t?secret_kye=hunter2"),
        uri("memory://user:hunter2@host"),
        toml("[metadata_storage]\nconnection_string = 'user:hunter2@host'"),
        toml("[metadata_storage]\nconnection_string = 'postgresql://user:hunter2@host/db'\nlocation = 'hunter2'"),
        toml("[metadata_storage]\nconnection_string = 'dynamodb://x'\noptions.secret_key = ['hunter2']"),
        toml(
            "[metadata_storage]\nconnection_string = 'dynamodb://x'\noptions.secret_key = 'hunter2\\0'\noptions.x = 1",
        ),
        toml("[metadata_storage]\nconnection_string = 'dynamodb://x'\noptions.secret_key = 'hunter2"),
        toml("[metadata_storage]\nconnection_string = 'dynamodb://x'\noptions.secret_key = hunter2"),
        toml("[metadata_storage]\nconnection_string = 'dynamodb://x'\noptions.secret_key = 'hunter2' hunter2"),
        toml(
            "[metadata_storage]\nconnection_string = 'dynamodb://x'\noptions.secret_key = 'a'\noptions.secret_key = 'hunter2'",
        ),
        toml("[metadata_storage]\nbackend_type = 'postgresql'\nlocation = 'user:hunter2@host?x'"),
        toml("[metadata_storage]\nbackend_type = 'memory'\nlocation = 'hunter2'"),
        env(&[("PXMETA_URI", "user:hunter2@host")]),
        env(&[("PXMETA_URI", "dynamodb://eu/t?secret_key=hunter2"), ("PXMETA_SECRET_KEY", "hunter2")]),
        env(&[("PXMETA_URI", "memory://"), ("PXMETA_SECRET_KEY", "hunter2")]),
        env(&[("PXMETA_URI", "dynamodb://eu/t"), ("PXMETA_SECRET_KEY", "env:not hunter2")]),
        env(&[("PXMETA_PASSWORD", "hunter2")]),
        env(&[("PXMETA_NONSENSE", "hunter2")]),
        dynamo(|b| b.connection_string("user:hunter2@host")),
        dynamo(|b| b.location("user:hunter2?@host")),
        dynamo(|b| b.location("x").option("secret_key", ["hunter2"])),
        dynamo(|b| b.location("x").option("secret_key", "hunter2\0")),
        dynamo(|b| b.location("x").option("access_key", Secret::from("hunter2"))),
        dynamo(|b| b.location("x").option("secret_key", "hunter2").option("secret_key", "hunter2")),
    ];
    for (i, read) in doors.into_iter().enumerate() {
        let (result, trace) = traced(read);
        let text = format!("{} {trace}", shown(&result.expect_err(&format!("case {i}"))));
        assert!(!text.contains("hunter2"), "case {i}: {text}");
    }
}

#[test]
fn a_secret_in_a_connection_string_is_warned_of_once() {
    let read = |uri: &'static str| traced(move || Config::from_uri(uri, &registry())).1;
    for (uri, names) in [
        ("dynamodb://eu/t?secret_key=hunter2", "secret_key"),
        ("dynamodb://eu/t?secret_key=hunter2&session_token=hunter2", "secret_key, session_token"),
        ("dynamodb://eu/t?secret_key=%68unter2", "secret_key"),
        ("postgresql://user:hunter2@host/db", "the password in front of the @"),
    ] {
        let trace = read(uri);
        assert_eq!(trace.matches("WARN").count(), 1, "{uri}: {trace}");
        assert!(trace.contains(&format!("{names:?}")) && trace.contains("env:NAME or file:PATH"), "{uri}: {trace}");
    }
    for uri in ["memory://", "file://./a:b@c", "postgresql://user@host/db", "dynamodb://eu/t?access_key=me"] {
        assert_eq!(read(uri), "", "{uri}");
    }
    let elsewhere =
        [("PXMETA_URI", "dynamodb://eu/t?session_token=env:T"), ("PXMETA_SECRET_KEY", "hunter2"), ("T", "x")];
    assert_eq!(traced(|| Config::from_env(variables(&elsewhere), &registry())).1, "");
}

#[test]
fn references_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    for (name, bytes) in [
        ("plain", &b"hunter2"[..]),
        ("lf", b"hunter2\n"),
        ("crlf", b"hunter2\r\n"),
        ("two", b"hunter2\n\n"),
        ("blank", b" hunter2 "),
        ("empty", b""),
        ("newline", b"\n"),
        ("bytes", b"\xFF"),
        ("nul", b"a\0b"),
    ] {
        std::fs::write(path(name), bytes).unwrap();
    }
    std::fs::write(path("limit"), format!("{}\r\n", "x".repeat(65_536))).unwrap();
    std::fs::write(path("long"), "x".repeat(65_537)).unwrap();
    std::fs::write(path("longer"), "x".repeat(1_000_000)).unwrap();
    let read = |reference: &str| {
        let variables = variables(&[
            ("PXMETA_URI", "dynamodb://eu/t"),
            ("PXMETA_SECRET_KEY", reference),
            ("GIVEN", "hunter2\n"),
            ("EMPTY", ""),
            ("NESTED", "env:GIVEN"),
        ]);
        let config = Config::from_env(variables, &registry())?.expect("a configuration");
        Ok(config.option("secret_key").and_then(|v| v.as_secret()).expect("a secret").expose().to_owned())
    };
    let file = |name: &str| format!("file:{}", path(name).display());
    for (reference, secret) in [
        ("env:GIVEN".to_owned(), "hunter2\n".to_owned()),
        ("env:NESTED".to_owned(), "env:GIVEN".to_owned()),
        (file("plain"), "hunter2".to_owned()),
        (format!("file://{}", path("plain").display()), "hunter2".to_owned()),
        (file("lf"), "hunter2".to_owned()),
        (file("crlf"), "hunter2".to_owned()),
        (file("two"), "hunter2\n".to_owned()),
        (file("blank"), " hunter2 ".to_owned()),
        (file("limit"), "x".repeat(65_536)),
        ("environment".to_owned(), "environment".to_owned()),
        ("File:x".to_owned(), "File:x".to_owned()),
        (String::new(), String::new()),
    ] {
        let found: Result<String> = read(&reference);
        assert_eq!(found.unwrap(), secret, "{reference}");
    }
    for (reference, words) in [
        ("env:MISSING".to_owned(), &["\"secret_key\": the environment variable \"MISSING\" is not set"][..]),
        ("env:EMPTY".to_owned(), &["the environment variable \"EMPTY\" is empty"]),
        ("env:".to_owned(), &["env: is not followed by the name of a variable"]),
        ("env:A-B".to_owned(), &["env: is not followed by the name of a variable"]),
        (file("missing"), &["\"secret_key\": the file ", "missing\" cannot be read"]),
        (format!("file:{}", dir.path().display()), &["cannot be read"]),
        ("file:".to_owned(), &["the file \"\" cannot be read"]),
        (file("empty"), &["is empty"]),
        (file("newline"), &["is empty"]),
        (file("bytes"), &["is not UTF-8"]),
        (file("nul"), &["\"secret_key\" holds a NUL"]),
        (file("long"), &["longer than 65536 bytes"]),
        (file("longer"), &["longer than 65536 bytes"]),
    ] {
        let e = read(&reference).expect_err(&reference);
        says(&e, words, &reference);
        says(&e, &["environment variable PXMETA_SECRET_KEY: the option"], &reference);
    }
    let of_process = Config::from_uri("dynamodb://eu/t?secret_key=env:CARGO_PKG_NAME", &registry()).unwrap();
    let secret = of_process.option("secret_key").and_then(|v| v.as_secret()).map(Secret::expose);
    assert_eq!(secret, Some("proximadb-meta-core"));
    let e = Config::from_uri("dynamodb://eu/t?secret_key=env:NO_SUCH_VARIABLE_HERE", &registry()).unwrap_err();
    says(&e, &["connection string: ", "\"NO_SUCH_VARIABLE_HERE\" is not set"], "uri");
}

#[test]
fn a_secret_has_one_way_out() {
    let secret = Secret::from("hunter2");
    assert_eq!(format!("{secret:?} {secret:#?}"), "Secret(***) Secret(***)");
    assert_eq!((secret.expose(), secret == Secret::new("hunter2")), ("hunter2", true));
    let sources = Sources { uri: Some("x://u:hunter2@h"), default: "x://u:hunter2@h", ..Sources::default() };
    assert!(!format!("{sources:?}").contains("hunter2"));
    assert_eq!(redact("x://u:hunter2@h"), "x://u:***@h");
}

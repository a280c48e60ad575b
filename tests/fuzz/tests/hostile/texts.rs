//! Records, JSON, times, filters, cursors, connection strings and TOML.

use std::sync::Arc;

use proximadb_meta_core::canon::canonicalize;
use proximadb_meta_core::config::{process_environment, redact};
use proximadb_meta_core::{
    BackendRegistry, CollectionMetadata, ConfigJson, Cursor, Error, ErrorKind, Filter, ListRequest,
    MetadataBackendConfig, Result, Timestamp,
};

use crate::bounded;
use crate::counting::alone;

/// What a reader of a text must give for these.
fn refused(name: &str, text: String, kind: ErrorKind, read: fn(&str) -> Result<()>) {
    bounded(name, text.len(), || {
        let e: Error = read(&text).unwrap_err();
        assert_eq!(e.kind(), kind, "{name}");
        // What is said of a long text is short.
        assert!(e.to_string().len() < 4096, "{name}: {} bytes of error", e.to_string().len());
    });
}

fn record(text: &str) -> Result<()> {
    CollectionMetadata::from_json(text).map(drop)
}

fn json(text: &str) -> Result<()> {
    canonicalize(text, "value").map(drop)
}

fn config(text: &str) -> Result<()> {
    ConfigJson::parse(text).map(drop)
}

fn with(member: &str) -> String {
    format!(r#"{{"name":"n","dimension":3,"distance_metric":"c",{member}}}"#)
}

fn keys(n: usize) -> String {
    (0..n).map(|i| format!("\"{i:x}\":1,")).collect()
}

#[test]
fn records_and_json() {
    let _alone = alone();
    const FULL: usize = 2 << 20;
    let nested = |first: &str| {
        let inner: String = (0..14).map(|i| format!("{{\"{i}\":")).collect();
        format!("{{\"{first}\":{inner}1e999{}}}", "}".repeat(14))
    };
    for (name, text) in [
        ("blanks", " ".repeat(64 << 20)),
        ("deep arrays", "[".repeat(FULL)),
        ("deep objects", "{\"a\":".repeat(FULL / 5)),
        ("a long key over deep values", nested(&"k".repeat(FULL - 200))),
        ("many members", format!("{{{}\"x\":}}", keys(FULL / 10))),
        ("many members, one of them twice", format!("{{{}\"0\":1}}", keys(FULL / 10))),
        ("many bad numbers", format!("[{}1e999]", "0,".repeat(FULL / 2 - 8))),
        ("a long number", format!("[{}]", "9".repeat(FULL - 2))),
        ("a long fraction", format!("[1.{}e999]", "9".repeat(FULL - 20))),
        ("escapes", format!("\"{}", "\\u0001".repeat(FULL / 6 - 2))),
        ("NULs", format!("\"{}\\u0000\"", "\\u0001".repeat(FULL / 6 - 3))),
    ] {
        refused(name, text.clone(), ErrorKind::InvalidInput, record);
        refused(name, text.clone(), ErrorKind::InvalidInput, config);
        refused(name, text, ErrorKind::InvalidInput, json);
    }
    for (name, text) in [
        ("empty tags and a number", with(&format!("\"tags\":[{}1]", "\"\",".repeat(FULL / 3 - 40)))),
        ("a long time", with(&format!("\"created_at\":\"{}\"", "\\u0001".repeat(FULL / 6 - 30)))),
        ("a long pattern", with(&format!("\"access_pattern\":\"{}\"", "\\u0001".repeat(FULL / 6 - 30)))),
        ("unknown members and a bad one", with(&format!("{}\"z\":1e999", keys(FULL / 10)))),
        ("a long retention", with(&format!("\"retention\":{{{}\"z\":1}}", keys(FULL / 10)))),
        ("long config", with(&format!("\"config\":{{{}\"z\":1}}", keys(FULL / 10)))),
    ] {
        refused(name, text, ErrorKind::InvalidInput, record);
    }
    let many = with(&format!("\"tags\":[{}\"\"]", "\"\",".repeat(FULL / 3 - 40)));
    bounded("empty tags", many.len(), || assert_eq!(CollectionMetadata::from_json(&many).unwrap().tags.len(), 1));
    let tags: Vec<String> = (0..FULL / 9).map(|i| format!("\"{i:x}\"")).collect();
    let tags = with(&format!("\"tags\":[{}]", tags.join(",")));
    bounded("tags", tags.len(), || drop(CollectionMetadata::from_json(&tags).unwrap()));
    let arrays = format!("[{}[]]", "[],".repeat(FULL / 3 - 2));
    bounded("empty arrays", arrays.len(), || drop(canonicalize(&arrays, "value").unwrap()));
    let wide = format!("{{{}\"z\":1}}", keys(FULL / 10));
    bounded("members", wide.len(), || drop(canonicalize(&wide, "value").unwrap()));
}

#[test]
fn times() {
    let _alone = alone();
    for text in
        ["9".repeat(64 << 20), "\u{1}".repeat(16 << 20), format!("2026-11-24T08:00:00.{}Z", "0".repeat(16 << 20))]
    {
        refused("a long time", text, ErrorKind::InvalidInput, |t| Timestamp::parse(t).map(drop));
    }
}

#[test]
fn filters() {
    let _alone = alone();
    const FULL: usize = 256 << 10;
    for (name, text) in [
        ("too long", "a".repeat(64 << 20)),
        ("one word", "a".repeat(FULL)),
        ("one quoted text", format!("\"{}\"", "\u{1}".repeat(FULL - 2))),
        ("parentheses", "(".repeat(FULL)),
        ("negations", "NOT ".repeat(FULL / 4)),
        ("groups", "AND(".repeat(FULL / 4)),
        ("operators", "=<".repeat(FULL / 2)),
        ("dots", format!("id = a{}", ".a".repeat(FULL / 2 - 10))),
        ("dots that end badly", format!("id = a{} id", ".a".repeat(FULL / 2 - 10))),
        ("colons", format!("created_at = 1{}", ":1".repeat(FULL / 2 - 10))),
        ("a long path", format!("config{} =", ".a".repeat(FULL / 2 - 10))),
        ("many leaves", "id:* AND ".repeat(FULL / 9) + "id:*"),
        ("a long unknown field", format!("{} = 1", "x".repeat(FULL - 4))),
        ("a long unknown function", format!("{}(", "x".repeat(FULL - 4))),
        ("a long number", format!("dimension = {}", "9".repeat(FULL - 20))),
        ("a long number of config", format!("config.x = {}", "9".repeat(FULL - 20))),
        ("words of nothing", format!("text(\"{}\")", ".".repeat(FULL - 10))),
    ] {
        match name {
            // These are filters.
            "dots" => bounded(name, text.len(), || assert!(Filter::parse(&text).is_ok())),
            _ => refused(name, text, ErrorKind::InvalidInput, |t| Filter::parse(t).map(drop)),
        }
    }
    // One character that becomes eighteen.
    let words = format!("text(\"{}\")", "\u{fdfa}".repeat(FULL / 3 - 10));
    bounded("words that grow", words.len(), || drop(Filter::parse(&words).unwrap().to_string()));
    let path = format!("config{} = 1", ".a".repeat(FULL / 2 - 10));
    let record = CollectionMetadata::new("n", 1, proximadb_meta_core::DistanceMetric::COSINE);
    bounded("a path", path.len(), || assert!(!Filter::parse(&path).unwrap().evaluate(&record)));
}

#[test]
fn cursors() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let store = proximadb_meta_memory::memory().into_backend();
    for text in
        ["A".repeat(64 << 20), "=".repeat(64 << 20), format!("AQ{}", "A".repeat(32 << 20)), "\u{1}".repeat(1 << 20)]
    {
        bounded("a long cursor", text.len(), || {
            let request = ListRequest::new().after(Cursor::from_text(&text));
            let e = runtime.block_on(store.list_page(request)).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::InvalidInput);
        });
    }
}

fn registry() -> Arc<BackendRegistry> {
    let registry = BackendRegistry::new();
    proximadb_meta_wal::register(&registry).unwrap();
    proximadb_meta_memory::register(&registry).unwrap();
    Arc::new(registry)
}

fn uri(text: &str) -> Result<()> {
    let _ = redact(text);
    MetadataBackendConfig::from_uri(text, &registry()).map(drop)
}

fn toml(text: &str) -> Result<()> {
    MetadataBackendConfig::from_toml(text, &registry()).map(drop)
}

#[test]
fn connection_strings() {
    let _alone = alone();
    const FULL: usize = 64 << 10;
    for (name, text) in [
        ("too long", format!("file://{}", "a".repeat(64 << 20))),
        ("much too long and full of options", format!("file://a?{}", "a=b&".repeat(16 << 20))),
        ("a long scheme", format!("{}://x", "a".repeat(FULL - 4))),
        ("many options", format!("file://a?{}", "a=b&".repeat(FULL / 4 - 4))),
        ("empty options", format!("file://a?{}x", "&".repeat(FULL - 12))),
        ("a long name", format!("file://a?{}=1", "%41".repeat(FULL / 3 - 5))),
        ("a long value", format!("file://a?segment_bytes={}", "9".repeat(FULL - 40))),
        ("bad percents", format!("file://{}", "%".repeat(FULL - 10))),
        ("control characters", format!("file://{}", "\u{1}".repeat(FULL - 10))),
    ] {
        refused(name, text, ErrorKind::Config, uri);
    }
    // Not hostile, but read by the same door.
    assert!(process_environment().is_ok());
}

#[test]
fn toml_files() {
    let _alone = alone();
    const FULL: usize = 256 << 10;
    let lines = |of: &str, line: &dyn Fn(usize) -> String| {
        let mut text = of.to_owned();
        for n in 0.. {
            let next = line(n);
            if text.len() + next.len() > FULL {
                return text;
            }
            text.push_str(&next);
        }
        text
    };
    let table = "[metadata_storage]\n";
    for (name, text) in [
        ("too long", "#".repeat(64 << 20)),
        ("comments", lines("", &|_| "#\n".to_owned())),
        ("keys of others", lines("", &|n| format!("{n:x}=1\n"))),
        ("tables of others", lines("", &|n| format!("[{n:x}]\n"))),
        ("lists of tables", lines("", &|_| "[[a]]\n".to_owned())),
        ("options", lines("[metadata_storage.options]\n", &|n| format!("{n:x}=1\n"))),
        ("unknown keys", lines(table, &|n| format!("{n:x}=1\n"))),
        ("one line of keys", lines("metadata_storage={", &|n| format!("{n:x}=1,")) + "z=1}"),
        ("deep lists", format!("a={}", "[".repeat(FULL - 2))),
        ("deep tables", format!("a={}", "{a=".repeat(FULL / 3 - 2))),
        ("a deep key", format!("a{}=1", ".a".repeat(FULL / 2 - 2))),
        ("a deep table", format!("[a{}]", ".a".repeat(FULL / 2 - 2))),
        ("a deep table of ours", format!("[metadata_storage{}]", ".a".repeat(FULL / 2 - 20))),
        ("an endless text", format!("a=\"{}", "a".repeat(FULL - 3))),
        ("escapes", format!("{table}location=\"{}\"", "\\u0001".repeat(FULL / 6 - 10))),
        ("a long list", format!("{table}location=[{}]", "1,".repeat(FULL / 2 - 30))),
        ("a long list of texts", format!("{table}location=[{}]", "'',".repeat(FULL / 3 - 30))),
        ("a long number", format!("{table}location={}", "9".repeat(FULL - 30))),
        ("a long key", format!("{table}{}=1", "a".repeat(FULL - 30))),
        ("broken lines", lines("", &|_| "=\n".to_owned())),
    ] {
        refused(name, text, ErrorKind::Config, toml);
    }
}

//! Archives.

use std::path::Path;

use proximadb_meta_core::report::{RestoreOptions, RestoreReport};
use proximadb_meta_core::{CollectionMetadata, DistanceMetric, ErrorKind, Result};

use crate::bounded;
use crate::counting::alone;

const ID: &str = "01930000-0000-7000-8000-000000000000";

fn manifest(payload: &[u8], records: usize) -> String {
    format!(
        r#"{{"format":1,"id":"{ID}","namespace":"","created_at":"2026-11-24T08:00:00Z","records":{records},"bytes":{},"blake3":"{}","compression":"none","snapshot":true}}"#,
        payload.len(),
        blake3::hash(payload).to_hex()
    )
}

fn restore(at: &Path) -> Result<RestoreReport> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let store = proximadb_meta_memory::memory().into_backend();
    runtime.block_on(store.restore(ID, at.to_str().unwrap(), RestoreOptions::default()))
}

fn try_archive(name: &str, manifest: &[u8], payload: &[u8], check: impl FnOnce(Result<RestoreReport>)) {
    let dir = tempfile::tempdir().unwrap();
    let backup = dir.path().join(ID);
    std::fs::create_dir(&backup).unwrap();
    std::fs::write(backup.join("manifest.json"), manifest).unwrap();
    std::fs::write(backup.join("records.ndjson"), payload).unwrap();
    bounded(name, manifest.len() + payload.len(), || check(restore(dir.path())));
}

fn damaged(outcome: Result<RestoreReport>) {
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Corruption);
}

#[test]
fn manifests() {
    let _alone = alone();
    let good = manifest(b"", 0);
    for (name, bytes) in [
        ("blanks", vec![b' '; 64 << 20]),
        ("a long text", [good.replace("\"none\"", "\"").into_bytes(), vec![b'a'; 64 << 20]].concat()),
        ("deep", b"[".repeat(65_000)),
        ("wide", [b"{".to_vec(), b"\"\":[],".repeat(9_000)].concat()),
        ("many bytes", good.replace("\"bytes\":0", "\"bytes\":18446744073709551615").into_bytes()),
        ("many records", good.replace("\"records\":0", "\"records\":18446744073709551615").into_bytes()),
        ("too many records", good.replace("\"records\":0", "\"records\":1e300").into_bytes()),
    ] {
        try_archive(name, &bytes, b"", damaged);
    }
    try_archive("good", good.as_bytes(), b"", |outcome| assert_eq!(outcome.unwrap().records, 0));
}

#[test]
fn payloads() {
    let _alone = alone();
    let tags = format!("{{\"id\":\"i\",\"tags\":[{}\"\"]}}\n", "\"\",".repeat(80_000));
    let members = format!("{{{}\"\":1}}\n", "\"\":1,".repeat(50_000));
    for (name, payload) in [
        ("one long line", vec![b'a'; 64 << 20]),
        ("empty lines", vec![b'\n'; 64 << 20]),
        ("deep lines", [b"[".repeat(200_000), b"\n".to_vec()].concat().repeat(100)),
        ("wide lines", tags.repeat(50).into_bytes()),
        ("lines of members", members.repeat(50).into_bytes()),
    ] {
        let records = payload.iter().filter(|b| **b == b'\n').count();
        try_archive(name, manifest(&payload, records).as_bytes(), &payload, damaged);
    }
}

/// Many records with nothing in them, and a last line that is wrong: all of them are decoded before the archive is refused.
#[test]
fn many_small_records() {
    let _alone = alone();
    let line = |n: usize| {
        let mut r = CollectionMetadata::new(format!("{n:06}"), 1, DistanceMetric::new("c"));
        r.id = r.name.clone();
        r.version = 1;
        r.to_json() + "\n"
    };
    let mut payload: String = (0..150_000).map(line).collect();
    payload.push_str("{}\n");
    try_archive("small records", manifest(payload.as_bytes(), 150_001).as_bytes(), payload.as_bytes(), damaged);
}

//! Archives of both formats.

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

/// The line of a record with nothing in it.
fn small_line(n: usize) -> String {
    let mut r = CollectionMetadata::new(format!("{n:06}"), 1, DistanceMetric::new("c"));
    r.id = r.name.clone();
    r.version = 1;
    r.to_json() + "\n"
}

/// Many records with nothing in them, and a last line that is wrong: all of them are decoded before the archive is refused.
#[test]
fn many_small_records() {
    let _alone = alone();
    let mut payload: String = (0..150_000).map(small_line).collect();
    payload.push_str("{}\n");
    try_archive("small records", manifest(payload.as_bytes(), 150_001).as_bytes(), payload.as_bytes(), damaged);
}

/// A manifest of format 2 of this text, sealed, beside the file of one part.
fn try_sealed(name: &str, body: &str, stored: &[u8], check: impl FnOnce(Result<RestoreReport>)) {
    let dir = tempfile::tempdir().unwrap();
    let backup = dir.path().join(ID);
    std::fs::create_dir(&backup).unwrap();
    let manifest = format!("{body},\"seal\":\"{}\"}}\n", blake3::hash(body.as_bytes()).to_hex());
    std::fs::write(backup.join("manifest.json"), &manifest).unwrap();
    std::fs::write(backup.join("records-00001.ndjson.zst"), stored).unwrap();
    bounded(name, manifest.len() + stored.len(), || check(restore(dir.path())));
}

/// A manifest before its seal: the numbers of the whole, and its parts.
fn body(records: u64, bytes: u64, lines: &[u8], parts: &str) -> String {
    let hash = blake3::hash(lines).to_hex();
    format!(
        r#"{{"format":2,"id":"{ID}","namespace":"","created_at":"2026-11-24T08:00:00Z","records":{records},"bytes":{bytes},"blake3":"{hash}","compression":"zstd","snapshot":true,"parts":[{parts}]"#
    )
}

fn part(records: u64, bytes: u64, stored: &[u8], first: &str, last: &str) -> String {
    let (length, hash) = (stored.len(), blake3::hash(stored).to_hex());
    format!(
        r#"{{"records":{records},"bytes":{bytes},"stored":{length},"blake3":"{hash}","first":"{first}","last":"{last}"}}"#
    )
}

#[test]
fn sealed_manifests() {
    let _alone = alone();
    let small = |n: usize| {
        let id = format!("{n:08}");
        part(1, 1, b"x", &id, &id)
    };
    // Of the largest size, full of the smallest parts; and with more of them than there may be.
    let fitting: Vec<String> = (0..65_536).map(small).collect();
    let too_many: Vec<String> = (0..70_000).map(small).collect();
    let nothing = "{},".repeat(5 << 20);
    let long = "a".repeat(15 << 20);
    for (name, body) in [
        ("many parts", body(65_536, 65_536, b"", &fitting.join(","))),
        ("too many parts", body(70_000, 70_000, b"", &too_many.join(","))),
        ("parts of nothing", body(0, 0, b"", &nothing)),
        ("parts that are lists", body(0, 0, b"", &"[],".repeat(5 << 20))),
        ("a long id", body(1, 1, b"", &part(1, 1, b"x", &long, "a"))),
        ("a long member", body(0, 0, b"", "").replace("\"format\"", &format!("\"{long}\":1,\"format\""))),
        ("deep", body(0, 0, b"", &"[".repeat(15 << 20))),
    ] {
        try_sealed(name, &body, b"x", damaged);
    }
}

/// What decompresses to more than it says, or to nearly what it says.
#[test]
fn bombs() {
    let _alone = alone();
    let zeros = zstd::bulk::compress(&vec![0; 1 << 30], 3).unwrap();
    assert!(zeros.len() < 1 << 20);
    let full = zstd::bulk::compress(&vec![b'\n'; 4 << 20], 3).unwrap();
    // A frame that says it holds 2^62 bytes and needs a window of 2 GiB.
    let boast = b"\x28\xb5\x2f\xfd\xc0\xa8\x00\x00\x00\x00\x00\x00\x00\x40\x01\x00\x00".to_vec();
    for (name, stored, bytes) in [
        ("a gigabyte of zeros", &zeros, 4u64 << 20),
        ("a gigabyte that is told", &zeros, 1 << 30),
        ("4 MiB of line feeds", &full, 4 << 20),
        ("a boast", &boast, 4 << 20),
        ("a boast of nothing", &boast, 1),
    ] {
        try_sealed(name, &body(1, bytes, b"", &part(1, bytes, stored, "a", "a")), stored, damaged);
    }
}

/// A part of the smallest records, which compress best: what they take is bounded by the part, not by the file.
#[test]
fn a_full_part_of_small_records() {
    let _alone = alone();
    let mut lines = String::new();
    let mut count = 0;
    while lines.len() + 300 < 4 << 20 {
        lines.push_str(&small_line(count));
        count += 1;
    }
    lines.push_str("{}\n");
    let stored = zstd::bulk::compress(lines.as_bytes(), 3).unwrap();
    let (records, bytes) = (count as u64 + 1, lines.len() as u64);
    let body = body(records, bytes, lines.as_bytes(), &part(records, bytes, &stored, "000000", "x"));
    try_sealed("a full part", &body, &stored, damaged);
}

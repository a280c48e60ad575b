//! Format 1 for ever: its fixture opens, today's code writes the same bytes, a newer format is refused, and docs/format.md says
//! what the bytes are.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod bytes;
mod checkpoint;
mod content;
mod store;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::{file_header, with_salt};
use proximadb_meta_core::ErrorKind;
use proximadb_meta_wal::inspect::{Verdict, inspect, verify};
use proximadb_meta_wal::salvage::{SalvageOptions, salvage};
use serde_json::Value;
use store::{fresh, open};
use tempfile::TempDir;

const FORMAT: &str = include_str!("../docs/format.md");
const EXPECTED: &str = include_str!("fixtures/format-1/expected.ndjson");

/// The files of the fixture, each with the beginning of its BLAKE3 hash.
const HASHES: [(&str, &str); 11] = [
    ("expected.ndjson", "cf1dd1902648d99f"),
    ("sealed/FORMAT", "510100f9f4591f2a"),
    ("sealed/LOCK", "af1349b9f5f9a1a6"),
    ("sealed/checkpoint-0000000002.ckpt", "10f5929564946ba4"),
    ("sealed/wal-0000000002.log", "0aed50c22de1907a"),
    ("sealed/wal-0000000003.log", "0111ea64a6b2fffa"),
    ("unsealed/FORMAT", "510100f9f4591f2a"),
    ("unsealed/LOCK", "af1349b9f5f9a1a6"),
    ("unsealed/checkpoint-0000000002.ckpt", "227991faa49ad6ed"),
    ("unsealed/wal-0000000002.log", "eab98bb3ae64210c"),
    ("unsealed/wal-0000000003.log", "024397d19d4555c5"),
];

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1")
}

/// A copy of a store: an opening writes.
fn copy(name: &str) -> TempDir {
    let copy = fresh();
    for entry in fs::read_dir(fixture().join(name)).unwrap() {
        let entry = entry.unwrap();
        fs::write(copy.path().join(entry.file_name()), fs::read(entry.path()).unwrap()).unwrap();
    }
    copy
}

#[test]
fn the_fixture_is_as_it_was_written() {
    for (name, hash) in HASHES {
        let bytes = fs::read(fixture().join(name)).unwrap();
        assert_eq!(&blake3::hash(&bytes).to_hex()[..16], hash, "{name} was changed");
    }
    let files = ["", "sealed", "unsealed"].map(|dir| fs::read_dir(fixture().join(dir)).unwrap().count());
    assert_eq!(files.iter().sum::<usize>(), HASHES.len() + 2, "a file more or less");
}

#[test]
fn format_1_opens_and_holds_what_was_written() {
    for (name, sealed) in content::STORES {
        let copy = copy(name);
        let verdict = if sealed { Verdict::Sealed } else { Verdict::Unsealed };
        assert_eq!(verify(copy.path()).unwrap().verdict, verdict);
        let to = fresh();
        assert!(salvage(copy.path(), to.path().join("new"), SalvageOptions::default()).unwrap().complete);
        for dir in [copy.path().to_owned(), to.path().join("new")] {
            let state = open(&dir, 1 << 20).unwrap().state();
            assert_eq!(content::told(&state), EXPECTED, "{name}");
        }
        // It can be written to as well, and comes back.
        let mut log = open(copy.path(), 1 << 20).unwrap().log;
        log.append(&[store::put(store::record("new", "new", 1))]).unwrap();
        drop(log);
        let state = open(copy.path(), 1 << 20).unwrap().state();
        assert_eq!(content::told(&state).lines().count(), EXPECTED.lines().count() + 1, "{name}");
    }
}

#[test]
fn the_catalog_opens_it() {
    let copy = copy("sealed");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ids: Vec<String> = runtime.block_on(async {
        let catalog = proximadb_meta_wal::open(copy.path()).await.unwrap().into_backend();
        let records = catalog.list_collections(None).await.unwrap();
        catalog.close().await.unwrap();
        records.iter().map(|r| r.id.to_string()).collect()
    });
    assert_eq!(ids, ["a", "b", "c"], "the other one expired long ago");
}

/// Only the salts differ, which are random, and perhaps how many zeros are written ahead: with the salt of the fixture in its place
/// each file holds the same frames.
#[test]
fn todays_code_writes_the_same_bytes() {
    for (name, seal) in content::STORES {
        let written = fresh();
        content::write_store(written.path(), seal);
        let mut files = 0;
        for entry in fs::read_dir(fixture().join(name)).unwrap() {
            let entry = entry.unwrap();
            let then = fs::read(entry.path()).unwrap();
            let now = fs::read(written.path().join(entry.file_name())).unwrap();
            let file = entry.file_name();
            if then.starts_with(b"PXMETA") {
                assert_ne!(then[40..56], now[40..56], "{file:?}: a salt is new each time");
                let now = with_salt(&now, then[40..56].try_into().unwrap());
                let (same, zeros) = then.split_at(now.len());
                assert_eq!(now, same, "{name}, {file:?}");
                assert!(zeros.iter().all(|b| *b == 0), "{name}, {file:?}");
                assert_eq!(zeros.is_empty(), seal || file != "wal-0000000003.log", "{name}, {file:?}: {}", zeros.len());
            } else {
                assert_eq!(now, then, "{name}, {file:?}");
            }
            files += 1;
        }
        assert_eq!(fs::read_dir(written.path()).unwrap().count(), files, "no file more");
    }
}

#[test]
fn a_newer_file_is_refused_with_the_reason_and_left_alone() {
    for file in ["wal-0000000003.log", "checkpoint-0000000002.ckpt"] {
        // What must a reader know, what a writer; and a newer format that an older release may use.
        for (formats, refused) in [([2, 2, 1], true), ([2, 1, 2], true), ([7, 9, 9], true), ([2, 1, 1], false)] {
            let copy = copy("sealed");
            let path = copy.path().join(file);
            let mut bytes = fs::read(&path).unwrap();
            let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
            let magic = bytes[..8].try_into().unwrap();
            let header = file_header(&magic, formats, u64_at(24), u64_at(32), bytes[40..56].try_into().unwrap());
            bytes[..64].copy_from_slice(&header);
            fs::write(&path, &bytes).unwrap();
            let before = store::snapshot(copy.path());
            let opened = open(copy.path(), 1 << 20);
            if !refused {
                assert_eq!(content::told(&opened.unwrap().state()), EXPECTED, "{file} {formats:?}");
                continue;
            }
            let newest = formats[1].max(formats[2]);
            let to = fresh();
            let new = to.path().join("new");
            let errors = [
                opened.unwrap_err(),
                verify(copy.path()).unwrap_err(),
                salvage(copy.path(), &new, SalvageOptions::default()).unwrap_err(),
            ];
            for e in errors {
                assert_eq!(e.kind(), ErrorKind::Unsupported, "{file} {formats:?}: {e}");
                let text = e.to_string();
                assert!(text.contains(file) && text.contains(&format!("format {newest}")), "{file} {formats:?}: {e}");
                assert!(e.hint().is_some_and(|h| h.contains("newer")), "{file} {formats:?}: {e}");
            }
            assert!(!new.exists());
            assert_eq!(store::snapshot(copy.path()), before, "{file} {formats:?}");
            let listed = inspect(copy.path()).unwrap();
            let listed = listed.files.iter().find(|f| f.name == file).unwrap();
            assert_eq!(listed.header.as_ref().map(|h| [h.format, h.reader, h.writer]), Some(formats));
            assert!(listed.trouble.is_some() && listed.frames.is_none(), "{listed:?}");
        }
    }
}

/// The rows of the first table after a heading, without its header, as cells.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, rest) = FORMAT.split_once(heading).unwrap();
    let rows = rest.lines().skip_while(|l| !l.starts_with('|')).take_while(|l| l.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The fields of a table of bytes: offset and length of each, which must follow each other.
fn fields(heading: &str) -> Vec<(usize, usize, &'static str)> {
    let mut end = 0;
    let field = |row: &Vec<&'static str>| {
        let (first, last) = row[0].split_once('-').unwrap_or((row[0], row[0]));
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        assert_eq!(first, end, "{heading}: {row:?} does not follow the row before");
        end = last + 1;
        (first, end - first, row[1])
    };
    table(heading).iter().map(field).collect()
}

/// A number of a file, found by the words of its row.
fn number(bytes: &[u8], fields: &[(usize, usize, &str)], words: &str) -> u64 {
    let (offset, length, _) = fields.iter().find(|(.., text)| text.starts_with(words)).unwrap();
    let mut number = [0; 8];
    number[..*length].copy_from_slice(&bytes[*offset..offset + length]);
    u64::from_le_bytes(number)
}

#[test]
fn the_tables_of_bytes_are_true() {
    let (file, frame) = (fields("## File header, 64 bytes"), fields("## Frame header, 32 bytes"));
    assert_eq!(file.iter().map(|(_, n, _)| n).sum::<usize>(), 64);
    assert_eq!(frame.iter().map(|(_, n, _)| n).sum::<usize>(), 32);
    let kinds: BTreeMap<u64, Vec<&str>> =
        table("The salt in it makes").iter().map(|row| (row[0].parse().unwrap(), row[1..].to_vec())).collect();
    let mut seen = BTreeMap::new();
    for (name, n, magic, seq) in [
        ("checkpoint-0000000002.ckpt", 2, "PXMETACK", 5),
        ("wal-0000000002.log", 2, "PXMETAWL", 6),
        ("wal-0000000003.log", 3, "PXMETAWL", 10),
    ] {
        let bytes = fs::read(fixture().join("sealed").join(name)).unwrap();
        assert!(file[0].2.contains(&format!("`{magic}`")) && bytes.starts_with(magic.as_bytes()));
        for (words, value) in [("format: 1", 1), ("the oldest format a reader", 1), ("the oldest format a writer", 1)] {
            assert_eq!(number(&bytes, &file, words), value, "{name}: {words}");
        }
        assert_eq!(number(&bytes, &file, "the number in the file's name"), n);
        assert_eq!(number(&bytes, &file, "segment: sequence number"), seq);
        assert_eq!(number(&bytes, &file, "checksum"), u64::from(crc32c::crc32c(&bytes[..60])));
        let (at, length, _) = *file.iter().find(|(.., text)| text.starts_with("random salt")).unwrap();
        let salt = &bytes[at..at + length];
        let (mut at, mut next) = (64, if magic == "PXMETAWL" { seq } else { 1 });
        while at < bytes.len() {
            let head = &bytes[at..at + 32];
            let length = usize::try_from(number(head, &frame, "length of the payload")).unwrap();
            let payload = &bytes[at + 32..at + 32 + length];
            let kind = number(head, &frame, "kind");
            assert_eq!(number(head, &frame, "sequence number"), next, "{name}, byte {at}");
            assert!(number(head, &frame, "durable mark") < next);
            assert_eq!(number(head, &frame, "checksum of the payload"), u64::from(crc32c::crc32c(payload)));
            let expected = crc32c::crc32c(&[salt, &head[..28]].concat());
            assert_eq!(number(head, &frame, "checksum of the file's salt"), u64::from(expected));
            assert_eq!(kinds[&kind][1] == "none", payload.is_empty(), "{name}, byte {at}");
            let place = if magic == "PXMETAWL" { "segment" } else { "checkpoint" };
            assert!(kinds[&kind][2].contains(place), "{name}, byte {at}: kind {kind}");
            *seen.entry(kind).or_insert(0) += 1;
            (at, next) = (at + 32 + length, next + 1);
        }
    }
    assert_eq!(seen.keys().collect::<Vec<_>>(), kinds.keys().collect::<Vec<_>>(), "every kind is in the fixture");
    assert_eq!(
        table("# The files").iter().find(|r| r[0] == "`FORMAT`").unwrap()[1].split('`').nth(1).unwrap().as_bytes(),
        fs::read(fixture().join("sealed/FORMAT")).unwrap().trim_ascii_end()
    );
}

/// A type of the schema in the words of the tables.
fn words(t: &Value) -> String {
    match t {
        Value::String(name) => name.clone(),
        Value::Array(branches) => branches.iter().map(words).collect::<Vec<_>>().join(", "),
        _ if t["type"] == "array" => format!("array of {}", words(&t["items"])),
        _ => format!("`{}`", t["name"].as_str().unwrap()),
    }
}

#[test]
fn the_tables_of_fields_are_the_schema() {
    let schema: Value = serde_json::from_str(include_str!("../src/unit.v1.avsc")).unwrap();
    let mut records = vec![schema.clone()];
    let nested = schema["fields"].as_array().unwrap().iter().map(|f| f["type"]["items"].clone());
    records.extend(nested.filter(|items| items["type"] == "record"));
    let names: Vec<_> = records.iter().map(|r| r["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Unit", "Record", "Counters"]);
    for record in &records {
        let fields = record["fields"].as_array().unwrap().iter();
        let expected: Vec<_> =
            fields.map(|f| (format!("`{}`", f["name"].as_str().unwrap()), words(&f["type"]))).collect();
        let heading = format!("Record `{}`", record["name"].as_str().unwrap());
        let told: Vec<_> = table(&heading).iter().map(|row| (row[0].to_owned(), row[1].to_owned())).collect();
        assert_eq!(told, expected, "{heading}");
    }
}

//! Archives of every format there was stay readable; those of formats to come are refused.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

use archive_tests::{Backup, content, copy, memory, record};
use proximadb_meta_core::report::{BackupOptions, RestoreOptions};
use proximadb_meta_core::{CallContext, CollectionMetadata, ErrorKind, Filter, Namespace, Operation, PutIf};

/// What the fixtures hold.
const EXPECTED: &str = include_str!("../fixtures/expected.ndjson");
/// Format, id, BLAKE3 of each file.
const FIXTURES: &[(u32, &str, &[(&str, &str)])] = &[
    (
        1,
        "01a210ac-875f-729a-8f41-528922d4a800",
        &[
            ("manifest.json", "29302fdeaec75ed67c42742e292289048cbdf26a848e2b2708d7576809abafba"),
            ("records.ndjson", "f871af44307bf1738ae2b86d472761e16feb43dab907e4d65558eca80aa70327"),
        ],
    ),
    (
        2,
        "01a210b5-21a3-706a-ba6d-6e345b88a91c",
        &[
            ("manifest.json", "33024a127f8e189e59b137bc4b692cca448b9e0a1b3473d4ca43d933a88776e4"),
            ("records-00001.ndjson.zst", "707344ed00baf6cbd15af85183afc9cb22b2b6fc96bc3c9dd0053831aafe335d"),
        ],
    ),
];

fn fixture(format: u32) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(format!("format-{format}"))
}

#[tokio::test]
async fn fixtures_of_every_format_are_verified_and_restored() {
    for (format, id, files) in FIXTURES {
        let dir = fixture(*format);
        for (file, hash) in *files {
            let bytes = std::fs::read(dir.join(id).join(file)).unwrap();
            assert_eq!(blake3::hash(&bytes).to_hex().as_str(), *hash, "format {format}: {file} was changed");
        }
        let location = dir.to_str().unwrap();
        let verified = proximadb_meta_archive::verify(location, id).await.unwrap();
        let m = &verified.manifest;
        assert_eq!((m.format, m.records, m.bytes, &*m.namespace, m.snapshot), (*format, 4, 1443, "tenant", true));
        assert_eq!(m.blake3, blake3::hash(EXPECTED.as_bytes()).to_hex().as_str());
        let store = memory();
        let done = store.restore(id, location, RestoreOptions::default()).await.unwrap();
        assert_eq!((done.records, done.replaced), (4, 0));
        assert_eq!(content(&store).await.join("\n") + "\n", EXPECTED, "format {format}");
    }
}

#[tokio::test]
async fn what_is_written_today_is_the_newest_format_of_the_same_records() {
    let store = memory();
    let read = |line| CollectionMetadata::from_json(line).unwrap();
    let puts = EXPECTED.lines().map(|l| Operation::Put { record: read(l), when: PutIf::Absent });
    store.batch_operations(puts.collect()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let location = dir.path().to_str().unwrap();
    let report = store.backup(location, BackupOptions::default()).await.unwrap();
    let verified = proximadb_meta_archive::verify(location, &report.id).await.unwrap();
    let (newest, id, _) = FIXTURES.last().unwrap();
    let fixture = proximadb_meta_archive::verify(fixture(*newest).to_str().unwrap(), id).await.unwrap();
    assert_eq!(verified.manifest.format, fixture.manifest.format);
    assert_eq!((verified.manifest.blake3, verified.parts), (fixture.manifest.blake3, fixture.parts));
}

#[tokio::test]
async fn newer_formats_are_refused_as_such() {
    for (format, id, _) in FIXTURES {
        for newer in [3u64, 1 << 40] {
            let dir = tempfile::tempdir().unwrap();
            copy(&fixture(*format), dir.path());
            let path = dir.path().join(id).join("manifest.json");
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.replacen(&format!("\"format\": {format}"), &format!("\"format\": {newer}"), 1);
            let text = text.replacen(&format!("\"format\":{format}"), &format!("\"format\":{newer}"), 1);
            std::fs::write(&path, text).unwrap();
            let e = memory().restore(id, dir.path().to_str().unwrap(), RestoreOptions::default()).await.unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Unsupported, "{e}");
            assert!(e.message().contains(&format!("format {newer}")), "{e}");
        }
    }
}

#[tokio::test]
async fn a_backup_of_no_records_comes_back() {
    let backup = Backup::of(0).await;
    let verified = proximadb_meta_archive::verify(backup.location(), &backup.id).await.unwrap();
    assert_eq!((verified.manifest.records, verified.parts, verified.stored_bytes), (0, 0, 0));
    assert_eq!(backup.restore(&memory(), RestoreOptions::default()).await.unwrap().records, 0);
}

#[tokio::test]
async fn a_filter_restores_what_matches_and_another_namespace_takes_it() {
    let backup = Backup::of(100).await;
    let store = memory();
    let there = store.scoped(CallContext::in_namespace(Namespace::new("there").unwrap()));
    let options = RestoreOptions::default().with_filter(Filter::parse("tags:odd AND dimension >= 53").unwrap());
    let done = backup.restore(&there, options).await.unwrap();
    assert_eq!(done.records, 25);
    let expected: Vec<_> = (50..100).filter(|n| n % 2 == 1).map(|n| record(n).to_json()).collect();
    assert_eq!(content(&there).await, expected);
    assert!(content(&store).await.is_empty(), "nothing of it is elsewhere");
    // One that matches nothing restores nothing, and replaces all the same.
    let mut options = RestoreOptions::replacing();
    options.filter = Some(Filter::parse("owner = nobody").unwrap());
    let done = backup.restore(&there, options).await.unwrap();
    assert_eq!((done.records, done.replaced), (0, 25));
    assert!(content(&there).await.is_empty());
}

//! Format 1 for ever: its fixture opens, holds every record, is searched and written to; today's code makes the same tables and
//! rows; what is left of a damaged one is refused or read as it was, never as something else.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod content;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proximadb_meta_core::report::{BackupOptions, RestoreOptions, SchemaAction, SchemaReport, Severity};
use proximadb_meta_core::{
    BackendRegistry, CallContext, CollectionMetadata, DistanceMetric, ErrorKind, Filter, ListRequest, ManualClock,
    MetadataBackend, MetadataBackendConfig, Namespace, Order, SearchRequest, StatsDelta,
};
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Row as _};
use tempfile::TempDir;

const EXPECTED: &str = include_str!("fixtures/format-1/expected.ndjson");

/// The files of the fixture, each with the beginning of its BLAKE3 hash.
const HASHES: [(&str, &str); 2] = [("catalog.db", "93db8084eec9d95b"), ("expected.ndjson", "817c397021971bfc")];

/// What each of our own tables holds; incarnations and the times of migrations are new each time.
const ROWS: [&str; 7] = [
    "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name, type",
    "SELECT record, namespace, id, name, dimension, distance_metric, indexing_algorithm, created_at, updated_at, vector_count, \
     total_size_bytes, access_pattern, owner, tags, retention, expires_at, version, extra, description, config \
     FROM collections ORDER BY record",
    "SELECT * FROM collection_tags ORDER BY namespace, tag, id",
    "SELECT rowid FROM collection_words ORDER BY rowid",
    "SELECT * FROM restoring ORDER BY namespace",
    "SELECT * FROM store ORDER BY key",
    "SELECT version, name, checksum FROM schema_migrations ORDER BY version",
];

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1")
}

/// A copy of the database: an opening writes.
fn copy() -> (TempDir, PathBuf) {
    copy_of(&fs::read(fixture().join("catalog.db")).unwrap())
}

fn copy_of(bytes: &[u8]) -> (TempDir, PathBuf) {
    let shared_memory = Path::new("/dev/shm");
    let dir = if shared_memory.is_dir() { tempfile::tempdir_in(shared_memory) } else { tempfile::tempdir() }.unwrap();
    let path = dir.path().join("catalog.db");
    fs::write(&path, bytes).unwrap();
    (dir, path)
}

/// As of the day on which the fixture was written.
async fn open(path: &Path) -> proximadb_meta_core::Result<Arc<dyn MetadataBackend>> {
    let clock = Arc::new(ManualClock::new(content::WRITTEN_AT));
    Ok(proximadb_meta_sqlite::open(path).await?.with_clock(clock).into_backend())
}

fn within(catalog: &Arc<dyn MetadataBackend>, namespace: &str) -> Arc<dyn MetadataBackend> {
    catalog.scoped(CallContext::in_namespace(Namespace::new(namespace).unwrap()))
}

/// The records of the fixture by namespace, in the order of their ids.
fn expected() -> BTreeMap<String, Vec<CollectionMetadata>> {
    let mut expected: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in EXPECTED.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let mut record = CollectionMetadata::from_json(&value["record"].to_string()).unwrap();
        record.incarnation = proximadb_meta_core::Incarnation(value["incarnation"].as_u64().unwrap());
        expected.entry(value["namespace"].as_str().unwrap().to_owned()).or_default().push(record);
    }
    expected
}

fn ids(records: &[Arc<CollectionMetadata>]) -> Vec<&str> {
    records.iter().map(|r| &*r.id).collect()
}

/// The layout of a database that nobody has open, as `pxmeta schema` asks for it.
async fn layout(path: &Path, action: SchemaAction) -> SchemaReport {
    let registry = BackendRegistry::new();
    proximadb_meta_sqlite::register(&registry).unwrap();
    let config = MetadataBackendConfig::from_uri(&format!("sqlite://{}", path.display()), &registry).unwrap();
    registry.schema(&config, action).await.unwrap()
}

async fn rows(connection: &mut SqliteConnection, statement: &str) -> Vec<String> {
    let rows = sqlx::query(AssertSqlSafe(statement.to_owned())).fetch_all(connection).await.unwrap();
    let cell = |row: &sqlx::sqlite::SqliteRow, i: usize| match row.try_get_unchecked::<Option<String>, _>(i) {
        Ok(text) => format!("{}={text:?}", row.column(i).name()),
        Err(e) => format!("{e}"),
    };
    rows.iter().map(|row| (0..row.len()).map(|i| cell(row, i)).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn the_fixture_is_as_it_was_written() {
    for (name, hash) in HASHES {
        let bytes = fs::read(fixture().join(name)).unwrap();
        assert_eq!(&blake3::hash(&bytes).to_hex()[..16], hash, "{name} was changed");
    }
    assert_eq!(fs::read_dir(fixture()).unwrap().count(), HASHES.len(), "a file more or less");
}

#[tokio::test]
async fn every_record_of_format_1_is_there_field_by_field() {
    let (_dir, path) = copy();
    assert_eq!(content::told(&path).await, EXPECTED);
    let catalog = open(&path).await.unwrap();
    for (namespace, records) in expected() {
        let scoped = within(&catalog, &namespace);
        for r in records {
            let is = scoped.get_collection(&r.id).await.unwrap();
            let by_name = scoped.get_collection_by_name(&r.name).await.unwrap();
            assert_eq!(is, by_name, "{}", r.id);
            let expired = *r.id == *"every/field";
            assert_eq!(is.as_deref(), (!expired).then_some(&r), "also incarnation and counters");
        }
    }
    // No record is anywhere else.
    assert_eq!(catalog.get_stats().await.unwrap().namespaces.unwrap().value, content::NAMESPACES.len() as u64);
    let e = within(&catalog, content::HALF_RESTORED).list_collections(None).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unavailable, "{e}");
    catalog.close().await.unwrap();
}

#[tokio::test]
async fn words_tags_and_every_index_find_what_was_written() {
    let (_dir, path) = copy();
    let catalog = open(&path).await.unwrap();
    let all = expected();
    for (namespace, filter, found) in [
        ("", "text(\"strasse köln\")", vec!["alive/field"]),
        ("", "text(\"finely\")", vec!["alive/field"]),
        ("", "text(\"画 can't x_y\")", vec!["alive/field"]),
        ("", "text(\"nobody\")", vec![]),
        ("", "text(\"other words\")", vec!["b"]),
        ("tenant", "text(\"story\")", vec!["long"]),
        ("", "text(\"story\")", vec![]),
        ("", "tags:red", vec!["b"]),
        ("", "tags:gone", vec![]),
        ("", "tags:\"a b\"", vec!["alive/field"]),
        ("tenant", "tags:blue AND tags:red", vec!["kept"]),
        ("tenant", "owner = bob", vec!["kept"]),
        ("", "owner = ann", vec!["b"]),
        ("", "access_pattern = archive", vec!["alive/field"]),
        ("tenant", "config.index.m >= 32", vec!["kept"]),
        ("", "vector_count = 3 AND total_size_bytes = 9216", vec!["counted"]),
        ("", "created_at < 1000-01-01T00:00:00Z", vec!["alive/field"]),
        ("", "startsWith(name, \"sec\")", vec!["a"]),
    ] {
        let parsed = Filter::parse(filter).unwrap();
        let listed = within(&catalog, namespace).list_collections(Some(parsed.clone())).await.unwrap();
        assert_eq!(ids(&listed), found, "{namespace:?}: {filter}");
        let meant = all[namespace].iter().filter(|r| *r.id != *"every/field" && parsed.evaluate(r));
        assert_eq!(meant.map(|r| &*r.id).collect::<Vec<_>>(), found, "{namespace:?}: {filter}");
    }
    for (order, found) in [
        ("name", ["alive/field", "counted", "b", "a"]),
        ("created_at", ["alive/field", "b", "counted", "a"]),
        ("updated_at:desc", ["alive/field", "b", "a", "counted"]),
    ] {
        let request = ListRequest::new().with_order(Order::parse(order).unwrap());
        assert_eq!(ids(&catalog.list_page(request).await.unwrap().records), found, "{order}");
    }
    let ranked = catalog.search(SearchRequest::new("words other")).await.unwrap();
    assert_eq!(ranked.iter().map(|r| &*r.record.id).collect::<Vec<_>>(), ["b", "alive/field"]);
    catalog.close().await.unwrap();
}

#[tokio::test]
async fn it_is_sound_is_written_to_and_comes_back() {
    let (dir, path) = copy();
    let catalog = open(&path).await.unwrap();
    let tenant = within(&catalog, "tenant");
    let findings = catalog.diagnose().await.unwrap();
    let unfinished = |f: &&proximadb_meta_core::report::Finding| f.subject == "restores";
    assert_eq!(findings.iter().find(unfinished).unwrap().severity, Severity::Problem, "the half restored namespace");
    assert!(findings.iter().all(|f| f.severity < Severity::Problem || unfinished(&f)), "{findings:?}");
    // Before it is written to: what a restore of the namespace gets is what was written.
    let report = tenant.backup(dir.path().to_str().unwrap(), BackupOptions::default()).await.unwrap();
    let memory = proximadb_meta_memory::memory().into_backend();
    memory.restore(&report.id, dir.path().to_str().unwrap(), RestoreOptions::default()).await.unwrap();
    let restored = memory.list_collections(None).await.unwrap();
    assert!(restored.iter().zip(&expected()["tenant"]).all(|(x, y)| x.same_content(y)) && restored.len() == 3);

    let mut new = CollectionMetadata::new("new", 8, DistanceMetric::COSINE);
    (new.tags, new.description) = (["red"].into(), Some("words of today".into()));
    let new = tenant.create_collection(new).await.unwrap();
    let mut changed = (*tenant.get_collection("kept").await.unwrap().unwrap()).clone();
    changed.tags = ["green"].into();
    let changed = tenant.update_collection(changed).await.unwrap();
    let counted = tenant.record_stats("long", StatsDelta { vectors: 1, bytes: 2 }).await.unwrap();
    assert!(tenant.delete_collection("a").await.unwrap());
    let said = catalog.maintain().await.unwrap();
    assert!(said.contains("found no damage, removed 1 expired"), "{said}");
    catalog.close().await.unwrap();

    let catalog = open(&path).await.unwrap();
    let tenant = within(&catalog, "tenant");
    let mut now = vec![new.clone(), changed, counted];
    now.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(tenant.list_collections(None).await.unwrap(), now);
    for filter in ["tags:red", "text(\"today words\")"] {
        let listed = tenant.list_collections(Some(Filter::parse(filter).unwrap())).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&new), "{filter}");
    }
    assert!(catalog.maintain().await.unwrap().contains("found no damage"));
    catalog.close().await.unwrap();
}

/// A release with further migrations sees them as missing here, and has applied them after the opening.
#[tokio::test]
async fn its_layout_is_told_and_brought_up_to_date() {
    let (_dir, path) = copy();
    let before = fs::read(&path).unwrap();
    for action in [SchemaAction::Status, SchemaAction::Plan] {
        let report = layout(&path, action).await;
        let format = report.format.unwrap();
        assert_eq!((format.format, format.min_reader, format.min_writer), (1, 1, 1));
        let [applied] = &report.applied[..] else { panic!("{report:?}") };
        assert_eq!((applied.version, &*applied.name), (1, "catalog"));
        assert_eq!(applied.checksum, "de9c9867064599b1c53bdcd0fdc4f5968c44f8378f489eaf7d28e09729c8d7b5");
        assert!(applied.applied_at.is_some() && report.ran.is_empty());
        assert!(report.pending.is_empty(), "{report:?}");
        assert_eq!(fs::read(&path).unwrap(), before, "{action:?} changes nothing");
    }
    let catalog = open(&path).await.unwrap();
    let report = catalog.schema(SchemaAction::Status).await.unwrap();
    assert!(report.pending.is_empty() && report.applied[0].version == 1, "{report:?}");
    catalog.close().await.unwrap();
    assert!(layout(&path, SchemaAction::Apply).await.ran.is_empty());
}

#[tokio::test]
async fn todays_code_makes_the_same_tables_and_rows() {
    let (_then_dir, then) = copy();
    let dir = tempfile::tempdir().unwrap();
    let now = dir.path().join("catalog.db");
    content::write_database(&now).await;
    let read = async |path| SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let (mut then, mut now) = (read(then).await, read(now).await);
    let pragmas = ["application_id", "user_version", "encoding", "page_size", "journal_mode", "auto_vacuum"];
    for statement in ROWS.map(str::to_owned).into_iter().chain(pragmas.map(|p| format!("PRAGMA {p}"))) {
        let (then, now) = (rows(&mut then, &statement).await, rows(&mut now, &statement).await);
        assert!(!then.is_empty(), "{statement}");
        assert_eq!(now, then, "{statement}");
    }
    then.close().await.unwrap();
    now.close().await.unwrap();
}

/// What is left of a file that lost a page or more is refused, and stays as it is. An empty one is a new catalog.
#[tokio::test]
async fn a_file_that_was_cut_off_is_refused_and_left_as_it_is() {
    let whole = fs::read(fixture().join("catalog.db")).unwrap();
    let pages = (1..whole.len() / 4096).map(|page| page * 4096);
    let within_pages = [1, 15, 16, 17, 99, 100, 101, 511, 2048, 4095, whole.len() / 2 + 77];
    for length in pages.chain(within_pages) {
        let (_dir, path) = copy_of(&whole[..length]);
        let e = open(&path).await.unwrap_err();
        let kind = if length < 16 { ErrorKind::Config } else { ErrorKind::Corruption };
        assert_eq!(e.kind(), kind, "{length} bytes: {e}");
        assert!(e.hint().is_some(), "{length} bytes: {e}");
        assert_eq!(fs::read(&path).unwrap(), whole[..length], "{length} bytes");
    }
}

/// SQLite has no checksums. So a bit of the header may not matter, but it never makes another catalog of this one.
#[tokio::test]
async fn a_flipped_bit_of_the_header_is_refused_or_makes_no_difference() {
    let whole = fs::read(fixture().join("catalog.db")).unwrap();
    let mut refused = 0;
    for bit in 0..8 * 100 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (_dir, path) = copy_of(&bytes);
        match open(&path).await {
            Err(e) => {
                use ErrorKind::{Config, Corruption, PermissionDenied, Unsupported};
                assert!([Config, Corruption, PermissionDenied, Unsupported].contains(&e.kind()), "bit {bit}: {e}");
                assert!(e.hint().is_some(), "bit {bit}: {e}");
                assert_eq!(fs::read(&path).unwrap(), bytes, "bit {bit}");
                refused += 1;
            }
            Ok(catalog) => {
                for (namespace, records) in expected() {
                    let alive: Vec<_> = records.into_iter().filter(|r| *r.id != *"every/field").map(Arc::new).collect();
                    match within(&catalog, &namespace).list_collections(None).await {
                        Ok(listed) => assert_eq!(listed, alive, "bit {bit}"),
                        Err(e) => assert_eq!(e.kind(), ErrorKind::Corruption, "bit {bit}: {e}"),
                    }
                }
                catalog.close().await.unwrap();
            }
        }
    }
    // The name of SQLite, the page size, the versions, the length, the encoding, whose file it is.
    assert!(refused > 8 * (16 + 4), "{refused} of 800 were refused");
}

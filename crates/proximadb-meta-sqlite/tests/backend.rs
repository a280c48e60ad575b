//! The backend over a file: what is refused and left as it is, what survives, what a backup in SQLite's own format holds.

use std::path::Path;
use std::sync::Arc;

use proximadb_meta_core::report::{BackupFormat, BackupOptions, Finding, RestoreOptions, Severity};
use proximadb_meta_core::{
    BackendRegistry, CallContext, CollectionMetadata, DistanceMetric, ErrorKind, MetadataBackend,
    MetadataBackendConfig, Namespace, Operation, PutIf, StatsDelta,
};
use proximadb_meta_sqlite::SqliteOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

async fn open(path: &Path) -> Arc<dyn MetadataBackend> {
    proximadb_meta_sqlite::open(path).await.expect("the database opens").into_backend()
}

async fn refused(path: &Path) -> proximadb_meta_core::Error {
    proximadb_meta_sqlite::open(path).await.expect_err("it is refused")
}

/// A connection of another program.
async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.expect("a connection")
}

async fn run(path: &Path, statement: &'static str) {
    let mut connection = raw(path).await;
    sqlx::query(statement).execute(&mut connection).await.expect("the statement runs");
    connection.close().await.expect("it closes");
}

fn record(name: &str) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(name, 8, DistanceMetric::COSINE);
    r.id = format!("id-{name}").into();
    r
}

fn native() -> BackupOptions {
    let mut options = BackupOptions::default();
    options.format = BackupFormat::Native;
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_writing_tasks_meet_no_error_and_share_commits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep").join("catalog.db");
    let catalog = open(&path).await;
    let mut tasks = tokio::task::JoinSet::new();
    for t in 0..16 {
        let catalog = catalog.clone();
        tasks.spawn(async move {
            for i in 0..20 {
                let id = format!("id-{t}-{i}");
                catalog.create_collection(record(&format!("{t}-{i}"))).await.unwrap();
                catalog.record_stats(&id, StatsDelta { vectors: 3, bytes: 5 }).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let stats = catalog.get_stats().await.unwrap();
    let number = |name| stats.more.iter().find(|s| s.name == name).map(|s| s.value.value).unwrap();
    assert_eq!(number("committed_units"), 640);
    assert!(number("commits") < 640, "commits are shared: {}", number("commits"));
    let before = catalog.list_collections(None).await.unwrap();
    assert_eq!(before.iter().map(|r| r.vector_count).sum::<u64>(), 16 * 20 * 3);
    catalog.close().await.unwrap();
    let names: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["catalog.db"], "a closed catalog is one file");
    assert_eq!(open(&path).await.list_collections(None).await.unwrap(), before, "also incarnations and counters");
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new").join("catalog.db");
    let catalog = open(&path).await;
    catalog.create_collection(record("a")).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
    assert_eq!(mode(&path.with_file_name("catalog.db-wal")), 0o600);
}

#[tokio::test]
async fn what_is_not_ours_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "these are notes, not a database").unwrap();
    let foreign = dir.path().join("foreign.db");
    run(&foreign, "CREATE TABLE collections (id TEXT)").await;
    let marked = dir.path().join("marked.db");
    run(&marked, "PRAGMA application_id = 7").await;
    for path in [&text, &foreign, &marked] {
        let before = std::fs::read(path).unwrap();
        let e = refused(path).await;
        assert_eq!(e.kind(), ErrorKind::Config, "{e}");
        assert!(e.hint().is_some_and(|h| h.contains("nothing was changed")), "{e:?}");
        assert_eq!(std::fs::read(path).unwrap(), before, "{}", path.display());
    }
    assert_eq!(refused(dir.path()).await.kind(), ErrorKind::Config);
}

/// The power went while the first page was written: its first sector is not there, others are, and so is the journal.
#[tokio::test]
async fn a_half_made_database_is_made_and_without_its_journal_left_as_it_is() {
    let page = [[0; 512].as_slice(), &[0x5a; 3584]].concat();
    // Nothing to take back but the length, which was none: header, no records, a number, no pages, 512 and 4,096 bytes.
    let mut journal = vec![0; 512];
    journal[..8].copy_from_slice(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7");
    (journal[12], journal[22], journal[26]) = (7, 2, 16);
    for (beside, made) in [(Some(&journal[..]), true), (Some(b"some text"), false), (None, false)] {
        let dir = tempfile::tempdir().unwrap();
        let (path, journal) = (dir.path().join("catalog.db"), dir.path().join("catalog.db-journal"));
        std::fs::write(&path, &page).unwrap();
        if let Some(bytes) = beside {
            std::fs::write(&journal, bytes).unwrap();
        }
        if made {
            let catalog = open(&path).await;
            catalog.create_collection(record("a")).await.unwrap();
            assert!(catalog.maintain().await.unwrap().contains("found no damage"));
            catalog.close().await.unwrap();
            assert!(!journal.exists());
        } else {
            assert_eq!(refused(&path).await.kind(), ErrorKind::Config);
            assert_eq!(std::fs::read(&path).unwrap(), page);
            assert_eq!(std::fs::read(&journal).ok().as_deref(), beside);
        }
    }
}

#[tokio::test]
async fn a_newer_format_and_another_migration_are_refused() {
    for (statement, kind, says) in [
        ("UPDATE store SET value = '2' WHERE key = 'min_reader'", ErrorKind::Unsupported, "min_reader 2"),
        ("UPDATE store SET value = '9' WHERE key = 'min_writer'", ErrorKind::Unsupported, "min_writer 9"),
        ("UPDATE store SET value = '2' WHERE key = 'keywords_revision'", ErrorKind::Unsupported, "keywords_revision 2"),
        ("UPDATE store SET value = 'x' WHERE key = 'min_reader'", ErrorKind::Corruption, "min_reader"),
        ("UPDATE schema_migrations SET checksum = 'x'", ErrorKind::Corruption, "another text"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.db");
        open(&path).await.close().await.unwrap();
        run(&path, statement).await;
        let e = refused(&path).await;
        assert_eq!(e.kind(), kind, "{e}");
        assert!(e.message().contains(says), "{e}");
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["catalog.db"], "it was closed before that was told");
    }
    // A format that is newer, but says that we may use it.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    open(&path).await.close().await.unwrap();
    run(&path, "UPDATE store SET value = '2' WHERE key = 'format'").await;
    open(&path).await.create_collection(record("a")).await.unwrap();
}

#[tokio::test]
async fn damage_is_found_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    let catalog = open(&path).await;
    for i in 0..200 {
        let mut r = record(&format!("n{i}"));
        r.description = Some("words ".repeat(100).into());
        catalog.create_collection(r).await.unwrap();
    }
    assert!(catalog.maintain().await.unwrap().contains("found no damage"));
    catalog.close().await.unwrap();
    // Pages in the middle are overwritten.
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0x5a);
    std::fs::write(&path, &bytes).unwrap();
    let catalog = open(&path).await;
    assert_eq!(catalog.maintain().await.unwrap_err().kind(), ErrorKind::Corruption);
    let dir = tempfile::tempdir().unwrap();
    let e = catalog.backup(dir.path().to_str().unwrap(), native()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corruption, "{e}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "no half backup is left");
    catalog.close().await.unwrap();
    // The header of the schema is overwritten.
    bytes[100..108].fill(0xff);
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(refused(&path).await.kind(), ErrorKind::Corruption);
}

#[tokio::test]
async fn rows_that_others_wrote_are_not_trusted() {
    for statement in [
        "UPDATE collections SET config = '{\"b\":1, \"a\":2}'",
        "UPDATE collections SET config = 'x'",
        "UPDATE collections SET tags = 'x'",
        "UPDATE collections SET access_pattern = 'lukewarm'",
        "UPDATE collections SET version = -1",
        "UPDATE collections SET dimension = -1",
        "UPDATE collections SET retention = '{}'",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.db");
        let catalog = open(&path).await;
        catalog.create_collection(record("a")).await.unwrap();
        run(&path, statement).await;
        let e = catalog.get_collection("id-a").await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Corruption, "{statement}: {e}");
    }
}

#[tokio::test]
async fn an_index_beside_the_records_that_does_not_fit_is_damage() {
    for statement in ["DELETE FROM collection_tags", "DELETE FROM collection_words"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.db");
        let catalog = open(&path).await;
        let mut r = record("a");
        r.tags = ["x"].into();
        catalog.create_collection(r).await.unwrap();
        run(&path, statement).await;
        let e = catalog.maintain().await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Corruption, "{statement}: {e}");
    }
}

#[tokio::test]
async fn maintenance_removes_what_expired_and_rewrites_a_file_of_holes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    let catalog = open(&path).await;
    let other = catalog.scoped(CallContext::in_namespace(Namespace::new("other").unwrap()));
    let long = "words that fill pages ".repeat(700);
    for i in 0..300 {
        let mut r = record(&format!("n{i}"));
        r.description = Some(long.as_str().into());
        r.version = 1;
        r.expires_at = Some(proximadb_meta_core::Timestamp::from_micros(i));
        let at = if i % 2 == 0 { &catalog } else { &other };
        at.batch_operations(vec![Operation::Put { record: r, when: PutIf::Any }]).await.unwrap();
    }
    catalog.create_collection(record("alive")).await.unwrap();
    let pages =
        |s: proximadb_meta_core::report::BackendStats| s.more.iter().find(|x| x.name == "pages").unwrap().value.value;
    let before = pages(catalog.get_stats().await.unwrap());
    let said = catalog.maintain().await.unwrap();
    assert!(said.contains("removed 300 expired records") && said.contains("rewrote the file"), "{said}");
    let stats = catalog.get_stats().await.unwrap();
    assert_eq!((stats.collections.unwrap().value, stats.namespaces.unwrap().value), (1, 1));
    assert!(pages(stats) * 4 < before);
    assert!(catalog.maintain().await.unwrap().contains("removed 0 expired records"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_native_backup_under_writers_restores_one_namespace_and_leaves_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let backups = dir.path().join("backups");
    let location = backups.to_str().unwrap();
    let catalog = open(&dir.path().join("catalog.db")).await;
    let tenant = |c: &Arc<dyn MetadataBackend>| c.scoped(CallContext::in_namespace(Namespace::new("tenant").unwrap()));
    let mut tagged = record("tagged");
    tagged.tags = ["x"].into();
    tagged.description = Some("words to find".into());
    catalog.create_collection(tagged).await.unwrap();
    tenant(&catalog).create_collection(record("theirs")).await.unwrap();
    // Each batch is a pair: a copy in the middle of one would show.
    let writer = {
        let catalog = catalog.clone();
        tokio::spawn(async move {
            for i in 0..150 {
                let pair = ["a", "b"].map(|side| Operation::Create(record(&format!("{side}{i}"))));
                catalog.batch_operations(pair.into()).await.unwrap();
            }
        })
    };
    let mut made = Vec::new();
    while !writer.is_finished() {
        made.push(catalog.backup(location, native()).await.unwrap());
    }
    writer.await.unwrap();
    made.push(catalog.backup(location, native()).await.unwrap());
    assert_eq!(made.last().unwrap().records, 301);
    assert!(made.len() > 1, "a backup was made while the writer ran");
    for report in &made {
        assert_eq!(report.records % 2, 1, "half a batch in a backup of {}", report.records);
    }
    let (first, last) = (&made[0], made.last().unwrap());

    let fresh = open(&dir.path().join("fresh.db")).await;
    tenant(&fresh).create_collection(record("mine")).await.unwrap();
    let done = fresh.restore(&last.id, location, RestoreOptions::default()).await.unwrap();
    assert_eq!((done.records, done.replaced), (301, 0));
    let (before, after) = (catalog.list_collections(None).await.unwrap(), fresh.list_collections(None).await.unwrap());
    assert!(before.iter().zip(&after).all(|(x, y)| x.same_content(y) && x.incarnation != y.incarnation));
    assert_eq!(tenant(&fresh).list_collections(None).await.unwrap()[0].name, "mine".into());
    for filter in ["tags:x", "text(\"find words\")"] {
        let filter = proximadb_meta_core::Filter::parse(filter).unwrap();
        assert_eq!(fresh.count_collections(Some(filter)).await.unwrap(), 1);
    }
    let e = fresh.restore(&first.id, location, RestoreOptions::default()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::AlreadyExists, "{e}");
    let done = fresh.restore(&first.id, location, RestoreOptions::replacing()).await.unwrap();
    assert_eq!((done.records, done.replaced), (first.records, 301));
    assert!(fresh.maintain().await.unwrap().contains("found no damage"));
    let nowhere = fresh.scoped(CallContext::in_namespace(Namespace::new("nowhere").unwrap()));
    let e = nowhere.restore(&last.id, location, RestoreOptions::replacing()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotFound, "{e}");

    // One byte of the copy, or of the manifest's numbers: found before anything is touched.
    let copy = backups.join(&last.id).join("catalog.db");
    let mut bytes = std::fs::read(&copy).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&copy, &bytes).unwrap();
    let e = fresh.restore(&last.id, location, RestoreOptions::replacing()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corruption, "{e}");
    bytes[5000] ^= 1;
    std::fs::write(&copy, &bytes).unwrap();
    let manifest = backups.join(&last.id).join("sqlite.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace(": 301", ": 300")).unwrap();
    let e = fresh.restore(&last.id, location, RestoreOptions::replacing()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corruption, "{e}");
    std::fs::write(&manifest, text.replace("\"format\": 1", "\"format\": 2")).unwrap();
    let e = fresh.restore(&last.id, location, RestoreOptions::replacing()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unsupported, "{e}");
    assert_eq!(fresh.count_collections(None).await.unwrap(), first.records);
}

#[tokio::test]
async fn a_handle_on_another_connection_sees_every_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    let (one, two) = (open(&path).await, open(&path).await);
    for i in 0..50 {
        let made = one.create_collection(record(&format!("n{i}"))).await.unwrap();
        assert_eq!(two.get_collection(&made.id).await.unwrap(), Some(made.clone()));
        let counted = two.record_stats(&made.id, StatsDelta { vectors: 1, bytes: 1 }).await.unwrap();
        assert_eq!(one.get_collection_by_name(&made.name).await.unwrap(), Some(counted));
    }
    one.close().await.unwrap();
    assert_eq!(two.count_collections(None).await.unwrap(), 50);
    two.close().await.unwrap();
}

fn of<'a>(findings: &'a [Finding], subject: &str) -> &'a Finding {
    findings.iter().find(|f| f.subject == subject).expect("it was looked at")
}

#[tokio::test]
async fn little_free_space_is_found_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    // No file system has so much left as this journal may have.
    let mut options = SqliteOptions::default();
    options.journal_size_limit = 1 << 60;
    let catalog = proximadb_meta_sqlite::open_with(&path, options).await.unwrap().into_backend();
    let findings = catalog.diagnose().await.unwrap();
    let space = of(&findings, "free space");
    assert_eq!(space.severity, Severity::Warning, "{space:?}");
    assert!(space.fix.is_some() && space.found.contains("the journal can take 11529215"), "{space:?}");
    assert!(space.value.is_some_and(|v| v.unit == "bytes" && v.number > 0), "{space:?}");
    catalog.close().await.unwrap();

    let catalog = open(&path).await;
    let space = of(&catalog.diagnose().await.unwrap(), "free space").clone();
    assert!(!space.found.contains("11529215"), "the limit of this opening: {space:?}");
    catalog.close().await.unwrap();
}

#[tokio::test]
async fn a_database_that_does_not_open_is_examined_from_outside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    let registry = BackendRegistry::new();
    proximadb_meta_sqlite::register(&registry).unwrap();
    let config = MetadataBackendConfig::from_uri(&format!("sqlite://{}", path.display()), &registry).unwrap();
    let missing = registry.examine(&config).await.unwrap();
    assert_eq!(of(&missing, "file").severity, Severity::Problem);
    assert!(of(&missing, "free space").value.is_some() && !path.exists(), "{missing:?}");
    std::fs::write(&path, "something else").unwrap();
    assert_eq!(refused(&path).await.kind(), ErrorKind::Config);
    let findings = registry.examine(&config).await.unwrap();
    assert_eq!(of(&findings, "file").value.map(|v| v.number), Some(14));
    assert_ne!(of(&findings, "free space").severity, Severity::Problem, "{findings:?}");
    assert!(!findings.iter().any(|f| f.subject == "file mode" && f.severity == Severity::Problem));
}

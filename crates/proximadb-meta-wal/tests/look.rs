//! Schema and diagnosis of a log directory: read from the files, from inside and from outside, also where it does not open.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use proximadb_meta_core::driver::Driver as _;
use proximadb_meta_core::report::{Finding, SchemaAction, Severity, StoreFormat};
use proximadb_meta_core::{
    BackendRegistry, Call, CollectionMetadata, DistanceMetric, ErrorKind, MetadataBackend as _, MetadataBackendConfig,
    Namespace, Timestamp,
};
use proximadb_meta_testkit::all_cases;
use proximadb_meta_testkit::bugs::Bug;
use proximadb_meta_testkit::matrix::Matrix;

mod fixture;

fn severity(findings: &[Finding], subject: &str) -> Severity {
    let found = findings.iter().find(|f| f.subject == subject);
    found.unwrap_or_else(|| panic!("nothing of {subject:?} in {findings:?}")).severity
}

fn registry() -> BackendRegistry {
    let registry = BackendRegistry::new();
    proximadb_meta_wal::register(&registry).unwrap();
    registry
}

async fn examine(dir: &Path) -> Vec<Finding> {
    let registry = registry();
    let uri = format!("file://{}?segment_bytes=65536", dir.display());
    registry.examine(&MetadataBackendConfig::from_uri(&uri, &registry).unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_format_is_read_from_the_newest_segment() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = proximadb_meta_wal::open(dir.path()).await.unwrap();
    for action in [SchemaAction::Status, SchemaAction::Plan, SchemaAction::Apply] {
        let report = catalog.schema(action).await.unwrap();
        assert_eq!(report.format, Some(StoreFormat::strict(1)));
        assert!(report.applied.is_empty() && report.pending.is_empty() && report.ran.is_empty());
    }
    catalog.maintain().await.unwrap();
    assert_eq!(catalog.schema(SchemaAction::Status).await.unwrap().format, Some(StoreFormat::strict(1)));
    let newest = dir.path().join("wal-0000000002.log");
    let mut bytes = fs::read(&newest).unwrap();
    bytes[9] ^= 1;
    fs::write(&newest, &bytes).unwrap();
    let e = catalog.schema(SchemaAction::Status).await.unwrap_err();
    assert_eq!((e.kind(), e.operation()), (ErrorKind::Corruption, Some("schema")), "{e}");
    assert!(e.message().contains("wal-0000000002.log"), "{e}");
    fs::write(&newest, &bytes[..10]).unwrap();
    let e = catalog.schema(SchemaAction::Status).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corruption, "{e}");
}

#[tokio::test]
async fn the_layout_of_a_closed_store_is_told_by_the_registry() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry();
    let config = MetadataBackendConfig::from_uri(&format!("file://{}", dir.path().display()), &registry).unwrap();
    registry.open(config.clone()).await.unwrap().close().await.unwrap();
    let report = registry.schema(&config, SchemaAction::Status).await.unwrap();
    assert_eq!(report.format, Some(StoreFormat::strict(1)));
    let holder = registry.open(config.clone()).await.unwrap();
    assert_eq!(registry.schema(&config, SchemaAction::Status).await.unwrap_err().kind(), ErrorKind::Locked);
    holder.close().await.unwrap();
    registry.schema(&config, SchemaAction::Plan).await.unwrap();
}

#[tokio::test]
async fn a_diagnosis_works_beside_a_restore_and_says_that_nothing_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = proximadb_meta_wal::open(dir.path()).await.unwrap();
    let mut call = Call::new(Namespace::default(), Timestamp::from_micros(0));
    call.restoring = true;
    catalog.driver().mark_restoring(&call, true).await.unwrap();
    let findings = catalog.diagnose().await.unwrap();
    assert_eq!(severity(&findings, "health"), Severity::Problem);
    assert!(findings.iter().all(|f| f.subject != "clock"), "there is nothing to read: {findings:?}");
    assert_eq!(severity(&findings, "format"), Severity::Ok);
    assert_eq!(catalog.schema(SchemaAction::Status).await.unwrap().format, Some(StoreFormat::strict(1)));
}

#[tokio::test]
async fn what_is_wrong_outside_is_found_from_inside() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let catalog = proximadb_meta_wal::open(&store).await.unwrap().into_backend();
    catalog.create_collection(CollectionMetadata::new("n", 3, DistanceMetric::COSINE)).await.unwrap();
    let good = catalog.diagnose().await.unwrap();
    for subject in ["directory", "files", "format", "log", "checkpoint", "memory", "release", "open files"] {
        assert_eq!(severity(&good, subject), Severity::Ok, "{good:?}");
    }
    fs::set_permissions(&store, fs::Permissions::from_mode(0o750)).unwrap();
    fs::create_dir(store.join("checkpoint-0000000009.ckpt")).unwrap();
    fs::remove_file(store.join("FORMAT")).unwrap();
    let findings = catalog.diagnose().await.unwrap();
    assert_eq!(severity(&findings, "directory"), Severity::Warning);
    assert_eq!(severity(&findings, "format"), Severity::Problem);
    assert!(findings.iter().any(|f| f.subject == "files" && f.found.contains("checkpoint-0000000009.ckpt")));
    fs::remove_dir_all(&store).unwrap();
    let findings = catalog.diagnose().await.unwrap();
    assert_eq!(severity(&findings, "directory"), Severity::Problem);
    assert_eq!(severity(&findings, "health"), Severity::Ok, "what is in memory is still served");
}

#[tokio::test]
async fn an_examination_needs_no_opening_and_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let findings = examine(&store).await;
    assert_eq!(severity(&findings, "directory"), Severity::Problem);
    assert!(!store.exists());
    let holder = proximadb_meta_wal::open(&store).await.unwrap().into_backend();
    let findings = examine(&store).await;
    assert_eq!((severity(&findings, "directory"), severity(&findings, "log")), (Severity::Ok, Severity::Ok));
    assert_ne!(severity(&findings, "lock"), Severity::Ok, "it is in use, or that cannot be told: {findings:?}");
    holder.close().await.unwrap();
    let findings = examine(&store).await;
    assert_eq!(findings.iter().find(|f| f.subject == "segment_bytes").and_then(|f| f.value).unwrap().number, 65536);
    fs::write(store.join("FORMAT"), "proximadb-meta-wal format 1, being created\n").unwrap();
    assert_eq!(severity(&examine(&store).await, "format"), Severity::Note);
    fs::write(store.join("FORMAT"), "something").unwrap();
    assert_eq!(severity(&examine(&store).await, "format"), Severity::Problem);
}

/// The in-memory backend has no schema: what the suite says of one is shown to bite here.
#[test]
fn the_suite_notices_a_schema_that_is_never_applied() {
    let name = "rule13::a_schema_is_there_and_complete_once_it_is_applied";
    let case: Vec<_> = all_cases().into_iter().filter(|c| c.name == name).collect();
    assert_eq!(case.len(), 1);
    let fixture: Arc<dyn proximadb_meta_testkit::Fixture> = Arc::new(fixture::Wal);
    case[0].run_on(&fixture).unwrap();
    let matrix = Matrix::of(fixture::Wal, case, &[Bug::SchemaNeverApplied]).unwrap();
    assert!(matrix.escaped().is_empty(), "{matrix}");
}

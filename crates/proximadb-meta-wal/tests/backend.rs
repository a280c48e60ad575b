//! The backend over the log: what was acknowledged is there after a reopen, also without a close.

use std::sync::Arc;

use proximadb_meta_core::report::{BackupOptions, RestoreOptions};
use proximadb_meta_core::{
    CollectionMetadata, DistanceMetric, ErrorKind, MetadataBackend, Operation, PutIf, StatsDelta,
};

async fn open(dir: &std::path::Path) -> Arc<dyn MetadataBackend> {
    proximadb_meta_wal::open(dir).await.expect("the store opens").into_backend()
}

fn record(name: &str) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(name, 8, DistanceMetric::COSINE);
    r.id = format!("id-{name}").into();
    r
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reopen_gives_back_the_same_catalog() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let catalog = open(&store).await;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..64 {
        let catalog = catalog.clone();
        tasks.spawn(async move {
            catalog.create_collection(record(&format!("n{i:02}"))).await.unwrap();
            catalog.record_stats(&format!("id-n{i:02}"), StatsDelta { vectors: i, bytes: 10 * i }).await.unwrap();
        });
    }
    tasks.join_all().await;
    let mut renamed = (*catalog.get_collection("id-n00").await.unwrap().unwrap()).clone();
    renamed.name = "zero".into();
    catalog.update_collection(renamed).await.unwrap();
    assert!(catalog.delete_collection("id-n01").await.unwrap());
    let before = catalog.list_collections(None).await.unwrap();
    assert_eq!(before.len(), 63);
    catalog.close().await.unwrap();
    assert_eq!(catalog.get_collection("id-n02").await.unwrap_err().kind(), ErrorKind::Closed);

    let catalog = open(&store).await;
    assert_eq!(catalog.list_collections(None).await.unwrap(), before, "also incarnations and counters");
    catalog.maintain().await.unwrap();
    catalog.create_collection(record("later")).await.unwrap();
    let before = catalog.list_collections(None).await.unwrap();
    catalog.close().await.unwrap();
    assert_eq!(open(&store).await.list_collections(None).await.unwrap(), before, "checkpoint and log after it");
}

#[tokio::test]
async fn a_directory_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = open(dir.path()).await;
    let e = proximadb_meta_wal::open(dir.path()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Locked, "{e}");
    catalog.close().await.unwrap();
    open(dir.path()).await.close().await.unwrap();
}

#[tokio::test]
async fn a_failed_batch_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = open(dir.path()).await;
    catalog.create_collection(record("a")).await.unwrap();
    let ops = vec![
        Operation::Create(record("b")),
        Operation::Delete { id: "id-a".into() },
        Operation::Put { record: record("b"), when: PutIf::Absent },
    ];
    let e = catalog.batch_operations(ops).await.unwrap_err();
    assert_eq!((e.kind(), e.index()), (ErrorKind::AlreadyExists, Some(2)));
    assert_eq!(catalog.count_collections(None).await.unwrap(), 1);
}

#[tokio::test]
async fn backup_and_restore_replace_only_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let (store, backups) = (dir.path().join("store"), dir.path().join("backups"));
    let location = backups.to_str().unwrap();
    let catalog = open(&store).await;
    for name in ["a", "b", "c"] {
        catalog.create_collection(record(name)).await.unwrap();
    }
    let report = catalog.backup(location, BackupOptions::default()).await.unwrap();
    assert_eq!(report.records, 3);
    catalog.delete_collection("id-a").await.unwrap();
    catalog.create_collection(record("d")).await.unwrap();
    let e = catalog.restore(&report.id, location, RestoreOptions::default()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::AlreadyExists, "{e}");
    let done = catalog.restore(&report.id, location, RestoreOptions::replacing()).await.unwrap();
    assert_eq!((done.records, done.replaced), (3, 3));
    let names: Vec<_> = catalog.list_collections(None).await.unwrap().iter().map(|r| r.name.clone()).collect();
    assert_eq!(names.iter().map(|n| &**n).collect::<Vec<_>>(), ["a", "b", "c"]);

    // One byte of the payload changed: found before anything is touched.
    let payload = backups.join(&report.id).join("records-00001.ndjson.zst");
    let mut bytes = std::fs::read(&payload).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&payload, bytes).unwrap();
    let e = catalog.restore(&report.id, location, RestoreOptions::replacing()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corruption, "{e}");
    assert_eq!(catalog.count_collections(None).await.unwrap(), 3);
}

#[tokio::test]
async fn a_failed_checkpoint_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = open(dir.path()).await;
    catalog.create_collection(record("a")).await.unwrap();
    // Something that a file cannot replace stands where the checkpoint gets its name.
    let obstacle = dir.path().join("checkpoint-0000000002.ckpt");
    std::fs::create_dir(&obstacle).unwrap();
    let e = catalog.maintain().await.unwrap_err();
    assert!(e.message().contains("checkpoint"), "{e}");
    assert!(!dir.path().join("checkpoint-0000000002.ckpt.tmp").exists());
    std::fs::remove_dir(&obstacle).unwrap();
    catalog.create_collection(record("b")).await.unwrap();
    catalog.maintain().await.unwrap();
    let before = catalog.list_collections(None).await.unwrap();
    catalog.close().await.unwrap();
    assert_eq!(open(dir.path()).await.list_collections(None).await.unwrap(), before);
}

//! A backup of each backend comes back in each, through a directory; and it is the same backup, whoever wrote it.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use archive_tests::{Store, content, fill, memory};
use proximadb_meta_archive::verify;
use proximadb_meta_core::report::{BackupOptions, RestoreOptions};
use tempfile::TempDir;

const RECORDS: u64 = 2500;

/// A new store of each backend, and where they keep their files.
async fn stores() -> ([Store; 3], TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let log = proximadb_meta_wal::open(dir.path().join("log")).await.unwrap().into_backend();
    let sqlite = proximadb_meta_sqlite::open(dir.path().join("catalog.db")).await.unwrap().into_backend();
    ([memory(), log, sqlite], dir)
}

#[tokio::test]
async fn each_backend_takes_the_backups_of_each() {
    let backups = tempfile::tempdir().unwrap();
    let location = backups.path().to_str().unwrap();
    let mut made = Vec::new();
    let (sources, _dir) = stores().await;
    for from in &sources {
        fill(from, RECORDS).await;
        let backup = from.backup(location, BackupOptions::default()).await.unwrap();
        let verified = verify(location, &backup.id).await.unwrap();
        made.push((verified.manifest.blake3, verified.manifest.records, backup.bytes));
        let expected = content(from).await;
        let (destinations, _dir) = stores().await;
        for to in &destinations {
            let what = (from.descriptor().backend, to.descriptor().backend);
            let done = to.restore(&backup.id, location, RestoreOptions::default()).await.unwrap();
            assert_eq!(done.records, RECORDS, "{what:?}");
            assert!(content(to).await == expected, "{what:?}");
            to.close().await.unwrap();
        }
    }
    assert!(made.iter().all(|m| *m == made[0]), "the same records are the same backup: {made:?}");
    for store in &sources {
        store.close().await.unwrap();
    }
}

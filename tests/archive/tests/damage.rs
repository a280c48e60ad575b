//! Every damage of an archive is refused, with its place, before anything is changed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fs;

use archive_tests::resealed::{replace, reseal};
use archive_tests::{Backup, Store, content, large, memory, record};
use proximadb_meta_core::report::RestoreOptions;
use proximadb_meta_core::{Error, ErrorKind};

const MANIFEST: &str = "manifest.json";
const PART: &str = "records-00001.ndjson.zst";

/// A store with one record of its own, which no damaged archive may touch.
struct Bystander(Store);

impl Bystander {
    async fn new() -> Self {
        let store = memory();
        store.create_collection(record(7)).await.unwrap();
        Self(store)
    }

    /// The refusal of a restore that would replace everything.
    async fn refuses(&self, backup: &Backup) -> Error {
        let verified = proximadb_meta_archive::verify(backup.location(), &backup.id).await.unwrap_err();
        let before = content(&self.0).await;
        let e = backup.restore(&self.0, RestoreOptions::replacing()).await.unwrap_err();
        assert_eq!((verified.kind(), verified.message()), (e.kind(), e.message()));
        assert_eq!(content(&self.0).await, before, "a refused archive changed the store: {e}");
        e
    }

    /// As damage, in words that hold `says`.
    async fn finds(&self, backup: &Backup, says: &str) {
        let e = self.refuses(backup).await;
        assert_eq!(e.kind(), ErrorKind::Corruption, "{e}");
        assert!(e.message().contains(says), "{says:?} is not in: {e}");
    }
}

#[tokio::test]
async fn every_flipped_byte_is_found() {
    let (backup, bystander) = (Backup::of(3).await, Bystander::new().await);
    for file in [MANIFEST, PART] {
        let good = fs::read(backup.file(file)).unwrap();
        for at in 0..good.len() {
            for flip in [0x01, 0x10, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= flip;
                fs::write(backup.file(file), &bad).unwrap();
                let e = bystander.refuses(&backup).await;
                // One digit says which format it is: 2 may become 3.
                assert!(matches!(e.kind(), ErrorKind::Corruption | ErrorKind::Unsupported), "{file} byte {at}: {e}");
                assert!(e.message().contains(&backup.id) || e.kind() == ErrorKind::Unsupported, "no place: {e}");
            }
        }
        fs::write(backup.file(file), &good).unwrap();
    }
    assert_eq!(backup.restore(&memory(), RestoreOptions::default()).await.unwrap().records, 3);
}

#[tokio::test]
async fn every_truncation_and_every_addition_is_found() {
    let (backup, bystander) = (Backup::of(3).await, Bystander::new().await);
    for file in [MANIFEST, PART] {
        let good = fs::read(backup.file(file)).unwrap();
        for length in 0..good.len() {
            fs::write(backup.file(file), &good[..length]).unwrap();
            bystander.finds(&backup, file).await;
        }
        for more in [&b"\n"[..], b"\0", b"}", &good] {
            fs::write(backup.file(file), [&good, more].concat()).unwrap();
            bystander.finds(&backup, file).await;
        }
        fs::write(backup.file(file), &good).unwrap();
    }
}

#[tokio::test]
async fn parts_that_are_swapped_missing_doubled_or_strange_are_found() {
    let (whole, bystander) = (Backup::from(0..200, large).await, Bystander::new().await);
    let part = |n: u32| format!("records-{n:05}.ndjson.zst");
    let verified = proximadb_meta_archive::verify(whole.location(), &whole.id).await.unwrap();
    assert_eq!(verified.parts, 3);

    let b = whole.copy();
    fs::rename(b.file(&part(1)), b.file("x")).unwrap();
    fs::rename(b.file(&part(2)), b.file(&part(1))).unwrap();
    fs::rename(b.file("x"), b.file(&part(2))).unwrap();
    bystander.finds(&b, &part(1)).await;

    for gone in 1..=3 {
        let b = whole.copy();
        fs::remove_file(b.file(&part(gone))).unwrap();
        bystander.finds(&b, &format!("{}: it is missing", part(gone))).await;
    }

    let b = whole.copy();
    fs::copy(b.file(&part(1)), b.file(&part(2))).unwrap();
    bystander.finds(&b, &part(2)).await;

    for strange in [&*part(4), &*part(0), "records.ndjson", "records-1.ndjson.zst", "records-00001.ndjson.zst.bak"] {
        let b = whole.copy();
        fs::copy(b.file(&part(1)), b.file(strange)).unwrap();
        bystander.finds(&b, &format!("{strange}: the manifest does not know it")).await;
    }

    // The last part is gone from the manifest too, then from the totals: shorter, but whole in itself, with another hash.
    let b = whole.copy();
    fs::remove_file(b.file(&part(3))).unwrap();
    reseal(&b.file(MANIFEST), |body| {
        let mut lines: Vec<&str> = body.lines().collect();
        lines.remove(lines.len() - 2);
        lines.join("\n").replace("},\n]", "}\n]")
    });
    bystander.finds(&b, "do not give those of the whole").await;

    // What is not part of a backup by its name is let alone.
    let b = whole.copy();
    fs::write(b.file("README"), "kept for the audit").unwrap();
    assert_eq!(b.restore(&memory(), RestoreOptions::default()).await.unwrap().records, 200);
}

#[tokio::test]
async fn manifests_that_lie_in_good_form_are_found() {
    let (whole, bystander) = (Backup::of(3).await, Bystander::new().await);
    let verified = proximadb_meta_archive::verify(whole.location(), &whole.id).await.unwrap();
    let (bytes, stored) = (verified.manifest.bytes, verified.stored_bytes);
    let hash = &verified.manifest.blake3;
    let zeros = "0".repeat(64);
    let cases: &[(&str, &str, &str)] = &[
        ("\"records\":3,\"bytes\"", "\"records\":4,\"bytes\"", "do not give those of the whole"),
        (hash, &zeros, "the hash of its records is not the manifest's"),
        ("\"first\":\"id-000000000\"", "\"first\":\"id-000000001\"", "not those the manifest says"),
        ("\"last\":\"id-000000002\"", "\"last\":\"id-000000003\"", "not those the manifest says"),
        ("\"last\":\"id-000000002\"", "\"last\":\"a\"", "out of order"),
        (&format!("\"stored\":{stored}"), "\"stored\":18446744073709551615", "not the numbers of a part"),
        (&format!("\"stored\":{stored}"), &format!("\"stored\":{}", stored + 1), "the manifest says"),
        ("\"format\":2", "\"format\":2,\"x\":1", "unknown field"),
        ("\"stored\":", "\"file\":\"../../../etc/passwd\",\"stored\":", "unknown field"),
        ("\"created_at\":\"2", "\"created_at\":\"x", "time"),
        (&whole.id, "01930000-0000-7000-8000-000000000000", "it belongs to the backup"),
    ];
    for (from, to, says) in cases {
        let b = whole.copy();
        replace(&b.file(MANIFEST), from, to);
        bystander.finds(&b, says).await;
    }
    let b = whole.copy();
    replace(&b.file(MANIFEST), "\"zstd\"", "\"brotli\"");
    assert_eq!(bystander.refuses(&b).await.kind(), ErrorKind::Unsupported);
    for wrong in [0, bytes - 1, bytes + 1, 4 << 20, 4097 << 10, u64::MAX] {
        let b = whole.copy();
        reseal(&b.file(MANIFEST), |body| body.replace(&format!("\"bytes\":{bytes}"), &format!("\"bytes\":{wrong}")));
        bystander.finds(&b, "").await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn links_and_pipes_are_not_followed() {
    let (whole, bystander) = (Backup::of(3).await, Bystander::new().await);
    for file in [MANIFEST, PART] {
        let b = whole.copy();
        fs::remove_file(b.file(file)).unwrap();
        std::os::unix::fs::symlink(whole.file(file), b.file(file)).unwrap();
        bystander.finds(&b, "it is not a regular file").await;
        fs::remove_file(b.file(file)).unwrap();
        let made = std::process::Command::new("mkfifo").arg(b.file(file)).status().unwrap();
        assert!(made.success());
        bystander.finds(&b, "it is not a regular file").await;
        fs::remove_file(b.file(file)).unwrap();
        fs::create_dir(b.file(file)).unwrap();
        bystander.finds(&b, "it is not a regular file").await;
    }
    let b = whole.copy();
    fs::remove_dir_all(b.file("")).unwrap();
    std::os::unix::fs::symlink(whole.file(""), b.dir.path().join(&b.id)).unwrap();
    bystander.finds(&b, "it is not a directory").await;
}

#[tokio::test]
async fn ids_cannot_lead_out_of_the_location() {
    let backup = Backup::of(1).await;
    let below = backup.dir.path().join("below");
    fs::create_dir(&below).unwrap();
    let upper = backup.id.to_uppercase();
    let urn = format!("urn:uuid:{}", backup.id);
    let up = format!("../{}", backup.id);
    let slash = format!("{}/", backup.id);
    for id in ["", ".", "..", "/", "../x", &up, &upper, &urn, &slash, &backup.id.replace('-', "")] {
        let e = proximadb_meta_archive::verify(below.to_str().unwrap(), id).await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidInput, "{id:?}: {e}");
    }
    let e = proximadb_meta_archive::verify(below.to_str().unwrap(), &backup.id).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotFound, "{e}");
    for (location, kind) in [("", ErrorKind::InvalidInput), ("ftp://x/y", ErrorKind::Unsupported)] {
        let e = proximadb_meta_archive::verify(location, &backup.id).await.unwrap_err();
        assert_eq!(e.kind(), kind, "{location:?}: {e}");
    }
}

#[tokio::test]
async fn records_that_do_not_fit_together_are_found() {
    let (one, two) = (memory(), memory());
    let mut namesake = record(1);
    namesake.name = record(0).name;
    assert!(one.create_collection(namesake.clone()).await.is_ok() && two.create_collection(record(0)).await.is_ok());
    // No store gives such records; a writer that gets them refuses, so that there is no backup that nobody can restore.
    let dir = tempfile::tempdir().unwrap();
    let namespace = proximadb_meta_core::Namespace::default();
    for (snapshot, kind) in [(true, ErrorKind::Corruption), (false, ErrorKind::Unavailable)] {
        let records = vec![namesake.clone().into(), record(0).into()];
        let now = proximadb_meta_core::Timestamp::from_micros(0);
        let source = proximadb_meta_archive::ArchiveSource { namespace: &namespace, records, snapshot, now };
        let e = proximadb_meta_archive::write(dir.path().to_str().unwrap(), source).await.unwrap_err();
        assert_eq!(e.kind(), kind, "{e}");
        assert!(e.message().contains("two records have one name"), "{e}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "it leaves nothing");
    }
}

//! The two files of a portable archive of format 1, each through a restore into an empty store.

use std::cell::RefCell;

use proximadb_meta_core::report::{RestoreOptions, RestoreReport};
use proximadb_meta_core::{ErrorKind, MetadataBackend, Result};
use std::sync::Arc;
use tempfile::TempDir;

use crate::sample::{full, small};
use crate::wait::wait;

pub(crate) const ID: &str = "01930000-0000-7000-8000-000000000000";

thread_local! {
    static DIRECTORY: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// A file of an archive: its name and content.
pub(crate) type File<'a> = (&'a str, &'a [u8]);

/// Restores an archive of these files into a new store.
fn restore(files: &[File<'_>]) -> (Arc<dyn MetadataBackend>, Result<RestoreReport>) {
    DIRECTORY.with_borrow_mut(|directory| {
        let directory = directory.get_or_insert_with(|| TempDir::new().expect("a temporary directory"));
        let backup = directory.path().join(ID);
        if backup.exists() {
            std::fs::remove_dir_all(&backup).expect("a directory is removed");
        }
        std::fs::create_dir_all(&backup).expect("a directory is made");
        for (name, bytes) in files {
            std::fs::write(backup.join(name), bytes).expect("a file is written");
        }
        let store = proximadb_meta_memory::memory().into_backend();
        let location = directory.path().display().to_string();
        let report = wait(store.restore(ID, &location, RestoreOptions::default()));
        (store, report)
    })
}

/// The restored records as the archive has them, or the kind of the refusal, after which the store must be as empty as before.
pub(crate) fn restored(files: &[File<'_>]) -> Option<Vec<u8>> {
    let (store, report) = restore(files);
    let listed = wait(store.list_collections(None)).expect("the store is not left half restored");
    match report {
        Err(e) => {
            assert!(matches!(e.kind(), ErrorKind::Corruption | ErrorKind::Unsupported), "{e:?}");
            assert!(listed.is_empty(), "a refused archive left {listed:?}");
            None
        }
        Ok(report) => {
            let lines: String = listed.iter().map(|r| r.to_json() + "\n").collect();
            // What has expired is restored, but not listed.
            assert!(report.records >= listed.len() as u64, "{report:?}");
            Some(lines.into_bytes())
        }
    }
}

/// A manifest that fits a payload.
fn fitting(payload: &[u8]) -> String {
    let records = payload.iter().filter(|b| **b == b'\n').count();
    format!(
        r#"{{"format":1,"id":"{ID}","namespace":"","created_at":"2026-11-24T08:00:00.000000Z","records":{records},"bytes":{},"blake3":"{}","compression":"none","snapshot":true}}"#,
        payload.len(),
        blake3::hash(payload).to_hex()
    )
}

pub(crate) fn lines() -> Vec<u8> {
    format!("{}\n{}\n", full(0).to_json(), small(1).to_json()).into_bytes()
}

/// The manifest, beside a good payload.
pub(crate) fn manifest(data: &[u8]) -> bool {
    let payload = lines();
    match restored(&[("manifest.json", data), ("records.ndjson", &payload)]) {
        Some(back) => {
            assert_eq!(back, payload, "another catalog comes back");
            true
        }
        None => false,
    }
}

/// The payload, under a manifest that fits it.
pub(crate) fn payload(data: &[u8]) -> bool {
    match restored(&[("manifest.json", fitting(data).as_bytes()), ("records.ndjson", data)]) {
        Some(back) => {
            all_from(data, &back);
            true
        }
        None => false,
    }
}

/// Every line that came back is one of the archive's.
pub(crate) fn all_from(data: &[u8], back: &[u8]) {
    let kept = |line: &&[u8]| back.split_inclusive(|b| *b == b'\n').any(|b| b == *line);
    let live = data.split_inclusive(|b| *b == b'\n').filter(kept).map(<[u8]>::len).sum::<usize>();
    assert_eq!(live, back.len(), "a record comes back that the archive does not hold");
}

/// Seeds of [`manifest`].
pub(crate) fn manifest_seeds() -> Vec<Vec<u8>> {
    let good = fitting(&lines());
    [
        good.clone(),
        good.replace("\"format\":1", "\"format\":2"),
        good.replace("none", "zstd"),
        good.replace("\"records\":2", "\"records\":3"),
        good.replace("\"bytes\":", "\"bytes\":18446744073709551615,\"x\":"),
        good.replace(",\"snapshot\":true", ""),
    ]
    .map(String::into_bytes)
    .into()
}

/// Seeds of [`payload`].
pub(crate) fn payload_seeds() -> Vec<Vec<u8>> {
    let line = |r: proximadb_meta_core::CollectionMetadata| (r.to_json() + "\n").into_bytes();
    let mut namesake = small(5);
    namesake.name = small(4).name;
    vec![
        Vec::new(),
        lines(),
        line(small(1)),
        [line(small(1)), line(small(1))].concat(),
        [line(small(2)), line(small(1))].concat(),
        [line(small(4)), line(namesake)].concat(),
        b"{\"id\":\"i\",\"name\":\"n\",\"dimension\":3,\"distance_metric\":\"x\"}\n".to_vec(),
        small(1).to_json().into_bytes(),
        b"\n".to_vec(),
    ]
}

//! What the tests of inspect, verify and salvage share: small logs in directories of their own.
#![allow(dead_code, missing_docs, clippy::unwrap_used, reason = "each test binary uses its own part of this")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use proximadb_meta_core::{CollectionMetadata, DistanceMetric, Incarnation, Namespace};
use proximadb_meta_wal::log::{Counters, Entry, Log, Opened, Unit};
use proximadb_meta_wal::{FileStorage, State};
use tempfile::TempDir;

/// A directory, in memory where the system offers that: what is asked here is not what the disk does.
pub(crate) fn fresh() -> TempDir {
    let shared_memory = Path::new("/dev/shm");
    if shared_memory.is_dir() { tempfile::tempdir_in(shared_memory) } else { tempfile::tempdir() }.unwrap()
}

pub(crate) fn open(dir: &Path, segment_bytes: u64) -> proximadb_meta_core::Result<Opened> {
    Log::open(Arc::new(FileStorage::new(dir)), segment_bytes)
}

/// A record; its life is told by a number.
pub(crate) fn record(id: &str, name: &str, version: u64) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(name, 3, DistanceMetric::COSINE);
    r.id = id.into();
    r.version = version;
    r.incarnation = Incarnation(1);
    r
}

pub(crate) fn put(record: CollectionMetadata) -> Entry {
    Entry::Unit(Unit { puts: vec![Arc::new(record)], ..Unit::default() })
}

pub(crate) fn count(id: &str, vectors: i64) -> Entry {
    let counters = vec![Counters { id: id.to_owned(), incarnation: 1, vectors, bytes: 4 * vectors }];
    Entry::Unit(Unit { counters, ..Unit::default() })
}

pub(crate) fn delete(id: &str) -> Entry {
    Entry::Unit(Unit { deletes: vec![id.to_owned()], ..Unit::default() })
}

/// Writes each entry as a group of its own. Left open unless it is to be sealed.
pub(crate) fn write(dir: &Path, entries: &[Entry], seal: bool) {
    let mut log = open(dir, 1 << 20).unwrap().log;
    for entry in entries {
        log.append(std::slice::from_ref(entry)).unwrap();
    }
    if seal {
        log.close().unwrap();
    }
}

/// Writes a checkpoint of what the directory holds.
pub(crate) fn checkpoint(dir: &Path) {
    let opened = open(dir, 1 << 20).unwrap();
    let (state, mut log) = (opened.state(), opened.log);
    crate::checkpoint::checkpoint(&mut log, &state);
}

/// Every file with its content and the time of its last change.
pub(crate) fn snapshot(dir: &Path) -> BTreeMap<String, (Vec<u8>, std::time::SystemTime)> {
    let each = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, (fs::read(entry.path()).unwrap(), entry.metadata().unwrap().modified().unwrap()))
    };
    fs::read_dir(dir).unwrap().map(each).collect()
}

/// Where the frames of a file begin, and where the last one ends. Zeros may follow.
pub(crate) fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut found = vec![64];
    while let Some(head) = bytes.get(*found.last().unwrap()..).and_then(|rest| rest.first_chunk::<5>()) {
        let [length @ .., kind] = head;
        if *kind == 0 {
            break;
        }
        found.push(found.last().unwrap() + 32 + u32::from_le_bytes(*length) as usize);
    }
    found
}

/// Flips a bit in the payload of the frame `n`, counted from 0.
pub(crate) fn spoil(path: &Path, n: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = frames(&bytes)[n] + 32;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// The records of the default namespace: id, name, version, vectors.
pub(crate) fn told(state: &State) -> Vec<(String, String, u64, u64)> {
    let of = |r: &Arc<CollectionMetadata>| (r.id.to_string(), r.name.to_string(), r.version, r.vector_count);
    state.records.get(&Namespace::default()).into_iter().flat_map(|t| t.values().map(of)).collect()
}

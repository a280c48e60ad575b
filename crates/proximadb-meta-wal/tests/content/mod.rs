//! What the fixture of format 1 holds, and how it was written. Neither ever changes: a new format gets a fixture of its own.
#![allow(clippy::unwrap_used, reason = "a helper of tests")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use proximadb_meta_core::{
    AccessPattern, CollectionMetadata, ConfigJson, DistanceMetric, Extra, Incarnation, IndexingAlgorithm, Namespace,
    Retention, Timestamp, limits,
};
use proximadb_meta_wal::log::{Counters, Entry, Log, Opened, Unit};
use proximadb_meta_wal::{FileStorage, State};

/// A segment that grows over this is followed by the next.
const SEGMENT_BYTES: u64 = 4096;

/// The two stores, and whether the log of each was closed.
pub(crate) const STORES: [(&str, bool); 2] = [("sealed", true), ("unsealed", false)];

/// A record with every field set, at the edges of what is allowed.
fn full() -> CollectionMetadata {
    let mut r = CollectionMetadata::new("Größe 画像 🦀", limits::MAX_DIMENSION, DistanceMetric::new("hyperbolic"));
    r.id = "every/field".into();
    r.indexing_algorithm = IndexingAlgorithm::new("my-graph");
    r.created_at = Timestamp::MIN;
    r.updated_at = Timestamp::MAX;
    r.vector_count = limits::MAX_SAFE_INTEGER;
    r.total_size_bytes = limits::MAX_SAFE_INTEGER;
    r.access_pattern = AccessPattern::Archive;
    r.retention = Some(Retention { retain_days: limits::MAX_RETAIN_DAYS, auto_delete: true });
    r.expires_at = Some(Timestamp::from_micros(-1));
    r.config = ConfigJson::parse(r#"{"index":{"m":16,"ratio":0.5},"list":[1,null,true],"ü":"\t"}"#).unwrap();
    r.description = Some("two lines,\n\ta tab and a \u{1f600}".into());
    r.owner = Some("søren".into());
    r.tags = ["z", "a b", "ä"].into();
    r.version = limits::MAX_SAFE_INTEGER;
    r.incarnation = Incarnation(u64::MAX);
    r.extra = Extra::parse(r#"{"from_the_future":{"deep":[1,2]}}"#).unwrap();
    r
}

/// A record with nothing but what it must have.
fn plain(id: &str, name: &str, version: u64, life: u64) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(name, 768, DistanceMetric::COSINE);
    r.id = id.into();
    r.created_at = Timestamp::from_micros(1_764_000_000_000_000);
    r.updated_at = r.created_at.saturating_add(i64::try_from(version).unwrap());
    r.version = version;
    r.incarnation = Incarnation(life);
    r
}

fn unit(namespace: &str, deletes: &[&str], puts: Vec<CollectionMetadata>, counters: &[(&str, u64, i64)]) -> Entry {
    let counters = counters.iter().map(|(id, life, n)| Counters {
        id: (*id).to_owned(),
        incarnation: life.cast_signed(),
        vectors: *n,
        bytes: 3072 * n,
    });
    Entry::Unit(Unit {
        namespace: Namespace::new(namespace).unwrap(),
        deletes: deletes.iter().map(|id| (*id).to_owned()).collect(),
        puts: puts.into_iter().map(Arc::new).collect(),
        counters: counters.collect(),
    })
}

fn mark(namespace: &str, on: bool) -> Entry {
    Entry::Restoring(Namespace::new(namespace).unwrap(), on)
}

fn open(dir: &Path) -> Opened {
    Log::open(Arc::new(FileStorage::new(dir)), SEGMENT_BYTES).unwrap()
}

/// Writes the store: a checkpoint, and two segments after it.
pub(crate) fn write_store(dir: &Path, seal: bool) {
    let mut log = open(dir).log;
    log.append(&[
        unit("", &[], vec![full(), plain("a", "first", 1, 11), plain("b", "second", 1, 12)], &[]),
        unit("tenant", &[], vec![plain("a", "first", 1, 13)], &[]),
    ])
    .unwrap();
    log.append(&[mark("half-restored", true), mark("restored", true)]).unwrap();
    log.append(&[unit("", &[], vec![], &[("a", 11, 5), ("b", 12, 0)])]).unwrap();
    drop(log);

    let opened = open(dir);
    let (state, mut log) = (opened.state(), opened.log);
    crate::checkpoint::checkpoint(&mut log, &state);

    log.append(&[mark("restored", false)]).unwrap();
    // A swap of names needs a third one.
    log.append(&[
        unit("", &[], vec![plain("a", "third", 2, 11)], &[]),
        unit("", &["b"], vec![plain("c", "first", 1, 14)], &[("a", 11, 6)]),
    ])
    .unwrap();
    // Long enough that the log turns to the next segment.
    let mut long = plain("long", "long", 1, 15);
    long.description = Some("a long story. ".repeat(300).into());
    log.append(&[unit("tenant", &[], vec![long], &[])]).unwrap();
    // Another life of a deleted id.
    log.append(&[unit("", &[], vec![plain("b", "second", 1, 16)], &[]), unit("", &[], vec![], &[("b", 16, 7)])])
        .unwrap();
    log.append(&[unit("tenant", &["a"], vec![], &[]), unit("empty again", &[], vec![plain("x", "x", 1, 17)], &[])])
        .unwrap();
    log.append(&[unit("empty again", &["x"], vec![], &[])]).unwrap();
    if seal {
        log.close().unwrap();
    }
}

/// What a store holds, one JSON object a line: records by namespace and id, then marks.
pub(crate) fn told(state: &State) -> String {
    let mut out = String::new();
    for (namespace, records) in &state.records {
        for r in records.values() {
            let (ns, life) = (namespace.as_str(), r.incarnation.0);
            writeln!(out, "{{\"namespace\":\"{ns}\",\"incarnation\":{life},\"record\":{}}}", r.to_json()).unwrap();
        }
    }
    for namespace in &state.restoring {
        writeln!(out, "{{\"namespace\":\"{}\",\"restoring\":true}}", namespace.as_str()).unwrap();
    }
    out
}

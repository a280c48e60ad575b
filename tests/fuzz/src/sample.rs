//! Small true things to begin from: records, and the files that a real log makes of them.

use std::sync::Arc;

use proximadb_meta_core::limits::MAX_SAFE_INTEGER;
use proximadb_meta_core::{
    AccessPattern, CollectionMetadata, ConfigJson, DistanceMetric, Extra, Incarnation, IndexingAlgorithm, Namespace,
    Retention, Timestamp,
};
use proximadb_meta_wal::State;
use proximadb_meta_wal::log::{Counters, Entry, Log, Opened, Unit};

use crate::files::Files;
use crate::format::{FILE_HEADER, FRAME_HEADER, FileKind, SALT, mend, u32_at};

/// A segment of the samples is never full.
pub(crate) const SEGMENT_BYTES: u64 = 1 << 30;

/// A small record.
pub(crate) fn small(n: u64) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(format!("name-{n}"), 3, DistanceMetric::COSINE);
    r.id = format!("id-{n}").into();
    r.version = 1;
    r.incarnation = Incarnation(7 + n);
    r
}

/// A record with every field.
pub(crate) fn full(n: u64) -> CollectionMetadata {
    let mut r = small(n);
    r.dimension = 1536;
    r.distance_metric = DistanceMetric::new("my-metric");
    r.indexing_algorithm = IndexingAlgorithm::IVF_PQ;
    r.created_at = Timestamp::from_micros(1_764_000_000_123_456);
    r.updated_at = Timestamp::MAX;
    r.vector_count = MAX_SAFE_INTEGER;
    r.total_size_bytes = 7;
    r.access_pattern = AccessPattern::Archive;
    r.retention = Some(Retention { retain_days: 30, auto_delete: true });
    r.expires_at = Some(Timestamp::MAX);
    r.config = ConfigJson::parse(r#"{"index":{"m":16},"on":true,"x":0.5}"#).unwrap_or_default();
    r.description = Some("line\n\ttwo".into());
    r.owner = Some("böb".into());
    r.tags = ["b", "a"].into();
    r.incarnation = Incarnation(u64::MAX - n);
    r.extra = Extra::parse(r#"{"future":[1,2],"zone":"eu"}"#).unwrap_or_default();
    r
}

/// The records that stand in a log before the unit under test: `id-0`, `id-1`, `id-2`.
pub(crate) fn base() -> Unit {
    put([small(0), small(1), full(2)])
}

/// A unit that stores records in the default namespace.
pub(crate) fn put(records: impl IntoIterator<Item = CollectionMetadata>) -> Unit {
    Unit { puts: records.into_iter().map(Arc::new).collect(), ..Unit::default() }
}

/// Units that fit a log which holds [`base`].
pub(crate) fn units() -> Vec<Unit> {
    let namespace = Namespace::new("tenant").unwrap_or_default();
    let counters = Counters { id: "id-0".to_owned(), incarnation: 7, vectors: 5, bytes: 6 };
    vec![
        Unit::default(),
        put([small(9)]),
        Unit { deletes: vec!["id-0".to_owned(), "id-2".to_owned()], ..Unit::default() },
        Unit { counters: vec![counters.clone()], ..Unit::default() },
        Unit { namespace, ..put([full(4), full(5), small(6)]) },
        Unit { deletes: vec!["id-1".to_owned()], counters: vec![counters], ..put([full(1), small(3)]) },
    ]
}

/// Opens a log in memory that is known to be good.
pub(crate) fn open(files: &Files) -> Opened {
    Log::open(Arc::new(files.clone()), SEGMENT_BYTES).expect("a good log opens")
}

/// A directory with a segment of these groups.
pub(crate) fn written(groups: &[Vec<Entry>], seal: bool) -> Files {
    let files = Files::default();
    let mut log = open(&files).log;
    for group in groups {
        log.append(group).expect("a sample is appended");
    }
    if seal {
        log.close().expect("a sample is sealed");
    }
    files
}

/// Groups with everything a log can hold.
pub(crate) fn groups() -> Vec<Vec<Entry>> {
    let namespace = Namespace::new("tenant").unwrap_or_default();
    let mut groups = vec![vec![Entry::Unit(base())]];
    groups.push(units().into_iter().skip(3).map(Entry::Unit).collect());
    groups.push(vec![Entry::Restoring(namespace, true)]);
    groups
}

/// Writes a checkpoint of the state.
pub(crate) fn checkpoint(log: &mut Log, state: &State) {
    let mut file = log.begin_checkpoint().expect("a checkpoint begins");
    for (namespace, records) in &state.records {
        file.records(namespace, &records.values().cloned().collect::<Vec<_>>()).expect("a part is written");
    }
    let covered = file.finish(&state.restoring).expect("a checkpoint is finished");
    log.end_checkpoint(covered);
}

/// A segment and a checkpoint of everything, with the usual salt in place of a random one.
pub(crate) fn segment(groups: &[Vec<Entry>], seal: bool) -> Vec<u8> {
    salted(written(groups, seal).read("wal-0000000001.log"))
}

/// The checkpoint with number 2 of everything.
pub(crate) fn checkpoint_file() -> Vec<u8> {
    let files = written(&groups(), false);
    let mut opened = open(&files);
    let state = opened.state();
    checkpoint(&mut opened.log, &state);
    salted(files.read("checkpoint-0000000002.ckpt"))
}

fn salted(mut file: Vec<u8>) -> Vec<u8> {
    if let Some(salt) = file.get_mut(40..56) {
        salt.copy_from_slice(&SALT);
    }
    mend(&mut file);
    file
}

/// The payload of a unit.
pub(crate) fn payload(unit: &Unit) -> Vec<u8> {
    let file = segment(&[vec![Entry::Unit(unit.clone())]], false);
    let start = FILE_HEADER + FRAME_HEADER;
    file.get(start..start + u32_at(&file, FILE_HEADER) as usize).unwrap_or_default().to_vec()
}

/// What a file is, and the number it must have.
pub(crate) const SEGMENT: (FileKind, u64) = (FileKind::Segment, 1);

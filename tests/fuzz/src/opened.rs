//! What must be true after a directory was opened, and after it was refused.

use std::sync::Arc;

use proximadb_meta_core::limits::check_record;
use proximadb_meta_core::{CallContext, Clock as _, Error, ErrorKind, Namespace, SystemClock};
use proximadb_meta_wal::log::{Entry, Log, Opened, Unit};
use proximadb_meta_wal::{State, open_storage};

use crate::files::Files;
use crate::sample::{SEGMENT_BYTES, checkpoint, put, small};
use crate::wait::wait;

/// Opens the directory, which either is refused with the place and left as it was, or becomes a log that keeps what it holds
/// through everything a log does. Whether it was opened.
///
/// # Panics
/// When one of that does not hold.
pub(crate) fn opens(files: &Files) -> bool {
    let before = files.all();
    match Log::open(Arc::new(files.clone()), SEGMENT_BYTES) {
        Err(e) => {
            refused(&e);
            let mut after = files.all();
            if !before.contains_key("FORMAT") {
                after.remove("FORMAT");
            }
            assert_eq!(after, before, "a directory is changed although it is refused: {e}");
            false
        }
        Ok(opened) => {
            lives_on(files, opened);
            true
        }
    }
}

fn refused(e: &Error) {
    let text = e.to_string();
    match e.kind() {
        ErrorKind::Unsupported | ErrorKind::Config => {}
        ErrorKind::Corruption => {
            let named = ["FORMAT", "wal-", "checkpoint-"].iter().any(|n| text.contains(n));
            assert!(named, "damage without its place: {text}");
        }
        other => panic!("damage is refused as {other}: {text}"),
    }
}

fn valid(state: &State) {
    for (namespace, records) in &state.records {
        assert!(!records.is_empty(), "an empty namespace is no namespace: {namespace:?}");
        for (id, record) in records {
            assert_eq!(*id, record.id, "a record stands under another id");
            if let Err(e) = check_record(record) {
                panic!("a record breaks its limits, {e}: {record:?}");
            }
        }
    }
}

fn again(files: &Files, expected: &State, after: &str) -> Log {
    match Log::open(Arc::new(files.clone()), SEGMENT_BYTES) {
        Ok(opened) => {
            assert_eq!(opened.state(), *expected, "the log holds something else {after}");
            opened.log
        }
        Err(e) => panic!("a log that was opened does not open {after}: {e}"),
    }
}

fn lives_on(files: &Files, opened: Opened) {
    let mut state = opened.state();
    valid(&state);
    drop(opened.log);
    let mut log = again(files, &state, "a second time");
    let more = Arc::new(small(1_000_000));
    let unit = Unit { puts: vec![more.clone()], ..Unit::default() };
    log.append(&[Entry::Unit(unit)]).expect("an opened log takes an entry");
    state.records.entry(Namespace::default()).or_default().insert(more.id.clone(), more);
    drop(log);
    let log = again(files, &state, "after an append");
    log.close().expect("an opened log is closed");
    let mut log = again(files, &state, "after a close");
    checkpoint(&mut log, &state);
    log.append(&[Entry::Unit(put([]))]).expect("a log goes on after a checkpoint");
    drop(log);
    drop(again(files, &state, "after a checkpoint"));
}

/// The backend over a directory that was opened gives every live record of its log.
pub(crate) fn serves(files: &Files) {
    let state = Log::open(Arc::new(files.clone()), SEGMENT_BYTES).expect("a log that was opened is opened").state();
    let store = wait(open_storage(Arc::new(files.clone()), SEGMENT_BYTES)).expect("and so is its backend");
    let (store, now) = (store.into_backend(), SystemClock.now());
    for (namespace, records) in &state.records {
        let listed = wait(store.scoped(CallContext::in_namespace(namespace.clone())).list_collections(None));
        if state.restoring.contains(namespace) {
            assert_eq!(listed.map_err(|e| e.kind()), Err(ErrorKind::Unavailable), "half a namespace is served");
            continue;
        }
        let listed = listed.expect("a namespace is listed");
        let live = records.values().filter(|r| !r.is_expired(now));
        assert!(live.eq(listed.iter()), "another catalog is served: {listed:?}");
    }
    wait(store.close()).expect("a backend is closed");
}

//! A checkpoint of what a log holds, written at once.
#![allow(clippy::unwrap_used, reason = "a helper of tests")]

use proximadb_meta_wal::State;
use proximadb_meta_wal::log::Log;

pub(crate) fn checkpoint(log: &mut Log, state: &State) {
    let mut file = log.begin_checkpoint().unwrap();
    for (namespace, records) in &state.records {
        file.records(namespace, &records.values().cloned().collect::<Vec<_>>()).unwrap();
    }
    let covered = file.finish(&state.restoring).unwrap();
    log.end_checkpoint(covered);
}

//! The log by the names and lengths of its files: its format, how much of it an opening replays, what the checkpoint holds.

use proximadb_meta_core::report::Finding;

use super::hidden;
use crate::files::{MARKER, checkpoint_name, numbers, read_file, segment_name};
use crate::frame::FORMAT;
use crate::log::{MARKER_TEXT, NEW_TEXT, bad_marker};
use crate::storage::Storage;

/// A log up to this length is replayed in no time worth a word.
const SHORT: u64 = 64 * 1024 * 1024;
/// A longer one may be so many times as long as the checkpoint.
const TIMES: u64 = 4;
/// More segments than a writer lets come together.
const SEGMENTS: usize = 64;

pub(super) fn findings(storage: &dyn Storage) -> Vec<Finding> {
    let names = match storage.list() {
        Ok(names) => names,
        // That it cannot be listed is said of the directory.
        Err(_) => return Vec::new(),
    };
    let (segments, checkpoints) = (numbers(&names, segment_name), numbers(&names, checkpoint_name));
    let length = |name: String| storage.open_read(&name).and_then(|file| file.length()).ok();
    let checkpoint = checkpoints.last().copied();
    let live: Vec<u64> = segments.into_iter().filter(|n| checkpoint.is_none_or(|c| *n >= c)).collect();
    // What goes away meanwhile is covered by a checkpoint, and no longer replayed.
    let log: u64 = live.iter().filter_map(|n| length(segment_name(*n))).sum();
    let covered = checkpoint.and_then(|n| length(checkpoint_name(n))).unwrap_or(0);
    let mut findings = vec![format(storage, &names)];
    if !live.is_empty() || checkpoint.is_some() {
        findings.push(replay(live.len(), log, covered));
        let found = if checkpoint.is_some() { format!("{covered} bytes") } else { "none yet".to_owned() };
        findings.push(Finding::ok("checkpoint", found).with_value(covered, "bytes"));
    }
    findings
}

fn format(storage: &dyn Storage, names: &[String]) -> Finding {
    const SUBJECT: &str = "format";
    if !names.iter().any(|n| n == MARKER) {
        let fix =
            "name the directory of a catalog, or an empty one; restore a catalog that lost its marker from a backup";
        return Finding::problem(SUBJECT, format!("the file {MARKER}, which says it, is not there"), fix);
    }
    match read_file(storage, MARKER) {
        Ok(text) if text == MARKER_TEXT => {
            Finding::ok(SUBJECT, format!("{FORMAT}, which this release reads and writes"))
        }
        Ok(text) if text == NEW_TEXT => Finding::note(
            SUBJECT,
            format!("{FORMAT}, being created: whoever made the directory did not come to its end"),
            "open it for writing; that completes it",
        ),
        Ok(text) => {
            let e = bad_marker(&text);
            Finding::problem(SUBJECT, e.message(), e.hint().unwrap_or("restore the directory from a backup"))
        }
        Err(e) => hidden(SUBJECT, e),
    }
}

fn replay(segments: usize, log: u64, checkpoint: u64) -> Finding {
    let found = format!("{log} bytes in {segments} segments, which an opening replays");
    let long = log > SHORT && log > checkpoint.saturating_mul(TIMES);
    let finding = if long || segments > SEGMENTS {
        Finding::note("log", found, "write a checkpoint: pxmeta maintain, or the library's maintain")
    } else {
        Finding::ok("log", found)
    };
    finding.with_value(log, "bytes")
}

#[cfg(test)]
mod tests {
    use proximadb_meta_core::report::Severity;

    use super::*;

    #[test]
    fn a_log_is_long_against_its_checkpoint() {
        for (segments, log, checkpoint, severity) in [
            (1, 0, 0, Severity::Ok),
            (1, SHORT, 0, Severity::Ok),
            (2, SHORT + 1, 0, Severity::Note),
            (2, SHORT + 1, SHORT / 4 + 1, Severity::Ok),
            (65, 9, 9, Severity::Note),
            (9, u64::MAX, u64::MAX, Severity::Ok),
        ] {
            assert_eq!(replay(segments, log, checkpoint).severity, severity, "{segments} {log} {checkpoint}");
        }
    }
}

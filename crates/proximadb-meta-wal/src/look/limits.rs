//! What the system lets this process do: open files, and how long they may grow.

use proximadb_meta_core::report::Finding;
use rustix::process::{Resource, getrlimit};

/// Lock, segment, the next segment, checkpoint, directory, a backup, and a few of the program's own.
const WANTED: u64 = 16;

pub(super) fn findings(segment_bytes: u64) -> Vec<Finding> {
    let open = std::fs::read_dir("/proc/self/fd").map(|entries| entries.count() as u64).ok();
    let mut findings = vec![descriptors(getrlimit(Resource::Nofile).current, open)];
    findings.extend(length(getrlimit(Resource::Fsize).current, segment_bytes));
    findings
}

fn descriptors(limit: Option<u64>, open: Option<u64>) -> Finding {
    const SUBJECT: &str = "open files";
    let Some(limit) = limit else { return Finding::ok(SUBJECT, "no limit for this process") };
    let (found, left) = match open {
        Some(open) => (format!("{open} of the {limit} that this process may have"), limit.saturating_sub(open)),
        None => (format!("this process may have {limit}"), limit),
    };
    let finding = if left < WANTED {
        Finding::warning(
            SUBJECT,
            format!("{found}; the log wants {WANTED}"),
            "raise the limit: ulimit -n, LimitNOFILE=",
        )
    } else {
        Finding::ok(SUBJECT, found)
    };
    finding.with_value(limit, "files")
}

/// A limit on the length of files, where there is one.
fn length(limit: Option<u64>, segment_bytes: u64) -> Option<Finding> {
    const SUBJECT: &str = "file length";
    let limit = limit?;
    let found = format!("no file of this process grows over {limit} bytes");
    let finding = if limit <= segment_bytes.saturating_mul(2) {
        let fix = "raise the limit: ulimit -f, LimitFSIZE=; or lower segment_bytes";
        Finding::warning(SUBJECT, format!("{found}; a segment grows over {segment_bytes}"), fix)
    } else {
        // A checkpoint is one file, as long as the catalog.
        Finding::note(SUBJECT, found, "take the limit away where the catalog comes near it: a checkpoint is one file")
    };
    Some(finding.with_value(limit, "bytes"))
}

#[cfg(test)]
mod tests {
    use proximadb_meta_core::report::Severity;

    use super::*;

    #[test]
    fn limits_are_far_near_or_absent() {
        let of = |limit, open| descriptors(limit, open).severity;
        assert_eq!(of(None, Some(9)), Severity::Ok);
        assert_eq!(of(Some(1024), Some(9)), Severity::Ok);
        assert_eq!(of(Some(24), Some(9)), Severity::Warning);
        assert_eq!(of(Some(5), Some(9)), Severity::Warning);
        assert_eq!(of(Some(15), None), Severity::Warning);
        let of = |limit| length(limit, 1000).map(|f| f.severity);
        assert_eq!([None, Some(999), Some(9999)].map(of), [None, Some(Severity::Warning), Some(Severity::Note)]);
    }
}

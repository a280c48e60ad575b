//! Looking a directory over for `doctor`: its place, its disk, the limits of the process, its log. Reads names, lengths, modes
//! and the marker; opens nothing for writing and takes no lock, so that it works beside a process that has it open.

mod disk;
mod limits;
mod log;
mod place;
mod schema;

use std::path::Path;

use proximadb_meta_core::report::Finding;

pub(crate) use self::schema::schema;
use crate::inspect::{InUse, in_use};
use crate::storage::Storage;

/// What there is to say of the storage of an open log.
pub(crate) fn open(storage: &dyn Storage, segment_bytes: u64) -> Vec<Finding> {
    let mut findings = vec![release(), settings(segment_bytes)];
    match storage.directory() {
        Some(dir) => findings.extend(directory(dir, segment_bytes)),
        None => {
            findings.push(Finding::ok("directory", "a storage of the program's own; the file system is not looked at"))
        }
    }
    findings.extend(log::findings(storage));
    findings
}

/// What there is to say of a directory that is not open.
pub(crate) fn closed(storage: &dyn Storage, segment_bytes: u64) -> Vec<Finding> {
    let mut findings = open(storage, segment_bytes);
    if let Some(dir) = storage.directory() {
        findings.extend(user(in_use(dir)));
    }
    findings
}

fn directory(dir: &Path, segment_bytes: u64) -> Vec<Finding> {
    let (mut findings, bytes) = place::findings(dir);
    // Below a directory that is not there the file system is that of another place.
    if dir.is_dir() {
        findings.extend(disk::findings(dir, bytes, segment_bytes));
    }
    findings.extend(limits::findings(segment_bytes));
    findings
}

fn release() -> Finding {
    Finding::ok("release", concat!("proximadb-meta-wal ", env!("CARGO_PKG_VERSION")))
}

fn settings(segment_bytes: u64) -> Finding {
    Finding::ok("segment_bytes", format!("a segment that grows over {segment_bytes} bytes is followed by the next"))
        .with_value(segment_bytes, "bytes")
}

/// Who has it open, where that can be told.
fn user(in_use: InUse) -> Option<Finding> {
    match in_use {
        InUse::Yes => Some(Finding::note(
            "lock",
            "another process has the directory open",
            "stop that process, or ask it; one process opens a log directory at a time",
        )),
        InUse::No => Some(Finding::ok("lock", "no process has the directory open")),
        InUse::Unknown => Some(Finding::note(
            "lock",
            "whether a process has the directory open cannot be told here",
            "look for the process that uses it; opening it answers Locked as long as there is one",
        )),
    }
}

/// A thing that the system does not show.
fn hidden(subject: &str, e: impl std::fmt::Display) -> Finding {
    let fix = "run it as the user that the catalog belongs to, on the machine that holds it";
    Finding::note(subject, format!("it cannot be looked at: {e}"), fix)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proximadb_meta_core::report::{Severity, StoreFormat};

    use super::*;
    use crate::log::Log;
    use crate::sim::SimDisk;

    #[test]
    fn a_storage_that_is_no_directory_is_looked_at_through_its_names() {
        let disk = SimDisk::default();
        let opened = Log::open(Arc::new(disk.clone()), 1 << 20).unwrap();
        let findings = open(&disk, 1 << 20);
        let of = |subject: &str| findings.iter().find(|f| f.subject == subject).unwrap();
        assert!(of("directory").found.contains("of the program's own"), "{findings:?}");
        assert!(findings.iter().all(|f| f.severity == Severity::Ok), "{findings:?}");
        assert_eq!(of("log").value.map(|v| v.number), Some(crate::frame::FILE_HEADER as u64));
        assert_eq!(schema(&disk).unwrap().format, Some(StoreFormat::strict(1)));
        drop(opened);
    }
}

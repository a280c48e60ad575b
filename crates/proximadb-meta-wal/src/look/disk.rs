//! The file system below the directory: which kind it is, whether it can be written, how much is free.

use std::path::Path;

use proximadb_meta_core::report::{Finding, Room, RoomNeeded};
use rustix::fs::{StatVfs, StatVfsMountFlags};

use super::hidden;

/// The log grows in steps of at most this.
const STEP: u64 = 1024 * 1024;
/// A checkpoint, a segment and a marker at once, and a few for others.
const FILES: u64 = 16;

pub(super) fn findings(dir: &Path, catalog: u64, segment_bytes: u64) -> Vec<Finding> {
    let kind = kind::of(dir);
    match rustix::fs::statvfs(dir) {
        Ok(s) => [kind].into_iter().chain(room(&s).findings(&needed(catalog, segment_bytes))).collect(),
        Err(e) => vec![kind, hidden("free space", e)],
    }
}

/// A checkpoint is written beside what it replaces, and segments go on meanwhile.
fn needed(catalog: u64, segment_bytes: u64) -> RoomNeeded<'static> {
    RoomNeeded {
        what: "log",
        least: STEP,
        at_once: catalog.saturating_add(segment_bytes),
        by: "a checkpoint and a segment",
        files: FILES,
    }
}

fn room(s: &StatVfs) -> Room {
    Room {
        bytes: s.f_bavail.saturating_mul(s.f_frsize),
        // Some file systems do not count them.
        files: (s.f_files > 0).then_some(s.f_favail),
        read_only: s.f_flag.contains(StatVfsMountFlags::RDONLY),
    }
}

#[cfg(target_os = "linux")]
mod kind {
    //! The kind of a file system by the number that Linux gives it.

    use std::path::Path;

    use proximadb_meta_core::report::Finding;

    /// What to expect of it.
    #[derive(Clone, Copy)]
    enum Sort {
        Disk,
        Memory,
        Network,
        Layer,
        Hidden,
    }

    /// The numbers of statfs(2).
    const KINDS: &[(u32, &str, Sort)] = &[
        (0x0102_1994, "tmpfs", Sort::Memory),
        (0x8584_58f6, "ramfs", Sort::Memory),
        (0x0000_6969, "nfs", Sort::Network),
        (0xff53_4d42, "cifs", Sort::Network),
        (0xfe53_4d42, "smb2", Sort::Network),
        (0x0000_517b, "smb", Sort::Network),
        (0x00c3_6400, "ceph", Sort::Network),
        (0x5346_414f, "afs", Sort::Network),
        (0x0bd0_0bd0, "lustre", Sort::Network),
        (0x0102_1997, "9p", Sort::Network),
        (0x6573_5546, "fuse", Sort::Hidden),
        (0x794c_7630, "overlayfs", Sort::Layer),
        (0x0000_ef53, "ext2, ext3 or ext4", Sort::Disk),
        (0x5846_5342, "xfs", Sort::Disk),
        (0x9123_683e, "btrfs", Sort::Disk),
        (0x2fc1_2fc1, "zfs", Sort::Disk),
        (0xf2f5_2010, "f2fs", Sort::Disk),
        (0xca45_1a4e, "bcachefs", Sort::Disk),
    ];

    pub(super) fn of(dir: &Path) -> Finding {
        match rustix::fs::statfs(dir) {
            // The numbers have 32 bits, and are signed or unsigned by architecture.
            Ok(s) => told(s.f_type as u32),
            Err(e) => super::hidden("file system", e),
        }
    }

    fn told(number: u32) -> Finding {
        const SUBJECT: &str = "file system";
        let Some((_, name, sort)) = KINDS.iter().find(|(n, ..)| *n == number) else {
            let found = format!("of a kind that this release does not know ({number:#x})");
            return Finding::note(SUBJECT, found, "make sure that it keeps what was synced over a loss of power");
        };
        match sort {
            Sort::Disk => Finding::ok(SUBJECT, *name),
            Sort::Memory => Finding::warning(
                SUBJECT,
                format!("{name}: it is kept in memory, and gone when the machine restarts"),
                "put the catalog on a disk",
            ),
            Sort::Network => Finding::warning(
                SUBJECT,
                format!("{name}: whether a lock holds and a sync is durable is up to a server"),
                "put the catalog on a disk of this machine",
            ),
            Sort::Layer => Finding::warning(
                SUBJECT,
                format!("{name}: in a container this is gone with it"),
                "mount a volume of its own for the catalog",
            ),
            Sort::Hidden => Finding::note(
                SUBJECT,
                format!("{name}: what is behind it cannot be told"),
                "make sure that its locks hold, and that it keeps what was synced over a loss of power",
            ),
        }
    }

    #[cfg(test)]
    mod tests {
        use proximadb_meta_core::report::Severity;

        use super::*;

        #[test]
        fn kinds_are_told_by_their_numbers() {
            for (number, severity, text) in [
                (0xef53, Severity::Ok, "ext4"),
                (0x0102_1994, Severity::Warning, "memory"),
                (0x6969, Severity::Warning, "server"),
                (0x794c_7630, Severity::Warning, "container"),
                (0x6573_5546, Severity::Note, "cannot be told"),
                (0xdead, Severity::Note, "0xdead"),
            ] {
                let f = told(number);
                assert_eq!(f.severity, severity, "{f:?}");
                assert!(f.found.contains(text), "{f:?}");
            }
            let mut numbers: Vec<u32> = KINDS.iter().map(|(n, ..)| *n).collect();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), KINDS.len());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod kind {
    //! Other systems name their file systems in ways of their own.

    use std::path::Path;

    use proximadb_meta_core::report::Finding;

    pub(super) fn of(_: &Path) -> Finding {
        Finding::note(
            "file system",
            "its kind is not looked at on this system",
            "make sure that it is a disk of this machine",
        )
    }
}

#[cfg(test)]
mod tests {
    use proximadb_meta_core::report::Severity;

    use super::*;

    #[test]
    fn space_is_enough_tight_or_gone() {
        let of = |bytes, catalog, segment_bytes| {
            let room = Room { bytes, files: None, read_only: false };
            let found = room.findings(&needed(catalog, segment_bytes));
            found.first().expect("the space is told").severity
        };
        assert_eq!(
            [0, STEP - 1, STEP, 74 * STEP - 1, 74 * STEP, u64::MAX].map(|bytes| of(bytes, 10 * STEP, 64 * STEP)),
            [Severity::Problem, Severity::Problem, Severity::Warning, Severity::Warning, Severity::Ok, Severity::Ok]
        );
        assert_eq!(of(u64::MAX, u64::MAX, u64::MAX), Severity::Ok);
    }
}

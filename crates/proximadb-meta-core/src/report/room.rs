//! What is left on the file system of a store, and whether it is enough: for backends that keep files.

use super::Finding;

/// What is left on a file system, as `statvfs(3)` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that this user can still write.
    pub bytes: u64,
    /// Files that can still be made; `None` where the file system does not count them.
    pub files: Option<u64>,
    /// Whether it is mounted read-only.
    pub read_only: bool,
}

/// What a store needs of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomNeeded<'a> {
    /// What grows (`"log"`).
    pub what: &'a str,
    /// With fewer bytes it does not grow at all.
    pub least: u64,
    /// Bytes that it can take at once.
    pub at_once: u64,
    /// What takes them (`"a checkpoint and a segment"`).
    pub by: &'a str,
    /// Files that it makes at once.
    pub files: u64,
}

impl Room {
    /// The finding `free space`; `mount` where nothing can be written, `free inodes` where too few files can be made.
    #[must_use]
    pub fn findings(self, needed: &RoomNeeded<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.read_only {
            findings.push(Finding::problem(
                "mount",
                "the file system is mounted read-only",
                "mount it for writing: an opening has to write",
            ));
        }
        findings.push(space(self.bytes, needed));
        if let Some(files) = self.files.filter(|files| *files < needed.files) {
            let found = format!("{files} files can still be made");
            let fix = "remove files from the file system that nobody needs";
            findings.push(Finding::problem("free inodes", found, fix).with_value(files, "files"));
        }
        findings
    }
}

fn space(free: u64, needed: &RoomNeeded<'_>) -> Finding {
    const SUBJECT: &str = "free space";
    let RoomNeeded { what, least, at_once, by, .. } = needed;
    let found = format!("{free} bytes free");
    let finding = if free < *least {
        Finding::problem(SUBJECT, format!("{found}: the {what} cannot grow"), "free some space on the file system")
    } else if free < *at_once {
        let found = format!("{found}; {by} can take {at_once}");
        Finding::warning(SUBJECT, found, "free some space on the file system before it is needed")
    } else {
        Finding::ok(SUBJECT, found)
    };
    finding.with_value(free, "bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Severity;

    const NEEDED: RoomNeeded<'_> =
        RoomNeeded { what: "log", least: 10, at_once: 740, by: "a checkpoint and a segment", files: 16 };

    fn found(bytes: u64, files: Option<u64>, read_only: bool) -> Vec<(String, Severity)> {
        let findings = Room { bytes, files, read_only }.findings(&NEEDED);
        findings.into_iter().map(|f| (f.subject, f.severity)).collect()
    }

    #[test]
    fn space_is_enough_tight_or_gone() {
        let of = |bytes| space(bytes, &NEEDED).severity;
        assert_eq!(
            [0, 9, 10, 739, 740, u64::MAX].map(of),
            [Severity::Problem, Severity::Problem, Severity::Warning, Severity::Warning, Severity::Ok, Severity::Ok]
        );
        let f = space(20, &NEEDED);
        assert_eq!(f.found, "20 bytes free; a checkpoint and a segment can take 740");
        assert_eq!(f.value.map(|v| v.number), Some(20));
        assert!(space(5, &NEEDED).found.ends_with("the log cannot grow"));
    }

    #[test]
    fn files_and_the_mount_are_told_where_they_are_in_the_way() {
        let space = ("free space".to_owned(), Severity::Ok);
        for files in [None, Some(16), Some(u64::MAX)] {
            assert_eq!(found(1000, files, false), std::slice::from_ref(&space));
        }
        let (mount, inodes) = (("mount".to_owned(), Severity::Problem), ("free inodes".to_owned(), Severity::Problem));
        assert_eq!(found(1000, Some(15), true), [mount, space, inodes]);
    }
}

//! Whether somebody has the directory open, without touching its lock: an observer must never make an opening fail.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::report::InUse;
use crate::files::LOCK;

/// How often nobody must be found before nobody is said to be there.
const LOOKS: usize = 5;

/// Asks the system's list of locks.
pub(crate) fn in_use(dir: &Path) -> InUse {
    let file = match fs::metadata(dir.join(LOCK)) {
        Ok(file) => file,
        // Whoever opens the directory makes the file first.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return InUse::No,
        Err(_) => return InUse::Unknown,
    };
    // The list is read in parts, and moves when another file is locked or unlocked meanwhile: a lock can be missed.
    for _ in 0..LOOKS {
        match fs::read_to_string("/proc/locks").map(|list| look_up(&list, file.dev(), file.ino())) {
            Ok(InUse::No) => {}
            Ok(found) => return found,
            Err(_) => return InUse::Unknown,
        }
    }
    InUse::No
}

/// Looks the file up in the text of `/proc/locks`: `1: FLOCK  ADVISORY  WRITE 3768 fe:00:10879044 0 EOF`.
fn look_up(list: &str, device: u64, inode: u64) -> InUse {
    let mut found = InUse::No;
    for line in list.lines() {
        // A process that waits for a lock has an arrow in its line, and does not hold it.
        let mut words = line.split_whitespace().skip(1);
        let (Some("FLOCK"), _, Some("WRITE"), Some(place)) = (words.next(), words.next(), words.next(), words.nth(1))
        else {
            continue;
        };
        let mut parts = place.split(':');
        let mut number = |radix| u64::from_str_radix(parts.next().unwrap_or_default(), radix).ok();
        let (Some(major), Some(minor), Some(file)) = (number(16), number(16), number(10)) else { continue };
        if file != inode {
            continue;
        }
        if (major, minor) == split(device) {
            return InUse::Yes;
        }
        // Some file systems show a file's device differently here: it may be this one.
        found = InUse::Unknown;
    }
    found
}

/// The two halves of a device number, as Linux packs them.
fn split(device: u64) -> (u64, u64) {
    let major = ((device >> 8) & 0xfff) | ((device >> 32) & 0xffff_f000);
    let minor = (device & 0xff) | ((device >> 12) & 0xffff_ff00);
    (major, minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
1: FLOCK  ADVISORY  WRITE 3768 fe:00:10879044 0 EOF
2: FLOCK  ADVISORY  READ 3768 fe:00:7 0 EOF
2: -> FLOCK  ADVISORY  WRITE 9 fe:00:8 0 EOF
3: POSIX  ADVISORY  WRITE 9 fe:00:9 0 EOF
4: FLOCK  ADVISORY  WRITE
";

    #[test]
    fn the_list_of_locks_is_read() {
        let device = 0xfe00;
        assert_eq!(split(device), (0xfe, 0));
        assert_eq!(split(0x0010_0801), (0x8, 0x101));
        assert_eq!(look_up(LIST, device, 10_879_044), InUse::Yes);
        assert_eq!(look_up(LIST, 0x0801, 10_879_044), InUse::Unknown, "the inode alone");
        for (inode, why) in [(7, "a shared lock"), (8, "a waiting one"), (9, "another kind"), (10, "nobody")] {
            assert_eq!(look_up(LIST, device, inode), InUse::No, "{why}");
        }
    }
}

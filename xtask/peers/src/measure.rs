//! Numbers that are not times: bytes on a disk, bytes in memory.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use anyhow::{Context as _, Result};

/// Bytes of a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bytes {
    /// Up to the last byte of each file that is not 0: what is written ahead as zeros, to be overwritten later, is not in it.
    pub(crate) data: u64,
    /// What the file system has given.
    pub(crate) allocated: u64,
}

/// Of all files below a directory.
pub(crate) fn on_disk(dir: &Path) -> Result<Bytes> {
    let mut sum = Bytes::default();
    for entry in std::fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        let meta = path.symlink_metadata()?;
        let part = if meta.is_dir() {
            on_disk(&path)?
        } else {
            let allocated = meta.blocks() * 512;
            // A hole in the middle of a file is no data either.
            Bytes { data: until_zeros(&path, meta.len())?.min(allocated), allocated }
        };
        sum.data += part.data;
        sum.allocated += part.allocated;
    }
    Ok(sum)
}

/// The length of a file without the zeros at its end.
fn until_zeros(path: &Path, length: u64) -> Result<u64> {
    const BLOCK: u64 = 1 << 20;
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let mut end = length;
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        block.resize((end - start) as usize, 0);
        file.read_exact_at(&mut block, start).with_context(|| path.display().to_string())?;
        if let Some(last) = block.iter().rposition(|b| *b != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Bytes of memory that this process has for itself: no files that are mapped.
pub(crate) fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:"));
    let kib = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<u64>().ok());
    Ok(kib.context("/proc/self/status has no RssAnon")? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_written_ahead_are_no_data() {
        let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let mut bytes = vec![7; 100];
        bytes.resize(3 << 20, 0);
        std::fs::write(dir.path().join("spare"), bytes).unwrap();
        std::fs::create_dir(dir.path().join("more")).unwrap();
        std::fs::write(dir.path().join("more/zeros"), [0; 10]).unwrap();
        std::fs::write(dir.path().join("more/data"), [1; 5000]).unwrap();
        File::open(dir.path().join("spare")).unwrap().sync_all().unwrap();
        File::open(dir.path().join("more/data")).unwrap().sync_all().unwrap();
        let found = on_disk(dir.path()).unwrap();
        assert_eq!(found.data, 5100);
        assert!(found.allocated >= 3 << 20, "{found:?}");
    }

    #[test]
    fn memory_that_is_used_is_seen() {
        let before = resident().unwrap();
        let used = std::hint::black_box(vec![1u8; 64 << 20]);
        assert!(resident().unwrap() >= before + (used.len() as u64 / 2));
    }
}

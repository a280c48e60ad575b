//! The machine under the numbers: processor, system, compiler, file system, and what a bare append and sync costs there.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const SYNCS: u32 = 200;

/// One line.
pub(crate) fn describe(dir: &Path) -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let unknown = || "unknown".to_owned();
    format!(
        "{threads} x {}, {} {}, {}, the data on {}",
        processor().unwrap_or_else(unknown),
        std::env::consts::OS,
        system().unwrap_or_else(unknown),
        rustc().unwrap_or_else(unknown),
        file_system(dir).unwrap_or_else(unknown),
    )
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|l| l.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn system() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/osrelease").ok()?.trim().to_owned())
}

fn rustc() -> Option<String> {
    let out = Command::new("rustc").arg("--version").output().ok()?;
    Some(String::from_utf8(out.stdout).ok()?.trim().to_owned())
}

/// The kind of file system that holds a directory: the longest mount point above it.
fn file_system(dir: &Path) -> Option<String> {
    let dir = fs::canonicalize(dir).ok()?;
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let held = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (point, kind) = (words.next()?, words.next()?);
        dir.starts_with(point).then_some((point.len(), kind))
    });
    held.max_by_key(|(length, _)| *length).map(|(_, kind)| kind.to_owned())
}

/// What the disk takes for 1 KiB appended and synced, without any of our code: the measure for the log.
pub(crate) fn append_and_sync(dir: &Path) -> io::Result<Duration> {
    let path = dir.join("probe");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let block = [7u8; 1024];
    let start = Instant::now();
    for _ in 0..SYNCS {
        file.write_all(&block)?;
        file.sync_data()?;
    }
    let took = start.elapsed() / SYNCS;
    fs::remove_file(path)?;
    Ok(took)
}

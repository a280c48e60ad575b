//! What the numbers were measured on: nothing that names the machine or a path on it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use proximadb_meta::core::{Clock as _, SystemClock};

use crate::engines::Engine;

/// Names and values, in the order of the document. What is not known is not there.
pub(crate) fn facts(dir: &Path) -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().ok().map(|n| n.to_string());
    let facts = [
        ("processor", processor()),
        ("cores", cores),
        ("memory", memory()),
        (
            "system",
            Some(format!("{} {}", std::env::consts::OS, text("/proc/sys/kernel/osrelease").unwrap_or_default())),
        ),
        ("file system", file_system(dir)),
        ("disk", disk(dir)),
        ("compiler", said("rustc", &["--version"])),
        ("commit", commit()),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// What was measured.
pub(crate) fn commit() -> Option<String> {
    said("git", &["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"])
}

/// The day, in UTC.
pub(crate) fn today() -> String {
    SystemClock.now().to_string().chars().take(10).collect()
}

fn text(path: impl AsRef<Path>) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn processor() -> Option<String> {
    let all = text("/proc/cpuinfo")?;
    let line = all.lines().find(|l| l.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory() -> Option<String> {
    let all = text("/proc/meminfo")?;
    let kib: f64 = all.lines().next()?.split_whitespace().nth(1)?.parse().ok()?;
    Some(format!("{:.0} GiB", kib / f64::from(1 << 20)))
}

/// Over 1, 5 and 15 minutes.
pub(crate) fn load() -> Option<String> {
    let all = text("/proc/loadavg")?;
    Some(all.split(' ').take(3).collect::<Vec<_>>().join(", "))
}

/// The kind: of the longest mount point above the directory.
fn file_system(dir: &Path) -> Option<String> {
    let mounts = text("/proc/mounts")?;
    let held = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (point, kind) = (words.next()?, words.next()?);
        dir.starts_with(point).then_some((point.len(), kind))
    });
    held.max_by_key(|(length, _)| *length).map(|(_, kind)| kind.to_owned())
}

/// The driver of the disk, and whether it holds writes back until they are flushed.
fn disk(dir: &Path) -> Option<String> {
    let device = fs::metadata(dir).ok()?.dev();
    let (major, minor) = (libc::major(device), libc::minor(device));
    let mut place = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()?;
    if place.join("partition").exists() {
        place = place.parent()?.to_owned();
    }
    let driver: Option<PathBuf> = fs::canonicalize(place.join("device/driver")).ok();
    let driver = driver.as_deref().and_then(Path::file_name).map_or("unknown".into(), |n| n.to_string_lossy());
    let cache = text(place.join("queue/write_cache")).unwrap_or_else(|| "unknown".to_owned());
    Some(format!("{driver}, cache: {cache}"))
}

/// The versions of an engine's crates, as they are locked; of SQLite also its own.
pub(crate) fn versions(engine: &Engine) -> String {
    let crates = engine.crates.iter().map(|name| match locked(include_str!("../Cargo.lock"), name) {
        Some(version) => format!("{name} {version}"),
        None => (*name).to_owned(),
    });
    let own = engine.crates.contains(&"rusqlite").then(|| format!("SQLite {}", rusqlite::version()));
    crates.chain(own).collect::<Vec<_>>().join(", ")
}

/// The version of a package in the text of a lock file.
fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    rest.split_once('"').map(|(version, _)| version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::{ENGINES, Role};

    #[test]
    fn every_engine_with_a_library_has_its_version() {
        for engine in ENGINES.iter().filter(|e| e.role == Role::Durable) {
            let versions = versions(engine);
            assert!(versions.split(' ').any(|w| w.starts_with(|c: char| c.is_ascii_digit())), "{versions}");
        }
        assert_eq!(locked("[[package]]\nname = \"a\"\nversion = \"1.2\"\n", "a"), Some("1.2"));
        assert_eq!(locked("[[package]]\nname = \"a\"\nversion = \"1.2\"\n", "b"), None);
    }

    #[test]
    fn no_fact_names_a_path_or_the_machine() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        let facts = facts(dir);
        assert!(facts.iter().any(|(name, _)| *name == "cores"));
        let host = text("/proc/sys/kernel/hostname").unwrap_or_default();
        for (name, value) in facts {
            assert!(!value.contains("/home") && !value.contains("/dev/"), "{name}: {value}");
            assert!(host.is_empty() || !value.split(' ').any(|w| w == host), "{name}: {value}");
        }
        assert_eq!(today().len(), 10);
    }
}

//! Where PostgreSQL's programs are, and how they come where they are missing.

use std::path::PathBuf;
use std::process::Command;

use crate::servers::process::output;

/// The oldest release that is tested.
const OLDEST: u32 = 15;
/// What is run; a directory without one of them is somebody's links to some.
const NEEDED: [&str; 4] = ["initdb", "pg_basebackup", "pg_isready", "postgres"];

pub(super) struct Programs {
    pub(super) bin: PathBuf,
    /// As `postgres --version` says it.
    pub(super) version: String,
}

/// The newest that is there, or else what the package manager gives.
pub(super) fn programs() -> Result<Programs, String> {
    if let Some(found) = find() {
        return Ok(found);
    }
    eprintln!("postgres: installing the package postgresql");
    let apt = |arguments: &[&str]| {
        output(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
            .map_err(|e| format!("PostgreSQL {OLDEST} or newer is needed, with initdb, and cannot be installed: {e}"))
    };
    apt(&["update", "-q"])?;
    // The distribution's own cluster is left alone: it is neither made nor used.
    apt(&["install", "-y", "-q", "--no-install-recommends", "postgresql"])?;
    find().ok_or_else(|| format!("the package postgresql is older than {OLDEST}"))
}

fn find() -> Option<Programs> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = debian.chain(std::env::split_paths(&path));
    let whole = |bin: &PathBuf| NEEDED.iter().all(|program| bin.join(program).is_file());
    let found = candidates.filter(whole).filter_map(|bin| {
        let version = output(Command::new(bin.join("postgres")).arg("--version")).ok()?;
        Some((major(&version)?, Programs { bin, version }))
    });
    found.filter(|(major, _)| *major >= OLDEST).max_by_key(|(major, _)| *major).map(|(_, programs)| programs)
}

/// Of `postgres (PostgreSQL) 15.8 (Debian ...)`.
fn major(version: &str) -> Option<u32> {
    version.split_whitespace().find_map(|word| word.split('.').next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(major("postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 17beta1"), None);
        assert_eq!(major(""), None);
    }
}

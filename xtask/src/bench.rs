//! `cargo xtask bench`: builds the benchmarks, which nothing else builds in release, and runs them.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use crate::repo::{cargo, root};

/// The benchmark beside other engines: a workspace of its own, since nobody needs those engines to build the project.
pub(crate) const PEERS: &str = "xtask/peers";
/// What a full run of it writes.
const DOCUMENT: &str = "crates/proximadb-meta/docs/benchmarks.md";

const WHICH: &str = "\
there are three benchmarks: quick [--records N] [--repetitions N] [--dir DIR]; peers, whose --help lists its options; \
instructions, with the same options";

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    match arguments.split_first() {
        Some((name, _)) if name == "quick" => quick(arguments),
        Some((name, rest)) if name == "peers" => peers(rest),
        // The same benchmark, asked for one group of its rows.
        Some((name, rest)) if name == "instructions" => {
            peers(&[&["--rows".to_owned(), "instructions".to_owned()], rest].concat())
        }
        _ => Err(WHICH.to_owned()),
    }
}

fn quick(arguments: &[String]) -> Result<(), String> {
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "--locked", "-p", "xtask-bench", "--"]).args(arguments);
    finish(&mut command)
}

fn peers(arguments: &[String]) -> Result<(), String> {
    let manifest = root().join(PEERS).join("Cargo.toml");
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "--locked", "--manifest-path"]).arg(manifest);
    let library = std::env::var_os("ROCKSDB_LIB_DIR");
    if library.is_some() || has_rocksdb() {
        command.args(["--features", "rocksdb"]);
    }
    if let Some(dir) = library {
        command.env("LD_LIBRARY_PATH", before(&dir, std::env::var_os("LD_LIBRARY_PATH")));
    }
    command.arg("--").args(arguments);
    if !arguments.iter().any(|a| a == "--write") {
        command.arg("--write").arg(root().join(DOCUMENT));
    }
    finish(&mut command)
}

/// Whether the library of RocksDB is installed.
fn has_rocksdb() -> bool {
    let found = Command::new("pkg-config").args(["--exists", "rocksdb"]).status();
    found.is_ok_and(|status| status.success())
}

/// A list of directories with one more in front.
fn before(first: &OsStr, rest: Option<OsString>) -> OsString {
    let mut all = first.to_owned();
    if let Some(rest) = rest {
        all.push(":");
        all.push(rest);
    }
    all
}

fn finish(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|e| format!("cannot run cargo: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("the benchmark ended with {status}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_benchmark_that_is_not_there_is_refused() {
        assert!(run(&[]).is_err());
        assert!(run(&["slow".to_owned()]).is_err());
    }

    #[test]
    fn the_given_library_is_found_first() {
        assert_eq!(before("/a".as_ref(), Some("/b:/c".into())), "/a:/b:/c");
        assert_eq!(before("/a".as_ref(), None), "/a");
    }
}

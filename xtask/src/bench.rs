//! `cargo xtask bench`: builds the benchmarks, which nothing else builds in release, and runs them.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use crate::repo::{cargo, root};

/// The benchmark beside other engines: a workspace of its own, since nobody needs those engines to build the project.
pub(crate) const PEERS: &str = "xtask/peers";
/// What a full run of it writes.
const DOCUMENT: &str = "crates/proximadb-meta/docs/benchmarks.md";

const WHICH: &str = "\
there are five benchmarks: quick, sqlite and postgres [--records N] [--repetitions N] [--dir DIR], the last two with [--json] [--rows TEXT]; \
peers, whose --help lists its options; instructions, with the same options";

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    match arguments.split_first() {
        Some((name, _)) if ["quick", "sqlite", "postgres"].contains(&name.as_str()) => here(arguments),
        Some((name, rest)) if name == "peers" => peers(rest),
        // The same benchmark, asked for one group of its rows.
        Some((name, rest)) if name == "instructions" => {
            peers(&[&["--rows".to_owned(), "instructions".to_owned()], rest].concat())
        }
        _ => Err(WHICH.to_owned()),
    }
}

fn here(arguments: &[String]) -> Result<(), String> {
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "--locked", "-p", "xtask-bench", "--"]).args(arguments);
    finish(&mut command)
}

fn peers(arguments: &[String]) -> Result<(), String> {
    let manifest = root().join(PEERS).join("Cargo.toml");
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "--locked", "--manifest-path"]).arg(manifest);
    if let Some(RocksDb { library, headers }) = rocksdb() {
        command.args(["--features", "rocksdb"]).env("ROCKSDB_LIB_DIR", &library);
        command.env("LD_LIBRARY_PATH", before(&library, std::env::var_os("LD_LIBRARY_PATH")));
        if let Some(headers) = headers {
            command.env("ROCKSDB_INCLUDE_DIR", headers);
        }
    }
    command.arg("--").args(arguments);
    if !arguments.iter().any(|a| a == "--write") {
        command.arg("--write").arg(root().join(DOCUMENT));
    }
    finish(&mut command)
}

/// The directories of RocksDB.
struct RocksDb {
    library: OsString,
    headers: Option<OsString>,
}

/// Where it is: the environment says it, or it is installed in a release that our bindings fit.
fn rocksdb() -> Option<RocksDb> {
    if let Some(library) = std::env::var_os("ROCKSDB_LIB_DIR") {
        return Some(RocksDb { library, headers: std::env::var_os("ROCKSDB_INCLUDE_DIR") });
    }
    let ask = |arguments: &[&str]| {
        let output = Command::new("pkg-config").args(arguments).output().ok().filter(|o| o.status.success())?;
        Some(OsString::from(String::from_utf8(output.stdout).ok()?.trim()))
    };
    ask(&["--exists", "rocksdb >= 7", "rocksdb < 8"])?;
    let library = ask(&["--variable=libdir", "rocksdb"])?;
    Some(RocksDb { library, headers: ask(&["--variable=includedir", "rocksdb"]) })
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

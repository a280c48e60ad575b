//! `cargo xtask bench`: builds the benchmarks, which nothing else builds in release, and runs them.

use crate::repo::cargo;

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "--locked", "-p", "xtask-bench", "--"]).args(arguments);
    let status = command.status().map_err(|e| format!("cannot run cargo: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("the benchmark ended with {status}")) }
}

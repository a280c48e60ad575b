//! `cargo xtask sanitize`: the one module with unsafe code, and the table above it, with real threads under AddressSanitizer.

use std::process::Command;

use crate::repo::root;

const TOOLCHAIN: &str = "nightly";
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The module's own tests, and those of snapshots beside writers.
const PARTS: &[&[&str]] = &[&["--lib", "swap::"], &["--test", "snapshots"]];

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if let Some(other) = arguments.first() {
        return Err(format!("{other:?} is not an option; there are none"));
    }
    if !(cfg!(target_os = "linux") && cfg!(target_arch = "x86_64")) {
        return Err(format!("this runs on {TARGET} alone"));
    }
    let there = Command::new("rustup").args(["run", TOOLCHAIN, "rustc", "--version"]).output();
    if !there.is_ok_and(|o| o.status.success()) {
        return Err(format!("a sanitizer needs the {TOOLCHAIN} toolchain: rustup toolchain install {TOOLCHAIN}"));
    }
    for part in PARTS {
        let mut command = Command::new("rustup");
        command.current_dir(root()).env("RUSTFLAGS", "-Zsanitizer=address");
        // The stable compiler that runs this task must not be used below it.
        for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN"] {
            command.env_remove(name);
        }
        command.args(["run", TOOLCHAIN, "cargo", "test", "--locked", "--target", TARGET]);
        command.args(["-p", "proximadb-meta-memtable"]).args(*part);
        let status = command.status().map_err(|e| format!("cannot run rustup: {e}"))?;
        if !status.success() {
            return Err(format!("under the sanitizer, {}: {status}", part.join(" ")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_refused() {
        assert!(run(&["--fast".to_owned()]).is_err());
    }
}

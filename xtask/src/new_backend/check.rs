//! `cargo xtask new-backend --check`: a generated crate compiles without a warning, and its suite fails case by case.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use super::name::Name;
use super::{Place, generate};
use crate::repo::{cargo, metadata, root};
use crate::tally::Tally;
use crate::test::capture;

/// A name with everything a name can have.
const NAME: &str = "check-2me";
/// The suite has more cases than this that need no capability.
const MANY: u64 = 100;

pub(super) fn run() -> Result<(), String> {
    let target = metadata()?.target_directory;
    let place = target.join("new-backend-check");
    let name = Name::parse(NAME)?;
    remove(place.as_std_path())?;
    let dir = generate(&name, &Place::Alone(place.join(name.package()).into_std_path_buf()))?;
    // The versions that the workspace has locked.
    std::fs::copy(root().join("Cargo.lock"), dir.join("Cargo.lock")).map_err(|e| format!("Cargo.lock: {e}"))?;
    let in_it = |arguments: &[&str]| {
        let mut command = cargo();
        command.current_dir(&dir).env("CARGO_TARGET_DIR", &target).args(arguments);
        command
    };
    succeed("format", in_it(&["fmt", "--check"]))?;
    succeed("clippy", in_it(&["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"]))?;
    succeed("build of its tests", in_it(&["test", "--quiet", "--no-run"]))?;
    let mut lines = Vec::new();
    let mut command = in_it(&["test", "--test", "conformance"]);
    let (tally, success) = capture(&mut command, &HashMap::new(), |line| lines.push(line.to_owned()))?;
    verdict(&tally, success, &lines).map_err(|e| format!("{e}\n{}", lines.join("\n")))?;
    remove(place.as_std_path())?;
    println!("new-backend: the generated crate compiles; of its suite {}, as it should", tally.closing_line());
    Ok(())
}

fn succeed(what: &str, mut command: Command) -> Result<(), String> {
    let status = command.status().map_err(|e| format!("cannot run cargo: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{what} of the generated crate ended with {status}")) }
}

fn remove(dir: &Path) -> Result<(), String> {
    if dir.exists() {
        std::fs::remove_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    }
    Ok(())
}

/// A skeleton fails many cases, each by itself: the suite ran to its end, and nothing in it panicked.
fn verdict(tally: &Tally, success: bool, lines: &[String]) -> Result<(), String> {
    if lines.iter().any(|l| l.contains("panicked at")) {
        return Err("the suite panicked over the generated crate".to_owned());
    }
    if success || tally.failed == 0 {
        return Err("no case failed over a backend that can do nothing".to_owned());
    }
    if tally.passed + tally.failed < MANY {
        return Err(format!("only {} cases ran over the generated crate", tally.passed + tally.failed));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u64, failed: u64) -> Tally {
        let mut tally = Tally::default();
        (tally.passed, tally.failed) = (passed, failed);
        tally
    }

    #[test]
    fn a_suite_that_does_not_look_like_one_is_caught() {
        let none: &[String] = &[];
        assert!(verdict(&tally(20, 150), false, none).is_ok());
        assert!(verdict(&tally(170, 0), true, none).is_err());
        assert!(verdict(&tally(0, 1), false, none).is_err());
        assert!(verdict(&tally(20, 150), false, &["thread 'x' panicked at a.rs".to_owned()]).is_err());
    }
}

//! `public-api.txt` of every library crate: one public item a line, so that a change of the API is a change in a diff.

use std::collections::HashSet;
use std::process::{Command, ExitCode};

use cargo_metadata::{Metadata, Package};

use crate::repo::{cargo, is_library, metadata, only_flag, place, root, write};

/// Set for the process that stands in for rustdoc: the path of the real one.
const REAL_RUSTDOC: &str = "PXMETA_XTASK_RUSTDOC";

/// When cargo runs this program in place of rustdoc: runs the real one with its JSON output unlocked. Only rustdoc gets
/// the variable that does this: build scripts look at it, and would build everything anew.
pub(crate) fn as_rustdoc() -> Option<ExitCode> {
    let real = std::env::var_os(REAL_RUSTDOC)?;
    let status = Command::new(real).args(std::env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", "1").status();
    let code = status.ok().and_then(|s| s.code()).and_then(|c| u8::try_from(c).ok());
    Some(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let check = only_flag(arguments, "--check")?;
    let metadata = metadata()?;
    let mut wrong = Vec::new();
    let libraries: Vec<&Package> = metadata.workspace_packages().into_iter().filter(|p| is_library(p)).collect();
    for package in &libraries {
        let file = place(package).join("public-api.txt");
        let new = listing(&metadata, package)?;
        let old = std::fs::read_to_string(root().join(&file)).unwrap_or_default();
        if !check {
            write(&root().join(&file), &new)?;
        } else if old != new {
            wrong.push(format!("{}\n{}", file.display(), difference(&old, &new)));
        }
    }
    if wrong.is_empty() {
        println!("public-api: {} crates", libraries.len());
        return Ok(());
    }
    Err(format!(
        "the public API is not what is written down; if that is meant, run cargo xtask public-api\n{}",
        wrong.join("\n")
    ))
}

/// The public items of a library with all its features, in the order of their paths.
fn listing(metadata: &Metadata, package: &Package) -> Result<String, String> {
    let target = package.targets.iter().find(|t| t.is_lib()).map(|t| t.name.replace('-', "_")).unwrap_or_default();
    let this = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
    let real = std::env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into());
    let mut command = cargo();
    command.args(["rustdoc", "--quiet", "--locked", "--lib", "--all-features", "-p", package.name.as_str(), "--"]);
    command.args(["-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"]);
    command.env("RUSTDOC", this).env(REAL_RUSTDOC, real);
    let status = command.status().map_err(|e| format!("cannot run cargo: {e}"))?;
    if !status.success() {
        return Err(format!("cargo rustdoc of {} ended with {status}", package.name));
    }
    let json = metadata.target_directory.join("doc").join(format!("{target}.json"));
    let api = public_api::Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .map_err(|e| format!("{json}: {e}; xtask/Cargo.toml says which release of Rust writes what it reads"))?;
    Ok(api.to_string())
}

/// What went and what came.
fn difference(old: &str, new: &str) -> String {
    let (before, after): (HashSet<&str>, HashSet<&str>) = (old.lines().collect(), new.lines().collect());
    let gone = old.lines().filter(|l| !after.contains(l)).map(|l| format!("  - {l}"));
    let come = new.lines().filter(|l| !before.contains(l)).map(|l| format!("  + {l}"));
    let lines: Vec<String> = gone.chain(come).collect();
    if lines.is_empty() { "  the order of the lines".to_owned() } else { lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_both_sides() {
        assert_eq!(difference("a\nb\n", "b\nc\n"), "  - a\n  + c");
        assert_eq!(difference("a\nb\n", "b\na\n"), "  the order of the lines");
    }
}

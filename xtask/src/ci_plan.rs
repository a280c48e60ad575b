//! The workflow file: one job that calls `.ci/run`, one check a crate. Made from the list of packages, never by hand.

use cargo_metadata::Metadata;

use crate::repo::{metadata, only_flag, root, write};

/// Where the workflow lies, from the root.
pub(crate) const WORKFLOW: &str = ".github/workflows/ci.yml";

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let text = workflow(&metadata()?);
    if only_flag(arguments, "--write")? {
        write(&root().join(WORKFLOW), &text)?;
        println!("wrote {WORKFLOW}");
    } else {
        print!("{text}");
    }
    Ok(())
}

/// The workflow's text.
pub(crate) fn workflow(metadata: &Metadata) -> String {
    let packages = metadata.workspace_packages();
    let rust = packages.iter().find_map(|p| p.rust_version.as_ref());
    let rust = rust.map(|v| format!("{}.{}", v.major, v.minor)).unwrap_or_default();
    let mut names: Vec<&str> = packages.iter().map(|p| p.name.as_str()).collect();
    names.sort_unstable();
    render(&rust, &names)
}

fn render(rust: &str, crates: &[&str]) -> String {
    let list: String = crates.iter().map(|name| format!("          - {name}\n")).collect();
    format!(
        "\
# Made by `cargo xtask ci-plan --write`; `cargo xtask tidy` checks that it is.
name: ci
on:
  push:
    branches: [main]
  pull_request:
permissions:
  contents: read
env:
  CARGO_TERM_COLOR: never
jobs:
  stages:
    runs-on: ubuntu-latest
    timeout-minutes: 90
    steps:
      - uses: actions/checkout@v4
      - run: rustup toolchain install {rust} --profile minimal --component rustfmt,clippy && rustup default {rust}
      - run: .ci/run
  alone:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    strategy:
      fail-fast: false
      matrix:
        crate:
{list}    steps:
      - uses: actions/checkout@v4
      - run: rustup toolchain install {rust} --profile minimal && rustup default {rust}
      - run: cargo check --locked -p ${{{{ matrix.crate }}}} --no-default-features
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_is_in_the_matrix() {
        let text = render("1.95", &["one", "two"]);
        assert!(text.contains("        crate:\n          - one\n          - two\n    steps:\n"), "{text}");
        assert!(text.contains("-p ${{ matrix.crate }} --no-default-features"));
        assert!(text.contains("toolchain install 1.95 "));
    }
}

//! What the compiler does not check: the arrows between our crates, first lines, file lengths, manifests.

use std::path::Path;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Each crate and what it may depend on. Arrows point down only.
const ARROWS: &[(&str, &[&str])] = &[
    ("proximadb-meta-core", &[]),
    ("proximadb-meta-archive", &["proximadb-meta-core"]),
    ("proximadb-meta-memtable", &["proximadb-meta-core"]),
    ("proximadb-meta-layers", &["proximadb-meta-core"]),
    ("proximadb-meta-memory", &["proximadb-meta-core", "proximadb-meta-archive", "proximadb-meta-memtable"]),
    ("proximadb-meta-wal", &["proximadb-meta-core", "proximadb-meta-archive", "proximadb-meta-memtable"]),
    (
        "proximadb-meta",
        &["proximadb-meta-core", "proximadb-meta-layers", "proximadb-meta-memory", "proximadb-meta-wal"],
    ),
    ("proximadb-meta-cli", &["proximadb-meta"]),
    ("proximadb-meta-testkit", &["proximadb-meta-core"]),
    ("real-disk", &["proximadb-meta-core", "proximadb-meta-memory", "proximadb-meta-wal"]),
    ("xtask", &[]),
];
const MAX_LINES: usize = 1000;

pub(crate) fn run() -> Result<(), String> {
    let metadata = MetadataCommand::new().no_deps().exec().map_err(|e| format!("cargo metadata: {e}"))?;
    let mut wrong = Vec::new();
    let mut files = 0;
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        match ARROWS.iter().find(|(n, _)| *n == name) {
            None => wrong.push(format!("{name} is not in the table of arrows (xtask/src/tidy.rs)")),
            Some((_, allowed)) => {
                for dep in package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal && d.path.is_some())
                {
                    if !allowed.contains(&dep.name.as_str()) {
                        wrong.push(format!("{name} must not depend on {}", dep.name));
                    }
                }
            }
        }
        if package.rust_version.is_none() || package.description.is_none() || package.license.is_none() {
            wrong.push(format!("{name} lacks rust-version, description or license"));
        }
        let manifest =
            std::fs::read_to_string(&package.manifest_path).map_err(|e| format!("{}: {e}", package.manifest_path))?;
        if !manifest.contains("[lints]\nworkspace = true") {
            wrong.push(format!("{name} does not take the workspace's lints"));
        }
        if let Some(root) = package.manifest_path.parent() {
            walk(root.as_std_path(), &mut files, &mut wrong)?;
        }
    }
    if wrong.is_empty() {
        println!("tidy: {} crates, {files} files", metadata.workspace_packages().len());
        return Ok(());
    }
    Err(format!("not tidy:\n  {}", wrong.join("\n  ")))
}

fn walk(dir: &Path, files: &mut usize, wrong: &mut Vec<String>) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", dir.display());
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|n| n != "target") {
                walk(&path, files, wrong)?;
            }
        } else if path.extension().is_some_and(|x| x == "rs") {
            *files += 1;
            let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            if !text.starts_with("//!") {
                wrong.push(format!("{} does not begin with a //! sentence", path.display()));
            }
            if text.lines().count() > MAX_LINES {
                wrong.push(format!("{} has more than {MAX_LINES} lines", path.display()));
            }
        }
    }
    Ok(())
}

//! What the compiler does not check: the arrows between our crates, first lines, lengths, and lists that must agree.

mod arrows;
mod layout;
mod locks;
mod text;

use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, Package};

use crate::bench::PEERS;
use crate::ci_plan::{WORKFLOW, workflow};
use crate::repo::{is_backend, is_library, metadata, metadata_of, place, read, root};

/// Each crate and what it may depend on. Arrows point down only.
const ARROWS: &[(&str, &[&str])] = &[
    ("proximadb-meta-core", &[]),
    ("proximadb-meta-archive", &["proximadb-meta-core"]),
    ("proximadb-meta-memtable", &["proximadb-meta-core"]),
    ("proximadb-meta-layers", &["proximadb-meta-core"]),
    ("proximadb-meta-memory", &["proximadb-meta-core", "proximadb-meta-archive", "proximadb-meta-memtable"]),
    ("proximadb-meta-sqlite", &["proximadb-meta-core", "proximadb-meta-archive"]),
    ("proximadb-meta-wal", &["proximadb-meta-core", "proximadb-meta-archive", "proximadb-meta-memtable"]),
    ("proximadb-meta-postgres", &["proximadb-meta-core", "proximadb-meta-archive"]),
    (
        "proximadb-meta",
        &[
            "proximadb-meta-core",
            "proximadb-meta-archive",
            "proximadb-meta-layers",
            "proximadb-meta-memory",
            "proximadb-meta-postgres",
            "proximadb-meta-sqlite",
            "proximadb-meta-wal",
        ],
    ),
    ("proximadb-meta-transfer", &["proximadb-meta-core"]),
    ("proximadb-meta-cli", &["proximadb-meta", "proximadb-meta-transfer"]),
    ("proximadb-meta-testkit", &["proximadb-meta-core"]),
    ("foreign-backend", &["proximadb-meta-core"]),
    ("umbrella-tests", &[]),
    ("postgres-fixture", &["proximadb-meta-core"]),
    (
        "archive-tests",
        &[
            "proximadb-meta-core",
            "proximadb-meta-archive",
            "proximadb-meta-memory",
            "proximadb-meta-sqlite",
            "proximadb-meta-wal",
        ],
    ),
    ("fuzz-targets", &["proximadb-meta-core", "proximadb-meta-memory", "proximadb-meta-wal"]),
    ("real-disk", &["proximadb-meta-core", "proximadb-meta-memory", "proximadb-meta-sqlite", "proximadb-meta-wal"]),
    ("xtask", &[]),
    ("xtask-bench", &["proximadb-meta", "proximadb-meta-transfer"]),
    ("xtask-peers", &["proximadb-meta"]),
];

/// What a crate's tests may depend on beside that. Backends may also use the test kit.
const TEST_ARROWS: &[(&str, &[&str])] = &[
    ("proximadb-meta-testkit", &["proximadb-meta-memory"]),
    ("proximadb-meta-sqlite", &["proximadb-meta-memory"]),
    ("proximadb-meta-layers", &["proximadb-meta-memory", "proximadb-meta-testkit"]),
    ("proximadb-meta-postgres", &["proximadb-meta-memory", "postgres-fixture"]),
    ("proximadb-meta-transfer", &["proximadb-meta", "postgres-fixture"]),
    ("proximadb-meta-cli", &["proximadb-meta-testkit", "postgres-fixture"]),
    ("foreign-backend", &["proximadb-meta-testkit"]),
    ("umbrella-tests", &["proximadb-meta", "foreign-backend"]),
];
const TESTKIT: &str = "proximadb-meta-testkit";
const UMBRELLA: &str = "proximadb-meta";

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if !arguments.is_empty() {
        return Err(format!("tidy takes no arguments, not {arguments:?}"));
    }
    let metadata = metadata()?;
    // The workspaces of their own keep the same rules.
    let peers = metadata_of(Path::new(PEERS))?;
    let mut packages = metadata.workspace_packages();
    packages.extend(peers.workspace_packages());
    let mut wrong = Vec::new();
    let mut files = 0;
    for package in &packages {
        check_dependencies(package, &mut wrong);
        check_manifest(package, &mut wrong)?;
        check_files_of(package, &mut wrong);
        walk(&root().join(place(package)), &mut files, &mut wrong)?;
    }
    let names: Vec<&str> = packages.iter().map(|p| p.name.as_str()).collect();
    wrong.extend(arrows::stale_rows(ARROWS, &names));
    check_repository(&metadata, &packages, &mut wrong)?;
    check_locks(&packages, &mut wrong)?;
    if wrong.is_empty() {
        println!("tidy: {} crates, {files} files", packages.len());
        return Ok(());
    }
    Err(format!("not tidy:\n  {}", wrong.join("\n  ")))
}

fn check_dependencies(package: &Package, wrong: &mut Vec<String>) {
    let name = package.name.as_str();
    let ours = |kind: DependencyKind| {
        let is_ours = move |d: &&cargo_metadata::Dependency| d.kind == kind && d.path.is_some();
        package.dependencies.iter().filter(is_ours).map(|d| d.name.as_str()).collect::<Vec<_>>()
    };
    let Some(allowed) = arrows::row(ARROWS, name) else {
        wrong.push(format!("{name} is not in the table of arrows (xtask/src/tidy.rs)"));
        return;
    };
    for kind in [DependencyKind::Normal, DependencyKind::Build] {
        wrong.extend(arrows::forbidden(name, &ours(kind), allowed));
    }
    let mut in_tests: Vec<&str> = allowed.to_vec();
    in_tests.extend(arrows::row(TEST_ARROWS, name).unwrap_or_default());
    if is_backend(package) {
        in_tests.push(TESTKIT);
    }
    wrong.extend(arrows::forbidden(name, &ours(DependencyKind::Development), &in_tests));
}

fn check_manifest(package: &Package, wrong: &mut Vec<String>) -> Result<(), String> {
    let name = package.name.as_str();
    if package.rust_version.is_none() || package.description.is_none() || package.license.is_none() {
        wrong.push(format!("{name} lacks rust-version, description or license"));
    }
    if !read(package.manifest_path.as_std_path())?.contains("[lints]\nworkspace = true") {
        wrong.push(format!("{name} does not take the workspace's lints"));
    }
    Ok(())
}

fn check_files_of(package: &Package, wrong: &mut Vec<String>) {
    let dir = place(package);
    let mut must_have = |file: &str, hint: &str| {
        if !root().join(&dir).join(file).is_file() {
            wrong.push(format!("{} has no {file}{hint}", dir.display()));
        }
    };
    must_have("README.md", "");
    if is_library(package) {
        must_have("public-api.txt", ": cargo xtask public-api");
    }
    if is_backend(package) {
        must_have("tests/conformance.rs", "");
    }
}

fn check_repository(metadata: &Metadata, packages: &[&Package], wrong: &mut Vec<String>) -> Result<(), String> {
    let root = root();
    let ignored = read(&root.join(".gitignore"))?;
    wrong.extend(layout::strangers(&names_in(root)?, &ignored));
    let places: Vec<_> = packages.iter().map(|p| place(p)).collect();
    for parent in ["crates", "tests"] {
        for name in names_in(&root.join(parent))? {
            if !places.contains(&Path::new(parent).join(&name)) {
                wrong.push(format!("{parent}/{name} is no crate of the workspace"));
            }
        }
    }
    let rust: Vec<_> = packages.iter().filter_map(|p| p.rust_version.as_ref()).collect();
    if rust.windows(2).any(|w| w.first() != w.last()) {
        wrong.push("the crates name different rust-versions".to_owned());
    }
    let backends: Vec<&str> = packages.iter().filter(|p| is_backend(p)).map(|p| p.name.as_str()).collect();
    wrong.extend(layout::backend_table(&read(&root.join("README.md"))?, &backends));
    let entrance = packages.iter().find(|p| p.name == UMBRELLA);
    let offered: Vec<&str> = entrance.iter().flat_map(|p| &p.dependencies).map(|d| d.name.as_str()).collect();
    for backend in backends.iter().filter(|b| !offered.contains(b)) {
        wrong.push(format!("{UMBRELLA} has no feature for {backend}"));
    }
    if std::fs::read_to_string(root.join(WORKFLOW)).ok() != Some(workflow(metadata)) {
        wrong.push(format!("{WORKFLOW} is not what cargo xtask ci-plan --write makes"));
    }
    Ok(())
}

/// Each run there is with the lock file: one that lacks something is refused.
fn check_locks(packages: &[&Package], wrong: &mut Vec<String>) -> Result<(), String> {
    for lock in locks::LOCKS {
        let text = read(&root().join(lock))?;
        let dir = lock.trim_end_matches("Cargo.lock");
        for package in packages {
            let always = |d: &&cargo_metadata::Dependency| d.kind == DependencyKind::Normal && !d.optional;
            let needs: Vec<&str> = package.dependencies.iter().filter(always).map(|d| d.name.as_str()).collect();
            for missing in locks::missing(&text, &package.name, &needs) {
                let name = &package.name;
                wrong
                    .push(format!("{lock} lacks {missing} of {name}: cargo update -w --manifest-path {dir}Cargo.toml"));
            }
        }
    }
    Ok(())
}

/// The names in a directory, sorted.
fn names_in(dir: &Path) -> Result<Vec<String>, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", dir.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

fn walk(dir: &Path, files: &mut usize, wrong: &mut Vec<String>) -> Result<(), String> {
    for name in names_in(dir)? {
        let path = dir.join(&name);
        if path.is_dir() {
            // A crate within a crate is looked at by itself.
            if name != "target" && !path.join("Cargo.toml").is_file() {
                walk(&path, files, wrong)?;
            }
        } else if path.extension().is_some_and(|x| x == "rs") {
            *files += 1;
            let shown = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
            wrong.extend(text::check(&shown, &read(&path)?));
        }
    }
    Ok(())
}

//! The repository: its root, its packages, commands run in it, and the arguments of a task.

use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{Metadata, MetadataCommand, Package};

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The workspace as cargo sees it, without its dependencies.
pub(crate) fn metadata() -> Result<Metadata, String> {
    metadata_of(Path::new(""))
}

/// A workspace of its own in this directory, relative to the root.
pub(crate) fn metadata_of(dir: &Path) -> Result<Metadata, String> {
    MetadataCommand::new().current_dir(root().join(dir)).no_deps().exec().map_err(|e| format!("cargo metadata: {e}"))
}

/// Where a package lies, relative to the root.
pub(crate) fn place(package: &Package) -> PathBuf {
    let dir = package.manifest_path.parent().map_or(root(), |p| p.as_std_path());
    dir.strip_prefix(root()).unwrap_or(dir).to_owned()
}

/// Whether others can depend on it: a library below `crates`.
pub(crate) fn is_library(package: &Package) -> bool {
    place(package).starts_with("crates") && package.targets.iter().any(|t| t.is_lib())
}

/// Whether it is one of our backends: a crate below `crates` with a driver and its plugin.
pub(crate) fn is_backend(package: &Package) -> bool {
    let has = |file: &str| root().join(place(package)).join(file).is_file();
    place(package).starts_with("crates") && has("src/driver.rs") && has("src/plugin.rs")
}

/// The cargo that runs this task, at the root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The text of a file.
///
/// # Errors
/// With the path.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// Writes a file and the directories above it.
///
/// # Errors
/// With the path.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}

/// The only flag of a task that has one.
///
/// # Errors
/// For any other argument.
pub(crate) fn only_flag(arguments: &[String], flag: &str) -> Result<bool, String> {
    match arguments {
        [] => Ok(false),
        [one] if one == flag => Ok(true),
        _ => Err(format!("unknown arguments {arguments:?}; there is {flag}")),
    }
}

//! Files that hold a catalog or a backup of one: for their owner alone, durable under their names, never through a link. What is
//! here waits for the disk, except [`blocking`], which does so elsewhere.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use proximadb_meta_core::{Error, Result};

use crate::error::{corrupt, ended};

/// Runs file or processor work on a thread for that. It completes also when nobody waits for it any more.
///
/// # Errors
/// What the work gives; `Internal` when its thread ended early.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    ended(tokio::task::spawn_blocking(work).await)
}

/// Makes an empty file that was not there, for its owner alone. Its name is durable when its [parent was synced](sync_parent).
///
/// # Errors
/// Those of the system; `AlreadyExists`.
pub fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// [Makes](create) a file with this content, synced.
///
/// # Errors
/// Those of the system, also for a file that is there.
pub fn store(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = create(path).map_err(|e| Error::io("create", path, e))?;
    file.write_all(bytes).map_err(|e| Error::io("write", path, e))?;
    file.sync_all().map_err(|e| Error::io("sync", path, e))
}

/// Makes a directory that was not there, for its owner alone.
pub(crate) fn make_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes a directory and its parents where they are missing, for their owner alone, each new name synced in its parent: what is
/// in it is durable only when the way to it is.
///
/// # Errors
/// Those of the system, also where a file is in the way.
pub fn make_directories(path: &Path) -> Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|d| !d.as_os_str().is_empty() && !d.exists()).collect();
    for dir in missing.into_iter().rev() {
        match make_directory(dir) {
            // Another one was faster: as good.
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && dir.is_dir() => {}
            other => other.map_err(|e| Error::io("create", dir, e))?,
        }
        sync_parent(dir)?;
    }
    if path.is_dir() { Ok(()) } else { Err(Error::io("create", path, std::io::ErrorKind::NotADirectory.into())) }
}

/// Makes durable what a file holds, or the names in a directory.
///
/// # Errors
/// Those of the system.
pub fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|f| f.sync_all()).map_err(|e| Error::io("sync", path, e))
}

/// Makes the name of a file or directory durable: it is only when its directory was synced.
///
/// # Errors
/// Those of the system.
pub fn sync_parent(path: &Path) -> Result<()> {
    sync(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Opens a file that must be a regular file itself, not a link to one; with what it is.
///
/// # Errors
/// `Corruption` for anything else; those of the system.
pub fn open_regular(path: &Path) -> Result<(File, Metadata)> {
    let named = std::fs::symlink_metadata(path).map_err(|e| Error::io("open", path, e))?;
    // Before it is opened: opening a pipe would wait for ever.
    if !named.is_file() {
        return Err(corrupt(path.display(), "it is not a regular file"));
    }
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let meta = file.metadata().map_err(|e| Error::io("open", path, e))?;
    // And after: somebody may have put a link there in between.
    if !meta.is_file() || !same(&named, &meta) {
        return Err(corrupt(path.display(), "it was replaced while it was opened"));
    }
    Ok((file, meta))
}

#[cfg(unix)]
fn same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same(_: &Metadata, _: &Metadata) -> bool {
    true
}

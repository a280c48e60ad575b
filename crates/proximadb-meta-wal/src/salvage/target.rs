//! The new directory: it appears whole under its name, or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use proximadb_meta_core::{Error, ErrorKind, Result};

use crate::files::failed;
use crate::storage::FileStorage;

/// A directory beside the place of the new one, until it is finished. Dropped before that, it is removed.
#[derive(Debug)]
pub(super) struct Target {
    to: PathBuf,
    parent: PathBuf,
    unfinished: Option<PathBuf>,
}

impl Target {
    /// Checks the place. Nothing is written yet.
    pub(super) fn new(from: &Path, to: &Path) -> Result<Self> {
        let shown = to.display();
        let name = to
            .file_name()
            .ok_or_else(|| Error::invalid(format!("{shown} does not name a directory")).with_hint("name a new one"))?;
        refuse_what_is_there(to)?;
        let parent = to.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        let source = from.canonicalize().ok();
        let above = parent.ancestors().find_map(|p| p.canonicalize().ok());
        if let (Some(source), Some(above)) = (source, above)
            && above.starts_with(&source)
        {
            return Err(Error::invalid(format!("{shown} is inside {}", from.display()))
                .with_hint("nothing is ever written to a damaged directory; name a place outside of it"));
        }
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".salvage-{:016x}", u64::from_le_bytes(random())));
        let unfinished = Some(parent.join(hidden));
        Ok(Self { to: to.to_owned(), parent, unfinished })
    }

    /// Where to write until it is finished.
    pub(super) fn storage(&self) -> FileStorage {
        FileStorage::new(self.unfinished.as_deref().unwrap_or(&self.to))
    }

    /// Gives the finished directory its name, durably.
    pub(super) fn finish(mut self) -> Result<()> {
        let Some(unfinished) = self.unfinished.clone() else { return Ok(()) };
        let storage = FileStorage::new(&self.to);
        let at = |e: io::Error| match e.kind() {
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => taken(&self.to),
            _ => failed(&storage, "the new directory cannot be named", e),
        };
        fs::rename(&unfinished, &self.to).map_err(at)?;
        self.unfinished = None;
        File::open(&self.parent).and_then(|d| d.sync_all()).map_err(at)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(unfinished) = &self.unfinished {
            // Left behind it means nothing, and its name says so.
            let _ = fs::remove_dir_all(unfinished);
        }
    }
}

fn random() -> [u8; 8] {
    let mut out = [0; 8];
    out.copy_from_slice(&crate::random::salt()[..8]);
    out
}

fn taken(to: &Path) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("{} is there and not an empty directory", to.display()))
        .with_hint("name a new directory, or an empty one")
}

fn refuse_what_is_there(to: &Path) -> Result<()> {
    let at = |e: io::Error| failed(&FileStorage::new(to), "the new directory cannot be looked at", e);
    match fs::symlink_metadata(to) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(at(e)),
        Ok(there) if there.is_dir() && fs::read_dir(to).map_err(at)?.next().is_none() => Ok(()),
        Ok(_) => Err(taken(to)),
    }
}

//! Backups in a local directory: written under a temporary name, synced, renamed; read without following links.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use proximadb_meta_core::{Error, ErrorKind, Result};

use crate::error::corrupt;
use crate::files::{blocking, make_directories, make_directory, open_regular, store, sync};
use crate::manifest;

/// A directory that holds backups, one directory each.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

/// The directory of one backup.
#[derive(Debug)]
pub(crate) struct DirectoryBackup(PathBuf);

impl Directory {
    pub(crate) fn new(path: &str) -> Self {
        Self(PathBuf::from(path))
    }

    pub(crate) fn backup(&self, id: &str) -> DirectoryBackup {
        DirectoryBackup(self.0.join(id))
    }

    pub(crate) async fn begin(self, id: &str) -> Result<DirectorySink> {
        let Self(root) = self;
        let (part, done) = (root.join(format!(".{id}.part")), root.join(id));
        blocking(move || {
            make_directories(&root)?;
            make_directory(&part).map_err(|e| Error::io("create", &part, e))?;
            Ok(DirectorySink(Arc::new(Unfinished { root, part, done, state: Mutex::new(State::Open) })))
        })
        .await
    }
}

impl DirectoryBackup {
    pub(crate) fn shown(&self, file: &str) -> String {
        self.0.join(file).display().to_string()
    }

    pub(crate) async fn names(&self) -> Result<Vec<String>> {
        let directory = self.0.clone();
        blocking(move || {
            let meta = std::fs::symlink_metadata(&directory).map_err(|e| Error::io("open", &directory, e))?;
            if !meta.is_dir() {
                return Err(corrupt(directory.display(), "it is not a directory"));
            }
            let failed = |e| Error::io("list", &directory, e);
            let mut names = Vec::new();
            for entry in std::fs::read_dir(&directory).map_err(failed)? {
                names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
            }
            Ok(names)
        })
        .await
    }

    pub(crate) async fn size(&self, file: &str) -> Result<u64> {
        let path = self.0.join(file);
        blocking(move || Ok(open_regular(&path)?.1.len())).await
    }

    pub(crate) async fn read(&self, file: &str, offset: u64, limit: usize) -> Result<Vec<u8>> {
        let path = self.0.join(file);
        blocking(move || {
            let failed = |e| Error::io("read", &path, e);
            let (mut file, meta) = open_regular(&path)?;
            let left = usize::try_from(meta.len().saturating_sub(offset)).unwrap_or(usize::MAX);
            let mut bytes = Vec::with_capacity(left.min(limit));
            file.seek(SeekFrom::Start(offset)).map_err(failed)?;
            file.take(limit as u64).read_to_end(&mut bytes).map_err(failed)?;
            Ok(bytes)
        })
        .await
    }
}

/// A backup under its temporary name.
#[derive(Debug)]
pub(crate) struct DirectorySink(Arc<Unfinished>);

#[derive(Debug)]
struct Unfinished {
    root: PathBuf,
    part: PathBuf,
    done: PathBuf,
    /// Held while files are touched: nothing is written into a directory that is being removed.
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// It has its name, or is gone.
    Closed,
}

impl DirectorySink {
    pub(crate) async fn put(&mut self, file: String, bytes: Vec<u8>) -> Result<()> {
        let backup = self.0.clone();
        blocking(move || backup.while_open(State::Open, || backup.store(&file, &bytes))).await
    }

    pub(crate) async fn discard(self) {
        let backup = self.0.clone();
        let _ = blocking(move || {
            backup.remove();
            Ok(())
        })
        .await;
    }

    pub(crate) async fn publish(&mut self, manifest: Vec<u8>) -> Result<()> {
        let backup = self.0.clone();
        blocking(move || {
            backup.while_open(State::Closed, || {
                backup.store(manifest::FILE, &manifest)?;
                sync(&backup.part)?;
                std::fs::rename(&backup.part, &backup.done).map_err(|e| Error::io("name", &backup.done, e))?;
                sync(&backup.root)
            })
        })
        .await
    }
}

impl Unfinished {
    /// Does something with the files, after which the state is `then`; after a failure it is as before.
    fn while_open(&self, then: State, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state == State::Closed {
            return Err(Error::new(ErrorKind::Closed, "the backup was given up"));
        }
        work()?;
        *state = then;
        Ok(())
    }

    fn store(&self, file: &str, bytes: &[u8]) -> Result<()> {
        store(&self.part.join(file), bytes)
    }

    /// Best effort: the half backup has no backup's name, so it can only waste space.
    fn remove(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state == State::Open {
            *state = State::Closed;
            let _ = std::fs::remove_dir_all(&self.part);
        }
    }
}

/// For a write whose future was dropped.
impl Drop for DirectorySink {
    fn drop(&mut self) {
        let backup = self.0.clone();
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || backup.remove())),
            Err(_) => backup.remove(),
        }
    }
}

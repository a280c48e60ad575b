//! The real files, but for one trouble: a system that says it synced and did not, or power that goes at the n-th operation.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proximadb_meta_wal::{FileStorage, Storage, StorageFile};

use crate::child::say;
use crate::system;

/// What is wrong with the disk.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// Nothing is ever synced. What the power-cut tests must find.
    ForgetsToSync,
    /// The file system is shut down before the operation with this number, counted from 1.
    CutAt {
        /// The number.
        operation: u64,
        /// Where the file system is mounted.
        mount: PathBuf,
    },
}

#[derive(Debug)]
struct Troubles {
    trouble: Trouble,
    operations: AtomicU64,
}

impl Troubles {
    /// Counts an operation.
    fn step(&self) -> io::Result<()> {
        let n = self.operations.fetch_add(1, Ordering::SeqCst) + 1;
        match &self.trouble {
            Trouble::CutAt { operation, mount } if n == *operation => {
                say("cut");
                system::shut_down(mount)
            }
            _ => Ok(()),
        }
    }

    fn syncs(&self) -> bool {
        !matches!(self.trouble, Trouble::ForgetsToSync)
    }
}

/// A directory on a troubled disk.
#[derive(Debug)]
pub struct TroubledStorage {
    inner: FileStorage,
    troubles: Arc<Troubles>,
}

impl TroubledStorage {
    /// Files below `dir`.
    #[must_use]
    pub fn new(dir: &Path, trouble: Trouble) -> Self {
        let troubles = Arc::new(Troubles { trouble, operations: AtomicU64::new(0) });
        Self { inner: FileStorage::new(dir), troubles }
    }

    fn wrap(&self, file: io::Result<Box<dyn StorageFile>>) -> io::Result<Box<dyn StorageFile>> {
        Ok(Box::new(TroubledFile { inner: file?, troubles: self.troubles.clone() }))
    }
}

impl Storage for TroubledStorage {
    fn place(&self) -> &Path {
        self.inner.place()
    }

    fn create_dir(&self) -> io::Result<()> {
        self.troubles.step()?;
        self.inner.create_dir()
    }

    fn create_new(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.troubles.step()?;
        self.wrap(self.inner.create_new(name))
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.wrap(self.inner.open_read(name))
    }

    fn open_write(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.wrap(self.inner.open_write(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.troubles.step()?;
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.troubles.step()?;
        self.inner.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.troubles.step()?;
        if self.troubles.syncs() { self.inner.sync_dir() } else { Ok(()) }
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.troubles.step()?;
        self.wrap(self.inner.lock(name))
    }
}

#[derive(Debug)]
struct TroubledFile {
    inner: Box<dyn StorageFile>,
    troubles: Arc<Troubles>,
}

impl StorageFile for TroubledFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.troubles.step()?;
        self.inner.write_at(offset, bytes)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.inner.read_at(offset, into)
    }

    fn length(&self) -> io::Result<u64> {
        self.inner.length()
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        self.troubles.step()?;
        self.inner.set_length(length)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.troubles.step()?;
        if self.troubles.syncs() { self.inner.sync_data() } else { Ok(()) }
    }
}

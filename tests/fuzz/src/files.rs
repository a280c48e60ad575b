//! A log directory in memory.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proximadb_meta_wal::{Storage, StorageFile};

type Bytes = Arc<Mutex<Vec<u8>>>;

/// The files of a directory by name. Clones share them. Nothing is ever lost, and no lock is ever held by somebody else.
#[derive(Clone, Debug, Default)]
pub struct Files(Arc<Mutex<BTreeMap<String, Bytes>>>);

fn open<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Files {
    /// Puts a file there.
    pub fn put(&self, name: &str, bytes: impl Into<Vec<u8>>) {
        open(&self.0).insert(name.to_owned(), Arc::new(Mutex::new(bytes.into())));
    }

    /// The content of a file; empty where there is none.
    #[must_use]
    pub fn read(&self, name: &str) -> Vec<u8> {
        open(&self.0).get(name).map(|b| open(b).clone()).unwrap_or_default()
    }

    /// Every file but the lock, which holds nothing.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, Vec<u8>> {
        let files = open(&self.0);
        files.iter().filter(|(n, _)| *n != "LOCK").map(|(n, b)| (n.clone(), open(b).clone())).collect()
    }

    fn find(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let found = open(&self.0).get(name).cloned();
        found.map(|b| Box::new(Open(b)) as _).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

#[derive(Debug)]
struct Open(Bytes);

fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

impl StorageFile for Open {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let (mut content, start) = (open(&self.0), place(offset)?);
        let end = start.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        if content.len() < end {
            content.resize(end, 0);
        }
        content.get_mut(start..end).ok_or(io::ErrorKind::FileTooLarge)?.copy_from_slice(bytes);
        Ok(bytes.len())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let content = open(&self.0);
        let rest = content.get(place(offset)?..).unwrap_or_default();
        let n = rest.len().min(into.len());
        into.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        Ok(n)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(open(&self.0).len() as u64)
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        open(&self.0).resize(place(length)?, 0);
        Ok(())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Storage for Files {
    fn place(&self) -> &Path {
        Path::new("memory")
    }

    fn create_dir(&self) -> io::Result<()> {
        Ok(())
    }

    fn create_new(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        if open(&self.0).contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.put(name, []);
        self.find(name)
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.find(name)
    }

    fn open_write(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.find(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(open(&self.0).keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = open(&self.0);
        let bytes = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        open(&self.0).remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        open(&self.0).entry(name.to_owned()).or_default();
        self.find(name)
    }
}

//! Every file operation of the log goes through [`Storage`], so that a test can make any of them fail or stop after it.
//!
//! The operations are as plain as the system's own: a write or read may be short or interrupted, closing syncs nothing, and a
//! new, renamed or removed name is durable only after [`Storage::sync_dir`].

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// An open file. Dropping it closes it; a lock on it ends with it.
pub trait StorageFile: Send + Debug {
    /// Writes some of the bytes at an offset, and says how many.
    ///
    /// # Errors
    /// What the system said; `Interrupted` may be tried again.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Reads some bytes at an offset; 0 is the end.
    ///
    /// # Errors
    /// What the system said; `Interrupted` may be tried again.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// The length in bytes.
    ///
    /// # Errors
    /// What the system said.
    fn length(&self) -> io::Result<u64>;

    /// Cuts or stretches (with zeros) the file.
    ///
    /// # Errors
    /// What the system said.
    fn set_length(&mut self, length: u64) -> io::Result<()>;

    /// Makes content and length durable.
    ///
    /// # Errors
    /// What the system said. No retry is safe.
    fn sync_data(&mut self) -> io::Result<()>;
}

/// A directory of flat files.
pub trait Storage: Send + Sync + Debug {
    /// The directory, for messages.
    fn place(&self) -> &Path;

    /// The directory where it is one of this machine's file system, to be looked at from outside. `None`: it is not.
    fn directory(&self) -> Option<&Path> {
        None
    }

    /// Makes the directory, and its parents, where it is missing; durably.
    ///
    /// # Errors
    /// What the system said.
    fn create_dir(&self) -> io::Result<()>;

    /// A new, empty file to write.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one; otherwise what the system said.
    fn create_new(&self, name: &str) -> io::Result<Box<dyn StorageFile>>;

    /// An existing file to read.
    ///
    /// # Errors
    /// What the system said.
    fn open_read(&self, name: &str) -> io::Result<Box<dyn StorageFile>>;

    /// An existing file to read and write.
    ///
    /// # Errors
    /// What the system said.
    fn open_write(&self, name: &str) -> io::Result<Box<dyn StorageFile>>;

    /// The names in the directory, sorted.
    ///
    /// # Errors
    /// What the system said.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Renames, replacing what has the new name.
    ///
    /// # Errors
    /// What the system said.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system said.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes creations, renames and removals durable.
    ///
    /// # Errors
    /// What the system said.
    fn sync_dir(&self) -> io::Result<()>;

    /// Takes the advisory lock of a file, made where it is missing. The lock ends when the value is dropped.
    ///
    /// # Errors
    /// `WouldBlock` when somebody else holds it; otherwise what the system said.
    fn lock(&self, name: &str) -> io::Result<Box<dyn StorageFile>>;
}

/// The real thing: files of mode 0600 in a directory of mode 0700.
#[derive(Clone, Debug)]
pub struct FileStorage {
    dir: PathBuf,
}

impl FileStorage {
    /// Files below `dir`, which need not exist yet.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    fn open(&self, name: &str, write: bool) -> io::Result<Box<dyn StorageFile>> {
        Ok(Box::new(OpenOptions::new().read(true).write(write).open(self.dir.join(name))?))
    }
}

impl StorageFile for File {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(self, into, offset)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        File::sync_data(self)
    }
}

impl Storage for FileStorage {
    fn place(&self) -> &Path {
        &self.dir
    }

    fn directory(&self) -> Option<&Path> {
        Some(&self.dir)
    }

    fn create_dir(&self) -> io::Result<()> {
        // From the first missing one down; each new name is synced in its parent.
        let missing: Vec<&Path> =
            self.dir.ancestors().take_while(|d| !d.as_os_str().is_empty() && !d.exists()).collect();
        for dir in missing.into_iter().rev() {
            match DirBuilder::new().mode(0o700).create(dir) {
                // Somebody else was faster: as good.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
                other => other?,
            }
            let parent = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(parent)?.sync_all()?;
        }
        // An existing name must be a directory.
        fs::read_dir(&self.dir).map(drop)
    }

    fn create_new(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(self.dir.join(name))?;
        Ok(Box::new(file))
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        // Opening a pipe would wait for a writer that never comes.
        if !fs::metadata(self.dir.join(name))?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        self.open(name, false)
    }

    fn open_write(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.open(name, true)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.dir.join(from), self.dir.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.dir.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(self.dir.join(name))?;
        Ok(Box::new(Locked::take(file)?))
    }
}

/// A locked file. It is unlocked when dropped, and not merely closed: a process that another thread starts at that moment has a
/// copy of the file until it runs its program, and would keep the lock.
#[derive(Debug)]
struct Locked(File);

impl Locked {
    fn take(file: File) -> io::Result<Self> {
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing it is what is left where this fails.
        let _ = self.0.unlock();
    }
}

impl StorageFile for Locked {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        StorageFile::write_at(&mut self.0, offset, bytes)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        StorageFile::read_at(&self.0, offset, into)
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        self.0.set_length(length)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        StorageFile::sync_data(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_file_does_not_keep_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let open = || OpenOptions::new().append(true).create(true).open(dir.path().join("LOCK")).unwrap();
        let locked = Locked::take(open()).unwrap();
        let copy = locked.0.try_clone().unwrap();
        assert_eq!(Locked::take(open()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(locked);
        Locked::take(open()).unwrap();
        drop(copy);
    }
}

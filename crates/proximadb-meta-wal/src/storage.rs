//! Every file operation of the log goes through [`Storage`], so that a test can make any of them fail.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// An open file. Dropping it closes it; a lock on it ends with it.
pub trait StorageFile: Send + Debug {
    /// Writes all bytes at the end.
    ///
    /// # Errors
    /// What the system said. How much was written is then unknown.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was written durable.
    ///
    /// # Errors
    /// What the system said. No retry is safe.
    fn sync_data(&mut self) -> io::Result<()>;

    /// Cuts the file to `length` bytes.
    ///
    /// # Errors
    /// What the system said.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

/// A directory of flat files.
pub trait Storage: Send + Sync + Debug {
    /// The directory, for messages.
    fn place(&self) -> &Path;

    /// Makes the directory where it is missing.
    ///
    /// # Errors
    /// What the system said.
    fn create_dir(&self) -> io::Result<()>;

    /// A new, empty file.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one; otherwise what the system said.
    fn create_new(&self, name: &str) -> io::Result<Box<dyn StorageFile>>;

    /// An existing file, to append to.
    ///
    /// # Errors
    /// What the system said.
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageFile>>;

    /// The whole content of a file.
    ///
    /// # Errors
    /// What the system said.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// The length of a file.
    ///
    /// # Errors
    /// What the system said.
    fn len(&self, name: &str) -> io::Result<u64>;

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
}

impl StorageFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length)).map(drop)
    }
}

impl Storage for FileStorage {
    fn place(&self) -> &Path {
        &self.dir
    }

    fn create_dir(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)
    }

    fn create_new(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(self.dir.join(name))?;
        Ok(Box::new(file))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        Ok(Box::new(OpenOptions::new().append(true).open(self.dir.join(name))?))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.dir.join(name))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.dir.join(name))?.len())
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
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }
}

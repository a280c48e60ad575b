//! A simulated disk: what is written, what of it is durable, and every state in between as a snapshot.
//!
//! Data becomes durable by `sync_data`, names by `sync_dir`; closing makes nothing durable. After every operation that changes
//! something the whole state is kept, so that one run gives the disks of a crash at every moment.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fault::{Fault, Plan};
use crate::recover::State as Catalog;
use crate::storage::{Storage, StorageFile};

/// The unit in which a disk writes.
pub(crate) const SECTOR: usize = 512;

/// A file: its pages in memory, and what is on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inode {
    pub(crate) pages: Arc<Vec<u8>>,
    pub(crate) durable: Arc<Vec<u8>>,
    /// Sectors that a failed sync marked clean: no later sync writes them, unless they are written again.
    pub(crate) forgotten: Vec<usize>,
    /// What was written and cut off again without a sync between: the disk may hold it.
    pub(crate) ghost: Option<Arc<Vec<u8>>>,
}

impl Inode {
    /// A file that is the same in memory and on the disk.
    pub(crate) fn settled(bytes: Arc<Vec<u8>>) -> Self {
        Self { pages: bytes.clone(), durable: bytes, forgotten: Vec::new(), ghost: None }
    }

    /// The sectors whose pages differ from the disk.
    pub(crate) fn dirty(&self) -> Vec<usize> {
        if Arc::ptr_eq(&self.pages, &self.durable) {
            return Vec::new();
        }
        let sectors = self.pages.len().max(self.durable.len()).div_ceil(SECTOR);
        (0..sectors).filter(|s| sector(&self.pages, *s) != sector(&self.durable, *s)).collect()
    }

    fn sync(&mut self) {
        self.ghost = None;
        if self.forgotten.is_empty() {
            self.durable = self.pages.clone();
            return;
        }
        let mut durable = (*self.pages).clone();
        for &s in &self.forgotten {
            let old: Vec<u8> = sector(&self.durable, s).to_vec();
            for (i, byte) in durable.iter_mut().enumerate().skip(s * SECTOR).take(SECTOR) {
                *byte = old.get(i - s * SECTOR).copied().unwrap_or(0);
            }
        }
        self.durable = Arc::new(durable);
    }
}

/// A sector of a file; short or empty at its end.
pub(crate) fn sector(bytes: &[u8], s: usize) -> &[u8] {
    let end = bytes.len().min((s + 1) * SECTOR);
    bytes.get((s * SECTOR).min(end)..end).unwrap_or_default()
}

/// A change of the directory that is not durable yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DirOp {
    Create(Arc<str>, usize),
    Rename(Arc<str>, Arc<str>, usize),
    Remove(Arc<str>),
}

/// A directory: names and the files they mean.
pub(crate) type Names = BTreeMap<Arc<str>, usize>;

impl DirOp {
    pub(crate) fn apply(&self, names: &mut Names) {
        match self {
            Self::Create(name, inode) => drop(names.insert(name.clone(), *inode)),
            Self::Rename(from, to, inode) => {
                if names.get(from) == Some(inode) {
                    names.remove(from);
                }
                names.insert(to.clone(), *inode);
            }
            Self::Remove(name) => drop(names.remove(name)),
        }
    }
}

/// Everything a crash can find.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) inodes: Vec<Inode>,
    pub(crate) names: Names,
    pub(crate) durable_names: Names,
    pub(crate) pending: Vec<DirOp>,
    /// The catalogs that a recovery may find, told by the workload: the acknowledged one first, the one with everything that
    /// was begun last.
    pub(crate) allowed: Arc<Vec<Arc<Catalog>>>,
    /// How many entries were acknowledged.
    pub(crate) acknowledged: usize,
}

#[derive(Debug, Default)]
struct Inner {
    state: State,
    history: Option<Vec<State>>,
    faults: Plan,
    locked: bool,
    calls: u64,
}

/// The disk. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimDisk(Arc<Mutex<Inner>>);

impl SimDisk {
    /// A disk in this state.
    pub(crate) fn of(state: State) -> Self {
        let disk = Self::default();
        disk.inner().state = state;
        disk
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the state after every change from now on.
    pub(crate) fn record(&self) {
        let mut inner = self.inner();
        inner.history = Some(vec![inner.state.clone()]);
    }

    /// The states since [`record`](Self::record).
    pub(crate) fn take_history(&self) -> Vec<State> {
        self.inner().history.take().unwrap_or_default()
    }

    pub(crate) fn state(&self) -> State {
        self.inner().state.clone()
    }

    /// Fails a call, or calls, as planned. Calls are counted from 1, from now on.
    pub(crate) fn plan(&self, faults: Plan) {
        let mut inner = self.inner();
        inner.faults = faults;
        inner.calls = 0;
    }

    /// How many calls there were since the plan was set.
    pub(crate) fn calls(&self) -> u64 {
        self.inner().calls
    }

    /// Tells how far the workload is.
    pub(crate) fn progress(&self, acknowledged: usize, allowed: &[Arc<Catalog>]) {
        let mut inner = self.inner();
        inner.state.acknowledged = acknowledged;
        inner.state.allowed = Arc::new(allowed.to_vec());
        inner.keep();
    }
}

impl Inner {
    /// Counts a call; the fault that is planned for it.
    fn call(&mut self, write: bool, sync: bool) -> Option<Fault> {
        self.calls += 1;
        self.faults.at(self.calls, write, sync)
    }

    fn keep(&mut self) {
        let state = self.state.clone();
        if let Some(history) = &mut self.history {
            history.push(state);
        }
    }

    /// A file without a name cannot come back once that is durable.
    fn forget_nameless(&mut self) {
        let named: BTreeSet<usize> = self.state.names.values().copied().collect();
        for (n, inode) in self.state.inodes.iter_mut().enumerate() {
            if !named.contains(&n) {
                *inode = Inode::default();
            }
        }
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.state.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: usize,
}

#[derive(Debug)]
struct SimLock(SimDisk);

impl Drop for SimLock {
    fn drop(&mut self) {
        self.0.inner().locked = false;
    }
}

impl StorageFile for SimFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.disk.inner();
        let (kept, error) = match inner.call(true, false) {
            None => (bytes.len(), None),
            Some(Fault::Short) => (bytes.len().div_ceil(2), None),
            Some(Fault::Full) => (bytes.len() / 2, None),
            Some(fault) => (0, Some(fault.error())),
        };
        if let Some(e) = error {
            return Err(e);
        }
        let start = offset as usize;
        let inode = inner.state.inodes.get_mut(self.inode).ok_or(io::ErrorKind::NotFound)?;
        let pages = Arc::make_mut(&mut inode.pages);
        if pages.len() < start + kept {
            pages.resize(start + kept, 0);
        }
        pages[start..start + kept].copy_from_slice(&bytes[..kept]);
        inode.forgotten.retain(|s| (*s + 1) * SECTOR <= start || *s * SECTOR >= start + kept);
        inner.keep();
        // A full disk takes a part, and the next attempt nothing.
        if kept == 0 && !bytes.is_empty() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(kept) }
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut inner = self.disk.inner();
        let most = match inner.call(false, false) {
            None | Some(Fault::Full | Fault::StillFull | Fault::LostSync) => into.len(),
            Some(Fault::Short) => into.len().min(7),
            Some(fault) => return Err(fault.error()),
        };
        let inode = inner.state.inodes.get(self.inode).ok_or(io::ErrorKind::NotFound)?;
        let rest = inode.pages.get(offset as usize..).unwrap_or_default();
        let n = rest.len().min(most);
        into[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn length(&self) -> io::Result<u64> {
        let inner = self.disk.inner();
        Ok(inner.state.inodes.get(self.inode).map_or(0, |i| i.pages.len() as u64))
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        let mut inner = self.disk.inner();
        if let Some(fault @ (Fault::Error | Fault::Interrupted)) = inner.call(true, false) {
            return Err(fault.error());
        }
        let inode = inner.state.inodes.get_mut(self.inode).ok_or(io::ErrorKind::NotFound)?;
        if (length as usize) < inode.pages.len() {
            inode.ghost = Some(inode.pages.clone());
        }
        Arc::make_mut(&mut inode.pages).resize(length as usize, 0);
        inner.keep();
        Ok(())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let mut inner = self.disk.inner();
        let fault = inner.call(true, true);
        let inode = inner.state.inodes.get_mut(self.inode).ok_or(io::ErrorKind::NotFound)?;
        match fault {
            Some(Fault::Short | Fault::Full | Fault::StillFull) | None => inode.sync(),
            Some(fault) => {
                if fault == Fault::LostSync {
                    inode.forgotten = inode.dirty();
                }
                return Err(fault.error());
            }
        }
        inner.keep();
        Ok(())
    }
}

impl StorageFile for SimLock {
    fn write_at(&mut self, _: u64, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }
    fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
    fn length(&self) -> io::Result<u64> {
        Ok(0)
    }
    fn set_length(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
    fn sync_data(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SimDisk {
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let mut inner = self.inner();
        if let Some(fault @ (Fault::Error | Fault::Interrupted)) = inner.call(false, false) {
            return Err(fault.error());
        }
        let inode = inner.find(name)?;
        Ok(Box::new(SimFile { disk: self.clone(), inode }))
    }

    /// A call that changes names.
    fn change<T>(&self, work: impl FnOnce(&mut Inner) -> io::Result<(DirOp, T)>) -> io::Result<T> {
        let mut inner = self.inner();
        match inner.call(true, false) {
            None | Some(Fault::Short | Fault::LostSync) => {}
            Some(fault) => return Err(fault.error()),
        }
        let (op, result) = work(&mut inner)?;
        op.apply(&mut inner.state.names);
        inner.state.pending.push(op);
        inner.keep();
        Ok(result)
    }
}

impl Storage for SimDisk {
    fn place(&self) -> &Path {
        Path::new("simulated")
    }

    fn create_dir(&self) -> io::Result<()> {
        match self.inner().call(false, false) {
            Some(fault @ Fault::Error) => Err(fault.error()),
            _ => Ok(()),
        }
    }

    fn create_new(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let inode = self.change(|inner| {
            if inner.state.names.contains_key(name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            inner.state.inodes.push(Inode::default());
            let inode = inner.state.inodes.len() - 1;
            Ok((DirOp::Create(name.into(), inode), inode))
        })?;
        Ok(Box::new(SimFile { disk: self.clone(), inode }))
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.open(name)
    }

    fn open_write(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.open(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut inner = self.inner();
        if let Some(fault @ Fault::Error) = inner.call(false, false) {
            return Err(fault.error());
        }
        Ok(inner.state.names.keys().map(|n| n.to_string()).collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(|inner| Ok((DirOp::Rename(from.into(), to.into(), inner.find(from)?), ())))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(|inner| inner.find(name).map(|_| (DirOp::Remove(name.into()), ())))
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut inner = self.inner();
        if let Some(fault @ (Fault::Error | Fault::LostSync | Fault::Interrupted)) = inner.call(true, true) {
            return Err(fault.error());
        }
        inner.state.durable_names = inner.state.names.clone();
        inner.state.pending.clear();
        inner.forget_nameless();
        inner.keep();
        Ok(())
    }

    fn lock(&self, _: &str) -> io::Result<Box<dyn StorageFile>> {
        let mut inner = self.inner();
        if let Some(fault @ Fault::Error) = inner.call(false, false) {
            return Err(fault.error());
        }
        if std::mem::replace(&mut inner.locked, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock(self.clone())))
    }
}

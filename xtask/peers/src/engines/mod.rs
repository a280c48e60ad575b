//! The engines: the one list of them, and how each is opened.

mod dashmap;
mod fjall;
mod kv;
mod limit;
mod lmdb;
mod memory;
mod ours;
mod redb;
#[cfg(feature = "rocksdb")]
mod rocksdb;
mod sqlite;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};

use crate::catalog::Store;
use kv::Kv;
pub(crate) use ours::from_ours;

/// The cache of engines that have one. All records fit.
const CACHE_BYTES: usize = 1 << 30;

/// What an engine is in the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Our durable one.
    Ours,
    /// Our volatile one.
    OursInMemory,
    /// Synced before a write returns: what we are measured against.
    Durable,
    /// What a user writes without a library. Nothing is on a disk.
    Memory,
    /// No catalog: the operations' bytes appended and synced, the limit of the disk.
    Limit,
}

/// An engine.
pub(crate) struct Engine {
    /// As in every table and on the command line.
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// How it is set up, in a few words.
    pub(crate) setup: &'static str,
    /// The crates whose versions matter.
    pub(crate) crates: &'static [&'static str],
    open: fn(&Path) -> Result<Store>,
}

/// The name of our durable engine.
pub(crate) const OURS: &str = "ours-wal";
/// The name of our volatile engine.
pub(crate) const OURS_IN_MEMORY: &str = "ours-memory";

/// All of them.
pub(crate) const ENGINES: &[Engine] = &[
    Engine {
        name: OURS,
        role: Role::Ours,
        setup: "`file://DIR` through `Arc<dyn MetadataBackend>`, defaults",
        crates: &["proximadb-meta-wal"],
        open: |dir| Ok(Arc::new(ours::Ours::on_disk(dir)?)),
    },
    Engine {
        name: OURS_IN_MEMORY,
        role: Role::OursInMemory,
        setup: "`memory://` through `Arc<dyn MetadataBackend>`",
        crates: &["proximadb-meta-memory"],
        open: |_| Ok(Arc::new(ours::Ours::in_memory()?)),
    },
    Engine {
        name: "redb",
        role: Role::Durable,
        setup: "durability Immediate (the default), cache 1 GiB",
        crates: &["redb"],
        open: |dir| Ok(Arc::new(Kv(redb::Redb::open(dir)?))),
    },
    Engine {
        name: "fjall",
        role: Role::Durable,
        setup: "optimistic transactions, PersistMode::SyncData, cache 1 GiB",
        crates: &["fjall", "lsm-tree"],
        open: |dir| Ok(Arc::new(Kv(fjall::Fjall::open(dir)?))),
    },
    Engine {
        name: "lmdb",
        role: Role::Durable,
        setup: "through heed, default flags (synced)",
        crates: &["heed", "lmdb-master-sys"],
        open: |dir| Ok(Arc::new(Kv(lmdb::Lmdb::open(dir)?))),
    },
    Engine {
        name: "sqlite",
        role: Role::Durable,
        setup: "through rusqlite, WAL, synchronous=FULL, cache 128 MiB, memory map, cached statements",
        crates: &["rusqlite"],
        open: |dir| Ok(Arc::new(sqlite::Sqlite::open(dir)?)),
    },
    #[cfg(feature = "rocksdb")]
    Engine {
        name: "rocksdb",
        role: Role::Durable,
        setup: "TransactionDB, synced WAL, LZ4, bloom filters, cache 1 GiB",
        crates: &["rocksdb", "librocksdb-sys"],
        open: |dir| Ok(Arc::new(Kv(rocksdb::Rocks::open(dir)?))),
    },
    Engine {
        name: "mem-rwlock",
        role: Role::Memory,
        setup: "hash maps and B-trees under one reader-writer lock, records in `Arc`s",
        crates: &["parking_lot"],
        open: |_| Ok(Arc::new(memory::Locked::default())),
    },
    Engine {
        name: "mem-dashmap",
        role: Role::Memory,
        setup: "DashMap for ids and names, indexes under a lock, records in `Arc`s",
        crates: &["dashmap"],
        open: |_| Ok(Arc::new(dashmap::Sharded::default())),
    },
    Engine {
        name: "limit-grow",
        role: Role::Limit,
        setup: "append the bytes of the operations to a growing file, fdatasync",
        crates: &[],
        open: |dir| Ok(Arc::new(limit::Limit::open(dir, limit::File::Growing)?)),
    },
    Engine {
        name: "limit-zeroed",
        role: Role::Limit,
        setup: "the same over a file of zeros: no metadata to sync",
        crates: &[],
        open: |dir| Ok(Arc::new(limit::Limit::open(dir, limit::File::Zeroed)?)),
    },
];

/// The engine with a name.
///
/// # Errors
/// For an unknown name, with those that there are.
pub(crate) fn engine(name: &str) -> Result<&'static Engine> {
    ENGINES.iter().find(|e| e.name == name).with_context(|| {
        let names: Vec<&str> = ENGINES.iter().map(|e| e.name).collect();
        let rocksdb = if cfg!(feature = "rocksdb") { "" } else { "; rocksdb is not compiled in" };
        format!("{name:?} is no engine; there are {}{rocksdb}", names.join(", "))
    })
}

impl Engine {
    /// Opens what is in a directory, which is made where it is missing.
    pub(crate) fn open(&self, dir: &Path) -> Result<Store> {
        if self.on_disk() {
            std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        }
        (self.open)(dir).with_context(|| format!("{} in {}", self.name, dir.display()))
    }

    /// Whether it keeps anything in its directory.
    pub(crate) fn on_disk(&self) -> bool {
        matches!(self.role, Role::Ours | Role::Durable | Role::Limit)
    }
}

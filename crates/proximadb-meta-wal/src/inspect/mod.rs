//! Looking at a directory without opening it: what its files hold, whether it is sound, what is damaged, what is lost.
//!
//! [`inspect`] lists the files, [`verify`] judges them as a log. Both open files for reading only and take no lock: they work
//! beside a process that has the directory open, and on a directory that is damaged, partly missing or partly unreadable.
//! They take at most 64 MiB and four times the size of the files in memory.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> proximadb_meta_core::Result<()> {
//! use proximadb_meta_wal::inspect::verify;
//!
//! # let dir = tempfile::tempdir().expect("a temporary directory");
//! # let dir = dir.path();
//! proximadb_meta_wal::open(dir).await?.into_backend().close().await?;
//! let found = verify(dir)?;
//! assert!(found.is_sound() && found.damages.is_empty());
//! # Ok(())
//! # }
//! ```

mod content;
mod files;
mod known;
mod load;
mod lock;
mod replay;
mod report;
mod walk;

use std::path::Path;

use proximadb_meta_core::Result;

pub(crate) use self::content::record;
pub(crate) use self::known::{Catalog, Place};
pub(crate) use self::load::{Loaded, load};
pub(crate) use self::lock::in_use;
use self::replay::MOST;
pub(crate) use self::replay::{Replay, replay};
pub use self::report::{
    CheckpointPosition, Damage, FileReport, Frames, Header, InUse, Inspection, Loss, RecordId, Rest, Role, SeqRange,
    TornTail, Verdict, Verification,
};
use crate::storage::{FileStorage, Storage};

/// Lists the files of a directory, each by itself: header, frames, where the good part ends, what follows it.
///
/// # Errors
/// `NotFound` where there is no such directory; `Config`, `PermissionDenied`, `Unavailable` where it cannot be listed. A file
/// that cannot be read is no error: the report says why.
pub fn inspect(dir: impl AsRef<Path>) -> Result<Inspection> {
    let dir = dir.as_ref();
    inspect_storage(&FileStorage::new(dir), in_use(dir))
}

/// Replays a directory as an opening would, and goes on behind damage to find all of it.
///
/// # Errors
/// As [`inspect`]; `NotFound` also for a directory that holds no log, `Unsupported` for a newer format. Damage is no error.
pub fn verify(dir: impl AsRef<Path>) -> Result<Verification> {
    let dir = dir.as_ref();
    verify_storage(&FileStorage::new(dir), in_use(dir))
}

pub(crate) fn inspect_storage(storage: &dyn Storage, in_use: InUse) -> Result<Inspection> {
    let loaded = load(storage, in_use)?;
    let files = loaded.files.iter().map(files::report).collect();
    Ok(Inspection { directory: loaded.place, in_use: loaded.in_use, changed: loaded.changed, files })
}

pub(crate) fn verify_storage(storage: &dyn Storage, in_use: InUse) -> Result<Verification> {
    let loaded = load(storage, in_use)?;
    let mut replay = replay(&loaded)?;
    Ok(judge(&loaded, &mut replay))
}

/// Puts a replay in words. Its lists go into them; the catalog stays.
pub(crate) fn judge(loaded: &Loaded, r: &mut Replay<'_>) -> Verification {
    let catalog = &r.catalog;
    let verdict = match (r.damages.is_empty(), &r.torn_tail, r.sealed) {
        (false, ..) => Verdict::Damaged,
        (true, Some(_), _) => Verdict::TornTail,
        (true, None, true) => Verdict::Sealed,
        (true, None, false) => Verdict::Unsealed,
    };
    let mut restoring: Vec<&str> = catalog.restoring.iter().map(|n| catalog.name(*n)).collect();
    restoring.sort_unstable();
    // The records are ordered by namespace.
    let mut namespaces: Option<(u32, u64)> = None;
    for key in catalog.records.keys() {
        namespaces = match namespaces {
            Some((last, n)) if last == key.namespace => Some((last, n)),
            Some((_, n)) => Some((key.namespace, n + 1)),
            None => Some((key.namespace, 1)),
        };
    }
    Verification {
        directory: loaded.place.clone(),
        verdict,
        in_use: loaded.in_use,
        changed: loaded.changed,
        records: catalog.records.len() as u64,
        doubtful: catalog.records.values().filter(|p| !catalog.is_certain(**p)).count() as u64,
        namespaces: namespaces.map_or(0, |(_, n)| n),
        more_restoring: restoring.len().saturating_sub(MOST) as u64,
        restoring: restoring.into_iter().take(MOST).map(str::to_owned).collect(),
        checkpoint: r.checkpoint,
        last_seq: r.next.saturating_sub(1),
        intact: std::mem::take(&mut r.intact),
        lost: std::mem::take(&mut r.lost),
        torn_tail: r.torn_tail.take(),
        damages: std::mem::take(&mut r.damages),
        more_damages: r.more_damages,
        affected: std::mem::take(&mut r.affected).into_iter().collect(),
        more_affected: r.more_affected,
        notes: std::mem::take(&mut r.notes),
    }
}

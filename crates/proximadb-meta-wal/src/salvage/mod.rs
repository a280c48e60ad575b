//! Saving what is provably whole of a damaged directory, into a new one. The damaged one is never changed.
//!
//! What counts as whole, what as doubtful and what as lost is told in `docs/format.md`, under *Salvage*.

mod plan;
mod report;
mod target;
mod write;

use std::path::Path;
use std::sync::Arc;

use proximadb_meta_core::{Error, ErrorKind, Result};

pub use self::report::{DoubtfulRecord, Fate, NameConflict, SalvageReport};
use self::target::Target;
use crate::inspect::{InUse, Loaded, Verdict, in_use, judge, load, replay, verify_storage};
use crate::storage::{FileStorage, Storage};

/// What else to save.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalvageOptions {
    /// Also records that may be older than their newest state, or may have been deleted since.
    pub include_stale: bool,
}

impl SalvageOptions {
    /// With the doubtful records.
    #[must_use]
    pub const fn including_stale() -> Self {
        Self { include_stale: true }
    }
}

/// Writes a new, sound directory `to` with what is whole of the directory `dir`.
///
/// `to` must be missing or empty, and appears complete or not at all. Records that may be older than what is lost are left out
/// unless the options say otherwise; either way the report lists them. Marks of namespaces that are being restored are kept:
/// such a namespace refuses use until it is restored again.
///
/// # Errors
/// `NotFound` where there is no log; `AlreadyExists` when something is at `to`, `InvalidInput` for a place inside `dir`;
/// `Locked` while somebody has `dir` open, `Unavailable` when it changes while it is read; `Unsupported` for a newer format;
/// `PermissionDenied`, `StorageFull`.
pub fn salvage(dir: impl AsRef<Path>, to: impl AsRef<Path>, options: SalvageOptions) -> Result<SalvageReport> {
    let (dir, to) = (dir.as_ref(), to.as_ref());
    let target = Target::new(dir, to)?;
    let used = in_use(dir);
    if used == InUse::Yes {
        return Err(Error::new(ErrorKind::Locked, format!("another process has {} open", dir.display()))
            .with_hint("its memory holds the whole catalog: take a backup from it, then close it"));
    }
    let loaded = load(&FileStorage::new(dir), used)?;
    let report = save(loaded, Arc::new(target.storage()), to, options)?;
    target.finish()?;
    Ok(report)
}

/// Saves what was loaded to a storage, and reads it back.
pub(crate) fn save(
    loaded: Loaded,
    storage: Arc<dyn Storage>,
    to: &Path,
    options: SalvageOptions,
) -> Result<SalvageReport> {
    if loaded.changed {
        return Err(Error::new(ErrorKind::Unavailable, format!("{} changed while it was read", loaded.place))
            .with_hint("close whatever writes to it, and try again"));
    }
    let replayed = replay(&loaded)?;
    let catalog = &replayed.catalog;
    let gives_way = plan::give_way(&loaded, catalog, |k| options.include_stale || catalog.is_certain(k));
    let written = write::write(storage.clone(), &loaded, catalog, &gives_way, options.include_stale)?;
    let complete = !catalog.incomplete && gives_way.places.is_empty();
    let names: Vec<Arc<str>> = catalog.namespaces().map(Into::into).collect();
    let plan::GivesWay { conflicts, more_conflicts, .. } = gives_way;
    let source = judge(&loaded, replayed);
    // The catalog is gone now: there is room for the names of what is doubtful.
    let doubtful = |d: &write::Doubt| DoubtfulRecord {
        namespace: names.get(d.namespace as usize).cloned().unwrap_or_else(|| "".into()),
        id: d.put.put(&loaded).map_or_else(Box::default, |p| p.id.into()),
        as_of: d.as_of,
        fate: d.fate,
    };
    let mut doubtful: Vec<DoubtfulRecord> = written.doubtful.iter().map(doubtful).collect();
    doubtful.sort_unstable_by(|a, b| (&a.namespace, &a.id).cmp(&(&b.namespace, &b.id)));
    drop(loaded);
    let back = verify_storage(&*storage, InUse::No)?;
    if back.verdict != Verdict::Sealed || back.records != written.records || back.doubtful > 0 {
        return Err(Error::new(ErrorKind::Internal, "what was written does not read back as it was meant"));
    }
    Ok(SalvageReport {
        to: to.display().to_string(),
        complete,
        written: written.records,
        certain: written.certain,
        doubtful,
        conflicts,
        more_conflicts,
        source,
    })
}

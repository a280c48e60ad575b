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

use self::plan::Plan;
pub use self::report::{DoubtfulRecord, Fate, NameConflict, SalvageReport};
use self::target::Target;
use crate::inspect::{Catalog, Frames, InUse, Loaded, Role, in_use, inspect_storage, judge, load, replay};
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
    let mut replayed = replay(&loaded)?;
    let plan = Plan::new(&loaded, &replayed.catalog, options.include_stale);
    let written = write::write(storage.clone(), &loaded, &replayed.catalog, &plan)?;
    let complete = !replayed.catalog.incomplete && plan.gives_way.is_empty();
    let source = judge(&loaded, &mut replayed);
    let doubtful = doubtful(replayed.catalog, &plan);
    let Plan { conflicts, more_conflicts, .. } = plan;
    drop(loaded);
    read_back(&*storage, written.records)?;
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

/// Reads a new store back: every byte of it is what was meant.
fn read_back(storage: &dyn Storage, records: u64) -> Result<()> {
    let files = inspect_storage(storage, InUse::No)?.files;
    let frames = |role| files.iter().find(|f| f.role == role && f.trouble.is_none()).and_then(|f| f.frames.as_ref());
    let whole = |f: &&Frames| f.rest.is_none();
    let (checkpoint, log) = (frames(Role::Checkpoint).filter(whole), frames(Role::Segment).filter(whole));
    if checkpoint.is_none_or(|c| c.puts != records || c.ends != 1) || log.is_none_or(|l| l.seals != 1) {
        return Err(Error::new(ErrorKind::Internal, "what was written does not read back as it was meant"));
    }
    Ok(())
}

/// Lists the doubtful records, sorted by namespace and id. The catalog goes: there must be room for their names.
fn doubtful(mut catalog: Catalog<'_>, plan: &Plan) -> Vec<DoubtfulRecord> {
    let records = std::mem::take(&mut catalog.records);
    let mut found = Vec::new();
    found.reserve_exact(records.values().filter(|p| plan.fate(&catalog, **p).is_some()).count());
    let mut last: Option<(u32, Arc<str>)> = None;
    for (key, place) in records {
        let Some(fate) = plan.fate(&catalog, place) else { continue };
        // They come namespace by namespace, and share its name.
        let namespace = match &last {
            Some((number, name)) if *number == key.namespace => name.clone(),
            _ => catalog.name(key.namespace).into(),
        };
        last = Some((key.namespace, namespace.clone()));
        found.push(DoubtfulRecord { namespace, id: key.id.into(), as_of: catalog.seq(place), fate });
    }
    found.sort_unstable_by(|a, b| (&a.namespace, &a.id).cmp(&(&b.namespace, &b.id)));
    found
}

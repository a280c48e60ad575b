//! Restoring an archive: verify it whole, mark the namespace, write, read back, unmark.

use std::sync::Arc;

use proximadb_meta_core::driver::{Applied, Driver, Expect, NetWrite, Prepared, Scan};
use proximadb_meta_core::page::Position;
use proximadb_meta_core::report::{RestoreOptions, RestoreReport};
use proximadb_meta_core::{Call, CollectionMetadata, Error, ErrorKind, Order, Result};

use crate::archive::Archive;
use crate::check::Selection;
use crate::files::blocking;
use crate::reading::{Reading, survey};
use crate::units::Size;

/// Records that are read back at once.
const PAGE: usize = 1000;

/// Restores the backup `id` below `location` into the call's namespace, whatever namespace it was taken from; with a filter in
/// the options only the records that match.
///
/// The archive is read and checked whole (hashes, counts, order, every record) before anything is changed. Then the namespace is
/// marked as restoring, emptied if `replace` is set, filled, read back and compared with what the archive holds, and unmarked.
/// The archive is read a second time while the namespace is filled, and checked again: one that was changed in between is
/// noticed. After a failure or crash in between the namespace stays marked: nobody mistakes half a catalog for a catalog, and the
/// same restore with `replace` finishes the job.
///
/// # Errors
/// `NotFound`, `Corruption`, `Unsupported` (a newer format), `AlreadyExists` when the namespace holds records and `replace` is
/// not set; and what the store or the place gives.
pub async fn restore<D: Driver>(
    driver: &D,
    call: &Call,
    id: &str,
    location: &str,
    options: RestoreOptions,
) -> Result<RestoreReport> {
    let archive = Arc::new(Archive::open(location, id).await?);
    let wanted = survey(&archive, options.filter.clone()).await?;

    let mut call = call.clone();
    call.restoring = true;
    if !options.replace && holds_records(driver, &call).await? {
        let held = driver.stats(&call).await?.collections;
        let held = held.map_or_else(|| "collections".to_owned(), |n| format!("{} collections", n.value));
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            format!("the namespace {:?} holds {held}", call.namespace.as_str()),
        )
        .with_hint("restore into an empty namespace, or ask for replace"));
    }
    driver.mark_restoring(&call, true).await?;
    // Looked at again: nobody else writes from here on, but somebody may have until now.
    if !options.replace && holds_records(driver, &call).await? {
        driver.mark_restoring(&call, false).await?;
        return Err(Error::new(ErrorKind::AlreadyExists, "somebody wrote to the namespace just now")
            .with_hint("restore into an empty namespace, or ask for replace"));
    }
    let size = Size::within(driver.capabilities().atomic_batch);
    let replaced = empty(driver, &call, size).await?;
    let filled = fill(driver, &call, size, Reading::new(archive, options.filter, false)).await?;
    if filled != wanted {
        return Err(unfinished("the backup was changed while it was restored"));
    }
    if read_back(driver, &call).await? != wanted {
        return Err(unfinished("what the store gives back is not what the backup holds"));
    }
    driver.mark_restoring(&call, false).await?;
    Ok(RestoreReport::new(wanted.records, replaced))
}

fn unfinished(what: &str) -> Error {
    Error::new(ErrorKind::Corruption, what)
        .with_hint("the namespace stays marked as restoring; restore again with replace")
}

/// Whether there is a record that has not expired.
async fn holds_records<D: Driver>(driver: &D, call: &Call) -> Result<bool> {
    let mut pages = Pages::new(driver, call, PAGE);
    while let Some(page) = pages.next().await? {
        if page.iter().any(|r| !r.is_expired(call.now)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Deletes what is there; how many of them had not expired.
async fn empty<D: Driver>(driver: &D, call: &Call, size: Size) -> Result<u64> {
    let mut gone = 0;
    let mut pages = Pages::new(driver, call, size.records.min(PAGE));
    while let Some(page) = pages.next().await? {
        gone += page.iter().filter(|r| !r.is_expired(call.now)).count() as u64;
        let deletes = page.into_iter().map(|r| NetWrite::Delete { expect: Expect::exactly(&r), before: r });
        apply(driver, call, deletes.collect()).await?;
    }
    Ok(gone)
}

async fn fill<D: Driver>(driver: &D, call: &Call, size: Size, mut from: Reading) -> Result<Selection> {
    while let Some(records) = from.next().await? {
        for unit in size.units(records) {
            let put = |record| NetWrite::Put { record, expect: Expect::Absent, before: None };
            apply(driver, call, unit.into_iter().map(|kept| put(kept.record)).collect()).await?;
        }
    }
    from.finish().await
}

async fn apply<D: Driver>(driver: &D, call: &Call, writes: Vec<NetWrite>) -> Result<()> {
    if writes.is_empty() {
        return Ok(());
    }
    match driver.apply(call, Prepared::new(writes)).await? {
        Applied::Done(_) => Ok(()),
        Applied::Refused(_) => {
            Err(Error::new(ErrorKind::VersionConflict, "somebody wrote to the namespace being restored")
                .with_hint("stop the other writer, then restore again with replace"))
        }
    }
}

async fn read_back<D: Driver>(driver: &D, call: &Call) -> Result<Selection> {
    let (mut records, mut hash) = (0, blake3::Hasher::new());
    let mut pages = Pages::new(driver, call, PAGE);
    while let Some(page) = pages.next().await? {
        records += page.len() as u64;
        hash = blocking(move || {
            for record in page {
                hash.update(record.to_json().as_bytes());
                hash.update(b"\n");
            }
            Ok(hash)
        })
        .await?;
    }
    Ok(Selection { records, hash: hash.finalize() })
}

/// Every record of the namespace in the order of ids.
struct Pages<'a, D> {
    driver: &'a D,
    call: &'a Call,
    size: usize,
    after: Option<Position>,
    ended: bool,
}

impl<'a, D: Driver> Pages<'a, D> {
    fn new(driver: &'a D, call: &'a Call, size: usize) -> Self {
        Self { driver, call, size, after: None, ended: false }
    }

    /// The next page, perhaps empty; `None` after the last.
    async fn next(&mut self) -> Result<Option<Vec<Arc<CollectionMetadata>>>> {
        if self.ended {
            return Ok(None);
        }
        let mut scan = Scan::new(Order::default(), self.size);
        scan.after = self.after.take();
        let part = self.driver.scan(self.call, scan).await?;
        self.ended = part.next.is_none();
        self.after = part.next;
        Ok(Some(part.records))
    }
}

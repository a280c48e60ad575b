//! Restoring an archive: verify it whole, mark the namespace, write, read back, unmark.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proximadb_meta_core::driver::{Applied, Driver, Expect, NetWrite, Prepared, Scan};
use proximadb_meta_core::limits::{MAX_RECORD_BYTES, check_record};
use proximadb_meta_core::report::{RestoreOptions, RestoreReport};
use proximadb_meta_core::{Call, CollectionMetadata, Error, ErrorKind, Incarnation, Order, Result};

use crate::location::{backup_directory, io, open_regular};
use crate::manifest::Manifest;

/// Records a unit: far below any store's limit on atomic units.
const CHUNK: usize = 100;

/// Restores the backup `id` below `location` into the call's namespace.
///
/// The archive is read and checked whole (hash, count, order, every record) before anything is changed. Then the namespace is
/// marked as restoring, emptied if `replace` is set, filled, read back and compared with the archive's hash, and unmarked.
/// After a failure or crash in between it stays marked: nobody mistakes half a catalog for a catalog, and the same restore with
/// `replace` finishes the job.
///
/// # Errors
/// `NotFound`, `Corruption`, `Unsupported` (a newer format), `AlreadyExists` when the namespace holds records and `replace` is
/// not set; and what the store gives.
pub async fn restore<D: Driver>(
    driver: &D,
    call: &Call,
    id: &str,
    location: &str,
    options: RestoreOptions,
) -> Result<RestoreReport> {
    let directory = backup_directory(location, id)?;
    let id = id.to_owned();
    let (manifest, records) = tokio::task::spawn_blocking(move || load(&directory, &id))
        .await
        .map_err(|e| Error::new(ErrorKind::Internal, "the restore thread ended early").with_source(e))??;

    let mut call = call.clone();
    call.restoring = true;
    let present = all(driver, &call).await?;
    if !options.replace && present.iter().any(|r| !r.is_expired(call.now)) {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            format!("the namespace {:?} holds {} collections", call.namespace.as_str(), present.len()),
        )
        .with_hint("restore into an empty namespace, or ask for replace"));
    }
    driver.mark_restoring(&call, true).await?;
    // Listed again: nobody else writes from here on, but somebody may have until now.
    let present = all(driver, &call).await?;
    if !options.replace && present.iter().any(|r| !r.is_expired(call.now)) {
        driver.mark_restoring(&call, false).await?;
        return Err(Error::new(ErrorKind::AlreadyExists, "somebody wrote to the namespace just now")
            .with_hint("restore into an empty namespace, or ask for replace"));
    }
    for chunk in present.chunks(CHUNK) {
        let deletes = chunk.iter().map(|r| NetWrite::Delete { expect: Expect::exactly(r), before: r.clone() });
        apply(driver, &call, deletes.collect()).await?;
    }
    for chunk in records.chunks(CHUNK) {
        let puts = chunk.iter().map(|r| NetWrite::Put { record: r.clone(), expect: Expect::Absent, before: None });
        apply(driver, &call, puts.collect()).await?;
    }
    verify(driver, &call, &manifest).await?;
    driver.mark_restoring(&call, false).await?;
    let replaced = present.iter().filter(|r| !r.is_expired(call.now)).count() as u64;
    Ok(RestoreReport::new(manifest.records, replaced))
}

async fn apply<D: Driver>(driver: &D, call: &Call, writes: Vec<NetWrite>) -> Result<()> {
    match driver.apply(call, Prepared::new(writes)).await? {
        Applied::Done(_) => Ok(()),
        Applied::Refused(_) => {
            Err(Error::new(ErrorKind::VersionConflict, "somebody wrote to the namespace being restored")
                .with_hint("stop the other writer, then restore again with replace"))
        }
    }
}

async fn all<D: Driver>(driver: &D, call: &Call) -> Result<Vec<Arc<CollectionMetadata>>> {
    let mut records = Vec::new();
    let mut scan = Scan::new(Order::default(), 1000);
    loop {
        let part = driver.scan(call, scan.clone()).await?;
        records.extend(part.records);
        match part.next {
            Some(next) => scan.after = Some(next),
            None => return Ok(records),
        }
    }
}

async fn verify<D: Driver>(driver: &D, call: &Call, manifest: &Manifest) -> Result<()> {
    let mut hash = blake3::Hasher::new();
    let stored = all(driver, call).await?;
    for record in &stored {
        hash.update(record.to_json().as_bytes());
        hash.update(b"\n");
    }
    if hash.finalize().to_hex().as_str() != manifest.blake3 {
        return Err(Error::new(ErrorKind::Corruption, "what the store gives back is not what the backup holds")
            .with_hint("the namespace stays marked as restoring; restore again with replace"));
    }
    Ok(())
}

fn load(directory: &Path, id: &str) -> Result<(Manifest, Vec<Arc<CollectionMetadata>>)> {
    let manifest = Manifest::read(directory, id)?;
    let path: PathBuf = directory.join("records.ndjson");
    let corrupt = |why: String| Error::new(ErrorKind::Corruption, format!("{}: {why}", path.display()));
    let file = open_regular(&path)?;
    let length = file.metadata().map_err(|e| io("read", &path, e))?.len();
    if length != manifest.bytes {
        return Err(corrupt(format!("it has {length} bytes; the manifest says {}", manifest.bytes)));
    }
    let mut input = BufReader::new(file);
    let mut hash = blake3::Hasher::new();
    let mut records: Vec<Arc<CollectionMetadata>> = Vec::new();
    let mut names = HashSet::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = MAX_RECORD_BYTES as u64 + 2;
        let read = input.by_ref().take(limit).read_until(b'\n', &mut line).map_err(|e| io("read", &path, e))?;
        if read == 0 {
            break;
        }
        hash.update(&line);
        let number = records.len() + 1;
        let text = line
            .strip_suffix(b"\n")
            .and_then(|l| std::str::from_utf8(l).ok())
            .ok_or_else(|| corrupt(format!("line {number} is not a whole line of UTF-8")))?;
        let mut record =
            CollectionMetadata::from_json(text).map_err(|e| corrupt(format!("line {number}: {}", e.message())))?;
        check_record(&record).map_err(|e| corrupt(format!("line {number}: {}", e.message())))?;
        if records.last().is_some_and(|last| last.id >= record.id) {
            return Err(corrupt(format!("line {number} is out of order or an id twice")));
        }
        // Nothing may be wrong that would only be found when the namespace is empty already.
        if !names.insert(record.name.clone()) {
            return Err(corrupt(format!("line {number} has the name {:?} of an earlier one", record.name)));
        }
        if record.to_json() != text {
            return Err(corrupt(format!("line {number} is not in the canonical form that backups have")));
        }
        record.incarnation = Incarnation::random();
        records.push(Arc::new(record));
    }
    if hash.finalize().to_hex().as_str() != manifest.blake3 {
        return Err(corrupt("its hash is not the manifest's: it was damaged or changed".to_owned()));
    }
    if records.len() as u64 != manifest.records {
        return Err(corrupt(format!("it has {} records; the manifest says {}", records.len(), manifest.records)));
    }
    Ok((manifest, records))
}

#[cfg(test)]
mod tests {
    use proximadb_meta_core::DistanceMetric;

    use super::*;

    fn line(id: &str, name: &str) -> String {
        let mut r = CollectionMetadata::new(name, 3, DistanceMetric::COSINE);
        r.id = id.into();
        r.version = 1;
        r.to_json() + "\n"
    }

    /// What loading an archive of this payload gives, whose manifest is made to fit.
    fn loaded(payload: &str) -> Result<usize> {
        let dir = tempfile::tempdir().unwrap();
        let manifest = format!(
            r#"{{"format":1,"id":"x","namespace":"","created_at":"2026-11-24","records":{},"bytes":{},"blake3":"{}","compression":"none","snapshot":true}}"#,
            payload.lines().count(),
            payload.len(),
            blake3::hash(payload.as_bytes()).to_hex()
        );
        std::fs::write(dir.path().join("manifest.json"), manifest).unwrap();
        std::fs::write(dir.path().join("records.ndjson"), payload).unwrap();
        load(dir.path(), "x").map(|(_, records)| records.len())
    }

    #[test]
    fn what_could_never_be_restored_is_refused_before_anything_is_changed() {
        assert_eq!(loaded(&(line("a", "x") + &line("b", "y"))).unwrap(), 2);
        for (payload, says) in [
            (line("a", "x") + &line("b", "x"), "the name \"x\" of an earlier one"),
            (line("a", "x").replace("\":", "\": "), "not in the canonical form"),
            ("{\"id\":\"a\",\"name\":\"x\",\"dimension\":3,\"distance_metric\":\"c\"}\n".to_owned(), "canonical form"),
            (line("b", "x") + &line("a", "y"), "out of order"),
            (line("a", "x").trim_end().to_owned(), "not a whole line"),
        ] {
            let e = loaded(&payload).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Corruption, "{e}");
            assert!(e.to_string().contains(says), "{e}");
        }
    }

    #[test]
    fn a_manifest_that_is_no_text_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("manifest.json"), b"{\"format\":1,\"id\":\"\xff\"}").unwrap();
        let e = load(dir.path(), "x").unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Corruption, "{e}");
    }
}

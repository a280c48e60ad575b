//! Writing an archive: payload, hash, manifest, and the name last.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use proximadb_meta_core::report::BackupReport;
use proximadb_meta_core::{CollectionMetadata, Error, ErrorKind, Namespace, Result, Timestamp};

use crate::location::{directory, io};
use crate::manifest::{FORMAT, Manifest};

/// What goes into an archive.
#[derive(Debug)]
pub struct ArchiveSource<'a> {
    /// The namespace the records come from.
    pub namespace: &'a Namespace,
    /// The live records.
    pub records: Vec<Arc<CollectionMetadata>>,
    /// Whether they show one instant.
    pub snapshot: bool,
    /// The backup's time.
    pub now: Timestamp,
}

/// Writes an archive below `location` and returns when it is synced, name included. The file work runs on a blocking thread;
/// dropping the future lets it complete.
///
/// # Errors
/// `InvalidInput` and `Unsupported` for a location that is no directory path, `PermissionDenied`, `StorageFull`, `Unavailable`.
pub async fn write(location: &str, source: ArchiveSource<'_>) -> Result<BackupReport> {
    let root = directory(location)?;
    let shown = location.to_owned();
    let namespace = source.namespace.as_str().to_owned();
    let (mut records, snapshot, now) = (source.records, source.snapshot, source.now);
    let work = move || {
        records.retain(|r| !r.is_expired(now));
        records.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        write_blocking(&root, &namespace, &records, snapshot, now)
            .map(|m| BackupReport::new(m.id, shown, m.records, m.bytes, m.blake3, m.snapshot, now))
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| Error::new(ErrorKind::Internal, "the backup thread ended early").with_source(e))?
}

fn write_blocking(
    root: &Path,
    namespace: &str,
    records: &[Arc<CollectionMetadata>],
    snapshot: bool,
    now: Timestamp,
) -> Result<Manifest> {
    make_location(root)?;
    let id = uuid::Uuid::now_v7().to_string();
    let part = root.join(format!(".{id}.part"));
    make_directory(&part).map_err(|e| io("create", &part, e))?;
    let written = fill(&part, &id, namespace, records, snapshot, now).and_then(|manifest| {
        let done = root.join(&id);
        std::fs::rename(&part, &done).map_err(|e| io("name", &done, e))?;
        sync_directory(root)?;
        Ok(manifest)
    });
    if written.is_err() {
        // Best effort: the half backup has no backup's name, so it can only waste space.
        let _ = std::fs::remove_dir_all(&part);
    }
    written
}

fn fill(
    part: &Path,
    id: &str,
    namespace: &str,
    records: &[Arc<CollectionMetadata>],
    snapshot: bool,
    now: Timestamp,
) -> Result<Manifest> {
    let path = part.join("records.ndjson");
    let mut out = BufWriter::new(create(&path)?);
    let mut hash = blake3::Hasher::new();
    let mut bytes = 0u64;
    for record in records {
        let mut line = record.to_json();
        line.push('\n');
        hash.update(line.as_bytes());
        bytes += line.len() as u64;
        out.write_all(line.as_bytes()).map_err(|e| io("write", &path, e))?;
    }
    let file = out.into_inner().map_err(|e| io("write", &path, e.into_error()))?;
    file.sync_all().map_err(|e| io("sync", &path, e))?;
    let manifest = Manifest {
        format: FORMAT,
        id: id.to_owned(),
        namespace: namespace.to_owned(),
        created_at: now.to_string(),
        records: records.len() as u64,
        bytes,
        blake3: hash.finalize().to_hex().to_string(),
        compression: "none".to_owned(),
        snapshot,
    };
    let path = part.join("manifest.json");
    let mut text = serde_json::to_string_pretty(&manifest)
        .map_err(|e| Error::new(ErrorKind::Internal, "the manifest has no JSON").with_source(e))?;
    text.push('\n');
    let mut file = create(&path)?;
    file.write_all(text.as_bytes()).map_err(|e| io("write", &path, e))?;
    file.sync_all().map_err(|e| io("sync", &path, e))?;
    sync_directory(part)?;
    Ok(manifest)
}

/// Makes the location and its parents where they are missing, each new name synced in its parent: a backup is durable only
/// when the way to it is.
fn make_location(root: &Path) -> Result<()> {
    let missing: Vec<&Path> = root.ancestors().take_while(|d| !d.as_os_str().is_empty() && !d.exists()).collect();
    for dir in missing.into_iter().rev() {
        match make_directory(dir) {
            // Another backup was faster: as good.
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && dir.is_dir() => {}
            other => other.map_err(|e| io("create", dir, e))?,
        }
        sync_directory(dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
    }
    if root.is_dir() { Ok(()) } else { Err(io("create", root, std::io::ErrorKind::NotADirectory.into())) }
}

fn make_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn create(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|e| io("create", path, e))
}

fn sync_directory(path: &Path) -> Result<()> {
    File::open(path).and_then(|d| d.sync_all()).map_err(|e| io("sync", path, e))
}

//! Backups in a store's own format: one file that the store's own means make, with a manifest beside it.
//!
//! A backend makes the file and reads it back; what stands around it is the same for all of them. A backup has a directory below
//! the location, named by its id, which appears whole or not at all. It holds every namespace of the store, of which the manifest
//! says what there was. Bytes and hash of the file are checked before anything of it is used.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use proximadb_meta_core::report::BackupReport;
use proximadb_meta_core::{Error, ErrorKind, Namespace, Result, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::files::{blocking, create, make_directories, make_directory, open_regular, store, sync};

/// The layout of manifests that this release writes, and the newest it reads.
const FORMAT: u32 = 1;
/// More bytes than this are no manifest.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// How the backups of one kind of store are named.
#[derive(Clone, Copy, Debug)]
pub struct NativeFormat {
    /// Whose it is, in every manifest: `sqlite`.
    pub kind: &'static str,
    /// The name of the store's file: `catalog.db`.
    pub payload: &'static str,
    /// The name of the manifest: `sqlite.json`.
    pub manifest: &'static str,
    /// What errors call it: `SQLite's own format`.
    pub shown: &'static str,
}

/// What a backup says of itself. `S` is what only one kind of store has to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NativeManifest<S> {
    /// Layout of the manifest; this release reads 1.
    pub format: u32,
    /// [`NativeFormat::kind`].
    pub kind: String,
    /// The backup's id, also the name of its directory.
    pub id: String,
    /// What this kind of store says beside it.
    #[serde(flatten)]
    pub of_store: S,
    /// When it was begun, microseconds since 1970 UTC.
    pub created_at: i64,
    /// Live records of each namespace.
    pub namespaces: BTreeMap<String, u64>,
    /// Bytes of the store's file.
    pub bytes: u64,
    /// BLAKE3 of the store's file, hexadecimal.
    pub blake3: String,
}

impl<S> NativeManifest<S> {
    /// What is told of a backup that was taken in this namespace, into this location.
    #[must_use]
    pub fn report(self, location: &str, namespace: &Namespace) -> BackupReport {
        let records = self.namespaces.get(namespace.as_str()).copied().unwrap_or(0);
        let at = Timestamp::from_micros(self.created_at);
        BackupReport::new(self.id, location.to_owned(), records, self.bytes, self.blake3, true, at)
    }
}

impl NativeFormat {
    /// The directory that a location names: a path, or `file://` and a path.
    ///
    /// # Errors
    /// `InvalidInput` for an empty one, `Unsupported` for what is no directory.
    pub fn place(self, location: &str) -> Result<PathBuf> {
        let path = location.strip_prefix("file://").unwrap_or(location);
        if path.is_empty() {
            return Err(Error::invalid("the backup location is empty").with_hint("name a directory"));
        }
        if path.contains("://") {
            return Err(Error::unsupported(format!("a backup in {} goes to a directory", self.shown))
                .with_hint("name a directory, or file:// and a directory"));
        }
        Ok(PathBuf::from(path))
    }

    /// Where the backup `id` lies below the location, if one of this kind does.
    ///
    /// # Errors
    /// `Internal` when the thread that looks ended early.
    pub async fn find(self, location: &str, id: &str) -> Result<Option<PathBuf>> {
        let (true, Ok(root)) = (uuid::Uuid::try_parse(id).is_ok(), self.place(location)) else { return Ok(None) };
        let directory = root.join(id);
        blocking(move || Ok(directory.join(self.manifest).exists().then_some(directory))).await
    }

    /// Begins a backup in a directory, which is made where it is missing, under a temporary name: the store's file is there, empty
    /// and its owner's alone. Waits for the disk.
    ///
    /// # Errors
    /// Those of the system.
    pub fn begin(self, root: PathBuf) -> Result<Unfinished> {
        let id = uuid::Uuid::now_v7().to_string();
        make_directories(&root)?;
        let part = root.join(format!(".{id}.part"));
        make_directory(&part).map_err(|e| Error::io("create", &part, e))?;
        let payload = part.join(self.payload);
        let unfinished = Unfinished { format: self, root, part, payload, id };
        create(&unfinished.payload).map_err(|e| Error::io("create", &unfinished.payload, e))?;
        Ok(unfinished)
    }

    /// Reads the manifest of the backup in `directory`, and checks the store's file against it: where that is.
    ///
    /// # Errors
    /// `Corruption`; `Unsupported` for a newer format; those of the system.
    pub async fn open<S: DeserializeOwned + Send + 'static>(
        self,
        directory: PathBuf,
        id: &str,
    ) -> Result<(NativeManifest<S>, PathBuf)> {
        let id = id.to_owned();
        blocking(move || {
            let manifest: NativeManifest<S> = self.read(&directory.join(self.manifest), &id)?;
            let path = directory.join(self.payload);
            if digest(&path)? != (manifest.bytes, manifest.blake3.clone()) {
                let what = format!("{} is not what its manifest says: it was damaged or changed", path.display());
                return Err(damaged(what));
            }
            Ok((manifest, path))
        })
        .await
    }

    fn read<S: DeserializeOwned>(self, path: &Path, id: &str) -> Result<NativeManifest<S>> {
        let wrong = |why: String| damaged(format!("{}: {why}", path.display()));
        let mut text = Vec::new();
        let (file, _) = open_regular(path)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(|e| Error::io("read", path, e))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(wrong("too long for a manifest".to_owned()));
        }
        let value: Value = serde_json::from_slice(&text).map_err(|e| wrong(e.to_string()))?;
        match value.get("format").and_then(Value::as_u64) {
            Some(format) if format > u64::from(FORMAT) => {
                return Err(Error::unsupported(format!("the backup has format {format}; this release reads {FORMAT}"))
                    .with_hint("restore it with the release that wrote it, or a newer one"));
            }
            Some(_) => {}
            None => return Err(wrong("it has no format number".to_owned())),
        }
        let manifest: NativeManifest<S> = serde_json::from_value(value).map_err(|e| wrong(e.to_string()))?;
        if manifest.kind != self.kind || manifest.id != id {
            return Err(wrong(format!("it belongs to the {} backup {:?}", manifest.kind, manifest.id)));
        }
        Ok(manifest)
    }
}

/// A backup under its temporary name. Dropped before it is [published](Self::publish) it is removed, which waits for the disk.
#[derive(Debug)]
pub struct Unfinished {
    format: NativeFormat,
    root: PathBuf,
    part: PathBuf,
    payload: PathBuf,
    id: String,
}

impl Unfinished {
    /// The store's file, to be filled.
    #[must_use]
    pub fn payload(&self) -> &Path {
        &self.payload
    }

    /// Syncs the store's file, writes the manifest beside it, and gives the backup its name. Waits for the disk.
    ///
    /// # Errors
    /// Those of the system.
    pub fn publish<S: Serialize>(
        self,
        of_store: S,
        namespaces: BTreeMap<String, u64>,
        created_at: Timestamp,
    ) -> Result<NativeManifest<S>> {
        sync(&self.payload)?;
        let (bytes, blake3) = digest(&self.payload)?;
        let (kind, id, created_at) = (self.format.kind.to_owned(), self.id.clone(), created_at.as_micros());
        let manifest = NativeManifest { format: FORMAT, kind, id, of_store, created_at, namespaces, bytes, blake3 };
        let text = serde_json::to_string_pretty(&manifest)
            .map_err(|e| Error::new(ErrorKind::Internal, "the manifest has no JSON").with_source(e))?;
        store(&self.part.join(self.format.manifest), format!("{text}\n").as_bytes())?;
        sync(&self.part)?;
        let done = self.root.join(&self.id);
        std::fs::rename(&self.part, &done).map_err(|e| Error::io("name", &done, e))?;
        sync(&self.root)?;
        Ok(manifest)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Best effort: the half backup has no backup's name, so it can only waste space. One that was published has another name.
        let _ = std::fs::remove_dir_all(&self.part);
    }
}

fn damaged(what: String) -> Error {
    Error::new(ErrorKind::Corruption, what).with_hint("take another backup; nothing was changed")
}

/// Bytes and BLAKE3 of a file.
fn digest(path: &Path) -> Result<(u64, String)> {
    let (mut file, _) = open_regular(path)?;
    let mut hash = blake3::Hasher::new();
    let bytes = std::io::copy(&mut file, &mut hash).map_err(|e| Error::io("read", path, e))?;
    Ok((bytes, hash.finalize().to_hex().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHELF: NativeFormat =
        NativeFormat { kind: "shelf", payload: "shelf.bin", manifest: "shelf.json", shown: "the shelf's own format" };

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct OfShelf {
        wood: String,
        rows: BTreeMap<String, u64>,
    }

    fn counts() -> BTreeMap<String, u64> {
        [(String::new(), 3), ("other".to_owned(), 1)].into()
    }

    /// A backup that was published, and its directory.
    fn made(root: &Path) -> (NativeManifest<OfShelf>, PathBuf) {
        let unfinished = SHELF.begin(root.to_owned()).unwrap();
        std::fs::write(unfinished.payload(), "books").unwrap();
        let of_store = OfShelf { wood: "oak".to_owned(), rows: counts() };
        let manifest = unfinished.publish(of_store, counts(), Timestamp::from_micros(7)).unwrap();
        let directory = root.join(&manifest.id);
        (manifest, directory)
    }

    async fn open(format: NativeFormat, directory: &Path, id: &str) -> Result<(NativeManifest<OfShelf>, PathBuf)> {
        format.open(directory.to_owned(), id).await
    }

    #[tokio::test]
    async fn what_was_published_is_found_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("deep").join("backups");
        let (manifest, directory) = made(&root);
        let location = format!("file://{}", root.display());
        assert_eq!(SHELF.find(&location, &manifest.id).await.unwrap(), Some(directory.clone()));
        let (read, payload) = open(SHELF, &directory, &manifest.id).await.unwrap();
        assert_eq!(read, manifest);
        assert_eq!(std::fs::read(payload).unwrap(), b"books");
        assert_eq!(std::fs::read_dir(&root).unwrap().count(), 1, "nothing under a temporary name");
        let report = manifest.clone().report("there", &Namespace::new("other").unwrap());
        assert_eq!((report.records, report.bytes, report.id), (1, 5, manifest.id.clone()));
        // A backup of another kind, and what is no id, are not found.
        let other = NativeFormat { manifest: "other.json", ..SHELF };
        assert_eq!(other.find(&location, &manifest.id).await.unwrap(), None);
        assert_eq!(SHELF.find(&location, "..").await.unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn it_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (_, directory) = made(&dir.path().join("backups"));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&dir.path().join("backups"))), (0o700, 0o700));
        assert_eq!((mode(&directory.join("shelf.bin")), mode(&directory.join("shelf.json"))), (0o600, 0o600));
    }

    #[test]
    fn what_was_given_up_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let unfinished = SHELF.begin(dir.path().to_owned()).unwrap();
        assert!(unfinished.payload().exists());
        drop(unfinished);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn damage_is_found_and_so_is_a_newer_format() {
        let dir = tempfile::tempdir().unwrap();
        let (manifest, directory) = made(dir.path());
        let (payload, file) = (directory.join("shelf.bin"), directory.join("shelf.json"));
        let text = std::fs::read_to_string(&file).unwrap();
        let cases = [
            ("\"format\": 1", "\"format\": 2", ErrorKind::Unsupported),
            ("\"format\": 1", "\"form\": 1", ErrorKind::Corruption),
            ("\"shelf\"", "\"other\"", ErrorKind::Corruption),
            ("\"bytes\": 5", "\"bytes\": 6", ErrorKind::Corruption),
            ("\"wood\"", "\"iron\"", ErrorKind::Corruption),
            (&manifest.id, "01900000-0000-7000-8000-000000000000", ErrorKind::Corruption),
        ];
        for (from, to, kind) in cases {
            std::fs::write(&file, text.replace(from, to)).unwrap();
            let e = open(SHELF, &directory, &manifest.id).await.unwrap_err();
            assert_eq!(e.kind(), kind, "{from} to {to}: {e}");
        }
        std::fs::write(&file, &text).unwrap();
        std::fs::write(&payload, "bocks").unwrap();
        let e = open(SHELF, &directory, &manifest.id).await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Corruption, "{e}");
        assert!(e.hint().is_some_and(|h| h.contains("nothing was changed")), "{e:?}");
    }

    #[test]
    fn only_a_directory_is_a_place() {
        assert_eq!(SHELF.place("file:///a/b").unwrap(), SHELF.place("/a/b").unwrap());
        assert_eq!(SHELF.place("").unwrap_err().kind(), ErrorKind::InvalidInput);
        let e = SHELF.place("s3://user:hunter2@host/x").unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Unsupported);
        assert!(!format!("{e:?}").contains("hunter2"), "{e:?}");
    }
}

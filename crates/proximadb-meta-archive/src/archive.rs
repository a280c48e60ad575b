//! A backup that is there: its manifest checked, its files listed, its lines given in blocks.

use std::collections::BTreeSet;

use proximadb_meta_core::limits::MAX_RECORD_BYTES;
use proximadb_meta_core::{Error, ErrorKind, Result};

use crate::error::corrupt;
use crate::manifest::{self, FILE, MAX_MANIFEST_BYTES, Manifest};
use crate::part::{PART_BYTES, Part, file_name};
use crate::place::{Place, Source};

/// The one payload of format 1.
const LINES: &str = "records.ndjson";

/// A backup.
#[derive(Debug)]
pub(crate) struct Archive {
    source: Source,
    pub(crate) manifest: Manifest,
    /// In format 1 there are none.
    pub(crate) parts: Option<Vec<Part>>,
}

/// Where reading is.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    part: usize,
    offset: u64,
}

/// Whole lines, as they are stored.
#[derive(Debug)]
pub(crate) struct Block {
    /// The file, for errors.
    pub(crate) place: String,
    pub(crate) stored: Vec<u8>,
    /// What the manifest says of it; `None`: lines of format 1.
    pub(crate) part: Option<Part>,
}

impl Archive {
    /// Reads the manifest and looks whether all files are there, and no others that look like parts.
    ///
    /// # Errors
    /// `NotFound`, `Corruption`, `Unsupported` for a newer format.
    pub(crate) async fn open(location: &str, id: &str) -> Result<Self> {
        let source = Place::parse(location)?.backup(id)?;
        let bytes = source.read(FILE, 0, MAX_MANIFEST_BYTES + 1).await.map_err(|e| match e.kind() {
            ErrorKind::NotFound => Error::new(ErrorKind::NotFound, format!("no backup {id} at {location}"))
                .with_hint("the location is the one given to backup, the id is what backup returned"),
            _ => e,
        })?;
        let place = source.shown(FILE);
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(corrupt(place, "it is too long for a manifest"));
        }
        let (manifest, parts) = manifest::read(&bytes, id, &place)?;
        let archive = Self { source, manifest, parts };
        archive.check_files().await?;
        Ok(archive)
    }

    async fn check_files(&self) -> Result<()> {
        let Some(parts) = &self.parts else {
            let (is, said) = (self.source.size(LINES).await.map_err(|e| missing(e, LINES))?, self.manifest.bytes);
            if is != said {
                let place = self.source.shown(LINES);
                return Err(corrupt(place, format!("it has {is} bytes; the manifest says {said}")));
            }
            return Ok(());
        };
        let names: BTreeSet<String> = self.source.names().await?.into_iter().collect();
        let expected: BTreeSet<String> = (0..parts.len()).map(file_name).collect();
        if let Some(name) = expected.difference(&names).next() {
            return Err(corrupt(self.source.shown(name), "it is missing"));
        }
        match names.difference(&expected).find(|name| name.starts_with("records")) {
            Some(name) => Err(corrupt(self.source.shown(name), "the manifest does not know it")),
            None => Ok(()),
        }
    }

    /// Bytes that are stored of the records.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.parts.as_ref().map_or(self.manifest.bytes, |parts| parts.iter().map(|p| p.stored).sum())
    }

    /// The next lines; `None` at the end.
    pub(crate) async fn block(&self, at: &mut Cursor) -> Result<Option<Block>> {
        match &self.parts {
            Some(parts) => self.part(parts, at).await,
            None => self.lines(at).await,
        }
    }

    async fn part(&self, parts: &[Part], at: &mut Cursor) -> Result<Option<Block>> {
        let Some(part) = parts.get(at.part) else { return Ok(None) };
        let file = file_name(at.part);
        at.part += 1;
        // One byte more than it should have: a longer file is noticed. The manifest's number is within bounds.
        let limit = usize::try_from(part.stored).unwrap_or(PART_BYTES).saturating_add(1);
        let stored = self.source.read(&file, 0, limit).await.map_err(|e| missing(e, &file))?;
        Ok(Some(Block { place: self.source.shown(&file), stored, part: Some(part.clone()) }))
    }

    /// A block of format 1: as many whole lines as fit into a part.
    async fn lines(&self, at: &mut Cursor) -> Result<Option<Block>> {
        if at.offset >= self.manifest.bytes {
            return Ok(None);
        }
        let mut stored = self.source.read(LINES, at.offset, PART_BYTES).await.map_err(|e| missing(e, LINES))?;
        if stored.is_empty() {
            return Ok(None);
        }
        if stored.len() == PART_BYTES {
            match stored.iter().rposition(|b| *b == b'\n') {
                Some(end) => stored.truncate(end + 1),
                // No record is that long; enough is left for the check to say so.
                None => stored.truncate(MAX_RECORD_BYTES + 1),
            }
        }
        at.offset += stored.len() as u64;
        Ok(Some(Block { place: self.source.shown(LINES), stored, part: None }))
    }
}

/// A file of a backup that is not there is damage.
fn missing(e: Error, file: &str) -> Error {
    if e.kind() == ErrorKind::NotFound { corrupt(file, "it is missing").with_source(e) } else { e }
}

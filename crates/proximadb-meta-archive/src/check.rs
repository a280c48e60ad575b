//! The check of an archive's lines, from the first to the last: the same in both passes.

use std::sync::Arc;

use proximadb_meta_core::{CollectionMetadata, Filter, Result};

use crate::archive::Block;
use crate::error::corrupt;
use crate::line::decode;
use crate::manifest::Manifest;
use crate::names::Names;

/// What is known of the lines so far.
#[derive(Debug)]
pub(crate) struct Check {
    filter: Option<Filter>,
    names: Option<Names>,
    records: u64,
    bytes: u64,
    last: Option<Arc<str>>,
    hash: blake3::Hasher,
    kept: u64,
    kept_hash: blake3::Hasher,
}

/// A record that is to be restored, and the bytes of its line.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) record: Arc<CollectionMetadata>,
    pub(crate) bytes: usize,
}

/// What an archive holds of the records that are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) records: u64,
    /// Of their lines.
    pub(crate) hash: blake3::Hash,
}

impl Check {
    /// `unique`: also whether names are unique, which takes 16 bytes a record.
    pub(crate) fn new(filter: Option<Filter>, unique: bool) -> Self {
        let names = unique.then(Names::default);
        let (hash, kept_hash) = (blake3::Hasher::new(), blake3::Hasher::new());
        Self { filter, names, records: 0, bytes: 0, last: None, hash, kept: 0, kept_hash }
    }

    /// Checks the next block, and gives the records in it that match.
    ///
    /// # Errors
    /// `Corruption` with file and line.
    pub(crate) fn block(&mut self, block: Block) -> Result<Vec<Kept>> {
        let Block { place, stored, part } = block;
        let lines = match &part {
            Some(part) => part.unpack(&stored, &place)?,
            None => stored,
        };
        self.hash.update(&lines);
        self.bytes += lines.len() as u64;
        let before = self.records;
        let mut first = None;
        let mut kept = Vec::new();
        for line in lines.split_inclusive(|b| *b == b'\n') {
            // In a part lines are counted from its beginning, as in the file one sees.
            let number = if part.is_some() { self.records - before } else { self.records } + 1;
            let wrong = |why: String| corrupt(&place, format!("line {number} {why}"));
            let text = line.strip_suffix(b"\n");
            let record = decode(text.unwrap_or(line)).map_err(wrong)?;
            if text.is_none() {
                return Err(wrong("is not a whole line".to_owned()));
            }
            if self.last.as_ref().is_some_and(|last| *last >= record.id) {
                return Err(wrong("is out of order or an id twice".to_owned()));
            }
            first.get_or_insert_with(|| record.id.clone());
            self.last = Some(record.id.clone());
            if let Some(names) = &mut self.names {
                names.add(&record.name, self.records);
            }
            self.records += 1;
            if self.filter.as_ref().is_none_or(|f| f.evaluate(&record)) {
                self.kept += 1;
                self.kept_hash.update(line);
                kept.push(Kept { record: Arc::new(record), bytes: line.len() });
            }
        }
        if let Some(part) = part {
            let is = (self.records - before, first.as_deref(), self.last.as_deref());
            if is != (part.records, Some(part.first.as_str()), Some(part.last.as_str())) {
                return Err(corrupt(place, "its records are not those the manifest says"));
            }
        }
        Ok(kept)
    }

    /// The end: whether all of it is what the manifest says.
    pub(crate) fn finish(self, manifest: &Manifest, place: &str) -> Result<Selection> {
        // Nothing may be wrong that would only be found when the namespace is empty already.
        if let Some((first, second)) = self.names.and_then(Names::twice) {
            let (first, second) = (u64::from(first) + 1, u64::from(second) + 1);
            return Err(corrupt(place, format!("record {second} has the name of record {first}")));
        }
        if self.bytes != manifest.bytes || self.hash.finalize().to_hex().as_str() != manifest.blake3 {
            return Err(corrupt(place, "the hash of its records is not the manifest's: they were damaged or changed"));
        }
        if self.records != manifest.records {
            let (is, said) = (self.records, manifest.records);
            return Err(corrupt(place, format!("it has {is} records; the manifest says {said}")));
        }
        Ok(Selection { records: self.kept, hash: self.kept_hash.finalize() })
    }
}

//! From records to parts: lines, hashes, counts.

use std::sync::Arc;
use std::vec::IntoIter;

use proximadb_meta_core::limits::MAX_RECORD_BYTES;
use proximadb_meta_core::{CollectionMetadata, Error, ErrorKind, Result, Retry, Timestamp};

use crate::names::Names;
use crate::part::{PART_BYTES, Part, file_name, pack};

/// What is known of the records so far.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    now: Timestamp,
    snapshot: bool,
    lines: Vec<u8>,
    first: Option<Arc<str>>,
    last: Option<Arc<str>>,
    in_part: u64,
    records: u64,
    bytes: u64,
    hash: blake3::Hasher,
    names: Names,
    parts: Vec<Part>,
}

/// A part that is ready to be stored.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
}

/// All that the manifest says of the records.
#[derive(Debug)]
pub(crate) struct Totals {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) blake3: String,
    pub(crate) parts: Vec<Part>,
}

impl Encoder {
    /// What has expired at `now` is left out.
    pub(crate) fn new(now: Timestamp, snapshot: bool) -> Self {
        Self { now, snapshot, ..Self::default() }
    }

    /// Takes records until a part is full, which it gives, or there are no more.
    pub(crate) fn take(&mut self, records: &mut IntoIter<Arc<CollectionMetadata>>) -> Result<Option<Packed>> {
        for record in records {
            if record.is_expired(self.now) {
                continue;
            }
            if self.last.as_ref().is_some_and(|last| *last >= record.id) {
                let what = format!("the store gave the record {:?} out of order", record.id);
                return Err(Error::new(ErrorKind::Internal, what));
            }
            let line = record.to_json();
            if line.len() > MAX_RECORD_BYTES {
                let what =
                    format!("the record {:?} has {} bytes; a backup takes {MAX_RECORD_BYTES}", record.id, line.len());
                return Err(Error::new(ErrorKind::Corruption, what));
            }
            let full = if self.lines.len() + line.len() + 1 > PART_BYTES { self.close()? } else { None };
            self.first.get_or_insert_with(|| record.id.clone());
            self.last = Some(record.id.clone());
            self.names.add(&record.name, self.records);
            self.lines.extend_from_slice(line.as_bytes());
            self.lines.push(b'\n');
            self.in_part += 1;
            self.records += 1;
            if full.is_some() {
                return Ok(full);
            }
        }
        Ok(None)
    }

    /// Closes the part that was begun, if there is one.
    fn close(&mut self) -> Result<Option<Packed>> {
        let (Some(first), Some(last)) = (self.first.take(), &self.last) else { return Ok(None) };
        let bytes = pack(&self.lines)?;
        self.hash.update(&self.lines);
        self.bytes += self.lines.len() as u64;
        let file = file_name(self.parts.len());
        self.parts.push(Part {
            records: std::mem::take(&mut self.in_part),
            bytes: self.lines.len() as u64,
            stored: bytes.len() as u64,
            blake3: blake3::hash(&bytes).to_hex().to_string(),
            first: first.as_ref().to_owned(),
            last: last.as_ref().to_owned(),
        });
        self.lines.clear();
        Ok(Some(Packed { file, bytes }))
    }

    /// The last part, if there is one, and what was counted.
    ///
    /// # Errors
    /// A name that two records have: no store takes both. Records that were read while others wrote may show it, and then
    /// reading them again helps.
    pub(crate) fn finish(mut self) -> Result<(Option<Packed>, Totals)> {
        let last = self.close()?;
        if self.names.twice().is_some() {
            let what = "two records have one name";
            return Err(if self.snapshot {
                Error::new(ErrorKind::Corruption, what)
            } else {
                Error::new(ErrorKind::Unavailable, format!("{what}: one was renamed while they were read"))
                    .with_retry(Retry::Safe)
                    .with_hint("take the backup again")
            });
        }
        let blake3 = self.hash.finalize().to_hex().to_string();
        Ok((last, Totals { records: self.records, bytes: self.bytes, blake3, parts: self.parts }))
    }
}

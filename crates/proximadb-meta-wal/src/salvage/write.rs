//! Writing what was saved: one checkpoint of a new log, and a seal.

use std::collections::BTreeSet;
use std::sync::Arc;

use proximadb_meta_core::{CollectionMetadata, Error, ErrorKind, Namespace, Result};

use super::plan::Plan;
use super::report::Fate;
use crate::driver::SEGMENT_BYTES;
use crate::inspect::{Catalog, Loaded, Place, record};
use crate::log::{Checkpoint, Log};
use crate::storage::Storage;

/// Records, and bytes of them, in one unit of the checkpoint.
const CHUNK: usize = 64;
const CHUNK_BYTES: usize = 1024 * 1024;

/// How many records were written, and how many of them are certain.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    pub(super) records: u64,
    pub(super) certain: u64,
}

/// Writes a new store.
pub(super) fn write(storage: Arc<dyn Storage>, loaded: &Loaded, catalog: &Catalog<'_>, plan: &Plan) -> Result<Written> {
    let mut written = Written::default();
    let mut log = Log::open(storage, SEGMENT_BYTES)?.log;
    let mut out =
        Out { file: log.begin_checkpoint()?, namespace: 0, name: Namespace::default(), part: Vec::new(), bytes: 0 };
    for (key, &place) in &catalog.records {
        let fate = plan.fate(catalog, place);
        if matches!(fate, None | Some(Fate::Kept)) {
            out.add(loaded, catalog, key.namespace, place)?;
            written.records += 1;
            written.certain += u64::from(fate.is_none());
        }
    }
    out.flush()?;
    let marks = catalog.restoring.iter().map(|n| Namespace::new(catalog.name(*n))).collect::<Result<BTreeSet<_>>>()?;
    let covered = out.file.finish(&marks)?;
    log.end_checkpoint(covered);
    log.close()?;
    Ok(written)
}

/// The checkpoint, and the part of it that is being collected.
struct Out {
    file: Checkpoint,
    namespace: u32,
    name: Namespace,
    part: Vec<Arc<CollectionMetadata>>,
    bytes: usize,
}

impl Out {
    fn add(&mut self, loaded: &Loaded, catalog: &Catalog<'_>, namespace: u32, place: Place) -> Result<()> {
        if namespace != self.namespace || self.part.len() >= CHUNK || self.bytes >= CHUNK_BYTES {
            self.flush()?;
        }
        if self.part.is_empty() {
            self.namespace = namespace;
            self.name = Namespace::new(catalog.name(namespace))?;
        }
        // It was checked when it was found.
        let gone = || Error::new(ErrorKind::Internal, "a record that was found cannot be read again");
        let put = place.put(loaded).ok_or_else(gone)?;
        let mut found = record(self.name.as_str(), put.bytes).map_err(|what| gone().context(what))?;
        if let Some(counts) = catalog.counts.get(&place) {
            let counts = counts.count(loaded).ok_or_else(gone)?;
            let found = Arc::make_mut(&mut found);
            (found.vector_count, found.total_size_bytes) = (counts.vectors, counts.bytes);
        }
        self.bytes += put.bytes.len();
        self.part.push(found);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if !self.part.is_empty() {
            self.file.records(&self.name, &self.part)?;
        }
        self.part.clear();
        self.bytes = 0;
        Ok(())
    }
}

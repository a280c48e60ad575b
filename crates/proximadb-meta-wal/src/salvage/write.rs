//! Writing what was saved: one checkpoint of a new log, and a seal.

use std::collections::BTreeSet;
use std::sync::Arc;

use proximadb_meta_core::{CollectionMetadata, Error, ErrorKind, Namespace, Result};

use super::plan::GivesWay;
use super::report::Fate;
use crate::driver::SEGMENT_BYTES;
use crate::inspect::{Catalog, Known, Loaded, Place, record};
use crate::log::{Checkpoint, Log};
use crate::storage::Storage;

/// Records, and bytes of them, in one unit of the checkpoint.
const CHUNK: usize = 64;
const CHUNK_BYTES: usize = 1024 * 1024;

/// What was written, and what is not certain. Small: the ids are looked up when the catalog is gone.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) records: u64,
    pub(super) certain: u64,
    pub(super) doubtful: Vec<Doubt>,
}

/// A doubtful record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    pub(super) namespace: u32,
    pub(super) put: Place,
    pub(super) as_of: u64,
    pub(super) fate: Fate,
}

/// Writes a new store.
pub(super) fn write(
    storage: Arc<dyn Storage>,
    loaded: &Loaded,
    catalog: &Catalog<'_>,
    gives_way: &GivesWay,
    include_stale: bool,
) -> Result<Written> {
    let fate = |known: &Known| match (gives_way.places.contains(&known.put), catalog.is_certain(known)) {
        (true, _) => Some(Fate::NameTaken),
        (false, true) => None,
        (false, false) => Some(if include_stale { Fate::Kept } else { Fate::LeftOut }),
    };
    let mut written = Written::default();
    written.doubtful.reserve_exact(catalog.records.values().filter(|k| fate(k).is_some()).count());
    let mut log = Log::open(storage, SEGMENT_BYTES)?.log;
    let mut out =
        Out { file: log.begin_checkpoint()?, namespace: 0, name: Namespace::default(), part: Vec::new(), bytes: 0 };
    for (key, known) in &catalog.records {
        let fate = fate(known);
        if let Some(fate) = fate {
            written.doubtful.push(Doubt { namespace: key.namespace, put: known.put, as_of: known.seq, fate });
        } else {
            written.certain += 1;
        }
        if matches!(fate, None | Some(Fate::Kept)) {
            out.add(loaded, catalog, key.namespace, known)?;
            written.records += 1;
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
    fn add(&mut self, loaded: &Loaded, catalog: &Catalog<'_>, namespace: u32, known: &Known) -> Result<()> {
        if namespace != self.namespace || self.part.len() >= CHUNK || self.bytes >= CHUNK_BYTES {
            self.flush()?;
        }
        if self.part.is_empty() {
            self.namespace = namespace;
            self.name = Namespace::new(catalog.name(namespace))?;
        }
        // It was checked when it was found.
        let gone = || Error::new(ErrorKind::Internal, "a record that was found cannot be read again");
        let put = known.put.put(loaded).ok_or_else(gone)?;
        let mut found = record(self.name.as_str(), put.bytes).map_err(|what| gone().context(what))?;
        if let Some(counts) = catalog.counts.get(&known.put) {
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

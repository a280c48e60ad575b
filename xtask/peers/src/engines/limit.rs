//! The limit of the disk under the same load in the same minutes: the bytes of the operations, appended and synced; no catalog.

use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use parking_lot::Mutex;

use super::kv::encode_into;
use crate::catalog::{Answer, Catalog, Filter, Got, Op, Sum};

/// Zeros that are written ahead. At their end it begins again, as a log that takes its segments in turn.
const ZEROS: u64 = 64 << 20;

/// What is written into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File {
    /// Each append changes the length: the file system's journal is synced too.
    Growing,
    /// Only data is synced.
    Zeroed,
}

pub(super) struct Limit {
    file: std::fs::File,
    kind: File,
    /// Where the next bytes go, and the bytes.
    end: Mutex<(u64, Vec<u8>)>,
}

impl Limit {
    pub(super) fn open(dir: &Path, kind: File) -> Result<Self> {
        let mut file = std::fs::File::create(dir.join("limit.log"))?;
        if kind == File::Zeroed {
            let zeros = vec![0; 1 << 20];
            for _ in 0..ZEROS >> 20 {
                file.write_all(&zeros)?;
            }
        }
        file.sync_all()?;
        Ok(Self { file, kind, end: Mutex::default() })
    }
}

fn encode(bytes: Vec<u8>, op: &Op) -> Result<Vec<u8>> {
    match op {
        Op::Create(record) | Op::Update { record, .. } => encode_into(bytes, record),
        Op::Delete(id) => encode_into(bytes, id),
        Op::Count { id, vectors, bytes: more } => encode_into(bytes, &(id, vectors, more)),
    }
}

const NO_CATALOG: &str = "the limit of the disk is no catalog: it has nothing to read";

impl Catalog for Limit {
    fn apply(&self, ops: Vec<Op>) -> Result<Vec<Answer>> {
        let mut guard = self.end.lock();
        let (end, buffer) = &mut *guard;
        let mut bytes = std::mem::take(buffer);
        bytes.clear();
        for op in &ops {
            bytes = encode(bytes, op)?;
        }
        let length = bytes.len() as u64;
        if self.kind == File::Zeroed && *end + length > ZEROS {
            *end = 0;
        }
        self.file.write_all_at(&bytes, *end)?;
        self.file.sync_data().context("sync")?;
        *end += length;
        *buffer = bytes;
        Ok(vec![Ok(()); ops.len()])
    }

    fn get(&self, _id: &str) -> Result<Option<Got>> {
        bail!(NO_CATALOG)
    }

    fn get_by_name(&self, _name: &str) -> Result<Option<Got>> {
        bail!(NO_CATALOG)
    }

    fn list(&self, _filter: &Filter<'_>) -> Result<Vec<Got>> {
        bail!(NO_CATALOG)
    }

    fn first(&self, _limit: usize) -> Result<Vec<Got>> {
        bail!(NO_CATALOG)
    }

    fn scan(&self) -> Result<Sum> {
        bail!(NO_CATALOG)
    }
}

//! Making a digest from records in the order of their ids.

use std::sync::Arc;

use super::tree::step;
use super::{Digest, DigestEntry, DigestRequest, DigestTree, LEAVES, NodeHash, RecordHash, leaf_of};
use crate::error::{Error, ErrorKind, Result};
use crate::record::CollectionMetadata;
use crate::time::Timestamp;

/// Records between two pauses of [`digest_of`].
const STRIDE: usize = 256;

/// Takes a namespace's records in ascending order of their ids, and makes the answer to one request. A tree takes 2 MiB,
/// entries what is asked for, however many records there are.
#[derive(Debug)]
pub struct DigestBuilder {
    now: Timestamp,
    last: Option<Arc<str>>,
    made: Made,
}

#[derive(Debug)]
enum Made {
    Tree { depth: u8, count: u64, leaves: Vec<NodeHash> },
    Entries { wanted: Vec<bool>, entries: Vec<DigestEntry> },
}

impl DigestBuilder {
    /// Begins. Records that have expired at `now` are left out.
    ///
    /// # Errors
    /// `InvalidInput` for a request that breaks its limits.
    pub fn new(request: &DigestRequest, now: Timestamp) -> Result<Self> {
        request.validate()?;
        let made = match request {
            DigestRequest::Nodes { depth } => {
                Made::Tree { depth: *depth, count: 0, leaves: vec![NodeHash::EMPTY; LEAVES] }
            }
            DigestRequest::Entries { leaves } => {
                let mut wanted = vec![false; LEAVES];
                for leaf in &**leaves {
                    if let Some(slot) = wanted.get_mut(usize::from(*leaf)) {
                        *slot = true;
                    }
                }
                Made::Entries { wanted, entries: Vec::new() }
            }
        };
        Ok(Self { now, last: None, made })
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// `Internal` when its id does not come after that of the record before.
    pub fn add(&mut self, record: &CollectionMetadata) -> Result<()> {
        if record.is_expired(self.now) {
            return Ok(());
        }
        self.add_hashed(&record.id, || RecordHash::of(record))
    }

    /// Takes the next record, which is live, from a store that keeps hashes.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn add_hashed(&mut self, id: &Arc<str>, hash: impl FnOnce() -> RecordHash) -> Result<()> {
        if self.last.as_ref().is_some_and(|last| last >= id) {
            return Err(Error::new(ErrorKind::Internal, format!("a digest got the id {id:?} out of order")));
        }
        self.last = Some(id.clone());
        let place = usize::from(leaf_of(id));
        match &mut self.made {
            Made::Tree { count, leaves, .. } => {
                if let Some(leaf) = leaves.get_mut(place) {
                    *leaf = step(leaf, &hash());
                    *count += 1;
                }
            }
            Made::Entries { wanted, entries } => {
                if wanted.get(place).is_some_and(|w| *w) {
                    entries.push(DigestEntry { id: id.clone(), hash: hash() });
                }
            }
        }
        Ok(())
    }

    /// The answer.
    #[must_use]
    pub fn finish(self) -> Digest {
        match self.made {
            Made::Tree { depth, count, leaves } => Digest::Tree(DigestTree::of_leaves(count, leaves).fold(depth)),
            Made::Entries { entries, .. } => Digest::Entries(entries),
        }
    }
}

/// The digest of records that are at hand, in ascending order of their ids. For drivers: lets other tasks run in between.
///
/// # Errors
/// As [`DigestBuilder`].
pub async fn digest_of(
    request: &DigestRequest,
    now: Timestamp,
    records: Vec<Arc<CollectionMetadata>>,
) -> Result<Digest> {
    let mut builder = DigestBuilder::new(request, now)?;
    for some in records.chunks(STRIDE) {
        some.iter().try_for_each(|r| builder.add(r))?;
        tokio::task::yield_now().await;
    }
    Ok(builder.finish())
}

//! The digest: a tree of hashes over a namespace's records, the same on every backend for the same records.
//!
//! Two catalogs with one root hold the same records. Where the roots differ the tree says where to look: comparing two catalogs
//! of a million records that differ in ten reads some hundred entries.
//!
//! # How it is made, byte by byte
//!
//! All hashes are BLAKE3 with 32 bytes of output, shown as 64 hexadecimal digits in lower case.
//!
//! * **Record.** `BLAKE3(json)`, where `json` is the [canonical JSON](crate::CollectionMetadata::to_json) of the record in UTF-8,
//!   without a line feed: one line of an export. Times, version, counters and unknown fields are in it, the incarnation and the
//!   namespace are not. Only live records count.
//! * **Place.** The first four hexadecimal digits of `BLAKE3(id)`, with the id in UTF-8, are the record's leaf, `0000` to `ffff`.
//! * **Leaf.** 32 zero bytes when it has no record. Else its records in ascending order of their ids (by bytes) are chained: from
//!   `state = 32 zero bytes`, each makes `state = BLAKE3(0x01 || state || record hash)`; the last state is the leaf.
//! * **Inner node.** 32 zero bytes when all its children are zero bytes. Else `BLAKE3(0x02 || child 0 || ... || child f)`. The
//!   node with the prefix `p` of fewer than four digits has the children `p0` to `pf`.
//! * **Root.** The node with the empty prefix, depth 0. The leaves are depth 4.
//!
//! Canonical JSON begins with `{` (`0x7b`), so that no record can be taken for a leaf or a node.
//!
//! A leaf is a chain, not a hash over a list, so that somebody who reads records in the order of their ids needs 2 MiB for the
//! tree however many there are.

mod build;
#[cfg(test)]
mod tests;
mod tree;

use std::fmt;
use std::sync::Arc;

pub use build::{DigestBuilder, digest_of};
pub use tree::DigestTree;

use crate::error::{Error, ErrorKind, Result};
use crate::record::CollectionMetadata;

/// Children of an inner node.
pub const FAN_OUT: usize = 16;
/// The depth of the leaves.
pub const LEAF_DEPTH: u8 = 4;
/// Leaves of a tree: one for each `u16`.
pub const LEAVES: usize = 1 << 16;

/// 32 bytes of BLAKE3; all zero for a part of the tree without records.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordHash([u8; 32]);

/// A node of the tree: the same 32 bytes.
pub type NodeHash = RecordHash;

impl RecordHash {
    /// What stands for no records.
    pub const EMPTY: Self = Self([0; 32]);

    /// The hash of a record.
    #[must_use]
    pub fn of(record: &CollectionMetadata) -> Self {
        Self(*blake3::hash(record.to_json().as_bytes()).as_bytes())
    }

    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether it stands for no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::EMPTY
    }
}

impl fmt::Display for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The leaf of an id.
#[must_use]
pub fn leaf_of(id: &str) -> u16 {
    let hash = blake3::hash(id.as_bytes());
    let [first, second, ..] = *hash.as_bytes();
    u16::from_be_bytes([first, second])
}

/// What to make of the live records of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DigestRequest {
    /// All nodes of a depth, `0..=4`: one, 16, 256, 4096 or 65536. Every record is read, whatever the depth.
    Nodes {
        /// The depth.
        depth: u8,
    },
    /// The records of these leaves: id and hash of each.
    Entries {
        /// The leaves, in any order.
        leaves: Arc<[u16]>,
    },
}

impl DigestRequest {
    /// All nodes of a depth.
    #[must_use]
    pub const fn nodes(depth: u8) -> Self {
        Self::Nodes { depth }
    }

    /// Id and hash of each record of these leaves.
    #[must_use]
    pub fn entries(leaves: impl Into<Arc<[u16]>>) -> Self {
        Self::Entries { leaves: leaves.into() }
    }

    /// Checks the depth.
    ///
    /// # Errors
    /// `InvalidInput` for a depth over 4.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Nodes { depth } if *depth > LEAF_DEPTH => {
                Err(Error::invalid(format!("the depth of a digest is at most {LEAF_DEPTH}, not {depth}")))
            }
            _ => Ok(()),
        }
    }
}

/// One record in a leaf.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DigestEntry {
    /// Its id.
    pub id: Arc<str>,
    /// Its hash.
    pub hash: RecordHash,
}

/// The answer to a [`DigestRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Digest {
    /// To [`DigestRequest::Nodes`].
    Tree(DigestTree),
    /// To [`DigestRequest::Entries`]: in ascending order of the ids.
    Entries(Vec<DigestEntry>),
}

impl Digest {
    /// The tree of a request for nodes.
    ///
    /// # Errors
    /// `Internal` when a backend answered another request.
    pub fn into_tree(self) -> Result<DigestTree> {
        match self {
            Self::Tree(tree) => Ok(tree),
            Self::Entries(_) => Err(Error::new(ErrorKind::Internal, "a digest of nodes was answered with entries")),
        }
    }

    /// The entries of a request for entries.
    ///
    /// # Errors
    /// `Internal` when a backend answered another request.
    pub fn into_entries(self) -> Result<Vec<DigestEntry>> {
        match self {
            Self::Entries(entries) => Ok(entries),
            Self::Tree(_) => Err(Error::new(ErrorKind::Internal, "a digest of entries was answered with nodes")),
        }
    }
}

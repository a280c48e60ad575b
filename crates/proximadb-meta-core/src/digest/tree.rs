//! The nodes of one depth: folding them up, and where two trees differ.

use super::{FAN_OUT, LEAF_DEPTH, NodeHash, RecordHash};
use crate::error::{Error, ErrorKind, Result};

/// What begins the bytes of a leaf's step and of an inner node.
const LEAF_STEP: u8 = 1;
const INNER: u8 = 2;

/// All nodes of one depth, and the number of records below them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestTree {
    count: u64,
    depth: u8,
    nodes: Vec<NodeHash>,
}

impl DigestTree {
    /// The nodes of a depth in the order of their prefixes.
    ///
    /// # Errors
    /// `Internal` when their number is not that of the depth, or the depth is over 4.
    pub fn new(count: u64, depth: u8, nodes: Vec<NodeHash>) -> Result<Self> {
        let expected = (depth <= LEAF_DEPTH).then(|| FAN_OUT.pow(depth.into()));
        if expected != Some(nodes.len()) {
            let what = format!("a digest has {} nodes at depth {depth}", nodes.len());
            return Err(Error::new(ErrorKind::Internal, what));
        }
        Ok(Self { count, depth, nodes })
    }

    /// Of all the leaves, in their order.
    pub(super) fn of_leaves(count: u64, nodes: Vec<NodeHash>) -> Self {
        Self { count, depth: LEAF_DEPTH, nodes }
    }

    /// Live records.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The depth of the nodes.
    #[must_use]
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// The nodes, in the order of their prefixes.
    #[must_use]
    pub fn nodes(&self) -> &[NodeHash] {
        &self.nodes
    }

    /// The prefix of a node, in hexadecimal: one digit for each step of the depth.
    #[must_use]
    pub fn prefix(&self, node: usize) -> String {
        match self.depth {
            0 => String::new(),
            depth => format!("{node:0width$x}", width = usize::from(depth)),
        }
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> NodeHash {
        self.fold(0).nodes.first().copied().unwrap_or_default()
    }

    /// The tree at a depth above this one; the same at its own depth or below, which it does not know.
    #[must_use]
    pub fn fold(&self, depth: u8) -> Self {
        let mut nodes = self.nodes.clone();
        for _ in depth..self.depth {
            nodes = nodes.chunks(FAN_OUT).map(inner).collect();
        }
        Self { count: self.count, depth: self.depth.min(depth), nodes }
    }

    /// The places at which two trees of one depth differ, ascending: at depth 4 the leaves.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<u16> {
        let pairs = (0..=u16::MAX).zip(self.nodes.iter().zip(&other.nodes));
        pairs.filter(|(_, (a, b))| a != b).map(|(place, _)| place).collect()
    }
}

/// The leaf after one more record.
pub(super) fn step(leaf: &NodeHash, record: &RecordHash) -> NodeHash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[LEAF_STEP]).update(leaf.as_bytes()).update(record.as_bytes());
    NodeHash::from_bytes(*hasher.finalize().as_bytes())
}

fn inner(children: &[NodeHash]) -> NodeHash {
    if children.iter().all(NodeHash::is_empty) {
        return NodeHash::EMPTY;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[INNER]);
    for child in children {
        hasher.update(child.as_bytes());
    }
    NodeHash::from_bytes(*hasher.finalize().as_bytes())
}

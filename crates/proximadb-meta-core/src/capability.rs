//! What a backend can do beyond the mandatory profile (rule 1). A capability that is false is refused, never emulated.

use crate::record::Field;

/// What an acknowledged write survives. Ordered: each level includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing: gone with the process.
    Volatile,
    /// A crash of the process.
    Process,
    /// A loss of power: written and synced before the acknowledgement.
    Synced,
    /// The loss of a machine: on a quorum of them.
    Quorum,
}

/// How large a batch the store takes as one atomic unit. Any single-record operation fits regardless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchLimits {
    /// Most operations.
    pub ops: usize,
    /// Most records touched.
    pub items: usize,
    /// Most bytes: sum of the canonical JSON of the records written.
    pub bytes: usize,
}

/// What the composed stack (backend and layers) can do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Batches are atomic up to these limits.
    pub atomic_batch: BatchLimits,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// Orders a list can have, ascending and descending. `Field::Id` always.
    pub orders: Vec<Field>,
    /// A list over all its pages shows one instant.
    pub snapshot_list: bool,
    /// Repeated idempotency keys return the first outcome.
    pub idempotency: bool,
    /// Reads of a scope that allows staleness may be served by replicas.
    pub stale_reads: bool,
    /// Several processes may open the store at once.
    pub multi_process: bool,
    /// `backup` and `restore` in the portable archive.
    pub portable_backup: bool,
    /// `backup` and `restore` in the store's own format.
    pub native_backup: bool,
    /// A portable backup taken while writers run shows one instant.
    pub snapshot_backup: bool,
    /// `explain`.
    pub explain: bool,
    /// `aggregate`.
    pub aggregate: bool,
    /// `maintain`.
    pub maintain: bool,
    /// `schema`: the store keeps a format, and says which migrations it has and needs.
    pub schema: bool,
    /// `diagnose`.
    pub diagnose: bool,
    /// `watch`.
    pub watch: bool,
    /// Ranked native text search.
    pub ranked_text: bool,
    /// `digest`: the tree of hashes by which catalogs are compared, made within the store.
    pub digest: bool,
}

impl Capabilities {
    /// The mandatory profile and nothing else.
    #[must_use]
    pub fn mandatory(atomic_batch: BatchLimits, durability: Durability) -> Self {
        Self {
            atomic_batch,
            durability,
            orders: vec![Field::Id],
            snapshot_list: false,
            idempotency: false,
            stale_reads: false,
            multi_process: false,
            portable_backup: false,
            native_backup: false,
            snapshot_backup: false,
            explain: false,
            aggregate: false,
            maintain: false,
            schema: false,
            diagnose: false,
            watch: false,
            ranked_text: false,
            digest: false,
        }
    }
}

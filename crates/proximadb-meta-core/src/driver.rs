//! What a backend crate implements: small, with native async functions, on complete records.
//!
//! A driver stores and finds; it never stamps, never validates limits, never looks at a clock. [`Contract`](crate::Contract)
//! wraps it and is the one implementation of [`MetadataBackend`](crate::MetadataBackend).
//!
//! # Writing one
//!
//! * **Key.** `(call.namespace, id)`; the name is unique within the namespace. Both compare by bytes. Two namespaces share
//!   nothing.
//! * **[`get`](Driver::get)** answers what is stored, expired or not: the adapter needs to see what holds an id or a name.
//! * **[`apply`](Driver::apply)** gets a unit of net writes, at most one an id, and does all of them or none:
//!   1. Each write's own precondition, against the store as it was before the unit: [`Expect::holds`] for
//!      `Put`, `Update`, `Revise`, `Delete` and `Check`; for `Count` [`Life::holds`], at any version of the record. What
//!      `Revise` finds must not have expired either. If not: [`RefusalCause::Precondition`] with what is there instead.
//!   2. `Put` stores the record as given. `Update` stores it with the *stored* counters moved by the deltas, `Revise` with the
//!      stored counters and `created_at` and the later `updated_at`, `Count` stores the *stored* record with its counters
//!      moved: [`CounterDeltas::apply`] gives them, and `None` is [`RefusalCause::OutOfRange`]. None of them may lose a delta
//!      that another caller applies at the same time.
//!   3. When all is in place every name that a write [gave](NetWrite::name) a record is held by that record alone. If not:
//!      [`RefusalCause::NameTaken`] with the other record, also when it expired.
//!   4. The answer has one entry a write, in their order. A refusal names the write (any that is refused; the first is
//!      best). It is no error: the adapter reads again, plans again and finds the words.
//!
//!   [`NetWrite::step`] does the first two for one write. [`Space`] does all of it for a group of units, over the records that a
//!   driver read in the transaction that will write the difference. A driver that reads the writes by itself answers a kind that
//!   it does not know (the enum grows) with an [`Unsupported`](ErrorKind::Unsupported) error before anything is done. The
//!   `before` records are a convenience for index upkeep; preconditions guarantee that they are what is stored, except for
//!   counters.
//! * **[`scan`](Driver::scan)** returns records in `scan.order` (ties by id, in the same direction) strictly after
//!   `scan.after`, at most `scan.limit`. A part may be short or empty as long as `next` says where to go on; only `None` ends the list.
//!   With the default [`push`](Driver::push) `scan.filter` is always `None`, and the adapter filters. Only orders among the
//!   declared [`Capabilities::orders`] are asked for.
//! * **[`digest`](Driver::digest)** is a capability: records in the order of their ids go through a
//!   [`DigestBuilder`](crate::digest::DigestBuilder), which leaves out what expired at `call.now`.
//! * **[`mark_restoring`](Driver::mark_restoring)** is called by a restore alone. A driver without one answers `Unsupported`.
//! * **[`schema`](Driver::schema)** and **[`diagnose`](Driver::diagnose)** are for operators, each with its capability. A store whose
//!   [`connect`](crate::registry::BackendPlugin::connect) migrates it gives its plugin a
//!   [`schema`](crate::registry::BackendPlugin::schema) of its own, so that a plan changes nothing; one that can be looked at from
//!   outside gives it an [`examine`](crate::registry::BackendPlugin::examine).
//! * **Errors** are for what went wrong, with the kind that tells a caller what to do (`Unavailable`, `Timeout`, `Throttled`,
//!   `StorageFull`, `Corruption`, ...). A write whose outcome is not known is an error with
//!   [`Retry::UnknownOutcome`](crate::Retry::UnknownOutcome), never "failed".
//! * **[`capabilities`](Driver::capabilities)**: begin with [`Capabilities::mandatory`], and set what the store does by itself.
//!
//! The suite of the crate `proximadb-meta-testkit` asks for all of this, one named case each.

mod space;
mod step;

use std::future::Future;
use std::sync::Arc;

pub use space::{Cell, Space};
pub use step::Step;

use crate::capability::Capabilities;
use crate::context::Call;
use crate::digest::{Digest, DigestRequest};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::{Literal, Normal};
use crate::limits::MAX_SAFE_INTEGER;
use crate::page::{Order, Position};
use crate::record::{CollectionMetadata, Incarnation};
use crate::report::{
    BackendStats, BackupOptions, BackupReport, Descriptor, Finding, Health, RestoreOptions, RestoreReport,
    SchemaAction, SchemaReport,
};
use crate::search::Ranked;
use crate::time::Timestamp;

/// What a point read looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key<'a> {
    /// By id.
    Id(&'a str),
    /// By name.
    Name(&'a str),
}

/// What must be true of an id for its net write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// No record, also no expired one.
    Absent,
    /// Exactly this life of the record at this version.
    Exact {
        /// Stored version.
        version: u64,
        /// Stored incarnation.
        incarnation: Incarnation,
    },
}

impl Expect {
    /// Exactly `record`.
    #[must_use]
    pub fn exactly(record: &CollectionMetadata) -> Self {
        Self::Exact { version: record.version, incarnation: record.incarnation }
    }

    /// Whether `found` is what is expected.
    #[must_use]
    pub fn holds(self, found: Option<&CollectionMetadata>) -> bool {
        match (self, found) {
            (Self::Absent, None) => true,
            (Self::Exact { version, incarnation }, Some(r)) => r.version == version && r.incarnation == incarnation,
            _ => false,
        }
    }
}

/// Which life of a record a [`Count`](NetWrite::Count) means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Life {
    /// This one: the caller read it.
    Of(Incarnation),
    /// Whichever is there, unless it expired by this time: nobody read it.
    At(Timestamp),
}

impl Life {
    /// Whether `found` is meant.
    #[must_use]
    pub fn holds(self, found: &CollectionMetadata) -> bool {
        match self {
            Self::Of(incarnation) => found.incarnation == incarnation,
            Self::At(now) => !found.is_expired(now),
        }
    }
}

/// The net change of one counter, with the lowest and highest partial sum on the way: a batch must not dip below zero
/// in the middle even if it ends above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CounterDelta {
    /// Sum of all deltas.
    pub net: i64,
    /// Lowest partial sum, at most 0.
    pub low: i64,
    /// Highest partial sum, at least 0.
    pub high: i64,
}

impl CounterDelta {
    /// One more delta after those before.
    ///
    /// # Errors
    /// `OutOfRange` when a sum leaves +-(2^53-1): no stored counter could take it.
    pub fn then(self, delta: i64) -> Result<Self> {
        let limit = MAX_SAFE_INTEGER as i64;
        let net = self
            .net
            .checked_add(delta)
            .filter(|n| (-limit..=limit).contains(n))
            .ok_or_else(|| Error::new(ErrorKind::OutOfRange, format!("a counter moves by more than {limit}")))?;
        Ok(Self { net, low: self.low.min(net), high: self.high.max(net) })
    }

    /// The counter after the change; `None` when it would leave `0..=2^53-1` on the way.
    #[must_use]
    pub fn apply(self, stored: u64) -> Option<u64> {
        let stored = i64::try_from(stored).ok()?;
        let lowest = stored.checked_add(self.low)?;
        let highest = stored.checked_add(self.high)?;
        if lowest < 0 || highest > MAX_SAFE_INTEGER as i64 {
            return None;
        }
        u64::try_from(stored.checked_add(self.net)?).ok()
    }
}

/// Both counters of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CounterDeltas {
    /// `vector_count`.
    pub vectors: CounterDelta,
    /// `total_size_bytes`.
    pub bytes: CounterDelta,
}

impl CounterDeltas {
    /// `(vector_count, total_size_bytes)` after the change; `None` when either leaves its range.
    #[must_use]
    pub fn apply(self, stored: &CollectionMetadata) -> Option<(u64, u64)> {
        Some((self.vectors.apply(stored.vector_count)?, self.bytes.apply(stored.total_size_bytes)?))
    }
}

/// What happens to one id. At most one net write an id in a [`Prepared`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NetWrite {
    /// Store the record as it is, counters included.
    Put {
        /// The complete record.
        record: Arc<CollectionMetadata>,
        /// What must be there.
        expect: Expect,
        /// The record that is there by the adapter's knowledge: its name is released, index entries go.
        before: Option<Arc<CollectionMetadata>>,
    },
    /// Store everything of the record except the counters, which stay as stored and move by the deltas.
    Update {
        /// The complete record; its counters are to be ignored.
        record: Arc<CollectionMetadata>,
        /// What must be there: `Exact`.
        expect: Expect,
        /// By how much the stored counters move.
        deltas: CounterDeltas,
        /// The record that is there.
        before: Arc<CollectionMetadata>,
    },
    /// As an update, of a record that nobody read before: what an update keeps is taken from the stored one. Asked only of a
    /// driver that [`revises`](Driver::revises).
    Revise {
        /// The record as it is to be; its `created_at` and counters are to be ignored, and `updated_at` stays the stored one
        /// where that is later.
        record: Arc<CollectionMetadata>,
        /// What must be there: `Exact`.
        expect: Expect,
        /// It must not have expired by this time.
        now: Timestamp,
    },
    /// Move the counters of whatever version is stored.
    Count {
        /// Which.
        id: Arc<str>,
        /// Which life of it.
        life: Life,
        /// By how much.
        deltas: CounterDeltas,
    },
    /// Remove the record.
    Delete {
        /// What must be there: `Exact`.
        expect: Expect,
        /// The record that is there.
        before: Arc<CollectionMetadata>,
    },
    /// Nothing; only what must be true for the rest to happen.
    Check {
        /// Which id.
        id: Arc<str>,
        /// What must be there.
        expect: Expect,
    },
}

impl NetWrite {
    /// The id it works on.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        match self {
            Self::Put { record, .. } | Self::Update { record, .. } | Self::Revise { record, .. } => &record.id,
            Self::Delete { before, .. } => &before.id,
            Self::Count { id, .. } | Self::Check { id, .. } => id,
        }
    }

    /// The name that its record is to have; nothing where it gives none.
    #[must_use]
    pub fn name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Put { record, .. } | Self::Update { record, .. } | Self::Revise { record, .. } => Some(&record.name),
            Self::Count { .. } | Self::Delete { .. } | Self::Check { .. } => None,
        }
    }
}

/// One atomic unit: all net writes happen, or none and the first refusal is told.
///
/// Beyond each write's own precondition the final state must have unique names: a driver checks every name that a write
/// takes against all records but those the unit itself removes or renames. Stores with immediate constraints apply deletes
/// first, then renames away, then the rest.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Prepared {
    /// The net writes, at most one an id.
    pub writes: Vec<NetWrite>,
}

impl Prepared {
    /// A unit of these writes.
    #[must_use]
    pub fn new(writes: Vec<NetWrite>) -> Self {
        Self { writes }
    }
}

/// The answer to [`Driver::apply`].
#[derive(Clone, Debug)]
pub enum Applied {
    /// Done, and as durable as declared. One entry a net write: the record as stored (with its counters), `None` for
    /// deletes and checks.
    Done(Vec<Option<Arc<CollectionMetadata>>>),
    /// Nothing was done: this precondition does not hold.
    Refused(Refusal),
}

/// Why a unit was refused. Holders may be expired: the adapter decides what that means.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Which net write, counted from 0.
    pub write: usize,
    /// What is in the way.
    pub cause: RefusalCause,
}

/// What is in the way of a net write.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RefusalCause {
    /// The id holds something else than expected: this record, or nothing.
    Precondition(Option<Arc<CollectionMetadata>>),
    /// The name is held by another id.
    NameTaken(Arc<CollectionMetadata>),
    /// A counter of this stored record would leave its range.
    OutOfRange(Arc<CollectionMetadata>),
}

/// How much of a filter leaf a store answers by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// Exactly what [`evaluate`](crate::filter::Literal::evaluate) says.
    Exact,
    /// All that match and some that do not.
    Superset,
    /// Not at all.
    No,
}

/// What to read in order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Scan {
    /// The pushed part: made only of leaves the driver called `Exact` or `Superset`. `None`: everything.
    pub filter: Option<Arc<Normal>>,
    /// The order.
    pub order: Order,
    /// Start after this place.
    pub after: Option<Position>,
    /// Most records to return, at least 1.
    pub limit: usize,
    /// The answer's [`access`](Scanned::access) is wanted; a store for which it is another question may leave it empty
    /// otherwise.
    pub explain: bool,
}

impl Scan {
    /// A scan of everything by `order`.
    #[must_use]
    pub fn new(order: Order, limit: usize) -> Self {
        Self { filter: None, order, after: None, limit, explain: false }
    }
}

/// A part of a scan.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Scanned {
    /// Records in order. Expired ones may be among them.
    pub records: Vec<Arc<CollectionMetadata>>,
    /// Where to go on: usually after the last record, further on if the store looked at more. `None`: the end.
    pub next: Option<Position>,
    /// Records (or index entries) the store looked at.
    pub examined: u64,
    /// How it found them, for `explain`.
    pub access: Arc<str>,
}

impl Scanned {
    /// A part of a scan.
    #[must_use]
    pub fn new(
        records: Vec<Arc<CollectionMetadata>>,
        next: Option<Position>,
        examined: u64,
        access: impl Into<Arc<str>>,
    ) -> Self {
        Self { records, next, examined, access: access.into() }
    }
}

/// What to search for, ranked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Search {
    /// The words as they were given: [`query_words`](crate::keywords::query_words) reads them, and at least one is there.
    pub query: Arc<str>,
    /// The pushed part of the filter, as in a [`Scan`].
    pub filter: Option<Arc<Normal>>,
    /// How many of the best were had already.
    pub skip: usize,
    /// Most records to return, at least 1.
    pub limit: usize,
}

/// A store. See the [module](self) for what is and is not its business.
///
/// Dropping the future of `apply` or `mark_restoring` leaves the write not started, or completing detached; never half done.
/// No `poll` blocks on I/O. After `close` every call answers `Closed`.
pub trait Driver: Send + Sync + 'static {
    /// Who it is.
    fn descriptor(&self) -> &Descriptor;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// The record, expired or not. Linearizable unless the call allows staleness, which one that a write hangs on never does. A
    /// key that is not there is `None`, never an error.
    fn get(&self, call: &Call, key: Key<'_>) -> impl Future<Output = Result<Option<Arc<CollectionMetadata>>>> + Send;

    /// Applies one atomic unit, as the [module](self#writing-one) says step by step. The unit is within
    /// [`Capabilities::atomic_batch`], or made from one operation: that is at most two writes, since a create or rename
    /// also removes an expired holder of its name.
    fn apply(&self, call: &Call, unit: Prepared) -> impl Future<Output = Result<Applied>> + Send;

    /// How much of a leaf the store answers. A leaf it does not know is [`Push::No`].
    fn push(&self, literal: &Literal) -> Push {
        let _ = literal;
        Push::No
    }

    /// Reads in order. [`Position::after`] and [`Order::compare_to`] make and compare places.
    fn scan(&self, call: &Call, scan: Scan) -> impl Future<Output = Result<Scanned>> + Send;

    /// Marks the namespace as being restored, durably: until unmarked every call without `restoring` is refused with
    /// `Unavailable`, also after a crash and reopen. `Unsupported` where there is no restore.
    fn mark_restoring(&self, call: &Call, on: bool) -> impl Future<Output = Result<()>> + Send;

    /// True statistics. What the store cannot count is `None`; a record is live when it is not expired at `call.now`.
    fn stats(&self, call: &Call) -> impl Future<Output = Result<BackendStats>> + Send;

    /// Asks the store itself whether it serves, not a memory of it. An error is turned into `Down` with the error as its cause.
    fn health(&self, call: &Call) -> impl Future<Output = Result<Health>> + Send;

    /// Backs the namespace up. Most drivers hand their records to the archive crate.
    fn backup(
        &self,
        call: &Call,
        location: &str,
        options: BackupOptions,
    ) -> impl Future<Output = Result<BackupReport>> + Send {
        let _ = (call, location, options);
        async { Err(Error::unsupported("this backend has no backup")) }
    }

    /// Restores a backup into the namespace.
    fn restore(
        &self,
        call: &Call,
        id: &str,
        location: &str,
        options: RestoreOptions,
    ) -> impl Future<Output = Result<RestoreReport>> + Send {
        let _ = (call, id, location, options);
        async { Err(Error::unsupported("this backend has no restore")) }
    }

    /// Housekeeping: what was done, in words.
    fn maintain(&self, call: &Call) -> impl Future<Output = Result<String>> + Send {
        let _ = call;
        async { Err(Error::unsupported("this backend has no maintenance")) }
    }

    /// The records that have one of the words, best first, ties by id; expired ones may be among them. Fewer than asked for is
    /// the end.
    fn search(&self, call: &Call, search: Search) -> impl Future<Output = Result<Vec<Ranked>>> + Send {
        let _ = (call, search);
        async { Err(Error::unsupported("this backend has no ranked search")) }
    }

    /// The layout of the store, or its change. `Status` and `Plan` change nothing. The format is read from the store, not from
    /// a memory of it.
    fn schema(&self, call: &Call, action: SchemaAction) -> impl Future<Output = Result<SchemaReport>> + Send {
        let _ = (call, action);
        async { Err(Error::unsupported("this backend has no schema")) }
    }

    /// Whether [`apply`](Self::apply) does a [`Revise`](NetWrite::Revise). By default no, and updates come with the record that was
    /// read; right for a store that a read costs no round trip.
    fn revises(&self) -> bool {
        false
    }

    /// Looks the store over: what only the driver can see. The adapter adds health, durability, batch limits and the clock by
    /// itself. A thing that cannot be looked at is a finding that says so, not an error.
    fn diagnose(&self, call: &Call) -> impl Future<Output = Result<Vec<Finding>>> + Send {
        let _ = call;
        async { Err(Error::unsupported("this backend has no diagnosis")) }
    }

    /// The digest of the namespace's records that are live at `call.now`. A driver hands its records, in ascending order of
    /// their ids, to a [`DigestBuilder`](crate::digest::DigestBuilder), or all of them to
    /// [`digest_of`](crate::digest::digest_of); both leave out what expired.
    fn digest(&self, call: &Call, request: DigestRequest) -> impl Future<Output = Result<Digest>> + Send {
        let _ = (call, request);
        async { Err(Error::unsupported("this backend has no digest")) }
    }

    /// Finishes what was accepted, releases the store. Idempotent.
    fn close(&self) -> impl Future<Output = Result<()>> + Send;
}

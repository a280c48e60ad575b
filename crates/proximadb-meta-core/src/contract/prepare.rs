//! Validation and stamping: what is checked before a driver is called, and what create, update and `set_*` fill in.

use std::sync::Arc;

use crate::capability::BatchLimits;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{MAX_NAME_BYTES, MAX_SAFE_INTEGER, check_line, check_record, json_size_bound, retention_end};
use crate::operation::{Change, Operation};
use crate::record::{CollectionMetadata, Incarnation};
use crate::time::Timestamp;
use crate::word::DistanceMetric;

impl BatchLimits {
    /// Whether these operations fit into one atomic unit. A single operation always does. Cost: O(operations), and the
    /// canonical JSON of the records only when an upper bound of its size does not settle it.
    ///
    /// # Errors
    /// `Unsupported` that names the limit.
    pub fn fits(&self, operations: &[Operation]) -> Result<()> {
        if operations.len() <= 1 {
            return Ok(());
        }
        let over = |what: &str, is: usize, limit: usize| {
            Err(Error::unsupported(format!("the batch has {is} {what}; this backend applies at most {limit} at once"))
                .with_hint("split it; each part is atomic by itself"))
        };
        if operations.len() > self.ops {
            return over("operations", operations.len(), self.ops);
        }
        if operations.len() > self.items {
            return over("records", operations.len(), self.items);
        }
        let records = || {
            operations.iter().filter_map(|op| match op {
                Operation::Create(r) | Operation::Update(r) | Operation::Put { record: r, .. } => Some(r),
                _ => None,
            })
        };
        if records().map(json_size_bound).sum::<usize>() > self.bytes {
            let exact: usize = records().map(|r| r.to_json().len()).sum();
            if exact > self.bytes {
                return over("bytes", exact, self.bytes);
            }
        }
        Ok(())
    }
}

/// Whether an id can be in a store at all.
pub(super) fn is_possible_id(id: &str) -> bool {
    check_line("id", id, MAX_NAME_BYTES).is_ok()
}

/// Checks and stamps what does not depend on the store. Reads of the store come after every operation passed.
pub(super) fn prepare(op: &mut Operation, now: Timestamp) -> Result<()> {
    match op {
        Operation::Create(r) => {
            if r.id.is_empty() {
                r.id = new_id(now);
            }
            r.created_at = now;
            r.updated_at = now;
            r.version = 1;
            r.incarnation = Incarnation::random();
            fill_expiry(r);
            check_record(r)?;
            refuse_past_expiry(r, now)
        }
        Operation::Update(r) => {
            r.vector_count = 0;
            r.total_size_bytes = 0;
            check_record(r)?;
            refuse_past_expiry(r, now)
        }
        Operation::Put { record: r, .. } => {
            if r.id.is_empty() {
                return Err(Error::invalid("put needs an id").with_hint("create makes one where it is left empty"));
            }
            r.version = r.version.max(1);
            r.incarnation = Incarnation::random();
            check_record(r)
        }
        Operation::Set { change, .. } => {
            let mut probe = CollectionMetadata::new("probe", 1, DistanceMetric::COSINE);
            probe.id = "probe".into();
            set(&mut probe, change);
            check_record(&probe)?;
            refuse_past_expiry(&probe, now)
        }
        Operation::Delete { .. } | Operation::RecordStats { .. } => Ok(()),
    }
}

fn new_id(now: Timestamp) -> Arc<str> {
    let micros = now.as_micros().max(0).unsigned_abs();
    let stamp = uuid::Timestamp::from_unix_time(micros / 1_000_000, (micros % 1_000_000) as u32 * 1000, 0, 0);
    uuid::Uuid::new_v7(stamp).to_string().into()
}

fn fill_expiry(r: &mut CollectionMetadata) {
    if let (None, Some(retention)) = (r.expires_at, r.retention.filter(|x| x.auto_delete)) {
        r.expires_at = Some(retention_end(r.created_at, retention.retain_days));
    }
}

fn refuse_past_expiry(r: &CollectionMetadata, now: Timestamp) -> Result<()> {
    match r.expires_at {
        Some(at) if now >= at => Err(Error::invalid(format!("expires_at is {at}, not after now ({now})"))
            .with_hint("delete the collection instead, or set a later time")),
        _ => Ok(()),
    }
}

/// The record an update stores over `stored`. Its counters are `stored`'s and are not written.
pub(super) fn updated(
    mut new: CollectionMetadata,
    stored: &CollectionMetadata,
    now: Timestamp,
) -> Result<CollectionMetadata> {
    if stored.version >= MAX_SAFE_INTEGER {
        return Err(Error::new(ErrorKind::OutOfRange, format!("version is at its limit, {MAX_SAFE_INTEGER}")));
    }
    new.created_at = stored.created_at;
    new.updated_at = now.max(stored.updated_at);
    new.version = stored.version + 1;
    new.incarnation = stored.incarnation;
    new.vector_count = stored.vector_count;
    new.total_size_bytes = stored.total_size_bytes;
    fill_expiry(&mut new);
    check_record(&new)?;
    refuse_past_expiry(&new, now)?;
    Ok(new)
}

/// Applies one change to a copy of the stored record.
pub(super) fn set(r: &mut CollectionMetadata, change: &Change) {
    match change {
        Change::Tags(v) => r.tags = v.clone(),
        Change::Owner(v) => r.owner = v.clone(),
        Change::Description(v) => r.description = v.clone(),
        Change::AccessPattern(v) => r.access_pattern = *v,
        Change::IndexingAlgorithm(v) => r.indexing_algorithm = v.clone(),
        Change::Retention(v) => r.retention = *v,
        Change::ExpiresAt(v) => r.expires_at = *v,
        Change::Config(v) => r.config = v.clone(),
    }
}

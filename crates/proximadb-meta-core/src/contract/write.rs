//! The write path: read what the plan needs, plan, apply, and plan again when somebody was faster.

use std::sync::Arc;
use std::time::Duration;

use super::Contract;
use super::plan::{Plan, View};
use super::prepare::{is_possible_id, prepare};
use crate::context::Call;
use crate::driver::{Applied, CounterDelta, CounterDeltas, Driver, Expect, Key, Life, NetWrite, Prepared};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{MAX_RECORD_BYTES, MAX_SAFE_INTEGER, json_size_bound};
use crate::operation::{Operation, Outcome, PutIf, StatsDelta};
use crate::record::CollectionMetadata;

/// How often a write is planned anew before contention is reported. Each refusal means that another writer got through.
const MAX_ATTEMPTS: u32 = 256;
/// Attempts that only yield; later ones wait a little, at random.
const YIELDING_ATTEMPTS: u32 = 16;

impl<D: Driver> Contract<D> {
    pub(super) async fn write(&self, mut operations: Vec<Operation>) -> Result<Vec<Outcome>> {
        self.refuse_idempotency_key()?;
        if operations.is_empty() {
            return Ok(Vec::new());
        }
        let call = self.write_call();
        for (index, op) in operations.iter_mut().enumerate() {
            prepare(op, call.now).map_err(|e| e.at_index(index))?;
        }
        let mut first = 0;
        if operations.len() == 1
            && let Some(operation) = operations.pop()
        {
            match self.write_one(&call, operation).await? {
                One::Done(outcome) => return Ok(vec![outcome]),
                One::Refused(operation) => (first, operations) = (1, vec![operation]),
                One::ToPlan(operation) => operations.push(operation),
            }
        }
        self.shared.driver.capabilities().atomic_batch.fits(&operations)?;
        for attempt in first..MAX_ATTEMPTS {
            let view = self.view(&call, &operations, attempt > 0).await?;
            let plan = match Plan::new(&operations, &view, call.now) {
                Ok(plan) => plan,
                // Planned over assumptions: only what was read may refuse a caller.
                Err(_) if attempt == 0 && operations.len() > 1 => continue,
                Err(e) => return Err(e),
            };
            // A name that is held only on the way must have been read: the driver checks what is there at the end.
            if attempt == 0 && plan.hangs_on_an_assumption() {
                continue;
            }
            if plan.changes_nothing() {
                return Ok(plan.outcomes(&[], &[]));
            }
            let unit = Prepared::new(plan.writes());
            let ids: Vec<Arc<str>> = unit.writes.iter().map(|w| w.id().clone()).collect();
            match self.shared.driver.apply(&call, unit).await? {
                Applied::Done(stored) => return Ok(plan.outcomes(&ids, &stored)),
                Applied::Refused(_) => pause(attempt).await,
            }
        }
        Err(Error::new(ErrorKind::Throttled, format!("other writers were faster {MAX_ATTEMPTS} times in a row"))
            .with_hint("nothing was written; try again")
            .with_retry_after(Duration::from_millis(100)))
    }

    /// The usual call: one operation that meets what it expects, without a plan.
    async fn write_one(&self, call: &Call, operation: Operation) -> Result<One> {
        Ok(match operation {
            Operation::Create(record) => {
                let record = Arc::new(record);
                let put = NetWrite::Put { record: record.clone(), expect: Expect::Absent, before: None };
                match self.apply_one(call, put).await? {
                    Some(stored) => One::Done(Outcome::Stored(stored.unwrap_or(record))),
                    None => One::Refused(Operation::Create(Arc::unwrap_or_clone(record))),
                }
            }
            Operation::Update(record) if self.shared.driver.revises() && can_be_revised(&record) => {
                let mut next = record.clone();
                next.version += 1;
                next.updated_at = call.now;
                let expect = Expect::exactly(&record);
                match self.apply_one(call, NetWrite::Revise { record: Arc::new(next), expect, now: call.now }).await? {
                    Some(stored) => One::Done(Outcome::Stored(known(stored)?)),
                    None => One::Refused(Operation::Update(record)),
                }
            }
            Operation::RecordStats { id, delta } if is_possible_id(&id) => {
                let Some(deltas) = deltas(delta) else {
                    return Ok(One::ToPlan(Operation::RecordStats { id, delta }));
                };
                // Nothing of the record has to be known: the store moves whatever is alive.
                let count = NetWrite::Count { id: id.clone(), life: Life::At(call.now), deltas };
                match self.apply_one(call, count).await? {
                    Some(stored) => One::Done(Outcome::Stored(known(stored)?)),
                    None => One::Refused(Operation::RecordStats { id, delta }),
                }
            }
            other => One::ToPlan(other),
        })
    }

    /// The record as stored; nothing if the write was refused.
    async fn apply_one(&self, call: &Call, write: NetWrite) -> Result<Option<Option<Arc<CollectionMetadata>>>> {
        Ok(match self.shared.driver.apply(call, Prepared::new(vec![write])).await? {
            Applied::Done(stored) => Some(stored.into_iter().next().flatten()),
            Applied::Refused(_) => None,
        })
    }

    /// Reads what the operations need. At first ids and names that are to be new are not read: the driver checks them in
    /// the write itself.
    async fn view(&self, call: &Call, operations: &[Operation], everything: bool) -> Result<View> {
        let mut view = View::default();
        for op in operations {
            let assumed_new = matches!(op, Operation::Create(_) | Operation::Put { when: PutIf::Absent, .. });
            let id = op.id();
            if (everything || !assumed_new) && !view.ids.contains_key(id) && is_possible_id(id) {
                let found = self.shared.driver.get(call, Key::Id(id)).await?;
                view.ids.insert(id.clone(), found);
            }
            if let Operation::Create(r) | Operation::Update(r) | Operation::Put { record: r, .. } = op
                && everything
                && !view.names.contains_key(&r.name)
            {
                let found = self.shared.driver.get(call, Key::Name(&r.name)).await?;
                view.names.insert(r.name.clone(), found);
            }
        }
        // A record that a later step removes or renames still holds its name now.
        for held in view.ids.values().flatten() {
            view.names.entry(held.name.clone()).or_insert_with(|| Some(held.clone()));
        }
        Ok(view)
    }
}

/// What became of a single operation that was not planned.
enum One {
    Done(Outcome),
    /// Nothing was written; a plan over what is there finds out what has to be done or said.
    Refused(Operation),
    /// It was not tried.
    ToPlan(Operation),
}

/// What a driver must have told of a record that it stored.
fn known(stored: Option<Arc<CollectionMetadata>>) -> Result<Arc<CollectionMetadata>> {
    stored.ok_or_else(|| Error::new(ErrorKind::Internal, "a write was answered without its record"))
}

/// Whether an update needs nothing of the stored record: neither when it was made, for its expiry, nor how long its counters are,
/// for the limit of its size.
fn can_be_revised(r: &CollectionMetadata) -> bool {
    let expiry_is_known = r.expires_at.is_some() || !r.retention.is_some_and(|x| x.auto_delete);
    expiry_is_known && r.version < MAX_SAFE_INTEGER && is_possible_id(&r.id) && json_size_bound(r) <= MAX_RECORD_BYTES
}

/// `None` where no counter could move so.
fn deltas(delta: StatsDelta) -> Option<CounterDeltas> {
    let vectors = CounterDelta::default().then(delta.vectors).ok()?;
    let bytes = CounterDelta::default().then(delta.bytes).ok()?;
    Some(CounterDeltas { vectors, bytes })
}

/// Lets the faster writer finish: at first by yielding, then for a random time of at most 8 ms.
async fn pause(attempt: u32) {
    if attempt < YIELDING_ATTEMPTS {
        tokio::task::yield_now().await;
    } else {
        let micros = rand::random_range(0..=(1u64 << (attempt / 16).min(13)));
        tokio::time::sleep(Duration::from_micros(micros)).await;
    }
}

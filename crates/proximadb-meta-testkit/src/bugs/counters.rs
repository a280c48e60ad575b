//! Wrong counters.

use proximadb_meta_core::ErrorKind::OutOfRange;
use proximadb_meta_core::{Change, Error, Operation, Outcome, Result, StatsDelta};

use super::{Bug, Buggy, Record};

impl Buggy {
    pub(super) async fn count_up(&self, id: &str, delta: StatsDelta) -> Result<Record> {
        let key = self.key(id);
        if self.is(Bug::CounterLost) {
            let lost = self.take_off(&key);
            tokio::task::yield_now().await;
            let delta = if lost { StatsDelta::default() } else { delta };
            let moved = self.inner.record_stats(id, delta).await;
            self.land(&key);
            return moved;
        }
        match self.inner.record_stats(id, delta).await {
            Ok(r) if self.strikes(Bug::DeltaTwice, 3) => {
                // Sent again although it was done; the answer is of the first.
                let _ = self.inner.record_stats(id, delta).await;
                Ok(r)
            }
            Ok(_) if self.is(Bug::CounterBumpsVersion) => {
                let Some(r) = self.inner.get_collection(id).await? else { return Err(Error::not_found(id)) };
                let change = Change::AccessPattern(r.access_pattern);
                let out = self.inner.batch_operations(vec![Operation::Set { id: id.into(), change }]).await?;
                out.first().and_then(Outcome::record).cloned().ok_or_else(|| Error::not_found(id))
            }
            Err(e) if self.is(Bug::CounterClamped) && e.kind() == OutOfRange => {
                let Some(r) = self.inner.get_collection(id).await? else { return Err(e) };
                let clamp = |stored: u64, by: i64| {
                    let stored = i64::try_from(stored).unwrap_or(0);
                    stored.saturating_add(by).clamp(0, (1 << 53) - 1) - stored
                };
                let (vectors, bytes) = (clamp(r.vector_count, delta.vectors), clamp(r.total_size_bytes, delta.bytes));
                self.inner.record_stats(id, StatsDelta { vectors, bytes }).await
            }
            Err(e) if self.is(Bug::CounterHalfApplied) && e.kind() == OutOfRange => {
                // The good half stays; what was refused is told.
                let _ = self.inner.record_stats(id, StatsDelta { vectors: delta.vectors, bytes: 0 }).await;
                Err(e)
            }
            other => other,
        }
    }
}

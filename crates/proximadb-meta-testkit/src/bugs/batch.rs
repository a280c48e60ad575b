//! Wrong batches.

use proximadb_meta_core::ErrorKind::InvalidInput;
use proximadb_meta_core::{Operation, Outcome, Result};

use super::{Bug, Buggy};

impl Buggy {
    pub(super) async fn batch(&self, mut operations: Vec<Operation>) -> Result<Vec<Outcome>> {
        for op in &mut operations {
            if let Operation::Create(r) | Operation::Update(r) | Operation::Put { record: r, .. } = op {
                *r = self.incoming(r.clone());
            }
            if let Operation::Put { record, .. } = op
                && self.is(Bug::PutStamps)
            {
                record.updated_at = self.clock.now();
            }
        }
        let result = self.inner.batch_operations(operations.clone()).await;
        match result {
            Err(e) if self.is(Bug::BatchWrongIndex) && e.index().is_some() => {
                let next = e.index().map_or(0, |i| i + 1);
                Err(e.without_index().at_index(next))
            }
            Err(e) if self.is(Bug::TornBatch) && e.kind() != InvalidInput => {
                let before = e.index().unwrap_or(0);
                operations.truncate(before);
                self.inner.batch_operations(operations).await?;
                Err(e)
            }
            other => other,
        }
    }
}

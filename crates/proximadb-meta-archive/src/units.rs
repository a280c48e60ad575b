//! Records in atomic units: large enough to be fast, small enough for the store.

use std::iter::Peekable;
use std::vec::IntoIter;

use proximadb_meta_core::BatchLimits;

use crate::check::Kept;

/// Most records of a unit: a sync each costs little among so many.
const MOST_RECORDS: usize = 2_000;
/// Most bytes of a unit.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// What one unit takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) records: usize,
    bytes: usize,
}

impl Size {
    /// Within the limits of a store. One record always fits.
    pub(crate) fn within(limits: BatchLimits) -> Self {
        let records = MOST_RECORDS.min(limits.ops).min(limits.items).max(1);
        Self { records, bytes: MOST_BYTES.min(limits.bytes) }
    }

    /// The records in units.
    pub(crate) fn units(self, records: Vec<Kept>) -> Units {
        Units { size: self, rest: records.into_iter().peekable() }
    }
}

/// Units, one after the other.
#[derive(Debug)]
pub(crate) struct Units {
    size: Size,
    rest: Peekable<IntoIter<Kept>>,
}

impl Iterator for Units {
    type Item = Vec<Kept>;

    fn next(&mut self) -> Option<Vec<Kept>> {
        let first = self.rest.next()?;
        let mut bytes = first.bytes;
        let mut unit = vec![first];
        while unit.len() < self.size.records {
            let Some(next) = self.rest.next_if(|k| bytes + k.bytes <= self.size.bytes) else { break };
            bytes += next.bytes;
            unit.push(next);
        }
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proximadb_meta_core::{CollectionMetadata, DistanceMetric};

    use super::*;

    fn lengths(limits: BatchLimits, sizes: &[usize]) -> Vec<usize> {
        let record = Arc::new(CollectionMetadata::new("n", 1, DistanceMetric::COSINE));
        let kept = sizes.iter().map(|&bytes| Kept { record: record.clone(), bytes }).collect();
        Size::within(limits).units(kept).map(|u| u.len()).collect()
    }

    #[test]
    fn units_keep_every_limit_and_one_record_always_fits() {
        let wide = BatchLimits { ops: 10_000, items: 10_000, bytes: 1 << 30 };
        assert_eq!(lengths(wide, &[10; 4001]), [2000, 2000, 1]);
        assert_eq!(lengths(BatchLimits { items: 2, ..wide }, &[10; 5]), [2, 2, 1]);
        assert_eq!(lengths(BatchLimits { ops: 0, ..wide }, &[10; 2]), [1, 1]);
        assert_eq!(lengths(BatchLimits { bytes: 25, ..wide }, &[10, 10, 10, 99, 1]), [2, 1, 1, 1]);
        assert_eq!(lengths(wide, &[3 << 20, 1 << 20, 1]), [2, 1]);
        assert_eq!(lengths(wide, &[]), [0; 0]);
    }
}

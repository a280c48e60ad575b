//! Statistics: every number is counted when it is asked for; the pool's before that, which takes a connection of it.

use std::sync::atomic::{AtomicU64, Ordering};

use proximadb_meta_core::report::{BackendStats, Measured, Stat};
use proximadb_meta_core::{Call, Error, Result};

use crate::driver::PostgresDriver;
use crate::error::damaged;
use crate::pool::Ask;
use crate::row::Param;
use crate::types::Instant;

pub(crate) async fn read(driver: &PostgresDriver, call: &Call) -> Result<BackendStats> {
    let prefix = &driver.texts.prefix;
    let pool = driver.pool.status();
    // One statement, and so one state: the mark of a restore, records, expired ones, namespaces (by steps through the index),
    // bytes of the table, bytes of its indexes.
    let text = format!(
        "WITH RECURSIVE spaces (namespace) AS (\
         SELECT min(namespace) FROM {prefix}collections UNION ALL \
         SELECT (SELECT min(c.namespace) FROM {prefix}collections AS c WHERE c.namespace > spaces.namespace) FROM spaces \
             WHERE spaces.namespace IS NOT NULL) \
         SELECT (SELECT count(*) FROM {prefix}restoring WHERE namespace = $1), \
         (SELECT count(*) FROM {prefix}collections WHERE namespace = $1), \
         (SELECT count(*) FROM {prefix}collections WHERE namespace = $1 AND expires_at <= $2), \
         (SELECT count(namespace) FROM spaces), \
         pg_table_size('{prefix}collections'), pg_indexes_size('{prefix}collections')"
    );
    let params: [Param; 2] = [Box::new(call.namespace.as_str().to_owned()), Box::new(Instant(call.now))];
    let rows = driver.pool.rows("count records", Ask::Prepared(&text, &params)).await?;
    let mut numbers = [0u64; 6];
    for (i, number) in numbers.iter_mut().enumerate() {
        let found: Option<i64> = rows.first().and_then(|row| row.try_get(i).ok());
        *number = found.and_then(|n| u64::try_from(n).ok()).ok_or_else(|| damaged("a count cannot be read"))?;
    }
    let [marks, records, expired, namespaces, table, indexes] = numbers;
    if marks > 0 && !call.restoring {
        return Err(Error::being_restored());
    }
    let mut stats = BackendStats::default();
    stats.collections = Some(Measured::exact(records.saturating_sub(expired)));
    stats.namespaces = Some(Measured::exact(namespaces));
    stats.storage_bytes = Some(Measured::exact(table + indexes));
    let of = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
    let progress = &driver.writer.progress;
    let numbers = [
        ("committed_units", of(&progress.units)),
        ("commits", of(&progress.commits)),
        ("index_bytes", indexes),
        ("pool_active", pool.active as u64),
        ("pool_idle", pool.idle as u64),
        ("pool_max", driver.options.pool_size as u64),
        ("pool_waiting", pool.waiting as u64),
        ("table_bytes", table),
        ("write_retries", of(&progress.retries)),
    ];
    let mut numbers = numbers.to_vec();
    if let Some(replicas) = &driver.replicas {
        let (all, usable) = replicas.counts();
        let reads = of(&replicas.reads);
        numbers.extend([("replica_reads", reads), ("replicas", all as u64), ("replicas_usable", usable as u64)]);
        numbers.sort_unstable();
    }
    stats.more = numbers.into_iter().map(|(name, n)| Stat { name, value: Measured::exact(n) }).collect();
    Ok(stats)
}

//! Read replicas: which of them is fresh enough for a read, by comparing positions in the log.
//!
//! The primary's position is noted from time to time with the time at which it was asked for. A replica that has replayed a
//! noted position has everything that was acknowledged before that time. So no clock of another machine counts, and neither does
//! what a replica says of its own lag. Positions are compared within one timeline alone: after a failover a replica of the old
//! primary can be at a higher position than the new one, in a log that nobody goes on writing.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use proximadb_meta_core::Result;
use tokio_postgres::Row;
use tokio_postgres::types::PgLsn;

use crate::error::damaged;
use crate::pool::{Ask, Pool};

/// How often positions are asked for.
const INTERVAL: Duration = Duration::from_millis(250);
/// Noted positions: a replica that is further behind is not used by anybody.
const MAX_MARKS: usize = 4096;
/// Where the primary is. The names of its files begin with the timeline.
const PRIMARY: &str = "SELECT pg_current_wal_insert_lsn(), \
    ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int8";
/// Where a replica is: what is replayed belongs to the newest timeline that any of these has seen. The last one takes rights to be
/// seen, the first two grow up to a checkpoint later: until then it is left out.
const REPLICA: &str = "SELECT pg_last_wal_replay_lsn(), greatest((SELECT timeline_id FROM pg_control_checkpoint()), \
    (SELECT min_recovery_end_timeline FROM pg_control_recovery()), (SELECT received_tli FROM pg_stat_wal_receiver))::int8, \
    pg_is_in_recovery()";

/// The replicas of a primary.
#[derive(Debug)]
pub(crate) struct Replicas {
    primary: Arc<Pool>,
    all: Vec<Replica>,
    marks: Mutex<Marks>,
    /// When this process last finished a write.
    wrote: Mutex<Option<Instant>>,
    /// Reads that a replica answered.
    pub(crate) reads: AtomicU64,
}

/// Positions of the primary on its timeline, each with the instant at which it was asked for.
#[derive(Debug, Default)]
struct Marks {
    timeline: i64,
    noted: VecDeque<(Instant, u64)>,
}

#[derive(Debug)]
struct Replica {
    pool: Arc<Pool>,
    /// It has everything that was acknowledged before this instant; nothing while it is not to be used.
    has: Mutex<Option<Instant>>,
}

/// A value is whole between any two statements.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Replicas {
    pub(crate) fn new(primary: Arc<Pool>, pools: Vec<Arc<Pool>>) -> Self {
        let all = pools.into_iter().map(|pool| Replica { pool, has: Mutex::default() }).collect();
        Self { primary, all, marks: Mutex::default(), wrote: Mutex::default(), reads: AtomicU64::new(0) }
    }

    /// Asks for positions as long as somebody holds this.
    pub(crate) fn watch(this: &Arc<Self>) {
        let weak: Weak<Self> = Arc::downgrade(this);
        tokio::spawn(async move {
            while let Some(replicas) = weak.upgrade() {
                replicas.look().await;
                drop(replicas);
                tokio::time::sleep(INTERVAL).await;
            }
        });
    }

    /// Asks everybody once.
    pub(crate) async fn look(&self) {
        let asked = Instant::now();
        // A primary that does not answer leaves the notes as they are: everybody grows old.
        if let Ok(rows) = self.primary.rows("ask for the position", Ask::Prepared(PRIMARY, &[])).await
            && let Ok((at, timeline)) = position(&rows)
        {
            let mut marks = locked(&self.marks);
            if marks.timeline != timeline {
                *marks = Marks { timeline, noted: VecDeque::new() };
            }
            marks.noted.push_back((asked, at));
            if marks.noted.len() > MAX_MARKS {
                marks.noted.pop_front();
            }
        }
        futures_util::future::join_all(self.all.iter().map(|r| self.look_at(r))).await;
    }

    async fn look_at(&self, replica: &Replica) {
        let rows = replica.pool.rows("ask a replica for its position", Ask::Prepared(REPLICA, &[])).await;
        let replayed = rows.and_then(|rows| {
            let follows = rows.first().and_then(|r| r.try_get(2).ok()).unwrap_or(false);
            follows.then(|| position(&rows)).transpose()
        });
        let has = match replayed {
            Ok(Some((replayed, timeline))) => {
                let marks = locked(&self.marks);
                let known = marks.noted.iter().rev().filter(|_| marks.timeline == timeline);
                known.filter(|(_, at)| *at <= replayed).map(|(asked, _)| *asked).next()
            }
            // Not there, or a primary of its own by now: left out until it follows again.
            Ok(None) | Err(_) => None,
        };
        *locked(&replica.has) = has;
    }

    /// Notes that a write was finished just now.
    pub(crate) fn wrote(&self) {
        *locked(&self.wrote) = Some(Instant::now());
    }

    /// The least busy replica that is at most this old, and has all that this process wrote.
    pub(crate) fn choose(&self, staleness: Duration) -> Option<&Arc<Pool>> {
        let now = Instant::now();
        let wrote = *locked(&self.wrote);
        let fresh = self.all.iter().filter(|r| {
            locked(&r.has).is_some_and(|has| {
                now.saturating_duration_since(has) <= staleness && wrote.is_none_or(|wrote| has > wrote)
            })
        });
        let busy = |r: &&Replica| {
            let (active, _, waiting) = r.pool.status();
            active + waiting
        };
        fresh.min_by_key(busy).map(|r| &r.pool)
    }

    /// Leaves a replica out until it was looked at again.
    pub(crate) fn distrust(&self, pool: &Arc<Pool>) {
        for replica in self.all.iter().filter(|r| Arc::ptr_eq(&r.pool, pool)) {
            *locked(&replica.has) = None;
        }
    }

    /// `(replicas, those that may be used by somebody)`.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.all.len(), self.all.iter().filter(|r| locked(&r.has).is_some()).count())
    }

    pub(crate) fn close(&self) {
        self.all.iter().for_each(|r| r.pool.close());
    }
}

/// A place in the log, and its timeline.
fn position(rows: &[Row]) -> Result<(u64, i64)> {
    let found = rows.first().and_then(|r| {
        let at: PgLsn = r.try_get(0).ok()?;
        Some((u64::from(at), r.try_get(1).ok()?))
    });
    found.ok_or_else(|| damaged("a position in the log cannot be read"))
}

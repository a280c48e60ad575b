//! Read replicas: which of them is fresh enough for a read, by comparing positions in the log.
//!
//! The primary's position is noted from time to time with the time at which it was asked for. A replica that has replayed a
//! noted position has everything that was acknowledged before that time. So no clock of another machine counts, and neither does
//! what a replica says of its own lag.

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

/// The replicas of a primary.
#[derive(Debug)]
pub(crate) struct Replicas {
    primary: Arc<Pool>,
    all: Vec<Replica>,
    marks: Mutex<VecDeque<(Instant, u64)>>,
    /// When this process last finished a write.
    wrote: Mutex<Option<Instant>>,
    /// Reads that a replica answered.
    pub(crate) reads: AtomicU64,
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
        let position = "SELECT pg_current_wal_insert_lsn()";
        // A primary that does not answer leaves the notes as they are: everybody grows old.
        if let Ok(rows) = self.primary.rows("ask for the position", Ask::Prepared(position, &[])).await
            && let Ok(at) = lsn(&rows, 0)
        {
            let mut marks = locked(&self.marks);
            marks.push_back((asked, at));
            if marks.len() > MAX_MARKS {
                marks.pop_front();
            }
        }
        futures_util::future::join_all(self.all.iter().map(|r| self.look_at(r))).await;
    }

    async fn look_at(&self, replica: &Replica) {
        let text = "SELECT pg_last_wal_replay_lsn(), pg_is_in_recovery()";
        let rows = replica.pool.rows("ask a replica for its position", Ask::Prepared(text, &[])).await;
        let replayed = rows.and_then(|rows| {
            let follows = rows.first().and_then(|r| r.try_get(1).ok()).unwrap_or(false);
            follows.then(|| lsn(&rows, 0)).transpose()
        });
        let has = match replayed {
            Ok(Some(replayed)) => {
                let marks = locked(&self.marks);
                marks.iter().rev().find(|(_, at)| *at <= replayed).map(|(asked, _)| *asked)
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

fn lsn(rows: &[Row], column: usize) -> Result<u64> {
    let found: Option<PgLsn> = rows.first().and_then(|r| r.try_get(column).ok());
    found.map(u64::from).ok_or_else(|| damaged("a position in the log cannot be read"))
}

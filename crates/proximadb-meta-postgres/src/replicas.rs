//! Read replicas: which of them is fresh enough for a read, by comparing positions in the log.
//!
//! The primary's position is noted from time to time with the time at which it was asked for. A replica that has replayed a
//! noted position has everything that was acknowledged before that time. So no clock of another machine counts, and neither does
//! what a replica says of its own lag. Positions are compared within one timeline alone: after a failover a replica of the old
//! primary can be at a higher position than the new one, in a log that nobody goes on writing.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use proximadb_meta_core::{Error, Result};
use tokio::sync::Notify;
use tokio_postgres::Row;
use tokio_postgres::types::PgLsn;

use crate::error::damaged;
use crate::pool::{Ask, Pool, Status, silent};
use crate::standing::{Seen, Standing, Why, ailing};
use crate::turns::{Candidate, Turns};

/// How often positions are asked for.
const INTERVAL: Duration = Duration::from_millis(250);
/// A replica that takes longer to say its position is left out until it does.
const PATIENCE: Duration = Duration::from_secs(1);
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
    turns: Mutex<Turns>,
    /// Told whenever a replica was looked at.
    looked: Notify,
    /// Reads that a replica answered.
    pub(crate) reads: AtomicU64,
}

/// Positions of the primary on its timeline, each with the instant at which it was asked for.
#[derive(Debug, Default)]
struct Marks {
    timeline: i64,
    noted: VecDeque<(Instant, u64)>,
}

impl Marks {
    /// How one stands that has replayed so much of this timeline.
    fn standing(&self, replayed: u64, timeline: i64, now: Instant) -> Standing {
        let Some((oldest, _)) = self.noted.front() else { return Standing::Unknown };
        if timeline != self.timeline {
            return Standing::Out(Why::Apart("it follows another timeline"));
        }
        match self.noted.iter().rev().find(|(_, at)| *at <= replayed) {
            Some((asked, _)) => Standing::Has(*asked),
            None if now.saturating_duration_since(*oldest) < PATIENCE => Standing::Unknown,
            None => Standing::Out(Why::Behind),
        }
    }
}

#[derive(Debug)]
struct Replica {
    pool: Arc<Pool>,
    standing: Mutex<Standing>,
    /// Reads that were sent to it.
    asked: AtomicU64,
}

impl Replica {
    fn stands(&self, standing: Standing) {
        *locked(&self.standing) = standing;
    }

    fn has(&self) -> Option<Instant> {
        match &*locked(&self.standing) {
            Standing::Has(instant) => Some(*instant),
            _ => None,
        }
    }
}

/// A value is whole between any two statements.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Replicas {
    pub(crate) fn new(primary: Arc<Pool>, pools: Vec<Arc<Pool>>) -> Self {
        let turns = Mutex::new(Turns::new(pools.len()));
        let replica = |pool| Replica { pool, standing: Mutex::new(Standing::Unknown), asked: AtomicU64::new(0) };
        let all = pools.into_iter().map(replica).collect();
        let (marks, wrote, looked, reads) = (Mutex::default(), Mutex::default(), Notify::new(), AtomicU64::new(0));
        Self { primary, all, marks, wrote, turns, looked, reads }
    }

    /// Keeps the pools, and asks for positions as long as somebody holds this. A task each: one that hangs holds up nobody else.
    pub(crate) fn watch(this: &Arc<Self>) {
        this.all.iter().for_each(|replica| Pool::keep(&replica.pool));
        for at in std::iter::once(None).chain((0..this.all.len()).map(Some)) {
            let weak: Weak<Self> = Arc::downgrade(this);
            tokio::spawn(async move {
                while let Some(replicas) = weak.upgrade().filter(|r| !r.primary.is_closed()) {
                    match at.and_then(|i| replicas.all.get(i)) {
                        Some(replica) => replicas.look_at(replica).await,
                        None => replicas.look_at_primary().await,
                    }
                    drop(replicas);
                    tokio::time::sleep(INTERVAL).await;
                }
            });
        }
    }

    async fn look_at_primary(&self) {
        let asked = Instant::now();
        let answer = self.primary.rows("ask for the position", Ask::Prepared(PRIMARY, &[]));
        // A primary that does not answer leaves the notes as they are: everybody grows old.
        if let Ok(Ok(rows)) = tokio::time::timeout(PATIENCE.max(self.primary.patience()), answer).await
            && let Ok((at, timeline)) = position(&rows)
        {
            self.note(asked, at, timeline);
        }
    }

    fn note(&self, asked: Instant, at: u64, timeline: i64) {
        let mut marks = locked(&self.marks);
        if marks.timeline != timeline {
            *marks = Marks { timeline, noted: VecDeque::new() };
            // What they had was of another log.
            self.all.iter().for_each(|replica| replica.stands(Standing::Unknown));
        }
        marks.noted.push_back((asked, at));
        if marks.noted.len() > MAX_MARKS {
            marks.noted.pop_front();
        }
    }

    async fn look_at(&self, replica: &Replica) {
        let mut answer = pin!(replica.pool.rows("ask a replica for its position", Ask::Prepared(REPLICA, &[])));
        let rows = match tokio::time::timeout(PATIENCE, &mut answer).await {
            Ok(rows) => rows,
            Err(_) => {
                self.found(replica, Err(Why::Silent));
                // What is asked on a connection that leads nowhere any more is asked anew on another one.
                let more = tokio::time::timeout(replica.pool.patience(), answer).await;
                more.unwrap_or_else(|_| Err(silent("ask a replica for its position")))
            }
        };
        self.found(replica, rows.map_err(Why::Failed).and_then(|rows| replayed(&rows)));
    }

    /// What a replica has replayed. Nobody changes the notes before that is known.
    fn found(&self, replica: &Replica, replayed: std::result::Result<(u64, i64), Why>) {
        let marks = locked(&self.marks);
        replica.stands(match replayed {
            Ok((replayed, timeline)) => marks.standing(replayed, timeline, Instant::now()),
            Err(why) => Standing::Out(why),
        });
        self.looked.notify_waiters();
    }

    /// Waits for a first look at each, and not for longer than that may take.
    pub(crate) async fn looked_at(&self) {
        let known = async {
            loop {
                let looked = self.looked.notified();
                if self.all.iter().all(|replica| !matches!(*locked(&replica.standing), Standing::Unknown)) {
                    return;
                }
                looked.await;
            }
        };
        // Who is not known by then is told as that.
        let _ = tokio::time::timeout(2 * PATIENCE, known).await;
    }

    /// Notes that a write was finished just now.
    pub(crate) fn wrote(&self) {
        *locked(&self.wrote) = Some(Instant::now());
    }

    /// Of the replicas that are at most this old, and have all that this process wrote, the one whose turn it is.
    pub(crate) fn choose(&self, staleness: Duration) -> Option<&Arc<Pool>> {
        let now = Instant::now();
        let wrote = *locked(&self.wrote);
        let is_fresh = |replica: &Replica| {
            replica.has().is_some_and(|has| {
                now.saturating_duration_since(has) <= staleness && wrote.is_none_or(|wrote| has > wrote)
            })
        };
        let fresh = self.all.iter().enumerate().filter(|(_, replica)| is_fresh(replica));
        let candidates: Vec<Candidate> = fresh
            .map(|(index, replica)| {
                let Status { active, waiting, .. } = replica.pool.status();
                Candidate { index, load: active + waiting, weight: replica.pool.weight }
            })
            .collect();
        let index = locked(&self.turns).take(&candidates)?;
        let replica = self.all.get(index)?;
        replica.asked.fetch_add(1, Ordering::Relaxed);
        Some(&replica.pool)
    }

    /// Leaves a replica where a read failed out until it was looked at again.
    pub(crate) fn distrust(&self, pool: &Arc<Pool>, e: &Error) {
        for replica in self.all.iter().filter(|r| Arc::ptr_eq(&r.pool, pool)) {
            replica.stands(Standing::Out(Why::Failed(e.clone())));
        }
    }

    /// What somebody has to see to.
    pub(crate) fn ailing(&self) -> Option<String> {
        ailing(self.each())
    }

    /// `(replicas, those that may be used by somebody)`.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.all.len(), self.all.iter().filter(|r| r.has().is_some()).count())
    }

    /// Each of them, in the order of the options.
    pub(crate) fn each(&self) -> impl Iterator<Item = Seen<'_>> {
        self.all.iter().map(|replica| Seen {
            place: &replica.pool.place,
            weight: replica.pool.weight,
            standing: locked(&replica.standing).clone(),
            asked: replica.asked.load(Ordering::Relaxed),
        })
    }

    pub(crate) fn close(&self) {
        self.all.iter().for_each(|r| r.pool.close());
    }
}

/// How far a standby is.
fn replayed(rows: &[Row]) -> std::result::Result<(u64, i64), Why> {
    if !rows.first().and_then(|r| r.try_get(2).ok()).unwrap_or(false) {
        return Err(Why::Apart("it is no standby"));
    }
    position(rows).map_err(Why::Failed)
}

/// A place in the log, and its timeline.
fn position(rows: &[Row]) -> Result<(u64, i64)> {
    let found = rows.first().and_then(|r| {
        let at: PgLsn = r.try_get(0).ok()?;
        Some((u64::from(at), r.try_get(1).ok()?))
    });
    found.ok_or_else(|| damaged("a position in the log cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PostgresOptions;
    use crate::tls::connector;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Replicas of these weights, that nobody connects to.
    fn replicas(weights: &[u16]) -> Replicas {
        let options = Arc::new(PostgresOptions::default());
        let primary = options.target("u@localhost:1/d").unwrap();
        let tls = connector(&options, primary.verify).unwrap();
        let pool = |target: &crate::config::Target| Arc::new(Pool::new(target, tls.clone(), options.clone()).unwrap());
        let each = weights.iter().enumerate().map(|(n, weight)| {
            let endpoint = format!("localhost:{}?weight={weight}", n + 2);
            pool(&options.replica(&primary, &endpoint).unwrap())
        });
        Replicas::new(pool(&primary), each.collect())
    }

    /// How often each was chosen.
    fn shares(replicas: &Replicas, staleness: Duration, times: usize) -> Vec<u64> {
        let before: Vec<u64> = replicas.each().map(|r| r.asked).collect();
        for _ in 0..times {
            replicas.choose(staleness);
        }
        replicas.each().zip(before).map(|(r, before)| r.asked - before).collect()
    }

    fn have(replicas: &Replicas, at: &[Option<Instant>]) {
        let standing = |at: &Option<Instant>| at.map_or(Standing::Unknown, Standing::Has);
        replicas.all.iter().zip(at).for_each(|(replica, at)| replica.stands(standing(at)));
    }

    #[tokio::test]
    async fn the_fresh_ones_share_the_reads_by_weight_and_the_others_have_none() {
        let replicas = replicas(&[3, 1, 2]);
        assert_eq!(shares(&replicas, HOUR, 10), [0, 0, 0], "nothing is known of them");
        let now = Instant::now();
        let old = now.checked_sub(Duration::from_secs(60)).unwrap();
        have(&replicas, &[Some(now), Some(now), Some(now)]);
        assert_eq!(shares(&replicas, HOUR, 60), [30, 10, 20]);
        // One that lags is for who allows that much, and for nobody else.
        have(&replicas, &[Some(old), Some(now), Some(now)]);
        assert_eq!(shares(&replicas, Duration::from_secs(30), 30), [0, 10, 20]);
        assert_eq!(shares(&replicas, HOUR, 60), [30, 10, 20]);
        assert_eq!(shares(&replicas, Duration::ZERO, 10), [0, 0, 0]);
        // Nor has anybody one that lacks what was written here.
        have(&replicas, &[Some(old), Some(now), None]);
        *locked(&replicas.wrote) = Some(old);
        assert_eq!(shares(&replicas, HOUR, 10), [0, 10, 0]);
        replicas.wrote();
        assert_eq!(shares(&replicas, HOUR, 10), [0, 0, 0]);
        have(&replicas, &[Some(Instant::now()), Some(old), None]);
        assert_eq!(shares(&replicas, HOUR, 10), [10, 0, 0]);
        let first = replicas.choose(HOUR).unwrap().clone();
        replicas.distrust(&first, &damaged("it is odd"));
        assert!(replicas.choose(HOUR).is_none());
        assert_eq!(replicas.counts(), (3, 1));
        assert!(replicas.ailing().unwrap().contains("localhost:2 (it is odd)"), "{:?}", replicas.ailing());
    }

    #[tokio::test]
    async fn one_that_is_busy_is_spared() {
        let replicas = replicas(&[1, 1]);
        have(&replicas, &[Some(Instant::now()); 2]);
        // A call that makes a connection which does not come about while nobody polls it.
        let busy = replicas.all[0].pool.clone();
        let mut call = pin!(busy.get());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_pending());
        assert_eq!(busy.status(), Status { active: 1, idle: 0, waiting: 0 });
        assert_eq!(shares(&replicas, HOUR, 10), [0, 10]);
    }

    #[tokio::test]
    async fn positions_are_compared_within_one_timeline() {
        let replicas = replicas(&[1]);
        let replica = &replicas.all[0];
        let has = |replayed| {
            replicas.found(replica, Ok(replayed));
            replica.has()
        };
        let out = |why: &str| matches!(&*locked(&replica.standing), Standing::Out(w) if w.to_string().contains(why));
        assert_eq!(has((1, 1)), None);
        assert!(!out(""), "nothing is noted yet that it could have");
        let (first, second) = (Instant::now(), Instant::now() + Duration::from_millis(1));
        replicas.note(first, 100, 1);
        replicas.note(second, 200, 1);
        assert_eq!(has((99, 1)), None);
        assert!(!out(""), "it had no time to replay");
        assert_eq!(has((100, 1)), Some(first));
        assert_eq!(has((199, 1)), Some(first));
        assert_eq!(has((200, 1)), Some(second));
        replicas.found(replica, Err(Why::Silent));
        assert!(replica.has().is_none() && out("does not answer"));
        assert_eq!(has((500, 2)), None, "a log of which we know nothing");
        assert!(out("another timeline"));
        assert_eq!(has((500, 1)), Some(second));
        // Another primary: what was known of the replica is void at once, and so is its higher position.
        let third = Instant::now().checked_sub(2 * PATIENCE).unwrap();
        replicas.note(third, 150, 2);
        assert!(replica.has().is_none() && !out(""));
        assert_eq!(has((500, 1)), None);
        assert_eq!(has((149, 2)), None);
        assert!(out("too far behind"));
        assert_eq!(has((150, 2)), Some(third));
    }

    /// It waits for one that nobody has looked at, and for nobody else.
    #[tokio::test]
    async fn a_first_look_is_waited_for() {
        let replicas = replicas(&[1, 1]);
        let mut waits = pin!(replicas.looked_at());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waits.as_mut().poll(&mut context).is_pending());
        replicas.found(&replicas.all[0], Err(Why::Silent));
        assert!(waits.as_mut().poll(&mut context).is_pending(), "there is another one");
        replicas.found(&replicas.all[1], Err(Why::Silent));
        assert!(waits.as_mut().poll(&mut context).is_ready());
    }
}

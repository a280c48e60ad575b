//! Writes: what waits is done together, a few groups at the same time, each record in one of them.
//!
//! A unit is done by a task, not by its caller: a caller that goes away leaves it to complete. There is a task only while there
//! is something to do.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deadpool_postgres::Client;
use proximadb_meta_core::driver::Applied;
use proximadb_meta_core::{Error, ErrorKind, Namespace, Result, Retry};
use tokio::sync::{Notify, oneshot};

use crate::config::{Isolation, PostgresOptions};
use crate::contention::{MAX_CONFLICTS, pause};
use crate::group::{Failure, Unit, begin, commit, no_answer, plan, rollback};
use crate::pool::{Pool, discard, silent};
use crate::replicas::Replicas;
use crate::single::{as_count, counts, one};
use crate::statements::Statements;

/// Most units of one group.
const MAX_UNITS: usize = 512;
/// A group that has this many writes takes no further unit.
const MAX_WRITES: usize = 10_000;
/// How often a group is tried when the connection turns out to be broken.
const MAX_LOSSES: u32 = 10;

type Answer = Result<Applied>;
type Waiting = (Unit, oneshot::Sender<Answer>);
/// An id or a name in a namespace.
type Busy = (Namespace, bool, Arc<str>);

/// What was written since the catalog was opened.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) commits: AtomicU64,
    pub(crate) units: AtomicU64,
    pub(crate) retries: AtomicU64,
}

pub(crate) struct Writer {
    pool: Arc<Pool>,
    texts: Arc<Statements>,
    replicas: Option<Arc<Replicas>>,
    isolation: Isolation,
    lanes: usize,
    queue: Mutex<Queue>,
    drained: Notify,
    pub(crate) progress: Progress,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    lanes: usize,
    /// What the groups under way touch.
    busy: HashSet<Busy>,
    closed: bool,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("progress", &self.progress).finish_non_exhaustive()
    }
}

fn touched(unit: &Unit) -> impl Iterator<Item = Busy> + '_ {
    unit.unit.writes.iter().flat_map(|write| {
        let id = (unit.namespace.clone(), false, write.id().clone());
        std::iter::once(id).chain(write.name().map(|n| (unit.namespace.clone(), true, n.clone())))
    })
}

impl Writer {
    pub(crate) fn new(
        pool: Arc<Pool>,
        texts: Arc<Statements>,
        replicas: Option<Arc<Replicas>>,
        options: &PostgresOptions,
    ) -> Self {
        let (isolation, lanes) = (options.isolation, options.write_lanes);
        let (queue, drained, progress) = (Mutex::default(), Notify::new(), Progress::default());
        Self { pool, texts, replicas, isolation, lanes, queue, drained, progress }
    }

    /// The queue is whole between any two statements.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a unit over and waits. Dropping the wait lets it complete.
    pub(crate) async fn apply(self: &Arc<Self>, unit: Unit) -> Answer {
        let (reply, answer) = oneshot::channel();
        {
            let mut queue = self.queue();
            if queue.closed {
                return Err(Error::closed());
            }
            queue.waiting.push_back((unit, reply));
            if queue.lanes < self.lanes {
                queue.lanes += 1;
                tokio::spawn(Lane { writer: self.clone(), holds: Vec::new(), ended: false }.run());
            }
        }
        answer.await.map_err(|_| {
            Error::new(ErrorKind::Unavailable, "the runtime ended before the write was answered")
                .with_retry(Retry::UnknownOutcome)
        })?
    }

    /// Refuses what comes, and waits for what was accepted.
    pub(crate) async fn close(&self) {
        loop {
            let drained = self.drained.notified();
            {
                let mut queue = self.queue();
                queue.closed = true;
                if queue.lanes == 0 {
                    return;
                }
            }
            drained.await;
        }
    }

    /// A group: what waits for one namespace, and touches nothing that another lane is at, or that somebody waits for in front.
    /// Nothing: the lane ends.
    fn take(&self, holds: &mut Vec<Busy>) -> Option<Vec<Waiting>> {
        let mut queue = self.queue();
        let queue = &mut *queue;
        for key in holds.drain(..) {
            queue.busy.remove(&key);
        }
        let mut group: Vec<Waiting> = Vec::new();
        let mut left = VecDeque::new();
        // What those touch that were passed over: a batch of many records would wait for ever if others took them one by one.
        let mut wanted: HashSet<Busy> = HashSet::new();
        let mut writes = 0;
        while let Some(next) = queue.waiting.pop_front() {
            if group.len() >= MAX_UNITS || writes >= MAX_WRITES {
                left.push_back(next);
                break;
            }
            let same = group
                .first()
                .is_none_or(|(first, _)| first.namespace == next.0.namespace && first.restoring == next.0.restoring);
            if !same || touched(&next.0).any(|key| queue.busy.contains(&key) || wanted.contains(&key)) {
                // Whoever touches one thing alone is in nobody's way: it is busy.
                if touched(&next.0).nth(1).is_some() {
                    wanted.extend(touched(&next.0));
                }
                left.push_back(next);
                continue;
            }
            writes += next.0.unit.writes.len();
            group.push(next);
        }
        // Who was passed over stays in front of who comes later.
        left.append(&mut queue.waiting);
        queue.waiting = left;
        if group.is_empty() {
            // Under the same lock: who comes next finds the lane free, and what is left belongs to other lanes.
            self.end_lane(queue);
            return None;
        }
        holds.extend(group.iter().flat_map(|(unit, _)| touched(unit)));
        queue.busy.extend(holds.iter().cloned());
        Some(group)
    }

    fn end_lane(&self, queue: &mut Queue) {
        queue.lanes -= 1;
        if queue.lanes == 0 {
            self.drained.notify_waiters();
        }
    }

    /// Does a group. One answer a unit.
    async fn do_group(&self, units: &[&Unit]) -> Vec<Answer> {
        match self.attempts(units).await {
            Ok(answers) => answers,
            // One unit may be why; the others must not suffer for it.
            Err(Failure::Refused(e)) if units.len() > 1 && concerns_a_unit(&e) => {
                let mut answers = Vec::with_capacity(units.len());
                for unit in units {
                    let answer = match self.attempts(&[unit]).await {
                        Ok(answers) => answers.into_iter().next().unwrap_or_else(|| Err(no_answer())),
                        Err(failure) => Err(failure.into_error()),
                    };
                    answers.push(answer);
                }
                answers
            }
            Err(failure) => vec![Err(failure.into_error()); units.len()],
        }
    }

    /// Tries until it is done, or it is clear that it cannot be.
    async fn attempts(&self, units: &[&Unit]) -> std::result::Result<Vec<Answer>, Failure> {
        let mut answers: Vec<Option<Answer>> = vec![None; units.len()];
        let mut fast = self.isolation == Isolation::ReadCommitted;
        let mut vain = InVain::default();
        loop {
            let open: Vec<usize> = (0..units.len()).filter(|i| answers.get(*i).is_some_and(Option::is_none)).collect();
            let left: Vec<&Unit> = open.iter().filter_map(|i| units.get(*i).copied()).collect();
            if left.is_empty() {
                break;
            }
            let tried = self.attempt(&left, &mut fast).await;
            match tried {
                Ok(given) => {
                    self.progress.commits.fetch_add(1, Ordering::Relaxed);
                    for (i, answer) in open.into_iter().zip(given) {
                        self.progress.units.fetch_add(u64::from(answer.is_some()), Ordering::Relaxed);
                        if let Some(place) = answers.get_mut(i) {
                            *place = answer;
                        }
                    }
                }
                Err(failure) if vain.may_go_on(&failure) => {
                    self.progress.retries.fetch_add(1, Ordering::Relaxed);
                    pause(vain.conflicts + vain.losses).await;
                }
                // What was done for some units stays done: only the others are told.
                Err(failure) if answers.iter().any(Option::is_some) => {
                    let e = failure.into_error();
                    answers.iter_mut().filter(|a| a.is_none()).for_each(|a| *a = Some(Err(e.clone())));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(answers.into_iter().map(|a| a.unwrap_or_else(|| Err(no_answer()))).collect())
    }

    /// Answers for the units that were done or refused; nothing for those that need a transaction.
    async fn attempt(&self, units: &[&Unit], fast: &mut bool) -> std::result::Result<Vec<Option<Answer>>, Failure> {
        let client = self.pool.get().await?;
        if std::mem::take(fast) {
            let counting = units.iter().all(|u| as_count(u).is_some());
            if counting || units.len() == 1 {
                let work = async {
                    if counting {
                        return counts(&client, &self.texts, units).await;
                    }
                    match units.first() {
                        Some(unit) => Ok(vec![one(&client, &self.texts, unit).await?]),
                        None => Ok(Vec::new()),
                    }
                };
                let done = self.pool.in_time(work).await.unwrap_or_else(|| Err(Failure::unknown(silent("write"))));
                return match done {
                    Ok(answers) => Ok(answers.into_iter().map(|a| a.map(Ok)).collect()),
                    Err(failure) => {
                        // The fast way may be tried again where nothing was done.
                        *fast = matches!(failure, Failure::Contention(_) | Failure::Lost(_));
                        if matches!(failure, Failure::Lost(_) | Failure::Unknown(_)) {
                            discard(client);
                        }
                        Err(failure)
                    }
                };
            }
        }
        let done = self.transaction(&client, units).await;
        // A connection goes back only when its transaction has ended for sure.
        let ended = match &done {
            Ok(_) => true,
            Err(Failure::Lost(_) | Failure::Unknown(_)) => false,
            Err(_) => matches!(self.pool.in_time(rollback(&client)).await, Some(Ok(()))),
        };
        if !ended {
            discard(client);
        }
        done.map(|answers| answers.into_iter().map(Some).collect())
    }

    async fn transaction(&self, client: &Client, units: &[&Unit]) -> std::result::Result<Vec<Answer>, Failure> {
        let Some(namespace) = units.first().map(|u| &u.namespace) else { return Ok(Vec::new()) };
        let lost = || Failure::Lost(silent("read what the write touches").with_retry(Retry::Safe));
        let begun = begin(client, &self.texts, self.isolation, namespace, units);
        let begun = self.pool.in_time(begun).await.ok_or_else(lost)??;
        let (answers, changes) = plan(begun, units);
        if changes.is_empty() {
            // Nothing is written: what was read is told as of this moment.
            self.pool.in_time(rollback(client)).await.ok_or_else(lost)?.map_err(Failure::Lost)?;
            return Ok(answers);
        }
        let committed = commit(client, &self.texts, namespace, &changes);
        self.pool.in_time(committed).await.unwrap_or_else(|| Err(Failure::unknown(silent("commit"))))?;
        Ok(answers)
    }
}

/// How often a group was tried in vain.
#[derive(Default)]
struct InVain {
    conflicts: u32,
    losses: u32,
}

impl InVain {
    /// Whether it is tried again after this failure.
    fn may_go_on(&mut self, failure: &Failure) -> bool {
        match failure {
            Failure::Contention(_) => {
                self.conflicts += 1;
                self.conflicts < MAX_CONFLICTS
            }
            Failure::Lost(_) => {
                self.losses += 1;
                self.losses < MAX_LOSSES
            }
            _ => false,
        }
    }
}

/// Whether the error may come from what one unit holds, and not from the state of the store.
fn concerns_a_unit(e: &Error) -> bool {
    matches!(e.kind(), ErrorKind::Internal | ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::Corruption)
}

/// A task that does groups until nothing waits.
struct Lane {
    writer: Arc<Writer>,
    holds: Vec<Busy>,
    ended: bool,
}

impl Lane {
    async fn run(mut self) {
        loop {
            let mut holds = std::mem::take(&mut self.holds);
            let group = self.writer.take(&mut holds);
            self.holds = holds;
            let Some(group) = group else {
                self.ended = true;
                return;
            };
            let (units, replies): (Vec<Unit>, Vec<_>) = group.into_iter().unzip();
            let units: Vec<&Unit> = units.iter().collect();
            let answers = self.writer.do_group(&units).await;
            // Whether the caller still waits or not, and also after a failure: it may have been done.
            if let Some(replicas) = &self.writer.replicas {
                replicas.wrote();
            }
            for (reply, answer) in replies.into_iter().zip(answers) {
                // A caller that went away does not need the answer.
                let _ = reply.send(answer);
            }
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // The runtime ended in the middle of a group.
        let mut queue = self.writer.queue();
        for key in self.holds.drain(..) {
            queue.busy.remove(&key);
        }
        self.writer.end_lane(&mut queue);
        if queue.lanes == 0 {
            // Nobody will do what waits: its callers are told.
            queue.waiting.clear();
        }
    }
}

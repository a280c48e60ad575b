//! The one connection that writes, on a thread of its own: what waits is committed together.
//!
//! The thread has a runtime of its own, so that a write that was handed over completes whatever becomes of its caller's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use proximadb_meta_core::driver::Applied;
use proximadb_meta_core::report::RestoreReport;
use proximadb_meta_core::{Error, ErrorKind, Namespace, Result, Timestamp};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot::Sender;

use crate::error::failed;
use crate::group::{Failure, Unit, apply, commit, end};
use crate::maintain;
use crate::native::{self, Replacement};
use crate::schema::begin;

/// Most units of one transaction.
const MAX_UNITS: usize = 512;
/// A transaction that has this many writes takes no further unit.
const MAX_WRITES: usize = 10_000;

pub(crate) enum Request {
    Apply { unit: Unit, reply: Sender<Result<Applied>> },
    Mark { namespace: Namespace, on: bool, reply: Sender<Result<()>> },
    Replace { replacement: Replacement, reply: Sender<Result<RestoreReport>> },
    Maintain { now: Timestamp, reply: Sender<Result<String>> },
    Close { reply: Sender<Result<()>> },
}

/// What the writer tells the driver.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// An earlier commit failed in a way that leaves the file's state unknown.
    pub(crate) poisoned: AtomicBool,
    pub(crate) commits: AtomicU64,
    pub(crate) units: AtomicU64,
}

pub(crate) struct Writer {
    connection: SqliteConnection,
    options: SqliteConnectOptions,
    patience: Duration,
    requests: UnboundedReceiver<Request>,
    progress: Arc<Progress>,
}

type Waiting = (Unit, Sender<Result<Applied>>);

impl Writer {
    pub(crate) fn new(
        connection: SqliteConnection,
        options: SqliteConnectOptions,
        patience: Duration,
        requests: UnboundedReceiver<Request>,
        progress: Arc<Progress>,
    ) -> Self {
        Self { connection, options, patience, requests, progress }
    }

    /// Runs on a new thread until it is asked to close, or until every handle is gone.
    ///
    /// # Errors
    /// `Unavailable` when there is no thread for it.
    pub(crate) fn spawn(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let wrong = |e| Error::new(ErrorKind::Unavailable, "the writer thread cannot be started").with_source(e);
        let runtime = runtime.map_err(wrong)?;
        let work = move || runtime.block_on(self.run());
        std::thread::Builder::new().name("proximadb-meta-sqlite".to_owned()).spawn(work).map_err(wrong).map(drop)
    }

    async fn run(mut self) {
        let mut next = None;
        loop {
            let request = match next.take() {
                Some(request) => request,
                None => match self.requests.recv().await {
                    Some(request) => request,
                    None => break,
                },
            };
            // A caller that went away does not need the answer; so everywhere here.
            match request {
                Request::Apply { unit, reply } => next = self.group((unit, reply)).await,
                Request::Mark { namespace, on, reply } => drop(reply.send(self.mark(&namespace, on).await)),
                Request::Replace { replacement, reply } => drop(reply.send(self.replace(&replacement).await)),
                Request::Maintain { now, reply } => drop(reply.send(self.maintain(now).await)),
                Request::Close { reply } => {
                    let closed = self.connection.close().await;
                    let _ = reply.send(closed.map_err(|e| failed("close the database", e)));
                    return;
                }
            }
        }
        // Nobody is left to tell; the journal holds what was committed.
        let _ = self.connection.close().await;
    }

    /// Takes what waits behind the first unit, and commits it all. The request that ended the group is left to do.
    async fn group(&mut self, first: Waiting) -> Option<Request> {
        let mut writes = first.0.unit.writes.len();
        let mut waiting = vec![first];
        let mut next = None;
        while waiting.len() < MAX_UNITS && writes < MAX_WRITES {
            match self.requests.try_recv() {
                Ok(Request::Apply { unit, reply }) => {
                    writes += unit.unit.writes.len();
                    waiting.push((unit, reply));
                }
                Ok(other) => {
                    next = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        self.commit(waiting).await;
        next
    }

    async fn commit(&mut self, waiting: Vec<Waiting>) {
        let units: Vec<&Unit> = waiting.iter().map(|(unit, _)| unit).collect();
        let answers = match self.transaction(&units).await {
            // One unit may be why; the others must not suffer for it.
            Err(Failure::Before(e)) if units.len() > 1 && concerns_a_unit(&e) => self.one_by_one(&units).await,
            Err(Failure::Before(e) | Failure::Commit(e)) => vec![Err(e); units.len()],
            Ok(answers) => answers,
        };
        for ((_, reply), answer) in waiting.into_iter().zip(answers) {
            let _ = reply.send(answer);
        }
    }

    async fn one_by_one(&mut self, units: &[&Unit]) -> Vec<Result<Applied>> {
        let mut answers = Vec::with_capacity(units.len());
        for unit in units {
            let answer = match self.transaction(&[unit]).await {
                Ok(answers) => answers.into_iter().next(),
                Err(Failure::Before(e) | Failure::Commit(e)) => Some(Err(e)),
            };
            answers.push(answer.unwrap_or_else(|| Err(Error::new(ErrorKind::Internal, "a unit had no answer"))));
        }
        answers
    }

    async fn transaction(&mut self, units: &[&Unit]) -> std::result::Result<Vec<Result<Applied>>, Failure> {
        self.usable()?;
        let answers = apply(&mut self.connection, units, self.patience).await;
        if answers.is_ok() {
            self.progress.commits.fetch_add(1, Ordering::Relaxed);
            self.progress.units.fetch_add(units.len() as u64, Ordering::Relaxed);
        }
        self.settle(answers).await
    }

    fn usable(&self) -> Result<()> {
        if self.progress.poisoned.load(Ordering::SeqCst) {
            return Err(Error::new(
                ErrorKind::Poisoned,
                "an earlier commit failed, and what the file holds is not known",
            )
            .with_hint("close the handle and open the database again"));
        }
        Ok(())
    }

    /// After a failure nothing of the transaction may stay open.
    async fn settle<T>(&mut self, result: std::result::Result<T, Failure>) -> std::result::Result<T, Failure> {
        match &result {
            Ok(_) => {}
            Err(Failure::Before(_)) => self.reset().await,
            Err(Failure::Commit(_)) => self.progress.poisoned.store(true, Ordering::SeqCst),
        }
        result
    }

    /// Rolls back. SQLite may have done so by itself; where that fails too a new connection takes the place of this one, whose
    /// end rolls back.
    async fn reset(&mut self) {
        if end(&mut self.connection, "ROLLBACK").await.is_ok() {
            return;
        }
        // Where there is no new connection the next transaction finds out.
        if let Ok(new) = self.options.connect().await {
            drop(std::mem::replace(&mut self.connection, new).close().await);
        }
    }

    async fn mark(&mut self, namespace: &Namespace, on: bool) -> Result<()> {
        self.usable()?;
        let done = self.try_mark(namespace, on).await;
        known(self.settle(done).await)
    }

    async fn try_mark(&mut self, namespace: &Namespace, on: bool) -> std::result::Result<(), Failure> {
        begin(&mut self.connection, Instant::now() + self.patience).await?;
        let statement = if on {
            "INSERT INTO restoring (namespace) VALUES (?1) ON CONFLICT (namespace) DO NOTHING"
        } else {
            "DELETE FROM restoring WHERE namespace = ?1"
        };
        let query = sqlx::query(statement).bind(namespace.as_str()).execute(&mut self.connection).await;
        query.map_err(|e| failed("mark the namespace", e))?;
        commit(&mut self.connection).await
    }

    async fn replace(&mut self, replacement: &Replacement) -> Result<RestoreReport> {
        self.usable()?;
        let done = native::replace(&mut self.connection, replacement, self.patience).await;
        known(self.settle(done).await)
    }

    async fn maintain(&mut self, now: Timestamp) -> Result<String> {
        self.usable()?;
        let done = maintain::run(&mut self.connection, now, self.patience).await;
        known(self.settle(done).await)
    }
}

fn known<T>(result: std::result::Result<T, Failure>) -> Result<T> {
    result.map_err(|(Failure::Before(e) | Failure::Commit(e))| e)
}

/// Whether the error may come from what one unit holds, and not from the state of the store.
fn concerns_a_unit(e: &Error) -> bool {
    matches!(e.kind(), ErrorKind::Internal | ErrorKind::InvalidInput | ErrorKind::Unsupported)
}

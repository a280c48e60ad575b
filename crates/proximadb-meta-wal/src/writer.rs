//! The writer thread: takes requests, lets the engine commit them in groups, answers, and has checkpoints written beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender as Requests};
use std::thread::JoinHandle;

use proximadb_meta_core::driver::{Applied, Prepared};
use proximadb_meta_core::{Error, ErrorKind, Namespace, Result};
use tokio::sync::oneshot::Sender;

use crate::engine::{CheckpointJob, Engine, Group};
use crate::log::Covered;

/// Most requests of one group.
const MAX_GROUP: usize = 1024;

pub(crate) enum Request {
    Apply { namespace: Namespace, unit: Prepared, restoring: bool, reply: Sender<Result<Applied>> },
    Mark { namespace: Namespace, on: bool, reply: Sender<Result<Applied>> },
    Checkpoint { reply: Sender<Result<()>> },
    CheckpointWritten(Result<Option<Covered>>),
    Close { reply: Sender<Result<()>> },
}

/// A checkpoint that is being written on a thread of its own.
struct Running {
    thread: JoinHandle<()>,
    stop: Arc<AtomicBool>,
    replies: Vec<Sender<Result<()>>>,
}

pub(crate) struct Writer {
    engine: Engine,
    requests: Receiver<Request>,
    /// For the checkpoint thread's report. `None` once every handle is gone: it would keep the channel open for ever.
    reports: std::sync::Weak<Requests<Request>>,
    running: Option<Running>,
    /// Asked for while another one was being written.
    next: Vec<Sender<Result<()>>>,
}

type Replies = Group<Sender<Result<Applied>>>;

impl Writer {
    pub(crate) fn new(
        engine: Engine,
        requests: Receiver<Request>,
        reports: std::sync::Weak<Requests<Request>>,
    ) -> Self {
        Self { engine, requests, reports, running: None, next: Vec::new() }
    }

    /// Runs until it is asked to close, or until every handle is gone; both seal the log.
    pub(crate) fn run(mut self) {
        let mut group = Group::default();
        while let Ok(first) = self.requests.recv() {
            let mut next = Some(first);
            while let Some(request) = next.take() {
                if let Some(closed) = self.take(request, &mut group) {
                    self.stop_checkpoint();
                    // A caller that went away does not need the answer; so everywhere below.
                    let _ = closed.send(self.engine.close());
                    return;
                }
                if group.len() >= MAX_GROUP {
                    break;
                }
                next = self.requests.try_recv().ok();
            }
            self.commit(&mut group);
            if self.running.is_none() && self.engine.checkpoint_is_due() {
                // A failure here is reported by the next write, or by the next checkpoint that is asked for.
                self.begin_checkpoint(Vec::new());
            }
        }
        self.stop_checkpoint();
        // Nobody is left to tell; an unsealed log opens just as well.
        let _ = self.engine.close();
    }

    /// Takes one request in; the reply of a close.
    fn take(&mut self, request: Request, group: &mut Replies) -> Option<Sender<Result<()>>> {
        match request {
            Request::Apply { namespace, unit, restoring, reply } => {
                if let Some((reply, e)) = self.engine.gather(group, &namespace, &unit, restoring, reply) {
                    let _ = reply.send(Err(e));
                }
            }
            Request::Mark { namespace, on, reply } => {
                self.commit(group);
                self.engine.gather_mark(group, namespace, on, reply);
                self.commit(group);
            }
            Request::Checkpoint { reply } => {
                self.commit(group);
                if self.running.is_some() {
                    self.next.push(reply);
                } else {
                    self.begin_checkpoint(vec![reply]);
                }
            }
            Request::CheckpointWritten(result) => {
                self.commit(group);
                self.checkpoint_written(result);
            }
            Request::Close { reply } => {
                self.commit(group);
                return Some(reply);
            }
        }
        None
    }

    fn commit(&mut self, group: &mut Replies) {
        for (reply, answer) in self.engine.commit(group) {
            let _ = reply.send(answer);
        }
    }

    fn begin_checkpoint(&mut self, replies: Vec<Sender<Result<()>>>) {
        let begun = self.engine.begin_checkpoint().and_then(|job| self.start(job));
        match begun {
            Ok((thread, stop)) => self.running = Some(Running { thread, stop, replies }),
            Err(e) => answer_all(replies, &Err(e)),
        }
    }

    fn start(&self, mut job: CheckpointJob) -> Result<(JoinHandle<()>, Arc<AtomicBool>)> {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, reports) = (stop.clone(), self.reports.clone());
        let work = move || {
            let result = loop {
                if stopped.load(Ordering::SeqCst) {
                    job.abandon();
                    break Ok(None);
                }
                match job.step() {
                    Ok(None) => {}
                    done => break done,
                }
            };
            if let Some(reports) = reports.upgrade() {
                let _ = reports.send(Request::CheckpointWritten(result));
            }
        };
        let thread = std::thread::Builder::new().name("proximadb-meta-wal-checkpoint".to_owned()).spawn(work);
        let thread = thread.map_err(|e| {
            Error::new(ErrorKind::Unavailable, "the checkpoint thread cannot be started").with_source(e)
        })?;
        Ok((thread, stop))
    }

    fn checkpoint_written(&mut self, result: Result<Option<Covered>>) {
        let Some(running) = self.running.take() else { return };
        // It reported as its last act.
        let _ = running.thread.join();
        match &result {
            Ok(Some(covered)) => {
                tracing::debug!(seq = covered.seq, bytes = covered.bytes, "wrote a checkpoint");
                self.engine.end_checkpoint(*covered);
            }
            Ok(None) => {}
            Err(e) => tracing::warn!(cause = e.message(), "a checkpoint was not written; the log keeps growing"),
        }
        answer_all(running.replies, &result.map(drop));
        if !self.next.is_empty() {
            let replies = std::mem::take(&mut self.next);
            self.begin_checkpoint(replies);
        }
    }

    /// Stops a checkpoint that is being written. The log it would have covered is still there.
    fn stop_checkpoint(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.stop.store(true, Ordering::SeqCst);
        let _ = running.thread.join();
        let closed = Err(Error::closed());
        answer_all(running.replies, &closed);
        answer_all(std::mem::take(&mut self.next), &closed);
    }
}

fn answer_all(replies: Vec<Sender<Result<()>>>, answer: &Result<()>) {
    for reply in replies {
        let _ = reply.send(answer.clone());
    }
}

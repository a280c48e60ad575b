//! Group commit as a careful user adds it to any engine: one thread drains a queue and makes one durable commit of what waits.

use std::sync::{Arc, mpsc};

use anyhow::{Result, anyhow};
use tokio::sync::oneshot;

use crate::catalog::{Answer, AsyncWriter, Job, Op, Store};

/// Most operations of one commit.
const MOST: usize = 1024;

type Reply = oneshot::Sender<Result<Answer>>;

/// The queue. The thread ends when it is dropped.
pub(crate) struct Batcher {
    queue: mpsc::Sender<(Op, Reply)>,
}

impl Batcher {
    pub(crate) fn new(store: Store) -> Arc<Self> {
        let (queue, waiting) = mpsc::channel();
        std::thread::spawn(move || drain(&store, &waiting));
        Arc::new(Self { queue })
    }
}

fn drain(store: &Store, waiting: &mpsc::Receiver<(Op, Reply)>) {
    while let Ok((op, reply)) = waiting.recv() {
        let (mut ops, mut replies) = (vec![op], vec![reply]);
        while ops.len() < MOST {
            let Ok((op, reply)) = waiting.try_recv() else { break };
            ops.push(op);
            replies.push(reply);
        }
        let answers: Vec<Result<Answer>> = match store.apply(ops) {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(e) => replies.iter().map(|_| Err(anyhow!("{e:#}"))).collect(),
        };
        for (reply, answer) in replies.into_iter().zip(answers) {
            // A task that went away needs no answer.
            let _ = reply.send(answer);
        }
    }
}

impl AsyncWriter for Batcher {
    fn prepare(&self, op: Op) -> Result<Job> {
        let queue = self.queue.clone();
        Ok(Box::new(move || {
            let (reply, answer) = oneshot::channel();
            let sent = queue.send((op, reply));
            Box::pin(async move {
                sent.map_err(|_| anyhow!("the thread that commits is gone"))?;
                answer.await.map_err(|_| anyhow!("the thread that commits gave no answer"))?
            })
        }))
    }
}

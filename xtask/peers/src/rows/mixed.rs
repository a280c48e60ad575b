//! Reads and durable writes at the same time, on 100,000 records.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};

use super::durable::increments;
use super::reads::{By, keys};
use crate::batcher::Batcher;
use crate::catalog::{AsyncWriter, Op, Store};
use crate::drive::{Supply, jobs, runtime, tasks};
use crate::engines::Role;
use crate::plan::Plan;
use crate::samples::{Metric, THROUGHPUT};
use crate::stores;
use crate::sys::flush;
use crate::workload::Rng;

const SECONDS: f64 = 1.0;
const READERS: usize = 2;
const WRITERS: usize = 16;
const TASKS: u64 = 64;
/// Gets before each write: 95 of 100.
const GETS: u64 = 19;

const READS: Metric = Metric { name: "reads", unit: "reads/s" };
const WRITES: Metric = Metric { name: "writes", unit: "writes/s" };

/// A catalog, and what awaits its writes.
struct Subject {
    peer: String,
    store: Store,
    writer: Arc<dyn AsyncWriter>,
}

pub(super) fn measure(plan: &Plan) -> Result<()> {
    let n = plan.large();
    let mut subjects = Vec::new();
    for engine in plan.engines.iter().filter(|e| matches!(e.role, Role::Ours | Role::Durable)) {
        let store = stores::open(plan, engine, n)?;
        let (peer, writer) = match store.clone().native_async() {
            Some(writer) => (engine.name.to_owned(), writer),
            None => (format!("{}+batcher", engine.name), Batcher::new(store.clone()) as Arc<dyn AsyncWriter>),
        };
        subjects.push(Subject { peer, store, writer });
    }
    let ids = Arc::new(keys(n, By::Id));
    for _ in 0..plan.repetitions {
        for subject in subjects.iter().filter(|_| plan.wants("mix-95-5")) {
            flush(&plan.dir)?;
            let rate = mix(subject, &ids, plan.seconds(SECONDS))?;
            plan.samples.add("mix-95-5", &subject.peer, THROUGHPUT, rate)?;
        }
        for subject in subjects.iter().filter(|_| plan.wants("readers-2-writers-16")) {
            flush(&plan.dir)?;
            let (reads, writes) = beside(subject, &ids, n, plan.seconds(SECONDS))?;
            plan.samples.add("readers-2-writers-16", &subject.peer, READS, reads)?;
            plan.samples.add("readers-2-writers-16", &subject.peer, WRITES, writes)?;
        }
    }
    subjects.into_iter().try_for_each(|s| s.store.close())
}

/// 64 tasks, each in turn 19 gets and one durable increment; operations a second.
fn mix(subject: &Subject, ids: &Arc<Vec<String>>, seconds: f64) -> Result<f64> {
    let runtime = runtime()?;
    let start = Instant::now();
    let run = |task: u64| {
        let (store, writer, ids) = (subject.store.clone(), subject.writer.clone(), ids.clone());
        async move {
            let mut rng = Rng::new(task << 32);
            let mut done = 0u64;
            while start.elapsed().as_secs_f64() < seconds {
                let mut pick = || &ids[rng.below(ids.len() as u64) as usize];
                for _ in 0..GETS {
                    std::hint::black_box(store.get(pick())?.context("a record is missing")?.dimension());
                }
                let job = writer.prepare(Op::Count { id: pick().clone(), vectors: 1, bytes: 512 })?;
                job().await?.map_err(|rejected| anyhow!("a write was rejected: {rejected:?}"))?;
                done += GETS + 1;
            }
            anyhow::Ok(done)
        }
    };
    let tasks: Vec<_> = (0..TASKS).map(|task| runtime.spawn(run(task))).collect();
    let done = runtime.block_on(async {
        let mut sum = 0;
        for task in tasks {
            sum += task.await??;
        }
        anyhow::Ok(sum)
    })?;
    Ok(done as f64 / start.elapsed().as_secs_f64())
}

/// Two threads that only read, beside 16 tasks that only write; reads and writes a second.
fn beside(subject: &Subject, ids: &[String], n: u64, seconds: f64) -> Result<(f64, f64)> {
    /// Reads between two looks at the flag.
    const BETWEEN_LOOKS: usize = 64;
    let (stop, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    let supply = Supply::stock((100_000.0 * seconds) as usize, jobs(subject.writer.clone(), increments(n)))?;
    let read = |first: usize| -> Result<()> {
        let (mut sum, mut ids) = (0, ids.iter().cycle().skip(first));
        while !stop.load(Ordering::Relaxed) {
            for id in ids.by_ref().take(BETWEEN_LOOKS) {
                sum += u64::from(subject.store.get(id)?.context("a record is missing")?.dimension());
            }
            reads.fetch_add(BETWEEN_LOOKS as u64, Ordering::Relaxed);
        }
        std::hint::black_box(sum);
        Ok(())
    };
    let read = &read;
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|t| scope.spawn(move || read(t * ids.len() / READERS))).collect();
        let start = Instant::now();
        let written = tasks(WRITERS, seconds, Arc::new(supply));
        stop.store(true, Ordering::Relaxed);
        let took = start.elapsed().as_secs_f64();
        readers.into_iter().try_for_each(|t| t.join().map_err(|_| anyhow!("a thread panicked"))?)?;
        Ok((reads.load(Ordering::Relaxed) as f64 / took, written?.rate()))
    })
}

//! Driving an engine with writes: from threads that each commit their own, or from tasks that wait for a group commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};
use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};

use crate::catalog::{Answer, AsyncWriter, Job, Op, Record, Store};
use crate::samples::{P50, P99, Samples, THROUGHPUT, percentile};
use crate::workload::record;

/// As many as the machine of the goals has cores.
const WORKERS: usize = 2;
/// Records of one commit when many are loaded.
const BATCH: u64 = 1_000;
/// The same for a million of them: an engine with a B-tree gains by it.
const LARGE_BATCH: u64 = 20_000;

/// The runtime that tasks run in.
pub(crate) fn runtime() -> Result<Runtime> {
    Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build().context("start a runtime")
}

/// Makes operations.
pub(crate) type Make = Arc<dyn Fn() -> Op + Send + Sync>;

/// Operations that are made before the clock runs. What is missing is made while it runs, and counted.
pub(crate) struct Supply<T> {
    ready: Mutex<Vec<T>>,
    make: Box<dyn Fn() -> Result<T> + Send + Sync>,
    missing: AtomicU64,
}

impl<T: Send> Supply<T> {
    pub(crate) fn stock(count: usize, make: impl Fn() -> Result<T> + Send + Sync + 'static) -> Result<Self> {
        let made = std::thread::scope(|scope| {
            let part = || (0..count.div_ceil(WORKERS)).map(|_| make()).collect::<Result<Vec<T>>>();
            let threads: Vec<_> = (0..WORKERS).map(|_| scope.spawn(part)).collect();
            let parts = threads.into_iter().map(|t| t.join().map_err(|_| anyhow!("a thread panicked"))?);
            parts.collect::<Result<Vec<Vec<T>>>>()
        })?;
        let ready = Mutex::new(made.into_iter().flatten().collect());
        Ok(Self { ready, make: Box::new(make), missing: AtomicU64::new(0) })
    }

    fn take(&self) -> Result<T> {
        if let Some(next) = self.ready.lock().pop() {
            return Ok(next);
        }
        self.missing.fetch_add(1, Ordering::Relaxed);
        (self.make)()
    }

    pub(crate) fn missing(&self) -> u64 {
        self.missing.load(Ordering::Relaxed)
    }
}

/// What a load took.
pub(crate) struct Measured {
    /// Nanoseconds, one an operation.
    latencies: Vec<u64>,
    seconds: f64,
}

impl Measured {
    /// Operations a second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    pub(crate) fn record(&mut self, samples: &Samples, row: &str, peer: &str) -> Result<()> {
        self.latencies.sort_unstable();
        let micros = |share| percentile(&self.latencies, share) as f64 / 1e3;
        samples.add(row, peer, THROUGHPUT, self.rate())?;
        samples.add(row, peer, P50, micros(0.5))?;
        samples.add(row, peer, P99, micros(0.99))
    }
}

fn nanos_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn done(answer: Answer) -> Result<()> {
    answer.map_err(|rejected| anyhow!("a write was rejected: {rejected:?}"))
}

/// `n` threads, each with a durable transaction of its own for each operation.
pub(crate) fn threads(store: &Store, n: usize, seconds: f64, supply: &Supply<Op>) -> Result<Measured> {
    let start = Instant::now();
    let latencies = std::thread::scope(|scope| {
        let run = || {
            let mut latencies = Vec::new();
            while start.elapsed().as_secs_f64() < seconds {
                let op = supply.take()?;
                let begun = Instant::now();
                store.apply(vec![op])?.into_iter().try_for_each(done)?;
                latencies.push(nanos_since(begun));
            }
            Ok(latencies)
        };
        let threads: Vec<_> = (0..n).map(|_| scope.spawn(run)).collect();
        collect(threads.into_iter().map(|t| t.join().map_err(|_| anyhow!("a thread panicked"))?))
    })?;
    Ok(Measured { latencies, seconds: start.elapsed().as_secs_f64() })
}

/// `n` tasks, each waiting for its operation before it gives the next.
pub(crate) fn tasks(n: usize, seconds: f64, supply: Arc<Supply<Job>>) -> Result<Measured> {
    let runtime = runtime()?;
    let start = Instant::now();
    let run = move |supply: Arc<Supply<Job>>| async move {
        let mut latencies = Vec::new();
        while start.elapsed().as_secs_f64() < seconds {
            let job = supply.take()?;
            let begun = Instant::now();
            done(job().await?)?;
            latencies.push(nanos_since(begun));
        }
        Ok(latencies)
    };
    let tasks: Vec<_> = (0..n).map(|_| runtime.spawn(run(supply.clone()))).collect();
    let latencies = runtime.block_on(async {
        let mut ended = Vec::new();
        for task in tasks {
            ended.push(task.await.map_err(anyhow::Error::from).flatten());
        }
        collect(ended.into_iter())
    })?;
    Ok(Measured { latencies, seconds: start.elapsed().as_secs_f64() })
}

fn collect(parts: impl Iterator<Item = Result<Vec<u64>>>) -> Result<Vec<u64>> {
    Ok(parts.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Turns operations into jobs of a writer.
pub(crate) fn jobs(writer: Arc<dyn AsyncWriter>, make: Make) -> impl Fn() -> Result<Job> + Send + Sync {
    move || writer.prepare(make())
}

/// Loads the records of the numbers `0..n`; says how many seconds the engine took.
pub(crate) fn load(store: &Store, n: u64) -> Result<f64> {
    let batch = if n > 200_000 { LARGE_BATCH } else { BATCH };
    let mut seconds = 0.0;
    for from in (0..n).step_by(batch as usize) {
        let records: Vec<Record> = (from..n.min(from + batch)).map(record).collect();
        let begun = Instant::now();
        store.load(records)?;
        seconds += begun.elapsed().as_secs_f64();
    }
    ensure!(n == 0 || seconds > 0.0, "the clock stands still");
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batcher::Batcher;
    use crate::engines::engine;
    use crate::workload::id_of;

    #[test]
    fn a_supply_that_runs_dry_makes_more_and_says_so() {
        let supply = Supply::stock(3, || Ok(7)).unwrap();
        // As many for each thread: four.
        assert!((0..4).all(|_| supply.take().unwrap() == 7));
        assert_eq!(supply.missing(), 0);
        supply.take().unwrap();
        assert_eq!(supply.missing(), 1);
    }

    #[test]
    fn both_ways_of_driving_write() {
        let store = engine("mem-rwlock").unwrap().open(std::path::Path::new("")).unwrap();
        load(&store, 10).unwrap();
        let make: Make = Arc::new(|| Op::Count { id: id_of(3), vectors: 1, bytes: 1 });
        let direct = make.clone();
        let by_threads = threads(&store, 2, 0.01, &Supply::stock(10, move || Ok(direct())).unwrap()).unwrap();
        let writer = Batcher::new(store.clone());
        let by_tasks = tasks(4, 0.01, Arc::new(Supply::stock(10, jobs(writer, make)).unwrap())).unwrap();
        let counted = (by_threads.latencies.len() + by_tasks.latencies.len()) as i64;
        let got = store.get(&id_of(3)).unwrap().unwrap().record();
        assert!(counted > 0);
        assert_eq!(got.vector_count - record(3).vector_count, counted);
    }
}

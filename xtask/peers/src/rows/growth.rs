//! How ours behaves from a thousand records to a million.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};

use super::opening::FIRST_PAGE;
use super::reads::{By, GET_SECONDS, Query, gets, keys, lists, queries};
use crate::catalog::{Op, Store};
use crate::child::{End, Step};
use crate::drive::{jobs, runtime};
use crate::engines::{Engine, OURS, engine};
use crate::plan::Plan;
use crate::samples::{MILLIS, Metric};
use crate::stores::fill;
use crate::sys::flush;
use crate::workload::{id_of, record};

const GET: Metric = Metric { name: "get", unit: "ns/op" };
const CREATE: Metric = Metric { name: "create", unit: "us/op" };
const PAGE: Metric = Metric { name: "page", unit: "us" };
const FILTER: Metric = Metric { name: "filter", unit: "us" };

/// The values of these rows, in the order of the document, with their titles.
pub(crate) fn growth_metrics() -> [(&'static str, &'static str); 6] {
    [
        (GET.name, "get by id"),
        (CREATE.name, "durable create, 64 writers together"),
        (PAGE.name, "first page of 100 by name"),
        (FILTER.name, "filtered page of 100 by name"),
        (MILLIS.name, "open after a crash"),
        (FIRST_PAGE.name, "open after a crash, and the first page by name"),
    ]
}

/// The rows and their records.
const SIZES: [(&str, u64); 4] =
    [("growth-1k", 1_000), ("growth-10k", 10_000), ("growth-100k", 100_000), ("growth-1m", 1_000_000)];

/// Creates of one repetition; they are deleted again, so that the catalog stays as large as it is.
const CREATES: usize = 2_048;
const WRITERS: usize = 64;
/// The numbers of created records begin here.
const FIRST_NEW: u64 = 10_000_000;
const PAGES: u64 = 100;

struct Subject {
    row: &'static str,
    store: Store,
    ids: Vec<String>,
    queries: Vec<Query>,
}

fn dir_of(row: &str) -> String {
    format!("{OURS}-{row}")
}

pub(super) fn measure(plan: &Plan) -> Result<()> {
    let ours = engine(OURS)?;
    let sizes: Vec<_> = SIZES.into_iter().filter(|(row, _)| plan.wants(row)).collect();
    for (row, n) in &sizes {
        fill(plan, ours, *n, &dir_of(row))?;
    }
    flush(&plan.dir)?;
    for _ in 0..plan.repetitions {
        for (row, n) in &sizes {
            Step::Open { engine: ours, records: *n, dir: dir_of(row), row, end: End::Crash }.run(plan)?;
        }
    }
    let subjects: Result<Vec<Subject>> = sizes.iter().map(|(row, n)| subject(plan, ours, row, *n)).collect();
    let subjects = subjects?;
    let next = Arc::new(AtomicU64::new(FIRST_NEW));
    for _ in 0..plan.repetitions {
        for s in &subjects {
            let nanos = gets(&s.store, &s.ids, By::Id, 1, plan.seconds(GET_SECONDS))?;
            plan.samples.add(s.row, OURS, GET, nanos)?;
        }
        for s in &subjects {
            plan.samples.add(s.row, OURS, CREATE, creates(plan, &s.store, &next)?)?;
        }
        for s in &subjects {
            plan.samples.add(s.row, OURS, PAGE, first_pages(&s.store)?)?;
        }
        for s in &subjects {
            plan.samples.add(s.row, OURS, FILTER, lists(&s.store, &s.queries, PAGES, 100)?)?;
        }
    }
    subjects.into_iter().try_for_each(|s| s.store.close())
}

fn subject(plan: &Plan, ours: &Engine, row: &'static str, n: u64) -> Result<Subject> {
    let store = ours.open(&plan.dir.join(dir_of(row)))?;
    let ids = keys(n, By::Id);
    gets(&store, &ids, By::Id, 1, plan.seconds(GET_SECONDS))?;
    Ok(Subject { row, store, ids, queries: queries(n) })
}

/// Microseconds a create of 64 tasks together.
fn creates(plan: &Plan, store: &Store, next: &Arc<AtomicU64>) -> Result<f64> {
    let Some(writer) = store.clone().native_async() else { anyhow::bail!("ours can be awaited") };
    let first = next.load(Ordering::Relaxed);
    let numbers = next.clone();
    let make = jobs(writer, Arc::new(move || Op::Create(record(numbers.fetch_add(1, Ordering::Relaxed)))));
    let prepared: Result<Vec<_>> = (0..CREATES).map(|_| make()).collect();
    let mut prepared = prepared?;
    flush(&plan.dir)?;
    let runtime = runtime()?;
    let begun = Instant::now();
    let mut tasks = Vec::new();
    while !prepared.is_empty() {
        let part = prepared.split_off(prepared.len().saturating_sub(CREATES / WRITERS));
        tasks.push(runtime.spawn(async move {
            for job in part {
                if let Err(rejected) = job().await? {
                    anyhow::bail!("a write was rejected: {rejected:?}");
                }
            }
            Ok(())
        }));
    }
    runtime.block_on(async {
        for task in tasks {
            task.await??;
        }
        anyhow::Ok(())
    })?;
    let micros = begun.elapsed().as_secs_f64() * 1e6 / CREATES as f64;
    let answers = store.apply((first..next.load(Ordering::Relaxed)).map(|i| Op::Delete(id_of(i))).collect())?;
    ensure!(answers.iter().all(Result::is_ok), "a created record is not there");
    Ok(micros)
}

/// Microseconds a first page of 100 by name, without a filter.
fn first_pages(store: &Store) -> Result<f64> {
    let begun = Instant::now();
    for _ in 0..PAGES {
        ensure!(store.first(100)?.len() == 100, "the first page is short");
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / PAGES as f64)
}

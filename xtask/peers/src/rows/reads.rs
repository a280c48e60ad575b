//! Reads of 100,000 records, and of a million: by id, by name, filtered pages, all matches, everything.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::catalog::{Filter, Got, Store};
use crate::engines::{Engine, Role};
use crate::plan::{HUGE, Plan};
use crate::samples::{MICROS, MILLIS, NANOS, percentile};
use crate::stores;
use crate::workload::{Rng, id_of, name_of, owner, record, tag};

/// How long each cell is measured in each repetition.
pub(super) const GET_SECONDS: f64 = 0.4;
/// Keys that are asked for, in an order that no cache can guess.
const KEYS: u64 = 200_000;
/// Looks at the clock are this many gets apart.
const BETWEEN_LOOKS: usize = 128;
const PAGES: u64 = 100;
const LISTS: u64 = 20;
pub(super) const MIN_DIMENSION: u32 = 384;

/// Whether a key is an id or a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Id,
    Name,
}

/// Keys of `n` records.
pub(super) fn keys(n: u64, by: By) -> Vec<String> {
    let mut rng = Rng::new(5);
    let of = if by == By::Id { id_of } else { name_of };
    (0..KEYS).map(|_| of(rng.below(n))).collect()
}

/// Nanoseconds a get, all threads together.
pub(super) fn gets(store: &Store, keys: &[String], by: By, threads: usize, seconds: f64) -> Result<f64> {
    let done = AtomicU64::new(0);
    let start = Instant::now();
    let one = |key: &str| match by {
        By::Id => store.get(key),
        By::Name => store.get_by_name(key),
    };
    let run = |first: usize| -> Result<()> {
        let (mut sum, mut count) = (0u64, 0);
        let mut keys = keys.iter().cycle().skip(first);
        while start.elapsed().as_secs_f64() < seconds {
            for key in keys.by_ref().take(BETWEEN_LOOKS) {
                sum += u64::from(one(key)?.context("a record is missing")?.dimension());
            }
            count += BETWEEN_LOOKS as u64;
        }
        std::hint::black_box(sum);
        done.fetch_add(count, Ordering::Relaxed);
        Ok(())
    };
    std::thread::scope(|scope| {
        let run = &run;
        let running: Vec<_> = (0..threads).map(|t| scope.spawn(move || run(t * keys.len() / threads))).collect();
        running.into_iter().try_for_each(|t| t.join().map_err(|_| anyhow!("a thread panicked"))?)
    })?;
    Ok(start.elapsed().as_nanos() as f64 / done.into_inner() as f64)
}

/// A filter, and how many of the records match it.
pub(super) struct Query {
    owner: String,
    tag: String,
    matches: usize,
}

/// The filters that are asked for.
pub(super) fn queries(n: u64) -> Vec<Query> {
    let query = |i| Query { owner: owner(i), tag: tag(i), matches: 0 };
    let mut queries: Vec<Query> = (0..50).map(query).collect();
    for r in (0..n).map(record).filter(|r| r.dimension >= MIN_DIMENSION) {
        let matching = |q: &&mut Query| r.owner.as_ref() == Some(&q.owner) && r.tags.contains(&q.tag);
        queries.iter_mut().filter(matching).for_each(|q| q.matches += 1);
    }
    queries
}

/// The median of `count` lists, in microseconds.
pub(super) fn lists(store: &Store, queries: &[Query], count: u64, limit: usize) -> Result<f64> {
    let mut nanos = Vec::new();
    for query in queries.iter().cycle().take(count as usize) {
        let Query { owner, tag, matches } = query;
        let filter = Filter { owner, tag, min_dimension: MIN_DIMENSION, after: "", limit };
        let begun = Instant::now();
        let page = store.list(&filter)?;
        nanos.push(begun.elapsed().as_nanos() as u64);
        ensure!(page.len() == limit.min(*matches), "{} records of {matches} in a page of {limit}", page.len());
        ensure!(page.is_sorted_by(|a: &Got, b: &Got| a.name() < b.name()), "a page is out of order");
    }
    nanos.sort_unstable();
    Ok(percentile(&nanos, 0.5) as f64 / 1e3)
}

type Opened = Vec<(&'static Engine, Store)>;

fn open_all(plan: &Plan, n: u64, wanted: impl Fn(&Engine) -> bool) -> Result<Opened> {
    let engines = plan.engines.iter().copied().filter(|e| e.role != Role::Limit && wanted(e));
    engines.map(|e| Ok((e, stores::open(plan, e, n)?))).collect()
}

fn close_all(stores: Opened) -> Result<()> {
    stores.into_iter().try_for_each(|(_, store)| store.close())
}

/// Gets by id from one thread and from two; the names of the rows.
fn gets_by_id(plan: &Plan, stores: &Opened, n: u64, rows: [&str; 2]) -> Result<impl Fn() -> Result<()>> {
    let ids = keys(n, By::Id);
    for (_, store) in stores {
        gets(store, &ids, By::Id, 1, plan.seconds(GET_SECONDS))?;
    }
    Ok(move || {
        for (row, threads) in rows.into_iter().zip([1, 2]).filter(|(row, _)| plan.wants(row)) {
            for (engine, store) in stores {
                let nanos = gets(store, &ids, By::Id, threads, plan.seconds(GET_SECONDS))?;
                plan.samples.add(row, engine.name, NANOS, nanos)?;
            }
        }
        Ok(())
    })
}

pub(super) fn measure(plan: &Plan) -> Result<()> {
    let n = plan.large();
    let stores = open_all(plan, n, |_| true)?;
    let by_id = gets_by_id(plan, &stores, n, ["get-id-100k-1t", "get-id-100k-2t"])?;
    let (names, queries) = (keys(n, By::Name), queries(n));
    for _ in 0..plan.repetitions {
        by_id()?;
        for (engine, store) in stores.iter().filter(|_| plan.wants("get-name-100k")) {
            let nanos = gets(store, &names, By::Name, 1, plan.seconds(GET_SECONDS))?;
            plan.samples.add("get-name-100k", engine.name, NANOS, nanos)?;
        }
        for (row, count, limit) in [("page-100k", PAGES, 100), ("matches-100k", LISTS, usize::MAX)] {
            for (engine, store) in stores.iter().filter(|_| plan.wants(row)) {
                plan.samples.add(row, engine.name, MICROS, lists(store, &queries, count, limit)?)?;
            }
        }
        for (engine, store) in stores.iter().filter(|_| plan.wants("scan-100k")) {
            let begun = Instant::now();
            let sum = store.scan()?;
            let took = begun.elapsed();
            ensure!(sum.records == n, "{} scanned {} records of {n}", engine.name, sum.records);
            plan.samples.add("scan-100k", engine.name, MILLIS, took.as_secs_f64() * 1e3)?;
        }
    }
    drop(by_id);
    close_all(stores)
}

pub(super) fn measure_huge(plan: &Plan) -> Result<()> {
    let stores = open_all(plan, HUGE, |e| plan.is_in_huge_rows(e))?;
    let by_id = gets_by_id(plan, &stores, HUGE, ["get-id-1m-1t", "get-id-1m-2t"])?;
    for _ in 0..plan.repetitions {
        by_id()?;
    }
    drop(by_id);
    close_all(stores)
}

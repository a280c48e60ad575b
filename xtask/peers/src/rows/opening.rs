//! Opening after a crash and after a clean close, each time in a process of its own, and what the catalog takes on the disk.

use anyhow::{Context as _, Result, ensure};

use crate::child::{End, Step};
use crate::drive::load;
use crate::engines::{Engine, Role};
use crate::measure::{on_disk, resident};
use crate::plan::{HUGE, Plan};
use crate::samples::{MILLIS, Metric};
use crate::stores::{self, copy, filled};
use crate::sys::flush;
use crate::workload::{Rng, id_of};

const LOAD: Metric = Metric { name: "throughput", unit: "records/s" };
/// Until the first page by name is there: an order that is built when it is first needed is paid for here.
pub(super) const FIRST_PAGE: Metric = Metric { name: "first-page", unit: "ms" };
const DATA: Metric = Metric { name: "data", unit: "bytes/record" };
const ALLOCATED: Metric = Metric { name: "allocated", unit: "bytes/record" };
const AT_CRASH: Metric = Metric { name: "allocated-at-crash", unit: "bytes/record" };
const MEMORY: Metric = Metric { name: "memory", unit: "bytes/record" };

/// Gets before memory is looked at: caches fill.
const GETS: u64 = 100_000;

fn on_disks(plan: &Plan) -> Vec<&'static Engine> {
    let wanted = |e: &&Engine| matches!(e.role, Role::Ours | Role::Durable);
    plan.engines.iter().copied().filter(wanted).collect()
}

pub(super) fn measure(plan: &Plan) -> Result<()> {
    let n = plan.large();
    for engine in on_disks(plan) {
        let dir = filled(plan, engine, n)?;
        if plan.wants("disk-bytes-100k") {
            let bytes = on_disk(&dir)?.allocated;
            plan.samples.add("disk-bytes-100k", engine.name, AT_CRASH, per_record(bytes, n))?;
        }
    }
    if plan.wants("open-crash-100k") {
        for_each_repetition(plan, |engine| {
            let crashed = stores::name(engine, n);
            // Who opens it mends it: each time another copy.
            let copied = format!("{crashed}-copy");
            let dir = copy(plan, &plan.dir.join(crashed), &copied)?;
            flush(&plan.dir)?;
            Step::Open { engine, records: n, dir: copied, row: "open-crash-100k", end: End::Crash }.run(plan)?;
            std::fs::remove_dir_all(&dir).with_context(|| dir.display().to_string())
        })?;
    }
    if plan.wants("open-close-100k") || plan.wants("disk-bytes-100k") {
        closed(plan, n)?;
    }
    if plan.wants("resident-bytes-100k") {
        let engines = plan.engines.iter().filter(|e| e.role != Role::Limit);
        let engines: Vec<&'static Engine> = engines.copied().collect();
        for _ in 0..plan.repetitions {
            for engine in &engines {
                Step::Resident { engine, records: n }.run(plan)?;
            }
        }
    }
    Ok(())
}

/// What a catalog is after a checkpoint and a clean close.
fn closed(plan: &Plan, n: u64) -> Result<()> {
    let dir_of = |engine: &Engine| format!("{}-closed", stores::name(engine, n));
    for engine in on_disks(plan) {
        let name = dir_of(engine);
        let dir = copy(plan, &plan.dir.join(stores::name(engine, n)), &name)?;
        Step::Settle { engine, dir: name }.run(plan)?;
        flush(&plan.dir)?;
        if plan.wants("disk-bytes-100k") {
            let bytes = on_disk(&dir)?;
            plan.samples.add("disk-bytes-100k", engine.name, DATA, per_record(bytes.data, n))?;
            plan.samples.add("disk-bytes-100k", engine.name, ALLOCATED, per_record(bytes.allocated, n))?;
        }
    }
    if plan.wants("open-close-100k") {
        for_each_repetition(plan, |engine| {
            let dir = dir_of(engine);
            Step::Open { engine, records: n, dir, row: "open-close-100k", end: End::Close }.run(plan)
        })?;
    }
    for engine in on_disks(plan) {
        plan.fresh(&dir_of(engine))?;
    }
    Ok(())
}

/// A million records of ours and of LMDB, opened in place: a copy of each would take longer than all the rest.
pub(super) fn measure_huge(plan: &Plan) -> Result<()> {
    let engines: Vec<&'static Engine> = on_disks(plan).into_iter().filter(|e| plan.is_in_huge_rows(e)).collect();
    for engine in &engines {
        filled(plan, engine, HUGE)?;
    }
    flush(&plan.dir)?;
    for _ in 0..plan.repetitions {
        for engine in &engines {
            let dir = stores::name(engine, HUGE);
            Step::Open { engine, records: HUGE, dir, row: "open-crash-1m", end: End::Crash }.run(plan)?;
        }
    }
    Ok(())
}

fn for_each_repetition(plan: &Plan, mut run: impl FnMut(&'static Engine) -> Result<()>) -> Result<()> {
    for _ in 0..plan.repetitions {
        for engine in on_disks(plan) {
            run(engine)?;
        }
    }
    Ok(())
}

fn per_record(bytes: u64, records: u64) -> f64 {
    bytes as f64 / records as f64
}

/// A step: fills a catalog. The process ends without closing it.
pub(crate) fn fill_here(plan: &Plan, engine: &Engine, records: u64, dir: &str) -> Result<()> {
    let store = engine.open(&plan.dir.join(dir))?;
    let seconds = load(&store, records)?;
    if plan.wants("bulk-load-100k") && dir == stores::name(engine, plan.large()) {
        plan.samples.add("bulk-load-100k", engine.name, LOAD, records as f64 / seconds)?;
    }
    crate::sys::leave()
}

/// A step: opens a catalog, up to the first record and the first page.
pub(crate) fn open_here(plan: &Plan, engine: &Engine, records: u64, dir: &str, row: &str, end: End) -> Result<()> {
    let dir = plan.dir.join(dir);
    let start = std::time::Instant::now();
    let store = engine.open(&dir)?;
    let found = store.get(&id_of(records - 1))?.is_some();
    let opened = start.elapsed();
    let page = store.first(100)?.len();
    let first_page = start.elapsed();
    ensure!(found && page == 100, "{}: records are missing", engine.name);
    plan.samples.add(row, engine.name, MILLIS, opened.as_secs_f64() * 1e3)?;
    plan.samples.add(row, engine.name, FIRST_PAGE, first_page.as_secs_f64() * 1e3)?;
    if end == End::Crash {
        crate::sys::leave();
    }
    store.close()
}

/// A step: a checkpoint and a clean close.
pub(crate) fn settle_here(plan: &Plan, engine: &Engine, dir: &str) -> Result<()> {
    let store = engine.open(&plan.dir.join(dir))?;
    store.checkpoint()?;
    store.close()
}

/// A step: what a catalog has in memory. On a disk: opened, and then asked for records.
pub(crate) fn resident_here(plan: &Plan, engine: &'static Engine, records: u64) -> Result<()> {
    let before = resident()?;
    let store = stores::open(plan, engine, records)?;
    let mut rng = Rng::new(3);
    for _ in 0..if engine.on_disk() { GETS } else { 0 } {
        store.get(&id_of(rng.below(records)))?.context("a record is missing")?;
    }
    let bytes = resident()?.saturating_sub(before);
    plan.samples.add("resident-bytes-100k", engine.name, MEMORY, per_record(bytes, records))?;
    crate::sys::leave()
}

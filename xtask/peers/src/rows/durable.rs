//! Durable writes: creates from 1, 16, 64 and 256 writers, and increments on 1,000 records.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;

use super::Group;
use crate::batcher::Batcher;
use crate::catalog::{AsyncWriter, Op, Store};
use crate::drive::{Make, Measured, Supply, jobs, load, tasks, threads};
use crate::engines::{Engine, Role};
use crate::plan::Plan;
use crate::sys::flush;
use crate::workload::{id_of, mix, record};

/// Every catalog begins with these.
const RECORDS: u64 = 1_000;
/// How long each cell of the table is measured in each repetition.
const CELL_SECONDS: f64 = 0.8;
/// The numbers of created records begin here.
const FIRST_NEW: u64 = 1_000_000;

/// A row: its name, its writers, and what they do.
struct Load {
    row: &'static str,
    writers: usize,
    make: Make,
}

fn loads(plan: &Plan) -> Vec<Load> {
    let next = Arc::new(AtomicU64::new(FIRST_NEW));
    let create: Make = Arc::new(move || Op::Create(record(next.fetch_add(1, Ordering::Relaxed))));
    let count = increments(RECORDS);
    let all = [
        ("create-1", 1, &create),
        ("create-16", 16, &create),
        ("create-64", 64, &create),
        ("create-256", 256, &create),
        ("increments-64", 64, &count),
    ];
    let wanted = all.into_iter().filter(|(row, ..)| plan.wants(row));
    wanted.map(|(row, writers, make)| Load { row, writers, make: make.clone() }).collect()
}

/// Increments on the first `n` records, in an order that no cache can guess.
pub(super) fn increments(n: u64) -> Make {
    let step = AtomicU64::new(0);
    Arc::new(move || {
        let i = mix(step.fetch_add(1, Ordering::Relaxed)) % n;
        Op::Count { id: id_of(i), vectors: 10, bytes: 5_120 }
    })
}

/// How many operations to make ahead: more than the engine has done at its fastest.
#[derive(Default)]
struct Pace(HashMap<(&'static str, String), f64>);

impl Pace {
    fn ahead(&self, load: &Load, peer: &str, role: Role, seconds: f64) -> usize {
        let guess = match role {
            _ if load.writers == 1 => 12_000.0,
            Role::Limit | Role::Ours => 80_000.0,
            _ => 20_000.0,
        };
        let rate = self.0.get(&(load.row, peer.to_owned())).copied().unwrap_or(guess);
        (rate * 1.5 * seconds) as usize
    }

    fn saw(&mut self, load: &Load, peer: &str, rate: f64) {
        let fastest = self.0.entry((load.row, peer.to_owned())).or_default();
        *fastest = fastest.max(rate);
    }
}

/// Fresh catalogs in every repetition, all of them open at the same time.
pub(super) fn measure(plan: &Plan) -> Result<()> {
    let loads = loads(plan);
    let roles = [Role::Ours, Role::Durable, Role::Limit];
    let mut pace = Pace::default();
    for repetition in 1..=plan.repetitions {
        eprintln!("repetition {repetition} of {} ({})", plan.repetitions, Group::Durable.name());
        let mut stores = Vec::new();
        for engine in plan.engines.iter().filter(|e| roles.contains(&e.role)) {
            let dir = plan.fresh(&format!("{}-durable", engine.name))?;
            let store = engine.open(&dir)?;
            load(&store, RECORDS)?;
            stores.push((*engine, store, dir));
        }
        for load in &loads {
            for (engine, store, _) in &stores {
                run(plan, load, engine, store, &mut pace)?;
            }
        }
        for (_, store, dir) in stores {
            store.close()?;
            drop(store);
            std::fs::remove_dir_all(&dir).ok();
        }
    }
    Ok(())
}

/// Ours is awaited by tasks, as it is used. Another engine gets its writers as threads, and also behind the queue that a careful
/// user adds, if there is more than one writer. A limit is driven in the better way alone.
fn run(plan: &Plan, load: &Load, engine: &Engine, store: &Store, pace: &mut Pace) -> Result<()> {
    let Load { writers: n, make, .. } = load;
    let seconds = plan.seconds(CELL_SECONDS);
    let native = store.clone().native_async();
    if native.is_none() && (*n == 1 || engine.role != Role::Limit) {
        let (peer, make) = (engine.name, make.clone());
        let supply = Supply::stock(pace.ahead(load, peer, engine.role, seconds), move || Ok(make()))?;
        flush(&plan.dir)?;
        let measured = threads(store, *n, seconds, &supply)?;
        finish(plan, load, peer, pace, measured, supply.missing())?;
    }
    let (peer, writer) = match native {
        Some(writer) => (engine.name.to_owned(), writer),
        None if *n > 1 => (format!("{}+batcher", engine.name), Batcher::new(store.clone()) as Arc<dyn AsyncWriter>),
        None => return Ok(()),
    };
    let ahead = pace.ahead(load, &peer, engine.role, seconds);
    let supply = Arc::new(Supply::stock(ahead, jobs(writer, make.clone()))?);
    flush(&plan.dir)?;
    let measured = tasks(*n, seconds, supply.clone())?;
    finish(plan, load, &peer, pace, measured, supply.missing())
}

fn finish(plan: &Plan, load: &Load, peer: &str, pace: &mut Pace, mut measured: Measured, missing: u64) -> Result<()> {
    if missing > 0 {
        eprintln!("  {} {peer}: {missing} operations were made while the clock ran", load.row);
    }
    pace.saw(load, peer, measured.rate());
    measured.record(&plan.samples, load.row, peer)
}

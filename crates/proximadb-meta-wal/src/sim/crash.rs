//! A crash at every moment: each image is recovered and must be one of the catalogs that were allowed then.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use proximadb_meta_core::driver::{Applied, Expect, NetWrite, Prepared};
use proximadb_meta_core::{CollectionMetadata, DistanceMetric, Incarnation, Namespace};

use super::check::check_table;
use super::disk::{SimDisk, State};
use super::fault::Plan;
use super::image::{Image, Kind, images};
use super::workload::{End, SEGMENT_BYTES, Workload};
use crate::engine::{Engine, Group};
use crate::log::Log;
use crate::recover::State as Catalog;

/// What the runs counted.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) images: AtomicU64,
    pub(crate) recoveries: AtomicU64,
    /// Images by content, with the acknowledgements they were checked against.
    seen: [Mutex<HashMap<u128, Vec<u32>>>; 16],
}

impl Counts {
    /// Counts an image; whether it is a new one, or the same with more acknowledged.
    fn is_new(&self, hash: u128, acknowledged: usize) -> bool {
        self.images.fetch_add(1, Ordering::Relaxed);
        let mut shard = self.seen[(hash & 15) as usize].lock().unwrap_or_else(PoisonError::into_inner);
        let checked = shard.entry(hash).or_default();
        let acknowledged = acknowledged as u32;
        if checked.contains(&acknowledged) {
            return false;
        }
        checked.push(acknowledged);
        true
    }

    /// Images that were unlike all others.
    pub(crate) fn distinct(&self) -> usize {
        self.seen.iter().map(|s| s.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }
}

/// What is wrong, and which image shows it.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) kind: Kind,
    pub(crate) place: String,
    pub(crate) what: String,
}

/// How hard to look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) groups: usize,
    /// Images drawn at random at every moment with something unsynced.
    pub(crate) more: usize,
    /// One in so many images is also written to, opened again, and its recovery crashed.
    pub(crate) deep: u64,
}

/// Runs the workload of a seed without faults and crashes it at every moment.
pub(crate) fn crash_everywhere(seed: u64, effort: Effort, counts: &Counts) -> Result<(), Violation> {
    let disk = SimDisk::default();
    disk.progress(0, &[Arc::default()]);
    disk.record();
    crate::random::seed_salts(seed << 20);
    let mut workload = Workload::new(seed);
    let end = workload.run(&disk, effort.groups);
    let place = format!("{seed}");
    let wrong = |what: String| Violation { kind: Kind::KeepAll, place: place.clone(), what };
    if let Some(what) = workload.violation {
        return Err(wrong(what));
    }
    if end != End::Done {
        return Err(wrong("the workload was stopped although nothing failed".to_owned()));
    }
    check_history(&disk.take_history(), seed, effort, &place, counts)
}

/// Crashes at each of the kept moments.
pub(crate) fn check_history(
    history: &[State],
    seed: u64,
    effort: Effort,
    place: &str,
    counts: &Counts,
) -> Result<(), Violation> {
    for (tick, state) in history.iter().enumerate() {
        for (n, image) in images(state, seed.wrapping_add(tick as u64) << 8, effort.more).into_iter().enumerate() {
            let hash = image.hash();
            if !counts.is_new(hash, image.state.acknowledged) {
                continue;
            }
            let deep = effort.deep > 0 && ((hash >> 64) as u64).is_multiple_of(effort.deep);
            let wrong = |what| Violation { kind: image.kind, place: format!("{place}:{tick}:{n}"), what };
            if let Err(what) = recover(&image, deep, counts) {
                return Err(wrong(what));
            }
        }
    }
    Ok(())
}

/// Which of the allowed catalogs this is.
fn allowed(state: &Catalog, among: &[Arc<Catalog>]) -> Result<usize, String> {
    among.iter().position(|a| **a == *state).ok_or_else(|| {
        let first = among.first().map(|a| summary(a)).unwrap_or_default();
        format!(
            "recovered {}; acknowledged was {first}, {} more were begun",
            summary(state),
            among.len().saturating_sub(1)
        )
    })
}

fn summary(state: &Catalog) -> String {
    let mut out = String::new();
    for (ns, records) in &state.records {
        for r in records.values() {
            out += &format!("{}/{}@{}#{}+{} ", ns.as_str(), r.id, r.version, r.incarnation.0, r.vector_count);
        }
    }
    format!("[{}]", out.trim_end())
}

/// Opens an image and checks what it holds.
fn recover(image: &Image, deep: bool, counts: &Counts) -> Result<(), String> {
    counts.recoveries.fetch_add(1, Ordering::Relaxed);
    let disk = SimDisk::of(image.state.clone());
    if deep {
        disk.record();
    }
    let among = image.state.allowed.clone();
    let opened = Log::open(Arc::new(disk.clone()), SEGMENT_BYTES).map_err(|e| format!("does not open: {e}"))?;
    let found = allowed(&opened.state(), &among)?;
    if !deep {
        return Ok(());
    }
    // From here on somebody may have read it: no later crash may take it back.
    let state = opened.state().clone();
    let after = Arc::new(with_one_more(&state));
    let acknowledged = image.state.acknowledged + found;
    disk.progress(acknowledged, &[among[found].clone(), after.clone()]);
    let mut engine = Engine::new(opened);
    check_table(&engine.shared().table, &state)?;
    let mut group: Group<()> = Group::default();
    let record = extra_record();
    let write = match state.records.get(&Namespace::default()).and_then(|t| t.get(&record.id)) {
        Some(before) => NetWrite::Put { record, expect: Expect::exactly(before), before: Some(before.clone()) },
        None => NetWrite::Put { record, expect: Expect::Absent, before: None },
    };
    engine.gather(&mut group, &Namespace::default(), &Prepared::new(vec![write]), true, ());
    for (_, answer) in engine.commit(&mut group) {
        match answer {
            Ok(Applied::Done(_)) => {}
            other => return Err(format!("a write after recovery answers {other:?}")),
        }
    }
    disk.progress(acknowledged + 1, &[after]);
    engine.late_sync();
    drop(engine);
    // The recovery itself, and the write after it, crashed at each moment.
    for state in disk.take_history() {
        for image in images(&state, 0, 2) {
            if counts.is_new(image.hash(), image.state.acknowledged) {
                recover(&image, false, counts)
                    .map_err(|what| format!("after a second crash ({:?}): {what}", image.kind))?;
            }
        }
    }
    Ok(())
}

fn extra_record() -> Arc<CollectionMetadata> {
    let mut r = CollectionMetadata::new("one more", 1, DistanceMetric::COSINE);
    r.id = "one more".into();
    r.version = 1;
    r.incarnation = Incarnation(u64::MAX);
    Arc::new(r)
}

fn with_one_more(state: &Catalog) -> Catalog {
    let mut state = state.clone();
    let r = extra_record();
    state.records.entry(Namespace::default()).or_default().insert(r.id.clone(), r);
    state
}

/// Runs the workload of a seed with one fault, and crashes it at each moment after the fault, at most 200.
pub(crate) fn fault_then_crash(seed: u64, plan: Plan, effort: Effort, counts: &Counts) -> Result<End, Violation> {
    let (call, fault) = plan.fault.unwrap_or((0, super::fault::Fault::Error));
    let place = format!("{seed}:{call}:{fault:?}");
    let disk = SimDisk::default();
    disk.progress(0, &[Arc::default()]);
    disk.record();
    disk.plan(plan);
    crate::random::seed_salts(seed << 20);
    let mut workload = Workload::new(seed);
    let end = workload.run(&disk, effort.groups);
    if let Some(what) = workload.violation {
        return Err(Violation { kind: Kind::KeepAll, place, what });
    }
    let history = disk.take_history();
    // What came before the fault was crashed without it.
    let after = history.len().saturating_sub(200).max(history.len().min(call as usize / 2));
    check_history(&history[after..], seed, effort, &place, counts)?;
    // The same disk, faultless again, as a process finds it that opens it next.
    let last = Image { kind: Kind::Killed, state: disk.state() };
    recover(&last, true, counts).map_err(|what| Violation { kind: Kind::Killed, place, what })?;
    Ok(end)
}

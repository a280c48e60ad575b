//! `cargo xtask bench quick`: Memory and the log, side by side.

use std::sync::Arc;
use std::time::Instant;

use crate::catalog::{Catalog, Ours, Result, fill};
use crate::records::record;
use crate::spread::Spread;
use crate::work::{Work, each};
use crate::{Plan, machine};

const SCANS: usize = 5;

/// What is measured: its name, and how.
const ROWS: &[(&str, Work)] = &[
    ("get by id", Work::Get),
    ("get by name", Work::GetByName),
    ("create, 1 task", Work::CreateAlone),
    ("create, 64 tasks (per call)", Work::Create),
    ("record_stats, 64 tasks (per call)", Work::Counters(usize::MAX)),
    ("page of 100, filtered by owner and tag", Work::Filtered),
];

/// Measures and prints.
pub(crate) async fn run(plan: &Plan) -> Result<()> {
    let dir = tempfile::tempdir_in(&plan.dir)?;
    let all: Vec<_> = (0..plan.records).map(record).collect();
    let mut subjects = Vec::new();
    for connection in ["memory://", &format!("file://{}", dir.path().join("log").display())] {
        let ours = Ours(proximadb_meta::connect(connection).await?);
        fill(&ours, &all).await?;
        subjects.push(ours);
    }
    // For each row what each of them took, once a repetition.
    let mut rows = vec![vec![Vec::new(); subjects.len()]; ROWS.len()];
    let (mut scans, mut syncs) = (vec![Vec::new(); subjects.len()], Vec::new());
    // Interleaved: what slows the machine down for a while slows both.
    for _ in 0..plan.repetitions {
        for (column, ours) in subjects.iter().enumerate() {
            let catalog: Arc<dyn Catalog> = Arc::new(ours.clone());
            for ((_, work), cells) in ROWS.iter().zip(&mut rows) {
                cells[column].push(work.measure(&catalog, plan.records).await?);
            }
            scans[column].push(scan(ours, plan.records).await?);
        }
        syncs.push(machine::append_and_sync(dir.path())?.as_secs_f64());
    }
    let labels: Vec<&str> = subjects.iter().map(|s| s.0.descriptor().label).collect();
    println!("| operation | {} |\n|---|{}", labels.join(" | "), "---:|".repeat(labels.len()));
    let scanned = ("list of everything", &scans);
    for (name, cells) in ROWS.iter().map(|(name, _)| *name).zip(&rows).chain([scanned]) {
        let cells: Vec<String> = cells.iter().map(|values| Spread::of(values).to_string()).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
    println!("| (for comparison: append 1 KiB to a file and sync it) |  | {} |", Spread::of(&syncs));
    for ours in subjects {
        ours.0.close().await?;
    }
    Ok(())
}

async fn scan(ours: &Ours, records: usize) -> Result<f64> {
    let start = Instant::now();
    for _ in 0..SCANS {
        let all = ours.0.list_collections(None).await?;
        if all.len() != records {
            return Err(format!("{} records listed, {records} are there", all.len()).into());
        }
    }
    Ok(each(start, SCANS))
}

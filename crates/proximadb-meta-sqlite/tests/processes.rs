//! Several processes on one file: made by ten at once and migrated once, written by eight without an error or a lost count,
//! with everything that can be done to a record at once, killed again and again. `PXMETA_SOAK_ROUNDS` says how often.
//!
//! The children are this same binary, called with `child`, what to do, and the file.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::ExitCode;

use proximadb_meta_core::{Filter, MetadataBackend, Operation, PutIf, Result, StatsDelta};
use proximadb_meta_testkit::processes::{
    each_name_was_taken_once, mixed, record, run, spawn, take_names, together, wait,
};
use proximadb_meta_testkit::scripts::number_from_env;
use proximadb_meta_testkit::{CaseResult, Failure};
use tempfile::TempDir;

/// Processes that start at the same time on a file that is not there.
const STARTERS: u64 = 10;
/// Processes that write at the same time.
const WRITERS: u64 = 8;
/// What each of them does.
const STEPS: u64 = 60;

fn main() -> ExitCode {
    run(
        async |arguments| match &arguments[..] {
            [work, path, number] => child(work, Path::new(path), number.parse().expect("a number")).await,
            other => unreachable!("a child has work, a path and a number, not {other:?}"),
        },
        &[
            ("ten_that_start_at_once_migrate_once", start_at_once),
            ("eight_writers_meet_no_error_and_lose_no_count", write_at_once),
            ("eight_that_do_everything_at_once_agree", everything_at_once),
            ("one_name_goes_to_one_of_eight", one_name),
            ("nothing_acknowledged_is_lost_by_kill_9", kill_9),
        ],
    )
}

/// What a child does.
async fn child(work: &str, path: &Path, number: u64) -> Result<()> {
    let catalog = proximadb_meta_sqlite::open(path).await?.into_backend();
    match work {
        "start" => drop(catalog.create_collection(record(&format!("starter-{number}"))).await?),
        "write" => {
            for step in 0..STEPS {
                catalog.create_collection(record(&format!("{number}-{step}"))).await?;
                catalog.record_stats("shared", StatsDelta { vectors: 1, bytes: 10 }).await?;
                if step % 3 == 0 {
                    catalog.delete_collection(&format!("{number}-{step}")).await?;
                }
            }
        }
        "name" => take_names(&*catalog, number, STEPS).await?,
        "mixed" => mixed::child(&*catalog, number).await?,
        // Pairs, each acknowledged by a line; never ends by itself.
        _ => {
            let mut out = std::io::stdout();
            for step in 0.. {
                let pair = ["a", "b"].map(|side| format!("{number}-{step}-{side}"));
                let puts = pair.map(|id| Operation::Put { record: record(&id), when: PutIf::Absent });
                catalog.batch_operations(puts.into()).await?;
                catalog.record_stats("shared", StatsDelta { vectors: 1, bytes: 10 }).await?;
                writeln!(out, "{number}-{step}").expect("the parent listens");
            }
        }
    }
    catalog.close().await
}

/// Opens the file, does something with the catalog, and closes it.
fn with(path: &Path, work: impl AsyncFnOnce(&dyn MetadataBackend) -> CaseResult) -> CaseResult {
    wait(async {
        let catalog = proximadb_meta_sqlite::open(path).await?.into_backend();
        work(&*catalog).await?;
        Ok(catalog.close().await?)
    })
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}

fn start_at_once() -> CaseResult {
    for _ in 0..3 {
        let dir = TempDir::new()?;
        let path = dir.path().join("catalog.db");
        together(STARTERS, &["start", shown(&path)])?;
        with(&path, async |catalog| {
            assert_eq!(catalog.count_collections(None).await?, STARTERS);
            let layout = catalog.schema(proximadb_meta_core::report::SchemaAction::Status).await?;
            assert_eq!((layout.applied.len(), layout.pending.len()), (1, 0));
            assert!(catalog.maintain().await?.contains("found no damage"));
            Ok(())
        })?;
    }
    Ok(())
}

fn write_at_once() -> CaseResult {
    let dir = TempDir::new()?;
    let path = dir.path().join("catalog.db");
    with(&path, async |catalog| {
        catalog.create_collection(record("shared")).await?;
        Ok(())
    })?;
    together(WRITERS, &["write", shown(&path)])?;
    with(&path, async |catalog| {
        let shared = catalog.get_collection("shared").await?.expect("it is there");
        assert_eq!((shared.vector_count, shared.total_size_bytes), (WRITERS * STEPS, 10 * WRITERS * STEPS));
        assert_eq!(catalog.count_collections(None).await?, 1 + WRITERS * (STEPS - STEPS.div_ceil(3)));
        assert!(catalog.maintain().await?.contains("found no damage"));
        Ok(())
    })?;
    Ok(())
}

fn everything_at_once() -> CaseResult {
    let dir = TempDir::new()?;
    let path = dir.path().join("catalog.db");
    with(&path, async |catalog| Ok(mixed::prepare(catalog).await?))?;
    let told = mixed::run(&["mixed", shown(&path)])?;
    with(&path, async |catalog| {
        mixed::check(catalog, &told).await?;
        assert!(catalog.maintain().await?.contains("found no damage"));
        Ok(())
    })
}

fn one_name() -> CaseResult {
    let dir = TempDir::new()?;
    let path = dir.path().join("catalog.db");
    together(WRITERS, &["name", shown(&path)])?;
    with(&path, async |catalog| each_name_was_taken_once(catalog, STEPS).await)
}

/// On one file, two writers a round: killed, one of them in the other's presence, after another number of acknowledgements
/// each time.
fn kill_9() -> CaseResult {
    let dir = TempDir::new()?;
    let path = dir.path().join("catalog.db");
    with(&path, async |catalog| {
        catalog.create_collection(record("shared")).await?;
        Ok(())
    })?;
    let mut acknowledged = BTreeSet::new();
    for round in 0..number_from_env("PXMETA_SOAK_ROUNDS", 8)? {
        let writer = |n: u64| spawn(&["pairs", shown(&path), &n.to_string()]);
        let mut children = [writer(2 * round)?, writer(2 * round + 1)?];
        for (child, lines) in children.iter_mut().zip([1 + round * 7 % 23, 1 + round * 11 % 17]) {
            let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
            let mut line = String::new();
            for _ in 0..lines {
                line.clear();
                out.read_line(&mut line)?;
                acknowledged.insert(line.trim_end().to_owned());
            }
            child.kill()?;
            // What it said before it died; the last line may be a stump.
            let mut rest = String::new();
            let _ = std::io::Read::read_to_string(&mut out, &mut rest);
            acknowledged.extend(rest.split_inclusive('\n').filter_map(|l| l.strip_suffix('\n')).map(str::to_owned));
            child.wait()?;
        }
        wait(check_survivors(&path, &acknowledged))?;
    }
    Ok(())
}

async fn check_survivors(path: &Path, acknowledged: &BTreeSet<String>) -> CaseResult {
    let catalog = proximadb_meta_sqlite::open(path).await?.into_backend();
    let mut pairs: BTreeMap<String, usize> = BTreeMap::new();
    for r in catalog.list_collections(Some(!Filter::eq(proximadb_meta_core::Field::Id, "shared"))).await? {
        let pair = r.id.rsplit_once('-').map_or("", |(pair, _)| pair);
        *pairs.entry(pair.to_owned()).or_default() += 1;
    }
    if let Some((half, _)) = pairs.iter().find(|(_, sides)| **sides != 2) {
        return Err(Failure::new(format!("half a batch: {half}")));
    }
    if let Some(lost) = acknowledged.iter().find(|pair| !pairs.contains_key(*pair)) {
        return Err(Failure::new(format!("acknowledged and lost: {lost}")));
    }
    // A pair is counted after it is written and before it is acknowledged.
    let shared = catalog.get_collection("shared").await?.expect("it is there");
    let counted = acknowledged.len() as u64..=pairs.len() as u64;
    if !counted.contains(&shared.vector_count) || shared.total_size_bytes != 10 * shared.vector_count {
        return Err(Failure::new(format!("{} counted, which should be in {counted:?}", shared.vector_count)));
    }
    catalog.maintain().await?;
    catalog.close().await?;
    Ok(())
}

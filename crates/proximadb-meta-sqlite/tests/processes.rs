//! Several processes on one file: made by ten at once and migrated once, written by eight without an error or a lost count,
//! killed again and again. `PXMETA_SOAK_ROUNDS` says how often.
//!
//! The children are this same binary, called with `child`, what to do, and the file.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};
use proximadb_meta_core::{
    CollectionMetadata, DistanceMetric, Filter, MetadataBackend, Operation, PutIf, Result, StatsDelta,
};
use tempfile::TempDir;

/// Processes that start at the same time on a file that is not there.
const STARTERS: usize = 10;
/// Processes that write at the same time.
const WRITERS: u64 = 8;
/// What each of them does.
const STEPS: u64 = 60;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, work, path, number] = &arguments[..]
        && mode == "child"
    {
        let number = number.parse().expect("a number");
        return match runtime().block_on(child(work, Path::new(path), number)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => {
                eprintln!("{e:?}");
                ExitCode::FAILURE
            }
        };
    }
    let trials: [(&str, Run); 4] = [
        ("ten_that_start_at_once_migrate_once", start_at_once),
        ("eight_writers_meet_no_error_and_lose_no_count", write_at_once),
        ("one_name_goes_to_one_of_eight", one_name),
        ("nothing_acknowledged_is_lost_by_kill_9", kill_9),
    ];
    let trials = trials.map(|(name, run)| Trial::test(name, run));
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

type Check = std::result::Result<(), Failed>;
type Run = fn() -> Check;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn record(id: &str) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(format!("name-{id}"), 8, DistanceMetric::COSINE);
    r.id = id.into();
    r
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
        "name" => {
            for step in 0..STEPS {
                let mut r = record(&format!("{number}-{step}"));
                r.name = format!("prize-{step}").into();
                match catalog.create_collection(r).await {
                    Err(e) if e.kind() == proximadb_meta_core::ErrorKind::AlreadyExists => {}
                    other => drop(other?),
                }
            }
        }
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

fn spawn(work: &str, path: &Path, number: u64) -> std::io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["child", work]).arg(path).arg(number.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// Runs so many children at once; each must succeed.
fn together(work: &str, path: &Path, count: u64) -> Check {
    let children: std::io::Result<Vec<Child>> = (0..count).map(|n| spawn(work, path, n)).collect();
    for child in children? {
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("a child failed: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
    }
    Ok(())
}

/// Opens the file, does something with the catalog, and closes it.
fn with(path: &Path, work: impl AsyncFnOnce(&dyn MetadataBackend) -> Result<()>) -> Check {
    runtime().block_on(async {
        let catalog = proximadb_meta_sqlite::open(path).await?.into_backend();
        work(&*catalog).await?;
        catalog.close().await
    })?;
    Ok(())
}

fn start_at_once() -> Check {
    for _ in 0..3 {
        let dir = TempDir::new()?;
        let path = dir.path().join("catalog.db");
        together("start", &path, STARTERS as u64)?;
        with(&path, async |catalog| {
            assert_eq!(catalog.count_collections(None).await?, STARTERS as u64);
            let layout = catalog.schema(proximadb_meta_core::report::SchemaAction::Status).await?;
            assert_eq!((layout.applied.len(), layout.pending.len()), (1, 0));
            assert!(catalog.maintain().await?.contains("found no damage"));
            Ok(())
        })?;
    }
    Ok(())
}

fn write_at_once() -> Check {
    let dir = TempDir::new()?;
    let path = dir.path().join("catalog.db");
    with(&path, async |catalog| {
        catalog.create_collection(record("shared")).await?;
        Ok(())
    })?;
    together("write", &path, WRITERS)?;
    with(&path, async |catalog| {
        let shared = catalog.get_collection("shared").await?.expect("it is there");
        assert_eq!((shared.vector_count, shared.total_size_bytes), (WRITERS * STEPS, 10 * WRITERS * STEPS));
        assert_eq!(catalog.count_collections(None).await?, 1 + WRITERS * (STEPS - STEPS.div_ceil(3)));
        assert!(catalog.maintain().await?.contains("found no damage"));
        Ok(())
    })?;
    Ok(())
}

fn one_name() -> Check {
    let dir = TempDir::new()?;
    let path = dir.path().join("catalog.db");
    together("name", &path, WRITERS)?;
    with(&path, async |catalog| {
        let all = catalog.list_collections(None).await?;
        let names: BTreeSet<_> = all.iter().map(|r| r.name.clone()).collect();
        assert_eq!((all.len() as u64, names.len() as u64), (STEPS, STEPS));
        Ok(())
    })?;
    Ok(())
}

fn rounds() -> u64 {
    match std::env::var("PXMETA_SOAK_ROUNDS") {
        Err(_) => 8,
        Ok(text) => text.parse().expect("PXMETA_SOAK_ROUNDS is a number"),
    }
}

/// On one file, two writers a round: killed, one of them in the other's presence, after another number of acknowledgements
/// each time.
fn kill_9() -> Check {
    let dir = TempDir::new()?;
    let path = dir.path().join("catalog.db");
    with(&path, async |catalog| {
        catalog.create_collection(record("shared")).await?;
        Ok(())
    })?;
    let mut acknowledged = BTreeSet::new();
    for round in 0..rounds() {
        let mut children = [spawn("pairs", &path, 2 * round)?, spawn("pairs", &path, 2 * round + 1)?];
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
        runtime().block_on(check_survivors(&path, &acknowledged))?;
    }
    Ok(())
}

async fn check_survivors(path: &Path, acknowledged: &BTreeSet<String>) -> std::result::Result<(), Failed> {
    let catalog = proximadb_meta_sqlite::open(path).await?.into_backend();
    let mut pairs: BTreeMap<String, usize> = BTreeMap::new();
    for r in catalog.list_collections(Some(!Filter::eq(proximadb_meta_core::Field::Id, "shared"))).await? {
        let pair = r.id.rsplit_once('-').map_or("", |(pair, _)| pair);
        *pairs.entry(pair.to_owned()).or_default() += 1;
    }
    if let Some((half, _)) = pairs.iter().find(|(_, sides)| **sides != 2) {
        return Err(format!("half a batch: {half}").into());
    }
    if let Some(lost) = acknowledged.iter().find(|pair| !pairs.contains_key(*pair)) {
        return Err(format!("acknowledged and lost: {lost}").into());
    }
    // A pair is counted after it is written and before it is acknowledged.
    let shared = catalog.get_collection("shared").await?.expect("it is there");
    let counted = acknowledged.len() as u64..=pairs.len() as u64;
    if !counted.contains(&shared.vector_count) || shared.total_size_bytes != 10 * shared.vector_count {
        return Err(format!("{} counted, which should be in {counted:?}", shared.vector_count).into());
    }
    catalog.maintain().await?;
    catalog.close().await?;
    Ok(())
}

//! Several processes on one schema: made by ten at once and migrated once at every isolation level, written by eight without an
//! error or a lost count.
//!
//! The children are this same binary, called with `child`, what to do, the schema, the isolation level and a number.

mod fixture;

use std::collections::BTreeSet;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use proximadb_meta_core::report::SchemaAction;
use proximadb_meta_core::{
    CollectionMetadata, DistanceMetric, ErrorKind, MetadataBackend, Operation, PutIf, Result, StatsDelta,
};
use proximadb_meta_postgres::Isolation;

/// Processes that start at the same time on a schema that is not there.
const STARTERS: u64 = 10;
/// Processes that write at the same time.
const WRITERS: u64 = 8;
/// What each of them does.
const STEPS: u64 = 40;
const LEVELS: [(&str, Isolation); 3] = [
    ("read_committed", Isolation::ReadCommitted),
    ("repeatable_read", Isolation::RepeatableRead),
    ("serializable", Isolation::Serializable),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, work, schema, level, number] = &arguments[..]
        && mode == "child"
    {
        let number = number.parse().expect("a number");
        return match runtime().block_on(child(work, schema, level, number)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => {
                eprintln!("{e:?}");
                ExitCode::FAILURE
            }
        };
    }
    let trials: [(&str, Run); 3] = [
        ("ten_that_start_at_once_migrate_once", start_at_once),
        ("eight_writers_meet_no_error_and_lose_no_count", write_at_once),
        ("one_name_goes_to_one_of_eight", one_name),
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

async fn open(schema: &str, level: &str) -> Result<Arc<dyn MetadataBackend>> {
    let (address, mut options) = fixture::server()?;
    options.schema = schema.to_owned();
    let level = LEVELS.iter().find(|(name, _)| *name == level);
    options.isolation = level.map(|(_, level)| *level).unwrap_or_default();
    Ok(proximadb_meta_postgres::open_with(&address, options).await?.into_backend())
}

/// What a child does.
async fn child(work: &str, schema: &str, level: &str, number: u64) -> Result<()> {
    let catalog = open(schema, level).await?;
    match work {
        "start" => drop(catalog.create_collection(record(&format!("starter-{number}"))).await?),
        "write" => {
            for step in 0..STEPS {
                let pair = ["a", "b"].map(|side| record(&format!("{number}-{step}-{side}")));
                let puts = pair.map(|record| Operation::Put { record, when: PutIf::Absent });
                catalog.batch_operations(puts.into()).await?;
                catalog.record_stats("shared", StatsDelta { vectors: 1, bytes: 10 }).await?;
                if step % 4 == 0 {
                    catalog.delete_collection(&format!("{number}-{step}-a")).await?;
                }
            }
        }
        _ => {
            for step in 0..STEPS {
                let mut r = record(&format!("{number}-{step}"));
                r.name = format!("prize-{step}").into();
                match catalog.create_collection(r).await {
                    Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                    other => drop(other?),
                }
            }
        }
    }
    catalog.close().await
}

/// Runs so many children at once; each must succeed.
fn together(work: &str, schema: &str, level: &str, count: u64) -> Check {
    let spawn = |n: u64| {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["child", work, schema, level, &n.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
    };
    let children: std::io::Result<Vec<Child>> = (0..count).map(spawn).collect();
    for child in children? {
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("a child failed: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
    }
    Ok(())
}

fn start_at_once() -> Check {
    for (level, _) in LEVELS {
        for _ in 0..2 {
            let schema = fixture::Schema(fixture::fresh_schema());
            together("start", &schema.0, level, STARTERS)?;
            runtime().block_on(async {
                let catalog = open(&schema.0, level).await?;
                assert_eq!(catalog.count_collections(None).await?, STARTERS);
                let layout = catalog.schema(SchemaAction::Apply).await?;
                assert_eq!((layout.applied.len(), layout.pending.len(), layout.ran.len()), (1, 0, 0));
                catalog.close().await
            })?;
        }
    }
    Ok(())
}

fn write_at_once() -> Check {
    let schema = fixture::Schema(fixture::fresh_schema());
    runtime().block_on(async {
        let catalog = open(&schema.0, "read_committed").await?;
        catalog.create_collection(record("shared")).await?;
        catalog.close().await
    })?;
    together("write", &schema.0, "read_committed", WRITERS)?;
    runtime().block_on(async {
        let catalog = open(&schema.0, "read_committed").await?;
        let shared = catalog.get_collection("shared").await?.expect("it is there");
        assert_eq!((shared.vector_count, shared.total_size_bytes), (WRITERS * STEPS, 10 * WRITERS * STEPS));
        assert_eq!(catalog.count_collections(None).await?, 1 + WRITERS * (2 * STEPS - STEPS.div_ceil(4)));
        catalog.close().await
    })?;
    Ok(())
}

fn one_name() -> Check {
    let schema = fixture::Schema(fixture::fresh_schema());
    together("name", &schema.0, "read_committed", WRITERS)?;
    runtime().block_on(async {
        let catalog = open(&schema.0, "read_committed").await?;
        let all = catalog.list_collections(None).await?;
        let names: BTreeSet<_> = all.iter().map(|r| r.name.clone()).collect();
        assert_eq!((all.len() as u64, names.len() as u64), (STEPS, STEPS));
        catalog.close().await
    })?;
    Ok(())
}

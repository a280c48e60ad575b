//! Several processes on one schema: made by ten at once and migrated once at every isolation level, written by eight without an
//! error or a lost count, with everything that can be done to a record at once.
//!
//! The children are this same binary, called with `child`, what to do, the schema, the isolation level and a number.

mod fixture;

use std::process::ExitCode;
use std::sync::Arc;

use proximadb_meta_core::report::SchemaAction;
use proximadb_meta_core::{MetadataBackend, Operation, PutIf, Result, StatsDelta};
use proximadb_meta_postgres::Isolation;
use proximadb_meta_testkit::CaseResult;
use proximadb_meta_testkit::processes::{each_name_was_taken_once, mixed, record, run, take_names, together, wait};

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
    run(
        async |arguments| match &arguments[..] {
            [work, schema, level, number] => child(work, schema, level, number.parse().expect("a number")).await,
            other => unreachable!("a child has work, a schema, a level and a number, not {other:?}"),
        },
        &[
            ("ten_that_start_at_once_migrate_once", start_at_once),
            ("eight_writers_meet_no_error_and_lose_no_count", write_at_once),
            ("eight_that_do_everything_at_once_agree", everything_at_once),
            ("one_name_goes_to_one_of_eight", one_name),
        ],
    )
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
        "mixed" => mixed::child(&*catalog, number).await?,
        _ => take_names(&*catalog, number, STEPS).await?,
    }
    catalog.close().await
}

fn start_at_once() -> CaseResult {
    for (level, _) in LEVELS {
        for _ in 0..2 {
            let schema = fixture::Schema(fixture::fresh_schema());
            together(STARTERS, &["start", &schema.0, level])?;
            wait(async {
                let catalog = open(&schema.0, level).await?;
                assert_eq!(catalog.count_collections(None).await?, STARTERS);
                let layout = catalog.schema(SchemaAction::Apply).await?;
                assert_eq!((layout.applied.len(), layout.pending.len(), layout.ran.len()), (1, 0, 0));
                Ok(catalog.close().await?)
            })?;
        }
    }
    Ok(())
}

fn write_at_once() -> CaseResult {
    let schema = fixture::Schema(fixture::fresh_schema());
    wait(async {
        let catalog = open(&schema.0, "read_committed").await?;
        catalog.create_collection(record("shared")).await?;
        Ok(catalog.close().await?)
    })?;
    together(WRITERS, &["write", &schema.0, "read_committed"])?;
    wait(async {
        let catalog = open(&schema.0, "read_committed").await?;
        let shared = catalog.get_collection("shared").await?.expect("it is there");
        assert_eq!((shared.vector_count, shared.total_size_bytes), (WRITERS * STEPS, 10 * WRITERS * STEPS));
        assert_eq!(catalog.count_collections(None).await?, 1 + WRITERS * (2 * STEPS - STEPS.div_ceil(4)));
        Ok(catalog.close().await?)
    })
}

/// At every isolation level: what one refuses and another lets through is tried again inside.
fn everything_at_once() -> CaseResult {
    for (level, _) in LEVELS {
        let schema = fixture::Schema(fixture::fresh_schema());
        wait(async {
            let catalog = open(&schema.0, level).await?;
            mixed::prepare(&*catalog).await?;
            Ok(catalog.close().await?)
        })?;
        let told = mixed::run(&["mixed", &schema.0, level])?;
        wait(async {
            let catalog = open(&schema.0, level).await?;
            mixed::check(&*catalog, &told).await?;
            Ok(catalog.close().await?)
        })?;
    }
    Ok(())
}

fn one_name() -> CaseResult {
    let schema = fixture::Schema(fixture::fresh_schema());
    together(WRITERS, &["name", &schema.0, "read_committed"])?;
    wait(async {
        let catalog = open(&schema.0, "read_committed").await?;
        each_name_was_taken_once(&*catalog, STEPS).await?;
        Ok(catalog.close().await?)
    })
}

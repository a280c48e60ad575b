//! `cargo xtask bench quick`: Memory and the log, through the trait that users hold, side by side; `sqlite`, `postgres`: a backend
//! beside the same work written by hand.

mod beside;
mod machine;
mod postgres;
mod records;
mod sqlite;
mod table;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use proximadb_meta::core::MetadataBackend;

use table::{Row, Table};
use work::Subject;

/// What to measure.
struct Plan {
    which: Which,
    records: usize,
    repetitions: usize,
    dir: PathBuf,
    json: bool,
    /// Only rows whose name holds this.
    rows: String,
}

/// Which benchmark.
#[derive(Clone, Copy)]
enum Which {
    Quick,
    Sqlite,
    Postgres,
}

const OPTIONS: &str = "each takes [--records N] [--repetitions N] [--dir DIR]; sqlite and postgres also [--json], and [--rows TEXT] \
     for those whose name holds it";

fn plan() -> Result<Plan, String> {
    let mut arguments = std::env::args().skip(1);
    let which = match arguments.next().as_deref() {
        Some("quick") => Which::Quick,
        Some("sqlite") => Which::Sqlite,
        Some("postgres") => Which::Postgres,
        _ => {
            return Err(format!("there are quick, sqlite and postgres; {OPTIONS}"));
        }
    };
    let records = if matches!(which, Which::Sqlite) { 100_000 } else { 10_000 };
    let mut plan = Plan { which, records, repetitions: 5, dir: std::env::temp_dir(), json: false, rows: String::new() };
    while let Some(name) = arguments.next() {
        if name == "--json" && !matches!(which, Which::Quick) {
            plan.json = true;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("{name} needs a number above 0"));
        match name.as_str() {
            "--records" => plan.records = number()?,
            "--repetitions" => plan.repetitions = number()?,
            "--dir" => plan.dir = value.into(),
            "--rows" if !matches!(which, Which::Quick) => plan.rows = value,
            other => return Err(format!("{other:?} is not an option; {OPTIONS}")),
        }
    }
    Ok(plan)
}

async fn measure(plan: &Plan) -> Result<Table, String> {
    let dir = tempfile::tempdir_in(&plan.dir).map_err(|e| format!("{}: {e}", plan.dir.display()))?;
    let failed = |e: proximadb_meta::core::Error| e.to_string();
    let file = format!("file://{}", dir.path().join("log").display());
    let mut subjects = Vec::new();
    for connection in ["memory://", &file] {
        let backend: Arc<dyn MetadataBackend> = proximadb_meta::connect(connection).await.map_err(failed)?;
        subjects.push(Subject::fill(backend, plan.records).await.map_err(failed)?);
    }
    let mut table = Table::new(subjects.iter().map(|s| s.label()).collect());
    // Interleaved: what slows the machine down for a while slows both.
    for _ in 0..plan.repetitions {
        for (column, subject) in subjects.iter().enumerate() {
            for (row, value) in subject.run().await.map_err(failed)? {
                table.add(row, column, value);
            }
        }
        let sync = machine::append_and_sync(dir.path()).map_err(|e| format!("{}: {e}", dir.path().display()))?;
        table.add(Row::AppendAndSync, subjects.len() - 1, sync);
    }
    for subject in &subjects {
        subject.close().await.map_err(failed)?;
    }
    Ok(table)
}

fn run() -> Result<(), String> {
    let plan = plan()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?;
    if !plan.json {
        println!("{}\n", machine::describe(&plan.dir));
        println!(
            "{} records; median of {} interleaved repetitions (fastest to slowest)\n",
            plan.records, plan.repetitions
        );
    }
    match plan.which {
        Which::Quick => print!("{}", runtime.block_on(measure(&plan))?),
        Which::Sqlite => runtime.block_on(sqlite::run(&plan)).map_err(|e| e.to_string())?,
        Which::Postgres => runtime.block_on(postgres::run(&plan)).map_err(|e| e.to_string())?,
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

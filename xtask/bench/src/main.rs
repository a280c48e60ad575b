//! `cargo xtask bench quick`: Memory and the log, through the trait that users hold, side by side; `sqlite`, `postgres`: a backend
//! beside the same work written by hand.

mod beside;
mod catalog;
mod machine;
mod postgres;
mod quick;
mod records;
mod spread;
mod sqlite;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

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
    runtime
        .block_on(async {
            match plan.which {
                Which::Quick => quick::run(&plan).await,
                Which::Sqlite => sqlite::run(&plan).await,
                Which::Postgres => postgres::run(&plan).await,
            }
        })
        .map_err(|e| e.to_string())
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

//! `cargo xtask bench peers`: our backends through the trait that users hold, beside the engines they would pick instead.

mod batcher;
mod catalog;
mod check;
mod child;
mod drive;
mod engines;
mod goals;
mod machine;
mod measure;
mod plan;
mod report;
mod rows;
mod samples;
mod stores;
mod sys;
mod verdict;
mod workload;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use child::{STEP, Step};
use plan::{Plan, USAGE};
use verdict::Verdict;

fn peers(arguments: &[String]) -> Result<()> {
    let plan = Plan::new(arguments)?;
    plan.begin()?;
    let measured = rows::measure_all(&plan);
    plan.end();
    measured?;
    let verdicts = verdict::verdicts(&plan.rows, &plan.samples.read()?, plan.quick);
    if plan.json {
        println!("{}", report::json(&verdicts, plan.json_samples)?);
    } else {
        print!("{}", report::goals(&verdicts, false));
    }
    if let Some(path) = &plan.write {
        document(&plan, path, &verdicts)?;
    }
    eprintln!("every value: {}", plan.samples.path().display());
    Ok(())
}

/// A full run writes the document; one that only counts instructions puts them into it; another leaves it as it is.
fn document(plan: &Plan, path: &Path, verdicts: &[Verdict]) -> Result<()> {
    if plan.full {
        report::write(path, plan, verdicts)?;
    } else if plan.only_counts() && !path.exists() {
        eprintln!("{} is not there yet: a full run writes it, and what was counted goes in then", path.display());
        return Ok(());
    } else if plan.only_counts() {
        report::write_instructions(path, plan, verdicts)?;
    } else {
        return Ok(());
    }
    eprintln!("wrote {}", path.display());
    Ok(())
}

fn run(arguments: &[String]) -> Result<()> {
    if let Err(e) = sys::short_slice() {
        eprintln!("the scheduler slice of 0.1 ms is not to be had ({e}); on a busy machine syncs wait longer");
    }
    match arguments {
        [first, step, rest @ ..] if first == STEP => Step::perform(step, rest),
        [first, ..] if first == "--help" => {
            println!("{USAGE}");
            Ok(())
        }
        rest => peers(rest),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}

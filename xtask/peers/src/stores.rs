//! Catalogs that are filled once, by a process that ends as a crash does, and then opened by those that measure.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::catalog::Store;
use crate::child::Step;
use crate::drive::load;
use crate::engines::Engine;
use crate::plan::Plan;

/// The name of an engine's filled catalog, below the directory of the data.
pub(crate) fn name(engine: &Engine, records: u64) -> String {
    format!("{}-{records}", engine.name)
}

/// A catalog as a crash left it, filled now if it is not there yet. Whoever opens it changes it.
pub(crate) fn filled(plan: &Plan, engine: &'static Engine, records: u64) -> Result<PathBuf> {
    fill(plan, engine, records, &name(engine, records))
}

/// The same, for one use under a name of its own.
pub(crate) fn fill(plan: &Plan, engine: &'static Engine, records: u64, name: &str) -> Result<PathBuf> {
    let (dir, done) = (plan.dir.join(name), plan.dir.join(format!("{name}.filled")));
    if !done.exists() {
        eprintln!("  filling {name}");
        plan.fresh(name)?;
        Step::Fill { engine, records, dir: name.to_owned() }.run(plan)?;
        std::fs::write(&done, "").with_context(|| done.display().to_string())?;
    }
    Ok(dir)
}

/// The catalog of [`filled`], opened; in memory: filled here.
pub(crate) fn open(plan: &Plan, engine: &'static Engine, records: u64) -> Result<Store> {
    if engine.on_disk() {
        return engine.open(&filled(plan, engine, records)?);
    }
    let store = engine.open(&plan.dir)?;
    load(&store, records)?;
    Ok(store)
}

/// Copies a catalog that nobody has open to a name below the directory of the data. Holes stay holes.
pub(crate) fn copy(plan: &Plan, from: &Path, name: &str) -> Result<PathBuf> {
    let to = plan.fresh(name)?;
    let status = Command::new("cp").arg("--archive").arg(from).arg(&to).status().context("start cp")?;
    ensure!(status.success(), "cp of {} ended with {status}", from.display());
    Ok(to)
}

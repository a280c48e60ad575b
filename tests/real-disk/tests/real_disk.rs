//! Every test as a trial of its own; what cannot run here is listed as ignored, with the reason as its kind.
//!
//! `PXMETA_SOAK_POWER_CUTS` (10) and `PXMETA_SOAK_ROUNDS` (20) set how often the power is cut and the process killed;
//! `PXMETA_TEST_SEED` (1) is the seed of everything that is drawn.

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use real_disk::engine::Engine;
use real_disk::failure::Outcome;
use real_disk::full::{self, Point};
use real_disk::mount::{FileSystem, Mounts};
use real_disk::sqlite::simulated;
use real_disk::{kill, power, snapshot};

const PROGRAM: &str = env!("CARGO_BIN_EXE_real-disk");

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    match trials() {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn trials() -> Result<Vec<Trial>, String> {
    // Before any thread runs.
    let mounts = Mounts::take();
    let (seed, cuts) = (number("PXMETA_TEST_SEED", 1)?, number("PXMETA_SOAK_POWER_CUTS", 10)?);
    let rounds = number("PXMETA_SOAK_ROUNDS", 20)?;
    let program = Path::new(PROGRAM);
    let mut trials = Vec::new();
    for (kind, cuts) in [(FileSystem::Xfs, cuts.div_ceil(2)), (FileSystem::Ext4, cuts / 2)] {
        let name = |what: &str| format!("power_cut::{}::{what}", kind.name());
        let right = mounts.clone().and_then(|m| m.images(kind).map(|()| m));
        trials.push(mounted(name("is_real"), &right, move |m| power::is_real(m, kind, program, seed)));
        trials.push(mounted(name("after_acknowledgements"), &right, move |m| {
            power::after_acknowledgements(m, Engine::Wal, kind, program, seed, cuts)
        }));
        trials.push(mounted(name("sqlite_after_acknowledgements"), &right, move |m| {
            power::after_acknowledgements(m, Engine::Sqlite, kind, program, seed, cuts)
        }));
        trials.push(mounted(name("at_file_operations"), &right, move |m| {
            power::at_operations(m, kind, program, seed, 2 * cuts)
        }));
        trials.push(mounted(name("sqlite_at_file_operations"), &right, move |m| {
            power::of_sqlite_at_operations(m, kind, program, seed, 2 * cuts)
        }));
    }
    trials.push(trial("power_cut::simulated::sqlite".to_owned(), move || simulated::cuts(program, seed, 24 * cuts)));
    trials.push(trial("power_cut::simulated::forgotten_syncs_are_found".to_owned(), move || {
        simulated::forgotten_syncs_are_found(program, seed)
    }));
    let points = [Point::Append, Point::Rotation, Point::Turn, Point::Checkpoint, Point::Backup];
    for (point, word) in points.into_iter().zip(["append", "rotation", "turn", "checkpoint", "backup"]) {
        trials.push(mounted(format!("disk_full::{word}"), &mounts, move |m| full::disk(m, point, seed, 4)));
    }
    for engine in [Engine::Wal, Engine::Sqlite] {
        let name = format!("sigkill::{}::under_load", engine.name());
        trials.push(trial(name, move || kill::under_load(program, engine, seed, rounds)));
    }
    for kind in ["memory", "wal", "sqlite"] {
        trials.push(trial(format!("snapshot::{kind}::backups_are_one_position"), move || snapshots(kind, false)));
        trials.push(trial(format!("snapshot::{kind}::torn_read_is_found"), move || snapshots(kind, true)));
    }
    Ok(trials)
}

fn number(variable: &str, default: u64) -> Result<u64, String> {
    match std::env::var(variable) {
        Ok(text) => text.parse().map_err(|_| format!("{variable} is {text:?}, not a number")),
        Err(_) => Ok(default),
    }
}

/// The snapshot tests on a backend of this kind.
fn snapshots(kind: &str, torn: bool) -> Outcome<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    runtime.block_on(async {
        let home = tempfile::tempdir()?;
        let db = match kind {
            "wal" => Engine::Wal.open(home.path(), 64 * 1024).await?,
            "sqlite" => Engine::Sqlite.open(home.path(), 64 * 1024).await?,
            _ => proximadb_meta_memory::memory().into_backend(),
        };
        let said = match torn {
            true => snapshot::torn_read_is_found(db.clone(), 20).await?,
            false => snapshot::backups(db.clone(), 200).await?,
        };
        db.close().await?;
        Ok(said)
    })
}

fn trial(name: String, check: impl FnOnce() -> Outcome<String> + Send + 'static) -> Trial {
    Trial::test(name.clone(), move || {
        let said = check().map_err(|e| Failed::from(e.to_string()))?;
        println!("{name}: {said}");
        Ok(())
    })
}

/// A trial that mounts something, or the reason why it cannot.
fn mounted(
    name: String,
    right: &Result<Mounts, String>,
    check: impl FnOnce(Mounts) -> Outcome<String> + Send + 'static,
) -> Trial {
    match right {
        Ok(m) => {
            let m = *m;
            trial(name, move || check(m))
        }
        Err(reason) => Trial::test(name, || Err("it was asked for in spite of the reason".into()))
            .with_kind(reason.clone())
            .with_ignored_flag(true),
    }
}

//! Every test as a trial of its own; what cannot run here is listed as ignored, with the reason as its kind.
//!
//! `PXMETA_POWER_CUTS` (10) and `PXMETA_SOAK_ROUNDS` (20) set how often the power is cut and the process killed;
//! `PXMETA_TEST_SEED` (1) is the seed of everything that is drawn.

use std::path::Path;

use libtest_mimic::{Arguments, Failed, Trial};
use real_disk::failure::Outcome;
use real_disk::full::{self, Point};
use real_disk::mount::{FileSystem, Mounts};
use real_disk::{kill, power};

const PROGRAM: &str = env!("CARGO_BIN_EXE_real-disk");

fn main() {
    let arguments = Arguments::from_args();
    // Before any thread runs.
    let mounts = Mounts::take();
    let (seed, cuts) = (number("PXMETA_TEST_SEED", 1), number("PXMETA_POWER_CUTS", 10));
    let rounds = number("PXMETA_SOAK_ROUNDS", 20);
    let program = Path::new(PROGRAM);
    let mut trials = Vec::new();
    for (kind, cuts) in [(FileSystem::Xfs, cuts.div_ceil(2)), (FileSystem::Ext4, cuts / 2)] {
        let name = |what: &str| format!("power_cut::{}::{what}", kind.name());
        let right = mounts.clone().and_then(|m| m.images(kind).map(|()| m));
        trials.push(mounted(name("is_real"), &right, move |m| power::is_real(m, kind, program, seed)));
        trials.push(mounted(name("after_acknowledgements"), &right, move |m| {
            power::after_acknowledgements(m, kind, program, seed, cuts)
        }));
        trials.push(mounted(name("at_file_operations"), &right, move |m| {
            power::at_operations(m, kind, program, seed, 2 * cuts)
        }));
    }
    let points = [Point::Append, Point::Rotation, Point::Checkpoint, Point::Backup];
    for (point, word) in points.into_iter().zip(["append", "rotation", "checkpoint", "backup"]) {
        trials.push(mounted(format!("disk_full::{word}"), &mounts, move |m| full::disk(m, point, seed, 5)));
    }
    trials.push(mounted("disk_full::turn".to_owned(), &mounts, move |m| full::disk(m, Point::Turn, seed, 1)));
    trials.push(trial("sigkill::under_load".to_owned(), move || kill::under_load(program, seed, rounds)));
    libtest_mimic::run(&arguments, trials).exit();
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, not a number")),
        Err(_) => default,
    }
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

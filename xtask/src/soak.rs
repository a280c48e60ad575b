//! The long forms of the tests that count by round or seed: the same test binaries with larger numbers.

use std::time::{Duration, Instant};

use crate::repo::{cargo, metadata};
use crate::servers::Servers;
use crate::test::{build, report, watch};

/// Kills of an importing process.
const ROUNDS: u64 = 200;
/// Records of the round trip through the command line, of copies, of the tables whose query plans are looked at.
const RECORDS: u64 = 100_000;
/// Records of the backup whose memory must stay flat.
const ARCHIVED: u64 = 1_000_000;
/// Random scripts on each backend in one pass.
const SEEDS: u64 = 100_000;
/// Workloads on the simulated disk in one pass: more than 20 million different crash images.
const WORKLOADS: u64 = 5_600;
/// Power cuts after acknowledgements in one pass; twice as many at file operations.
const POWER_CUTS: u64 = 50;
/// Stores that are verified and salvaged with every bit flipped: a quarter of a million damaged ones each.
const DAMAGED_STORES: u64 = 1;
/// Schedules that each test of interleavings tries.
const SCHEDULES: u64 = 100_000;
/// Random pairs of catalogs, each copied in four ways, cut off and resumed.
const COPIES: u64 = 5_000;
/// Seeds of histories of a server whose connections break and which is killed; six histories a seed.
const HISTORIES: u64 = 334;
/// Kills of a server with batches in flight.
const SERVER_KILLS: u64 = 100;
/// The seeds of `cargo xtask test` end before this one.
const FIRST_SEED: u64 = 1_000_000;

struct Plan {
    rounds: u64,
    seeds: u64,
    minutes: u64,
}

fn plan(arguments: &[String]) -> Result<Plan, String> {
    let mut plan = Plan { rounds: ROUNDS, seeds: SEEDS, minutes: 0 };
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let value = rest.next().and_then(|v| v.parse().ok());
        let value = value.ok_or_else(|| format!("{name} needs a number"))?;
        match name.as_str() {
            "--rounds" => plan.rounds = value,
            "--seeds" => plan.seeds = value,
            "--minutes" => plan.minutes = value,
            other => return Err(format!("{other:?} is not an option; there are --rounds, --seeds, --minutes")),
        }
    }
    Ok(plan)
}

/// What a pass runs. All of them with the features of the whole workspace: it is built once.
const PARTS: &[(&str, &[&str])] = &[
    ("kill -9 while acknowledging", &["--test", "*", "by_kill_9"]),
    ("round trip through the command line", &["--test", "*", "export_gives_back"]),
    ("copies between backends", &["--test", "*", "each_backend_to_each"]),
    ("copies between backends by the program", &["--test", "server", "a_copy_between_any_two_stores"]),
    ("differences between backends", &["--test", "*", "ten_differences"]),
    ("copies of colliding catalogs, cut off and resumed", &["--test", "*", "a_plan_is_what_a_copy_does"]),
    ("query plans of the standard filters", &["--test", "plans"]),
    ("memory of a backup", &["--test", "memory"]),
    ("several processes on one store", &["--test", "processes", "at_once"]),
    ("random scripts on Memory and the log", &["--test", "scripts"]),
    ("crashes of the log on the simulated disk", &["--lib", "no_crash_loses"]),
    ("damaged stores, verified and salvaged", &["--lib", "sim::salvage"]),
    ("power cuts, full disks, kills under load, backups under writers", &["--test", "real_disk"]),
    ("histories of a server whose connections break and which is killed", &["--test", "histories"]),
    ("server kills with batches in flight", &["--test", "kills"]),
    ("failovers under load", &["--test", "failover", "histories"]),
    ("interleavings of readers and the writer", &["--lib", "in_every_schedule"]),
];

/// One pass, then further ones with other seeds while the minutes are not over.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let plan = plan(arguments)?;
    let binaries = build(&metadata()?, &["--workspace"])?;
    let servers = Servers::up()?;
    let minutes = plan.minutes.max(1).to_string();
    println!("== a steady load that must stay flat, {minutes} minutes");
    let mut steady = cargo();
    steady.args(["run", "--locked", "--release", "-p", "real-disk", "--", "soak", "--minutes", &minutes]);
    let status = steady.status().map_err(|e| format!("cannot run cargo: {e}"))?;
    if !status.success() {
        return Err("the steady load did not stay flat".to_owned());
    }
    let (start, mut pass) = (Instant::now(), 0);
    loop {
        let first = FIRST_SEED + pass * plan.seeds;
        for (what, filter) in PARTS {
            let mut command = cargo();
            command.args(["test", "--workspace", "--locked", "--no-fail-fast"]).args(*filter);
            command.args(["--", "--nocapture"]);
            command.envs(servers.exports.iter().map(|(name, value)| (name, value)));
            command.env("PXMETA_SOAK_HISTORIES", HISTORIES.to_string());
            command.env("PXMETA_SOAK_SERVER_KILLS", SERVER_KILLS.to_string());
            command.env("PXMETA_SOAK_ROUNDS", plan.rounds.to_string());
            command.env("PXMETA_SOAK_RECORDS", RECORDS.to_string());
            command.env("PXMETA_SOAK_ARCHIVE_RECORDS", ARCHIVED.to_string());
            command.env("PXMETA_SOAK_COPIES", COPIES.to_string());
            command.env("PXMETA_SOAK_SEEDS", plan.seeds.to_string());
            command.env("PXMETA_SOAK_FIRST", first.to_string());
            command.env("PXMETA_SOAK_SIM_SEEDS", WORKLOADS.to_string());
            command.env("PXMETA_SOAK_SIM_FIRST", (FIRST_SEED + pass * WORKLOADS).to_string());
            command.env("PXMETA_SOAK_SALVAGE_SEEDS", DAMAGED_STORES.to_string());
            command.env("PXMETA_SOAK_SCHEDULES", SCHEDULES.to_string());
            command.env("PXMETA_SOAK_POWER_CUTS", POWER_CUTS.to_string());
            println!("== {what}");
            let (tally, success) = watch(&mut command, &binaries)?;
            report(&tally);
            if !success {
                return Err(format!("{what}: failed in pass {pass} (rounds {}, seeds from {first})", plan.rounds));
            }
            if tally.passed == 0 {
                return Err(format!("{what}: no test ran"));
            }
        }
        pass += 1;
        println!(
            "== soak: {pass} passes, {} kills, {} scripts a backend, {} s",
            pass * plan.rounds,
            pass * plan.seeds,
            start.elapsed().as_secs()
        );
        if start.elapsed() >= Duration::from_secs(plan.minutes * 60) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_others_refused() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let p = plan(&words("--rounds 7 --minutes 2")).unwrap();
        assert_eq!((p.rounds, p.seeds, p.minutes), (7, SEEDS, 2));
        assert!(plan(&words("--rounds")).is_err());
        assert!(plan(&words("--hours 2")).is_err());
    }
}

//! The published suite over PostgreSQL behind a network that delays and splits what it carries: nobody may notice.

mod fixture;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use proximadb_meta_postgres::PostgresOptions;
use proximadb_meta_testkit::fault::{FaultProxy, Mix, Script};
use proximadb_meta_testkit::{Fixture, all_cases, capabilities_of};

/// No connection breaks; most come in pieces in one direction, some are slow.
const SLOW: Mix = Mix { delay: 50, split: 900, most_millis: 1, most_piece: 4096, ..Mix::NONE };

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    match run(&arguments) {
        Ok(code) => code,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let (server, _) = fixture::server().map_err(|e| format!("{e:?}"))?;
    let proxy = FaultProxy::start(fixture::resolved(&server), Script::Random { seed: 1, mix: SLOW });
    let proxy = proxy.map_err(|e| format!("{e:?}"))?;
    let mut options = PostgresOptions::default();
    // A slow network on a machine that is busy with other tests: patience is not what is looked at here.
    options.connect_timeout = Duration::from_secs(120);
    let fixture: Arc<dyn Fixture> = Arc::new(fixture::Postgres { options, through: Some(proxy.address()) });
    let capabilities = capabilities_of(&fixture).map_err(|e| e.to_string())?;
    let has_backups = fixture.backup_dir().is_some();
    let trials = all_cases().into_iter().map(|case| {
        let (fixture, missing) = (fixture.clone(), case.needs.missing(&capabilities, has_backups));
        let trial = Trial::test(case.name, move || case.run_on(&fixture).map_err(|f| Failed::from(f.to_string())));
        match missing {
            Some(reason) => trial.with_kind(reason).with_ignored_flag(true),
            None => trial,
        }
    });
    let done = libtest_mimic::run(arguments, trials.collect());
    let counts = proxy.counts();
    let (connections, megabytes) = (counts.accepted, (counts.up.passed + counts.down.passed) / 1_000_000);
    println!("{} cases through {connections} slow connections, {megabytes} MB in pieces", done.num_passed);
    if done.num_passed > 0 && connections < done.num_passed {
        return Err("the suite did not go through the proxy".to_owned());
    }
    Ok(done.exit_code())
}

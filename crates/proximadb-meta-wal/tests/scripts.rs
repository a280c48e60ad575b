//! Ten thousand random scripts, each equal to the model, also after a reopen.

mod fixture;

use proximadb_meta_testkit::scripts::{Scripts, run_scripts};

#[test]
fn random_scripts_equal_the_model() {
    let scripts = Scripts::from_env(10_000).unwrap();
    let ran = run_scripts(fixture::Wal, &scripts).unwrap();
    assert_eq!(ran, scripts.seeds.end - scripts.seeds.start);
    println!("{ran} scripts of {} steps on the log equal the model", scripts.steps);
}

//! Random scripts, each equal to the model, also after a reopen; with a journal that is copied into the file all the time.

mod fixture;

use proximadb_meta_sqlite::SqliteOptions;
use proximadb_meta_testkit::scripts::{Scripts, run_scripts};

#[test]
fn random_scripts_equal_the_model() {
    let scripts = Scripts::from_env(1_000).unwrap();
    let mut options = SqliteOptions::default();
    options.checkpoint_pages = 1;
    let ran = run_scripts(fixture::Sqlite(options), &scripts).unwrap();
    assert_eq!(ran, scripts.seeds.end - scripts.seeds.start);
    println!("{ran} scripts of {} steps on SQLite equal the model", scripts.steps);
}

//! The published suite over SQLite.

mod fixture;

fn main() {
    proximadb_meta_testkit::run_conformance(fixture::Sqlite::default());
}

//! The published suite over the log.

mod fixture;

fn main() {
    proximadb_meta_testkit::run_conformance(fixture::Wal);
}

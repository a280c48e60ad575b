//! The published suite over PostgreSQL.

mod fixture;

fn main() {
    proximadb_meta_testkit::run_conformance(fixture::Postgres::default());
}

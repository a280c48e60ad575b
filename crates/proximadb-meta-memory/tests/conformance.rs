//! The published suite over the in-memory backend.

mod fixture;

fn main() {
    proximadb_meta_testkit::run_conformance(fixture::Memory);
}

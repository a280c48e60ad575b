//! The published suite over SQLite once more, with a journal that is copied into the file after every commit and cut to nothing.

mod fixture;

fn main() {
    let mut options = proximadb_meta_sqlite::SqliteOptions::default();
    (options.checkpoint_pages, options.journal_size_limit) = (1, 0);
    proximadb_meta_testkit::run_conformance(fixture::Sqlite(options));
}

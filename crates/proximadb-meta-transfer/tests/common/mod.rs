//! What the tests share: records, catalogs of every kind by their addresses, and stores that fail.
#![allow(dead_code, missing_docs, reason = "each test binary uses its own part of this")]

pub(crate) mod wrapped;

use std::sync::Arc;

use proximadb_meta::core::{
    CollectionMetadata, DigestRequest, DistanceMetric, MetadataBackend, Operation, PutIf, Timestamp,
};

pub(crate) type Catalog = Arc<dyn MetadataBackend>;

/// The time at which records begin to be made.
const START: i64 = 1_700_000_000_000_000;

/// The scheme of the backend that needs a server.
const SERVER: &str = "postgresql";

/// Every backend that can be opened here, by its scheme. An address is made for each catalog anew.
pub(crate) const SCHEMES: &[&str] = &["memory", "file", "sqlite"];

/// Every backend to each that needs no server.
pub(crate) fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    SCHEMES.iter().flat_map(|a| SCHEMES.iter().map(|b| (*a, *b)))
}

/// Every backend to the one with a server, and back; and within the server.
pub(crate) fn pairs_with_the_server() -> impl Iterator<Item = (&'static str, &'static str)> {
    SCHEMES.iter().flat_map(|other| [(*other, SERVER), (SERVER, *other)]).chain([(SERVER, SERVER)])
}

/// A place for a catalog, which goes with it.
pub(crate) enum Place {
    Directory(tempfile::TempDir),
    Schema(postgres_fixture::Schema),
}

impl Place {
    fn new(scheme: &str) -> Self {
        match scheme {
            SERVER => Self::Schema(postgres_fixture::Schema::fresh()),
            _ => Self::Directory(tempfile::tempdir().expect("a temporary directory")),
        }
    }

    fn uri(&self, scheme: &str) -> String {
        match self {
            Self::Schema(schema) => schema.uri().expect("a server"),
            Self::Directory(_) if scheme == "memory" => "memory://".to_owned(),
            Self::Directory(dir) => format!("{scheme}://{}", dir.path().join("catalog").display()),
        }
    }
}

/// A new catalog, and what cleans up after it.
pub(crate) async fn open(scheme: &str) -> (Catalog, Place) {
    let place = Place::new(scheme);
    (proximadb_meta::connect(&place.uri(scheme)).await.expect("the catalog opens"), place)
}

pub(crate) async fn memory() -> Catalog {
    proximadb_meta::connect("memory://").await.expect("the catalog opens")
}

/// A record as an older catalog has it: times, a version and counters of its own.
pub(crate) fn record(id: &str, name: &str, n: u64) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(name, 8 + (n % 1000) as u32, DistanceMetric::COSINE);
    r.id = id.into();
    r.created_at = Timestamp::from_micros(START);
    r.updated_at = Timestamp::from_micros(START + n as i64);
    r.vector_count = n * 3;
    r.total_size_bytes = n * 1000;
    r.version = 1 + n % 5;
    r.owner = (!n.is_multiple_of(3)).then(|| "böb".into());
    if n.is_multiple_of(2) {
        r.tags = ["a", "b"].into();
    }
    r
}

pub(crate) fn many(count: usize) -> Vec<CollectionMetadata> {
    (0..count).map(|n| record(&format!("id-{n:07}"), &format!("name-{n}"), n as u64)).collect()
}

pub(crate) async fn fill(catalog: &Catalog, records: Vec<CollectionMetadata>) {
    for some in records.chunks(1000) {
        let put = |record: &CollectionMetadata| Operation::Put { record: record.clone(), when: PutIf::Absent };
        catalog.batch_operations(some.iter().map(put).collect()).await.expect("the records are written");
    }
}

/// The export of a catalog: canonical JSON by id.
pub(crate) async fn export(catalog: &Catalog) -> String {
    let records = catalog.list_collections(None).await.expect("the records are listed");
    records.iter().map(|r| r.to_json() + "\n").collect()
}

pub(crate) async fn root(catalog: &Catalog) -> String {
    let made = proximadb_meta_transfer::digest(catalog, DigestRequest::nodes(0)).await.expect("a digest");
    made.into_tree().expect("a tree").root().to_string()
}

/// A number that a longer run raises through the environment.
pub(crate) fn rounds(variable: &str, default: usize) -> usize {
    match std::env::var(variable) {
        Ok(text) => text.parse().expect("a whole number"),
        Err(_) => default,
    }
}

//! What the fixture of format 1 holds, and how it was written. Neither ever changes: a new format gets a fixture of its own.
#![allow(clippy::unwrap_used, reason = "a helper of tests")]
#![allow(dead_code, reason = "each program uses its own part of this")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use proximadb_meta_core::driver::Driver as _;
use proximadb_meta_core::{
    AccessPattern, Call, CallContext, CollectionMetadata, ConfigJson, DistanceMetric, Extra, IndexingAlgorithm,
    ManualClock, MetadataBackend, Namespace, Operation, PutIf, Retention, StatsDelta, Timestamp, limits,
};

/// The namespaces that hold records.
pub(crate) const NAMESPACES: [&str; 2] = ["", "tenant"];
/// One that a restore was filling when it was cut off.
pub(crate) const HALF_RESTORED: &str = "half-restored";
/// When it was written, by the clock of the catalog.
pub(crate) const WRITTEN_AT: Timestamp = Timestamp::from_micros(1_764_000_000_000_000);

/// A record with every field set, at the edges of what is allowed. It expired in 1969.
fn full() -> CollectionMetadata {
    let mut r = CollectionMetadata::new("Größe 画像 🦀", limits::MAX_DIMENSION, DistanceMetric::new("hyperbolic"));
    r.id = "every/field".into();
    r.indexing_algorithm = IndexingAlgorithm::new("my-graph");
    r.created_at = Timestamp::MIN;
    r.updated_at = Timestamp::MAX;
    r.vector_count = limits::MAX_SAFE_INTEGER;
    r.total_size_bytes = limits::MAX_SAFE_INTEGER;
    r.access_pattern = AccessPattern::Archive;
    r.retention = Some(Retention { retain_days: limits::MAX_RETAIN_DAYS, auto_delete: true });
    r.expires_at = Some(Timestamp::from_micros(-1));
    r.config = ConfigJson::parse(r#"{"index":{"m":16,"ratio":0.5},"list":[1,null,true],"ü":"\t"}"#).unwrap();
    r.description = Some("two lines,\n\ta tab and a \u{1f600}".into());
    r.owner = Some("søren".into());
    r.tags = ["z", "a b", "ä"].into();
    r.version = limits::MAX_SAFE_INTEGER;
    r.extra = Extra::parse(r#"{"from_the_future":{"deep":[1,2]}}"#).unwrap();
    r
}

/// The same, but alive until the year 9999, and with words to find.
fn alive() -> CollectionMetadata {
    let mut r = full();
    (r.id, r.name) = ("alive/field".into(), "Straße nach Köln".into());
    r.expires_at = Some(Timestamp::MAX);
    r.description = Some("ﬁnely naïve 画像\nwords, can't x_y".into());
    r.version = 7;
    r
}

/// A record with nothing but what it must have.
fn plain(id: &str, name: &str) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(name, 768, DistanceMetric::COSINE);
    r.id = id.into();
    r
}

fn put(record: CollectionMetadata) -> Vec<Operation> {
    vec![Operation::Put { record, when: PutIf::Absent }]
}

async fn rename(catalog: &dyn MetadataBackend, id: &str, name: &str) {
    let mut r = (*catalog.get_collection(id).await.unwrap().unwrap()).clone();
    r.name = name.into();
    catalog.update_collection(r).await.unwrap();
}

/// Makes the database, with rows, index entries and pages that were changed and removed again, and closes it: one file.
pub(crate) async fn write_database(path: &Path) {
    let clock = ManualClock::new(WRITTEN_AT);
    let contract = proximadb_meta_sqlite::open(path).await.unwrap().with_clock(Arc::new(clock.clone()));
    let call = |namespace| Call::new(Namespace::new(namespace).unwrap(), WRITTEN_AT);
    contract.driver().mark_restoring(&call(HALF_RESTORED), true).await.unwrap();
    contract.driver().mark_restoring(&call("restored"), true).await.unwrap();
    contract.driver().mark_restoring(&call("restored"), false).await.unwrap();
    let catalog = contract.into_backend();
    let tenant = catalog.scoped(CallContext::in_namespace(Namespace::new("tenant").unwrap()));

    let mut tagged = plain("b", "second");
    (tagged.tags, tagged.owner) = (["gone", "red"].into(), Some("ann".into()));
    tagged.description = Some("words that nobody finds any more".into());
    for record in [plain("a", "first"), tagged, plain("counted", "counted")] {
        catalog.create_collection(record).await.unwrap();
    }
    tenant.create_collection(plain("a", "first")).await.unwrap();
    let mut kept = plain("kept", "kept for a week");
    kept.retention = Some(Retention { retain_days: 7, auto_delete: false });
    (kept.tags, kept.owner) = (["red", "blue"].into(), Some("bob".into()));
    kept.config = ConfigJson::parse(r#"{"index":{"m":32}}"#).unwrap();
    tenant.create_collection(kept).await.unwrap();
    for delta in [StatsDelta { vectors: 5, bytes: 15_360 }, StatsDelta { vectors: -2, bytes: -6_144 }] {
        catalog.record_stats("counted", delta).await.unwrap();
    }
    clock.advance(1_000_001);
    // A swap of names needs a third one; the text index keeps what it was told to forget until it is merged.
    rename(&*catalog, "a", "third").await;
    rename(&*catalog, "b", "first").await;
    rename(&*catalog, "a", "second").await;
    catalog.maintain().await.unwrap();
    let mut changed = (*catalog.get_collection("b").await.unwrap().unwrap()).clone();
    (changed.tags, changed.description) = (["red"].into(), Some("other words".into()));
    clock.advance(1);
    catalog.update_collection(changed).await.unwrap();
    // Another life of a deleted id.
    assert!(catalog.delete_collection("a").await.unwrap());
    catalog.create_collection(plain("a", "second")).await.unwrap();
    // Longer than a page.
    let mut long = plain("long", "long");
    long.description = Some("a long story. ".repeat(400).into());
    tenant.create_collection(long).await.unwrap();
    catalog.batch_operations(put(alive())).await.unwrap();
    catalog.batch_operations(put(full())).await.unwrap();
    let emptied = catalog.scoped(CallContext::in_namespace(Namespace::new("empty again").unwrap()));
    emptied.create_collection(plain("x", "x")).await.unwrap();
    assert!(emptied.delete_collection("x").await.unwrap());
    catalog.close().await.unwrap();
}

/// Every record of a database, also what expired, one JSON object a line. Opening writes: name a copy.
pub(crate) async fn told(path: &Path) -> String {
    let clock = Arc::new(ManualClock::new(Timestamp::MIN));
    let catalog = proximadb_meta_sqlite::open(path).await.unwrap().with_clock(clock).into_backend();
    let mut out = String::new();
    for namespace in NAMESPACES {
        let scoped = catalog.scoped(CallContext::in_namespace(Namespace::new(namespace).unwrap()));
        for r in scoped.list_collections(None).await.unwrap() {
            let life = r.incarnation.0;
            writeln!(out, "{{\"namespace\":\"{namespace}\",\"incarnation\":{life},\"record\":{}}}", r.to_json())
                .unwrap();
        }
    }
    catalog.close().await.unwrap();
    out
}

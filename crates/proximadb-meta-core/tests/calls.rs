//! What a call of a user costs a driver, call by call: each is a round trip for a store behind a network.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use proximadb_meta_core::driver::{Applied, Key, Prepared, Scan, Scanned, Space};
use proximadb_meta_core::report::{BackendStats, Descriptor, Health};
use proximadb_meta_core::{
    BatchLimits, Call, Capabilities, CollectionMetadata, Contract, DistanceMetric, Driver, Durability, Error,
    ErrorKind, MetadataBackend, MetadataBackendType, Result, Retention, StatsDelta,
};

type Record = Arc<CollectionMetadata>;

/// Records of one namespace, and the calls that came.
#[derive(Default)]
struct Store {
    records: BTreeMap<Arc<str>, Record>,
    calls: Vec<&'static str>,
}

struct Noting {
    descriptor: Descriptor,
    store: Arc<Mutex<Store>>,
    revises: bool,
}

fn nothing<T>() -> Result<T> {
    Err(Error::unsupported("not asked for here"))
}

impl Driver for Noting {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::mandatory(BatchLimits { ops: 9, items: 9, bytes: 1 << 20 }, Durability::Volatile)
    }

    fn revises(&self) -> bool {
        self.revises
    }

    async fn get(&self, _: &Call, key: Key<'_>) -> Result<Option<Record>> {
        let mut store = self.store.lock().expect("nobody panicked");
        let (call, found) = match key {
            Key::Id(id) => ("get by id", store.records.get(id)),
            Key::Name(name) => ("get by name", store.records.values().find(|r| *r.name == *name)),
        };
        let found = found.cloned();
        store.calls.push(call);
        Ok(found)
    }

    async fn apply(&self, _: &Call, unit: Prepared) -> Result<Applied> {
        let mut store = self.store.lock().expect("nobody panicked");
        store.calls.push("apply");
        let mut space = Space::default();
        store.records.values().for_each(|r| space.load(r.clone()));
        let applied = space.plan(&unit);
        store.records = space.into_cells().filter_map(|(id, cell)| Some((id, cell.now?))).collect();
        Ok(applied)
    }

    async fn scan(&self, _: &Call, _: Scan) -> Result<Scanned> {
        nothing()
    }

    async fn mark_restoring(&self, _: &Call, _: bool) -> Result<()> {
        nothing()
    }

    async fn stats(&self, _: &Call) -> Result<BackendStats> {
        nothing()
    }

    async fn health(&self, _: &Call) -> Result<Health> {
        nothing()
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// A catalog and what it was asked.
struct Place {
    catalog: Arc<dyn MetadataBackend>,
    store: Arc<Mutex<Store>>,
}

impl Place {
    fn new(revises: bool) -> Self {
        let store = Arc::<Mutex<Store>>::default();
        let descriptor = Descriptor::new(MetadataBackendType::MEMORY, "noting", "noting://");
        let driver = Noting { descriptor, store: store.clone(), revises };
        Self { catalog: Contract::new(driver).into_backend(), store }
    }

    /// The calls since the last time.
    fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.store.lock().expect("nobody panicked").calls)
    }

    async fn create(&self, name: &str) -> CollectionMetadata {
        let mut r = CollectionMetadata::new(name, 3, DistanceMetric::COSINE);
        r.id = name.into();
        let made = self.catalog.create_collection(r).await.expect("it is new");
        assert_eq!(self.calls(), ["apply"]);
        (*made).clone()
    }
}

#[tokio::test]
async fn the_usual_writes_are_one_call() {
    let place = Place::new(true);
    let mut r = place.create("a").await;
    place.catalog.record_stats("a", StatsDelta { vectors: 5, bytes: 7 }).await.unwrap();
    assert_eq!(place.calls(), ["apply"]);
    let made = r.created_at;
    r.owner = Some("me".into());
    // What an update keeps cannot be forged.
    (r.created_at, r.vector_count) = (Default::default(), 99);
    let stored = place.catalog.update_collection(r).await.unwrap();
    assert_eq!(place.calls(), ["apply"]);
    assert_eq!((stored.version, stored.created_at, stored.vector_count), (2, made, 5));
    assert!(stored.updated_at >= made && stored.owner.as_deref() == Some("me"));
    assert_eq!(place.catalog.get_collection("a").await.unwrap().unwrap(), stored);
}

#[tokio::test]
async fn a_store_that_cannot_revise_gets_what_was_read() {
    let place = Place::new(false);
    let mut r = place.create("a").await;
    r.owner = Some("me".into());
    assert_eq!(place.catalog.update_collection(r).await.unwrap().version, 2);
    assert_eq!(place.calls(), ["get by id", "apply"]);
}

#[tokio::test]
async fn an_expiry_that_hangs_on_the_stored_record_is_planned() {
    let place = Place::new(true);
    let mut r = place.create("a").await;
    r.retention = Some(Retention { retain_days: 2, auto_delete: true });
    r.created_at = Default::default();
    let stored = place.catalog.update_collection(r.clone()).await.unwrap();
    assert_eq!(place.calls(), ["get by id", "apply"]);
    let two_days = 2 * 24 * 3600 * 1_000_000;
    assert_eq!(stored.expires_at.map(|at| at.as_micros() - stored.created_at.as_micros()), Some(two_days));
    // Once it is known nothing has to be read.
    place.catalog.update_collection((*stored).clone()).await.unwrap();
    assert_eq!(place.calls(), ["apply"]);
}

#[tokio::test]
async fn a_revision_that_is_refused_is_explained() {
    let place = Place::new(true);
    let (a, mut b) = (place.create("a").await, place.create("b").await);
    b.name = "a".into();
    let e = place.catalog.update_collection(b.clone()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::AlreadyExists, "{e}");
    assert_eq!(place.calls(), ["apply", "get by id", "get by name"]);
    let newer = place.catalog.update_collection(a.clone()).await.unwrap();
    place.calls();
    let e = place.catalog.update_collection(a.clone()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::VersionConflict, "{e}");
    assert_eq!(place.calls(), ["apply", "get by id", "get by name"]);
    assert!(place.catalog.delete_collection("a").await.unwrap());
    let e = place.catalog.update_collection((*newer).clone()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotFound, "{e}");
}

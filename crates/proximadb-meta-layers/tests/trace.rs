//! The tracing layer: each call makes its span, results pass through, nothing of a record is in a trace.

use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use proximadb_meta_core::context::CallContext;
use proximadb_meta_core::driver::{Applied, Key, Prepared, Scan, Scanned};
use proximadb_meta_core::report::{BackendStats, BackupOptions, Descriptor, Health, RestoreOptions, SchemaAction};
use proximadb_meta_core::{
    BackendRegistry, BatchLimits, Call, Capabilities, CollectionMetadata, Contract, DistanceMetric, Driver, Durability,
    ErrorKind, Filter, ListRequest, MetadataBackend, MetadataBackendType, Namespace, Operation, Result, Stack,
    StatsDelta,
};
use proximadb_meta_layers::TracingLayer;
use tracing_subscriber::fmt::format::FmtSpan;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no poison").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    /// The spans that ended since the last call, a line each.
    fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().expect("no poison"));
        String::from_utf8(bytes).expect("UTF-8").lines().map(str::to_owned).collect()
    }

    fn capture(&self) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_span_events(FmtSpan::CLOSE)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

fn traced(inner: &Arc<dyn MetadataBackend>) -> Arc<dyn MetadataBackend> {
    Stack::new(inner.clone()).layer(&TracingLayer).build()
}

/// What a span must say.
fn span(operation: &str, namespace: &str, outcome: &str) -> String {
    format!(
        "metadata_call{{operation=\"{operation}\" backend=\"memory\" namespace=\"{namespace}\" outcome=\"{outcome}\" elapsed_us="
    )
}

fn record(name: &str) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(name, 8, DistanceMetric::COSINE);
    r.id = format!("id-{name}").into();
    r.owner = Some("hunter2".into());
    r.description = Some("hunter2".into());
    r
}

#[tokio::test]
async fn every_call_makes_its_span_and_passes_its_result_through() {
    let buffer = Buffer::default();
    let _guard = buffer.capture();
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("hunter2");
    let place = place.to_str().unwrap();
    let inner = proximadb_meta_memory::memory().into_backend();
    let db = traced(&inner);
    let mine = Filter::parse("owner = hunter2").unwrap();

    /// One call, its span, and no other.
    macro_rules! call {
        ($method:ident($($argument:expr),*), $outcome:expr) => {{
            let result = db.$method($($argument),*).await;
            let spans = buffer.take();
            let expected = span(stringify!($method), "", $outcome);
            assert!(spans.len() == 1 && spans[0].contains(&expected), "{expected} is not {spans:?}");
            assert!(spans[0].contains("INFO") && spans[0].contains("proximadb_meta: close"), "{spans:?}");
            assert!(!spans[0].contains("hunter2"), "{spans:?}");
            result
        }};
    }

    let made = call!(create_collection(record("one")), "ok").unwrap();
    assert_eq!(inner.get_collection("id-one").await.unwrap().as_ref(), Some(&made));
    assert_eq!(call!(create_collection(record("one")), "AlreadyExists").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(call!(get_collection("id-one"), "ok").unwrap(), Some(made.clone()));
    assert_eq!(call!(get_collection("hunter2"), "ok").unwrap(), None);
    assert_eq!(call!(get_collection_by_name("one"), "ok").unwrap(), Some(made.clone()));
    let updated = call!(update_collection((*made).clone()), "ok").unwrap();
    assert_eq!(updated.version, 2);
    assert_eq!(
        call!(update_collection((*made).clone()), "VersionConflict").unwrap_err().kind(),
        ErrorKind::VersionConflict
    );
    let counted = call!(record_stats("id-one", StatsDelta { vectors: 3, bytes: 5 }), "ok").unwrap();
    assert_eq!((counted.vector_count, counted.total_size_bytes), (3, 5));
    assert_eq!(call!(list_collections(Some(mine.clone())), "ok").unwrap(), vec![counted.clone()]);
    assert_eq!(call!(list_page(ListRequest::new()), "ok").unwrap().records, vec![counted]);
    assert_eq!(
        call!(list_page(ListRequest::new().with_limit(0)), "InvalidInput").unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    assert_eq!(call!(count_collections(Some(mine.clone())), "ok").unwrap(), 1);
    assert_eq!(call!(explain(ListRequest::new().with_filter(mine)), "ok").unwrap().matched, 1);
    let batch = vec![Operation::Create(record("two")), Operation::Create(record("two"))];
    assert_eq!(call!(batch_operations(batch), "AlreadyExists").unwrap_err().index(), Some(1));
    assert_eq!(call!(batch_operations(vec![Operation::Create(record("two"))]), "ok").unwrap().len(), 1);
    assert!(call!(delete_collection("id-two"), "ok").unwrap());
    let backup = call!(backup(place, BackupOptions::default()), "ok").unwrap();
    assert_eq!(backup.records, 1);
    assert_eq!(call!(restore(&backup.id, place, RestoreOptions::replacing()), "ok").unwrap().records, 1);
    let nothing = call!(restore("hunter2", place, RestoreOptions::replacing()), "InvalidInput");
    assert_eq!(nothing.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(call!(health_check(), "ok").unwrap().status, inner.health_check().await.unwrap().status);
    assert_eq!(call!(get_stats(), "ok").unwrap().collections, inner.get_stats().await.unwrap().collections);
    let maintained = if inner.capabilities().maintain { "ok" } else { "Unsupported" };
    assert_eq!(call!(maintain(), maintained).is_ok(), inner.capabilities().maintain);
    for action in [SchemaAction::Status, SchemaAction::Plan, SchemaAction::Apply] {
        let outcome = if inner.capabilities().schema { "ok" } else { "Unsupported" };
        assert_eq!(call!(schema(action), outcome).is_ok(), inner.capabilities().schema);
    }
    assert_eq!(call!(diagnose(), "ok").unwrap().len(), inner.diagnose().await.unwrap().len());
    call!(close(), "ok").unwrap();
    assert_eq!(call!(get_collection("id-one"), "Closed").unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(inner.get_collection("id-one").await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_scope_is_wrapped_again() {
    let buffer = Buffer::default();
    let _guard = buffer.capture();
    let inner = proximadb_meta_memory::memory().into_backend();
    let db = traced(&inner);
    assert_eq!((db.capabilities(), db.descriptor()), (inner.capabilities(), inner.descriptor()));
    let scope = |name: &str| CallContext::in_namespace(Namespace::new(name).unwrap());
    let tenant = db.scoped(scope("tenant"));
    tenant.create_collection(record("one")).await.unwrap();
    assert_eq!(inner.scoped(scope("tenant")).count_collections(None).await.unwrap(), 1);
    let other = tenant.scoped(scope("other"));
    assert_eq!(other.count_collections(None).await.unwrap(), 0);
    let spans = buffer.take();
    assert_eq!(spans.len(), 2, "{spans:?}");
    assert!(spans[0].contains(&span("create_collection", "tenant", "ok")), "{spans:?}");
    assert!(spans[1].contains(&span("count_collections", "other", "ok")), "{spans:?}");
}

#[tokio::test]
async fn a_call_that_is_dropped_says_so() {
    let buffer = Buffer::default();
    let _guard = buffer.capture();
    let descriptor = Descriptor::new(MetadataBackendType::MEMORY, "memory", "nowhere");
    let hung = traced(&Contract::new(Hanging(descriptor)).into_backend());
    let mut call = hung.get_collection("hunter2");
    assert!(matches!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
    assert!(buffer.take().is_empty());
    drop(call);
    let spans = buffer.take();
    assert!(spans.len() == 1 && spans[0].contains(&span("get_collection", "", "dropped")), "{spans:?}");
}

#[tokio::test]
async fn the_option_puts_it_around_and_leaves_it_off() {
    let buffer = Buffer::default();
    let _guard = buffer.capture();
    let registry = BackendRegistry::new();
    proximadb_meta_memory::register(&registry).unwrap();
    proximadb_meta_layers::register(&registry).unwrap();
    for (uri, spans) in [
        ("memory://", 0),
        ("memory://?enable_tracing=false", 0),
        ("memory://?enable_tracing=true", 1),
        ("memory://?enable_tracing=true&namespace=tenant", 1),
    ] {
        let catalog = registry.connect(uri).await.unwrap();
        catalog.count_collections(None).await.unwrap();
        let told = buffer.take();
        assert_eq!(told.len(), spans, "{uri}: {told:?}");
        assert_eq!(told.concat().contains("namespace=\"tenant\""), uri.contains("tenant"), "{told:?}");
    }
    let e = registry.connect("memory://?enable_tracing=1").await.unwrap_err();
    assert_eq!((e.kind(), e.message().contains("true or false")), (ErrorKind::Config, true));
    assert_eq!(proximadb_meta_layers::register(&registry).unwrap_err().kind(), ErrorKind::Config);
}

/// A store whose point reads never end.
struct Hanging(Descriptor);

impl Driver for Hanging {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::mandatory(BatchLimits { ops: 1, items: 1, bytes: 1 }, Durability::Volatile)
    }

    async fn get(&self, _call: &Call, _key: Key<'_>) -> Result<Option<Arc<CollectionMetadata>>> {
        std::future::pending().await
    }

    async fn apply(&self, _call: &Call, _unit: Prepared) -> Result<Applied> {
        std::future::pending().await
    }

    async fn scan(&self, _call: &Call, _scan: Scan) -> Result<Scanned> {
        std::future::pending().await
    }

    async fn mark_restoring(&self, _call: &Call, _on: bool) -> Result<()> {
        std::future::pending().await
    }

    async fn stats(&self, _call: &Call) -> Result<BackendStats> {
        std::future::pending().await
    }

    async fn health(&self, _call: &Call) -> Result<Health> {
        std::future::pending().await
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

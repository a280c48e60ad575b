//! The registry: what it refuses, what it lists, in which order layers are put around a backend.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use proximadb_meta_core::config::{OptionKind, OptionSpec, Options};
use proximadb_meta_core::registry::{BackendPlugin, LayerPlugin, LocationKind};
use proximadb_meta_core::report::SchemaAction;
use proximadb_meta_core::{
    BackendRegistry, Error, ErrorKind, MetadataBackend, MetadataBackendConfig, MetadataBackendType, MetadataLayer,
    Result,
};

use crate::fakes::{CACHE, Fake, FakeLayer, POSTGRES, registry, says};

fn fake(kind: &str, schemes: &'static [&'static str], options: &'static [OptionSpec]) -> Arc<Fake> {
    Arc::new(Fake { kind: kind.into(), schemes, options, location: LocationKind::Address })
}

fn layer(name: &'static str, options: &'static [OptionSpec]) -> Arc<FakeLayer> {
    Arc::new(FakeLayer { name, options })
}

#[test]
fn what_is_there_is_listed() {
    let registry = registry();
    let schemes = ["dynamodb", "file", "memory", "mongodb", "mongodb+srv", "postgres", "postgresql", "sqlite"];
    assert_eq!(registry.schemes(), schemes);
    let kinds: Vec<String> = registry.plugins().iter().map(|p| p.backend_type().to_string()).collect();
    assert_eq!(kinds, ["dynamodb", "memory", "mongodb", "postgresql", "sqlite", "wal"]);
    assert_eq!(registry.plugin("postgres").map(|p| p.backend_type()), Some(MetadataBackendType::POSTGRESQL));
    assert_eq!(registry.backend("postgresql").map(|p| p.schemes()), Some(&["postgresql", "postgres"][..]));
    assert!(registry.plugin("wal").is_none() && registry.backend("file").is_none());
    let layers: Vec<&str> = registry.layers().iter().map(|l| l.name()).collect();
    assert_eq!(layers, ["cache"]);
}

#[test]
fn a_second_owner_of_a_name_is_refused_and_nothing_is_added() {
    const POOL: &[OptionSpec] = &[OptionSpec::text("pool_size", "")];
    const TTL: &[OptionSpec] = &[OptionSpec::text("ttl", ""), OptionSpec::text("cache_ttl_seconds", "")];
    const TWICE: &[OptionSpec] = &[OptionSpec::text("a", ""), OptionSpec::bool("a", "")];
    for (plugin, words) in [
        (fake("wal", &["new"], &[]), &["the backend \"wal\" is registered already"][..]),
        (fake("new", &["new", "file"], &[]), &["the scheme \"file\" is registered already"]),
        (fake("new", &["new", "new"], &[]), &["the scheme \"new\"", "twice"]),
        (fake("new", &[], &[]), &["\"new\" has no scheme"]),
        (fake("new", &["a b"], &[]), &["the scheme \"a b\""]),
        (fake("new", &[""], &[]), &["the scheme \"\""]),
        (fake("new", &["new"], TTL), &["\"cache_ttl_seconds\"", "belongs to the layer \"cache\" already"]),
        (fake("new", &["new"], TWICE), &["\"a\" is declared twice"]),
    ] {
        let registry = registry();
        says(&registry.register(plugin).unwrap_err(), words, words[0]);
        assert_eq!((registry.plugins().len(), registry.schemes().len()), (6, 8), "{words:?}");
    }
    for (plugin, words) in [
        (layer("cache", &[]), &["the layer \"cache\" is registered already"][..]),
        (layer("new", CACHE), &["\"enable_caching\" of the layer \"new\" belongs to the layer \"cache\" already"]),
        (layer("new", POOL), &["\"pool_size\"", "belongs to the backend \"postgresql\" already"]),
        (layer("new", TWICE), &["\"a\" is declared twice"]),
    ] {
        let registry = registry();
        says(&registry.register_layer(plugin).unwrap_err(), words, words[0]);
        assert_eq!(registry.layers().len(), 1, "{words:?}");
    }
    // Two backends may both have an option: one alone is chosen.
    registry().register(fake("new", &["new"], POSTGRES)).unwrap();
}

#[test]
fn options_that_a_door_could_not_honour_are_not_declared() {
    const SECRET_NUMBER: OptionSpec = OptionSpec { kind: OptionKind::INTEGER, ..OptionSpec::secret("key", "") };
    let long: &'static str = Box::leak("x".repeat(65).into_boxed_str());
    for (spec, word) in [
        (OptionSpec::text("", ""), "small letters"),
        (OptionSpec::text("Pool", ""), "small letters"),
        (OptionSpec::text("pool-size", ""), "small letters"),
        (OptionSpec::text("pool size", ""), "small letters"),
        (OptionSpec::text("1pool", ""), "small letters"),
        (OptionSpec::text("_pool", ""), "small letters"),
        (OptionSpec::text("größe", ""), "small letters"),
        (OptionSpec::text(long, ""), "small letters"),
        (OptionSpec::text("uri", ""), "every door"),
        (OptionSpec::text("connection_string", ""), "every door"),
        (OptionSpec::text("backend_type", ""), "every door"),
        (OptionSpec::text("location", ""), "every door"),
        (OptionSpec::text("namespace", ""), "every door"),
        (OptionSpec::text("test_x", ""), "reserved"),
        (OptionSpec::text("ci_x", ""), "reserved"),
        (OptionSpec::text("soak_x", ""), "reserved"),
        (OptionSpec::secret("key", "").with_default("x"), "a secret is a text and has no default"),
        (SECRET_NUMBER, "a secret is a text"),
        (OptionSpec::integer("n", 1, 9, "").with_default("10"), "default"),
        (OptionSpec::bool("b", "").with_default("yes"), "default"),
        (OptionSpec::seconds("s", "").with_default("1s"), "default"),
        (OptionSpec::list("l", "").with_default("a,,b"), "default"),
    ] {
        let specs: &'static [OptionSpec] = Box::leak(Box::new([spec]));
        says(&BackendRegistry::new().register(fake("new", &["new"], specs)).unwrap_err(), &[word], spec.name);
        says(&BackendRegistry::new().register_layer(layer("new", specs)).unwrap_err(), &[word], spec.name);
    }
    assert_eq!(OptionSpec::text("pool_size", "").variable(), "PXMETA_POOL_SIZE");
}

#[test]
fn a_backend_that_is_not_there_says_which_feature_adds_it() {
    let registry = BackendRegistry::new();
    let scheme = |uri: &str| MetadataBackendConfig::from_uri(uri, &registry).unwrap_err();
    says(&scheme("file://x"), &["registered: none", "the feature \"wal\" of the crate proximadb-meta adds it"], "file");
    registry.register(fake("memory", &["memory"], &[])).unwrap();
    registry.register(fake("other", &["other"], &[])).unwrap();
    for (uri, feature) in [
        ("dynamodb://region/table_name?access_key=KEY&secret_key=SECRET", "dynamo"),
        ("mongodb://user:password@host:27017/database", "mongo"),
    ] {
        let words = ["registered: memory, other", &format!("the feature {feature:?}"), "this release does not have it"];
        says(&scheme(uri), &words, uri);
    }
    for (uri, feature) in
        [("postgresql://user:password@host:5432/database", "postgres"), ("sqlite:///path/to/database.db", "sqlite")]
    {
        says(&scheme(uri), &["registered: memory, other", &format!("the feature {feature:?}"), "adds it"], uri);
    }
    let kind = |kind: &str| MetadataBackendConfig::builder(kind.into()).build(&registry).unwrap_err();
    says(&kind("postgresql"), &["registered: memory, other", "the feature \"postgres\""], "kind");
    says(&kind("wal"), &["the feature \"wal\" of the crate proximadb-meta adds it"], "kind");
    says(&kind("memroy"), &["did you mean \"memory\"?"], "kind");
}

const A: &[OptionSpec] = &[OptionSpec::bool("a", "")];
const B: &[OptionSpec] = &[OptionSpec::bool("b", "")];

#[tokio::test]
async fn layers_are_put_around_in_the_order_of_registration() {
    let registry = registry();
    registry.register_layer(layer("a", A)).unwrap();
    registry.register_layer(layer("b", B)).unwrap();
    for (uri, location) in [
        ("memory://", "memory|"),
        ("memory://?a=true&b=true&enable_caching=true", "b(a(cache(memory|)))"),
        ("memory://?b=true&a=false&enable_caching=true", "b(cache(memory|))"),
        ("postgres://u:p@h/db?a=true", "a(postgres|u:***@h/db)"),
    ] {
        assert_eq!(registry.connect(uri).await.unwrap().descriptor().location, location, "{uri}");
    }
}

#[tokio::test]
async fn the_handle_is_bound_to_the_namespace() {
    for (uri, namespace) in [("memory://", ""), ("memory://?namespace=", ""), ("memory://?namespace=tenant", "tenant")]
    {
        let catalog = registry().connect(uri).await.unwrap();
        assert_eq!(catalog.get_collection("x").await.unwrap_err().message(), namespace);
    }
}

#[tokio::test]
async fn create_backend_wants_the_kind_of_the_configuration() {
    let registry = registry();
    let config = MetadataBackendConfig::from_uri("memory://", &registry).unwrap();
    let e = registry.create_backend(MetadataBackendType::WAL, config.clone()).await.unwrap_err();
    says(&e, &["the configuration is of the backend \"memory\", not \"wal\""], "kind");
    let catalog = registry.create_backend(MetadataBackendType::MEMORY, config).await.unwrap();
    assert_eq!(catalog.descriptor().backend, MetadataBackendType::MEMORY);
}

#[tokio::test]
async fn a_configuration_of_another_registry_must_fit() {
    let config = MetadataBackendConfig::from_uri("memory://?enable_caching=true", &registry()).unwrap();
    let bare = BackendRegistry::new();
    says(
        &bare.open(config.clone()).await.unwrap_err(),
        &["no backend is registered for the scheme \"memory\""],
        "bare",
    );
    bare.register(fake("memory", &["memory"], &[])).unwrap();
    says(&bare.open(config.clone()).await.unwrap_err(), &["option \"cache_ttl_seconds\"", "another registry"], "layer");
    let other = BackendRegistry::new();
    other.register(fake("other", &["memory"], CACHE)).unwrap();
    says(&other.open(config).await.unwrap_err(), &["the scheme \"memory\" belongs to another backend"], "kind");
    // A layer that came later finds its defaults.
    let early = MetadataBackendConfig::from_uri("memory://", &bare).unwrap();
    bare.register_layer(layer("cache", CACHE)).unwrap();
    assert_eq!(bare.open(early).await.unwrap().descriptor().location, "memory|");
}

#[tokio::test]
async fn schema_and_examination_reach_the_chosen_backend_without_layers() {
    let registry = registry();
    let config = MetadataBackendConfig::from_uri("memory://?enable_caching=true", &registry).unwrap();
    let e = registry.schema(&config, SchemaAction::Status).await.unwrap_err();
    assert_eq!((e.kind(), e.operation(), e.backend()), (ErrorKind::Unsupported, Some("schema"), Some("fake")));
    assert_eq!(registry.examine(&config).await.unwrap(), []);
    assert!(!registry.would_create(&config).await.unwrap());
    let other = BackendRegistry::new();
    assert_eq!(other.schema(&config, SchemaAction::Plan).await.unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(other.examine(&config).await.unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(other.would_create(&config).await.unwrap_err().kind(), ErrorKind::Config);
    other.register(fake("memory", &["memory"], &[])).unwrap();
    let e = other.examine(&config).await.unwrap_err();
    assert!(e.message().contains("\"cache_ttl_seconds\""), "no layer knows it here: {e}");
}

/// Writes down what it is asked, and reads options as no plugin should.
#[derive(Debug, Default)]
struct Wrong(Mutex<Vec<&'static str>>);

#[async_trait]
impl BackendPlugin for Wrong {
    fn backend_type(&self) -> MetadataBackendType {
        "wrong".into()
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["wrong"]
    }

    fn options(&self) -> &'static [OptionSpec] {
        POSTGRES
    }

    async fn connect(&self, o: Options) -> Result<Arc<dyn MetadataBackend>> {
        self.0.lock().expect("no poison").push("connect");
        assert_eq!((o.scheme(), o.rest(), o.redacted_location()), ("wrong", "u:p@h", "u:***@h".to_owned()));
        assert_eq!((o.integer("pool_size")?, o.bool("ssl_enabled")?), (Some(10), Some(true)));
        assert_eq!((o.text("application_name")?, o.secret("password")?), (None, None));
        assert_eq!(o.list("read_replica_endpoints")?, None);
        assert_eq!(o.seconds("timeout_seconds")?.map(|d| d.as_secs()), Some(30));
        assert!(!format!("{o:?}").contains("u:p@h"));
        let wrong = [
            o.text("pool_size").err(),
            o.text("password").err(),
            o.secret("application_name").err(),
            o.integer("ssl_enabled").err(),
            o.bool("pool_size").err(),
            o.seconds("pool_size").err(),
            o.list("pool_size").err(),
            o.text("namespace").err(),
            o.integer("nothing").err(),
        ];
        assert!(wrong.iter().all(|e| e.as_ref().is_some_and(|e| e.kind() == ErrorKind::Internal)), "{wrong:?}");
        Err(Error::new(ErrorKind::Unavailable, "there is no such store"))
    }
}

#[derive(Debug)]
struct Refusing;

impl LayerPlugin for Refusing {
    fn name(&self) -> &'static str {
        "refusing"
    }

    fn options(&self) -> &'static [OptionSpec] {
        A
    }

    fn layer(&self, options: &Options) -> Result<Option<Arc<dyn MetadataLayer>>> {
        assert_eq!((options.scheme(), options.rest()), ("", ""));
        match options.bool("a")? {
            Some(true) => Err(Error::new(ErrorKind::Config, "not like this")),
            _ => Ok(None),
        }
    }
}

#[tokio::test]
async fn a_layer_refuses_before_anything_is_connected() {
    let registry = BackendRegistry::new();
    let plugin = Arc::new(Wrong::default());
    registry.register(plugin.clone()).unwrap();
    registry.register_layer(Arc::new(Refusing)).unwrap();
    says(&registry.connect("wrong://u:p@h?a=true").await.unwrap_err(), &["not like this"], "layer");
    assert!(plugin.0.lock().unwrap().is_empty());
    let e = registry.connect("wrong://u:p@h").await.unwrap_err();
    assert_eq!((e.kind(), plugin.0.lock().unwrap().len()), (ErrorKind::Unavailable, 1));
}

//! Configurations by their two texts, against backends that connect to nothing.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use proximadb_meta_core::config::{OptionSpec, OptionValue, Options, redact};
use proximadb_meta_core::registry::{BackendPlugin, LocationKind};
use proximadb_meta_core::{
    BackendRegistry, Error, ErrorKind, MetadataBackend, MetadataBackendConfig, MetadataBackendType, Result,
};

#[derive(Debug)]
struct Fake {
    kind: &'static str,
    schemes: &'static [&'static str],
    options: &'static [OptionSpec],
    location: LocationKind,
}

#[async_trait]
impl BackendPlugin for Fake {
    fn backend_type(&self) -> MetadataBackendType {
        MetadataBackendType::new(self.kind)
    }

    fn schemes(&self) -> &'static [&'static str] {
        self.schemes
    }

    fn options(&self) -> &'static [OptionSpec] {
        self.options
    }

    fn location(&self) -> LocationKind {
        self.location
    }

    async fn connect(&self, _options: Options) -> Result<Arc<dyn MetadataBackend>> {
        Err(Error::unsupported("there is nothing here"))
    }
}

const FILE: &[OptionSpec] = &[
    OptionSpec::integer("segment_bytes", 65_536, 1 << 30, "bytes of a segment").with_default("67108864"),
    OptionSpec::list("labels", "names for people"),
    OptionSpec::text("comment", "a text"),
];
const SERVER: &[OptionSpec] = &[
    OptionSpec::integer("pool_size", 1, 1000, "connections held open").with_default("10"),
    OptionSpec::seconds("timeout_seconds", "how long a call may take").with_default("30"),
    OptionSpec::bool("ssl_enabled", "whether connections are encrypted"),
    OptionSpec::list("read_replica_endpoints", "host:port of each replica"),
    OptionSpec::secret("password", "the password"),
];

static REGISTRY: LazyLock<BackendRegistry> = LazyLock::new(|| {
    let registry = BackendRegistry::new();
    let fake = |kind, schemes, options, location| Fake { kind, schemes, options, location };
    for plugin in [
        fake("wal", &["file"], FILE, LocationKind::Path),
        fake("memory", &["memory"], &[], LocationKind::None),
        fake("postgresql", &["postgresql", "postgres"], SERVER, LocationKind::Address),
    ] {
        registry.register(Arc::new(plugin)).expect("a fake is registered");
    }
    registry
});

/// Whether a text may make the configuration read a file of the machine, which is not what is tested.
fn reads_files(text: &str) -> bool {
    text.matches("file:").count() > text.matches("file://").count() || text.matches("file://").count() > 1
}

/// A connection string.
pub(crate) fn connection_string(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let _ = redact(text);
    !reads_files(text) && checked(text, MetadataBackendConfig::from_uri(text, &REGISTRY))
}

/// A TOML configuration.
pub(crate) fn toml(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    !reads_files(text) && checked(text, MetadataBackendConfig::from_toml(text, &REGISTRY))
}

fn checked(text: &str, outcome: Result<MetadataBackendConfig>) -> bool {
    let config = match outcome {
        Err(e) => {
            assert_eq!(e.kind(), ErrorKind::Config, "{e:?}");
            return false;
        }
        Ok(config) => config,
    };
    let shown = config.redacted();
    match config.option("password") {
        Some(OptionValue::Secret(secret)) => {
            let secret = secret.expose();
            // Where the same text stands somewhere else too, it is no secret.
            let known = secret.len() < 6 || config.location().contains(secret) || text.matches(secret).count() != 1;
            assert!(known || !format!("{shown} {config:?}").contains(secret), "a secret is shown: {shown}");
        }
        _ if !config.location().contains('@') => {
            let again = MetadataBackendConfig::from_uri(&shown, &REGISTRY);
            assert_eq!(again.ok(), Some(config), "{text} shown as {shown}");
        }
        _ => {}
    }
    true
}

fn seeds(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|t| t.as_bytes().to_vec()).collect()
}

/// Seeds of [`connection_string`].
pub(crate) fn uri_seeds() -> Vec<Vec<u8>> {
    seeds(&[
        "memory://",
        "memory://?namespace=tenant",
        "file://./data/metadata",
        "file:///my%20data/100%25?segment_bytes=16777216&labels=a,b%2Cc&comment=%C3%A4",
        "postgresql://user:hunter2@host:5432/database?pool_size=10&ssl_enabled=true",
        "postgres://h1:1,h2:2/db?timeout_seconds=0.25&password=hunter2&read_replica_endpoints=a:1,b:2",
        "postgres://u:hun?ter2@host/db",
        "file://x?segment_byts=1",
        "dynamodb://eu/t",
        "file://%zz",
    ])
}

/// Seeds of [`toml`].
pub(crate) fn toml_seeds() -> Vec<Vec<u8>> {
    seeds(&[
        "[metadata_storage]\nbackend_type = \"wal\"\nlocation = \"./data/metadata\"\nnamespace = \"tenant\"\n\n\
         [metadata_storage.options]\nsegment_bytes = 16777216\nlabels = [\"a\", \"b\"]\n",
        "metadata_storage = { connection_string = \"memory://\" }",
        "metadata_storage.connection_string = 'postgres://host/db'\n[metadata_storage.connection]\npool_size = 0x10\n\
         timeout_seconds = 1.5e0\npassword = \"\\u0068unter2\"\nssl_enabled = true\n[other]\nx = 1979-05-27T07:32:00Z\n",
        "[metadata_storag]\n",
        "[metadata_storage]\nbackend_type = \"wal\"\nbackend_type = \"wal\"\n",
        "[metadata_storage.options]\nsegment_bytes = \"\"\"\n16777216\"\"\"\n",
        "a.b.c.d = [[[[[]]]]]\n[[x]]\n[[x]]\n",
    ])
}

//! The plugin: `postgresql://user:password@host:port/database`, several hosts joined by commas; `postgres://` is the same.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proximadb_meta_core::config::{OptionSpec, Options};
use proximadb_meta_core::registry::{BackendPlugin, BackendRegistry, LocationKind};
use proximadb_meta_core::report::{Finding, SchemaAction, SchemaReport};
use proximadb_meta_core::{
    Capabilities, Durability, Error, ErrorKind, MetadataBackend, MetadataBackendType, Result, Retry,
};
use tokio_postgres::config::{ChannelBinding, TargetSessionAttrs};

use crate::config::{Isolation, PostgresOptions, TlsMode, choose};
use crate::pool::{Pool, silent};
use crate::{diagnose, driver, schema};

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::secret("password", "the password, where it is not in the connection string"),
    OptionSpec::text("schema", "the schema that holds the tables: small letters, digits and _")
        .with_default("proximadb_meta")
        .locating(),
    OptionSpec::bool("auto_migrate", "whether opening makes and updates the tables").with_default("true"),
    OptionSpec::integer("pool_size", 1, 1000, "most connections").with_default("10"),
    OptionSpec::integer("pool_min_idle", 0, 1000, "connections that stay open though nobody uses them")
        .with_default("0"),
    OptionSpec::seconds("pool_timeout_seconds", "how long a call waits for a connection").with_default("10"),
    OptionSpec::seconds("idle_timeout_seconds", "unused for this long, a connection is closed").with_default("600"),
    OptionSpec::seconds("max_lifetime_seconds", "this old, a connection is closed when it is free")
        .with_default("3600"),
    OptionSpec::seconds("timeout_seconds", "how long a statement may take").with_default("30"),
    OptionSpec::seconds("connect_timeout", "how long making a connection may take").with_default("10"),
    OptionSpec::seconds("keepalives_idle", "silence after which the system asks whether the server is there")
        .with_default("30"),
    OptionSpec::integer("write_lanes", 1, 64, "groups of writes that are under way at the same time").with_default("2"),
    OptionSpec::text("isolation", "read_committed, repeatable_read or serializable").with_default("read_committed"),
    OptionSpec::text("application_name", "how the server lists the connections").with_default("proximadb-meta"),
    OptionSpec::text(
        "sslmode",
        "disable, prefer, require, verify-ca or verify-full; verify-full off loopback if not given",
    ),
    OptionSpec::bool("ssl_enabled", "true: TLS, verified; false: none. sslmode says it more exactly"),
    OptionSpec::text(
        "sslrootcert",
        "PEM file with the certificates of trusted authorities; those of the system if not given",
    ),
    OptionSpec::text("sslcert", "PEM file with our certificate chain"),
    OptionSpec::text("sslkey", "PEM file with the key of sslcert"),
    OptionSpec::bool("ssl_accept_invalid_certificates", "takes any certificate: for tests alone").with_default("false"),
    OptionSpec::text("target_session_attrs", "any, read-write or read-only: which of several hosts will do"),
    OptionSpec::text("channel_binding", "disable, prefer or require"),
    OptionSpec::bool("load_balance_hosts", "whether several hosts are tried at random").with_default("false"),
    OptionSpec::bool(
        "enable_read_replicas",
        "whether reads of a scope with staleness may go to replicas; to be said where any is named",
    ),
    OptionSpec::list(
        "read_replica_endpoints",
        "host:port of each replica, or host:port?weight=3 for one that takes three times the reads (1 to 256, 1 if not given)",
    ),
    OptionSpec::text("postgres_tools", "the directory of pg_dump and pg_restore; on the path if not given"),
];

/// Registers the backend for the schemes `postgresql` and `postgres`.
///
/// # Errors
/// `Config` when a scheme or the kind is registered already.
pub fn register(registry: &BackendRegistry) -> Result<()> {
    registry.register(Arc::new(PostgresPlugin))
}

/// The plugin of this crate.
#[derive(Clone, Copy, Debug, Default)]
pub struct PostgresPlugin;

#[async_trait]
impl BackendPlugin for PostgresPlugin {
    fn backend_type(&self) -> MetadataBackendType {
        MetadataBackendType::POSTGRESQL
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["postgresql", "postgres"]
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn location(&self) -> LocationKind {
        LocationKind::Address
    }

    fn capabilities(&self) -> Option<Capabilities> {
        Some(driver::capabilities(Durability::Synced))
    }

    async fn connect(&self, options: Options) -> Result<Arc<dyn MetadataBackend>> {
        let settings = settings(&options).map_err(|e| e.in_operation("open", "postgresql"))?;
        Ok(driver::open_with(options.rest(), settings).await?.into_backend())
    }

    async fn schema(&self, options: Options, action: SchemaAction) -> Result<SchemaReport> {
        let look = async {
            let (settings, pool) = unopened(&options).await?;
            let report = schema::report_in_time(&pool, &settings.schema, action).await;
            pool.close();
            report
        };
        look.await.map_err(|e| e.in_operation("schema", "postgresql"))
    }

    async fn examine(&self, options: Options) -> Vec<Finding> {
        let look = async {
            let (settings, pool) = unopened(&options).await?;
            let client = pool.get().await?;
            let found = pool.in_time(diagnose::examine(&client, &settings.schema, settings.pool_size)).await;
            pool.close();
            found.ok_or_else(|| silent("look at the server").with_retry(Retry::Safe))
        };
        look.await.unwrap_or_else(|e: Error| {
            let fix = e.hint().unwrap_or("look at the server, and at the connection string");
            vec![Finding::problem("connection", e.to_string(), fix)]
        })
    }
}

/// Settings, and a pool to the server, without a look at what it holds.
async fn unopened(options: &Options) -> Result<(Arc<PostgresOptions>, Arc<Pool>)> {
    let settings = settings(options)?;
    settings.check()?;
    let target = settings.target(options.rest())?;
    let settings = Arc::new(settings);
    Ok((settings.clone(), driver::connect(&target, settings).await?))
}

fn settings(options: &Options) -> Result<PostgresOptions> {
    let mut s = PostgresOptions::default();
    let text = |name: &str| options.text(name).map(|t| t.map(str::to_owned));
    let path = |name: &str| options.text(name).map(|t| t.map(PathBuf::from));
    s.password = options.secret("password")?.cloned();
    set(&mut s.schema, text("schema")?);
    set(&mut s.auto_migrate, options.bool("auto_migrate")?);
    set(&mut s.application_name, text("application_name")?);
    s.tls = tls_mode(options)?;
    s.root_certificate = path("sslrootcert")?;
    s.client_certificate = path("sslcert")?;
    s.client_key = path("sslkey")?;
    set(&mut s.accept_invalid_certificates, options.bool("ssl_accept_invalid_certificates")?);
    set(&mut s.pool_size, number(options, "pool_size")?);
    set(&mut s.pool_min_idle, number(options, "pool_min_idle")?);
    set(&mut s.write_lanes, number(options, "write_lanes")?);
    let durations: [(&mut Duration, &str); 6] = [
        (&mut s.pool_timeout, "pool_timeout_seconds"),
        (&mut s.idle_timeout, "idle_timeout_seconds"),
        (&mut s.max_lifetime, "max_lifetime_seconds"),
        (&mut s.connect_timeout, "connect_timeout"),
        (&mut s.statement_timeout, "timeout_seconds"),
        (&mut s.keepalive_idle, "keepalives_idle"),
    ];
    for (place, name) in durations {
        if let Some(duration) = options.seconds(name)? {
            if duration < Duration::from_millis(1) {
                return Err(Error::new(ErrorKind::Config, format!("{name} is at least 0.001 seconds")));
            }
            *place = duration;
        }
    }
    if let Some(text) = options.text("isolation")? {
        s.isolation = choose("isolation", text, &Isolation::NAMES)?;
    }
    if let Some(text) = options.text("target_session_attrs")? {
        use TargetSessionAttrs as A;
        let names = [("any", A::Any), ("read-write", A::ReadWrite), ("read-only", A::ReadOnly)];
        s.target_session_attrs = Some(choose("target_session_attrs", text, &names)?);
    }
    if let Some(text) = options.text("channel_binding")? {
        use ChannelBinding as B;
        let names = [("disable", B::Disable), ("prefer", B::Prefer), ("require", B::Require)];
        s.channel_binding = Some(choose("channel_binding", text, &names)?);
    }
    set(&mut s.load_balance_hosts, options.bool("load_balance_hosts")?);
    s.replicas = replicas(options)?;
    s.tools = path("postgres_tools")?;
    Ok(s)
}

fn replicas(options: &Options) -> Result<Vec<String>> {
    let endpoints = options.list("read_replica_endpoints")?.unwrap_or_default();
    let wrong = |what: &str, hint: &str| Err(Error::new(ErrorKind::Config, what).with_hint(hint));
    match (options.bool("enable_read_replicas")?, endpoints.is_empty()) {
        (Some(true), true) => wrong(
            "read replicas are on, but none is named",
            "name them as read_replica_endpoints, host:port or host:port?weight=3 each",
        ),
        // Neither used unasked nor left out unsaid.
        (None, false) => wrong(
            "read_replica_endpoints names replicas, but nothing says whether to use them",
            "add enable_read_replicas=true; false leaves them out",
        ),
        (Some(true), false) => Ok(endpoints.to_vec()),
        _ => Ok(Vec::new()),
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn number(options: &Options, name: &str) -> Result<Option<usize>> {
    Ok(options.integer(name)?.map(|n| usize::try_from(n).unwrap_or(usize::MAX)))
}

fn tls_mode(options: &Options) -> Result<Option<TlsMode>> {
    let mode = options.text("sslmode")?.map(TlsMode::parse).transpose()?;
    let wanted = options.bool("ssl_enabled")?;
    match (mode, wanted) {
        (Some(TlsMode::Disable | TlsMode::Prefer), Some(true)) | (Some(_), Some(false))
            if !(mode == Some(TlsMode::Disable) && wanted == Some(false)) =>
        {
            Err(Error::new(ErrorKind::Config, "sslmode and ssl_enabled say different things")
                .with_hint("give sslmode alone"))
        }
        (Some(mode), _) => Ok(Some(mode)),
        (None, Some(true)) => Ok(Some(TlsMode::Require)),
        (None, Some(false)) => Ok(Some(TlsMode::Disable)),
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use proximadb_meta_core::MetadataBackendConfig;

    use super::*;

    fn registry() -> BackendRegistry {
        let registry = BackendRegistry::new();
        register(&registry).unwrap();
        registry
    }

    #[test]
    fn strings_and_tables_of_the_requirement_are_read() {
        let registry = registry();
        let uri = "postgresql://user:hunter2@host:5432/database?pool_size=3&sslmode=verify-full";
        let config = MetadataBackendConfig::from_uri(uri, &registry).unwrap();
        assert_eq!(*config.backend_type(), MetadataBackendType::POSTGRESQL);
        assert!(!format!("{config:?}").contains("hunter2"));
        let toml = r#"
            [metadata_storage]
            backend_type = "postgresql"
            connection_string = "postgresql://user:pass@host:5432/db"
            [metadata_storage.connection]
            pool_size = 10
            timeout_seconds = 30
            ssl_enabled = true
            [metadata_storage.performance]
            enable_read_replicas = true
            read_replica_endpoints = ["replica1:5432", "replica2:5432"]
        "#;
        MetadataBackendConfig::from_toml(toml, &registry).unwrap();
        // With a weight, by every door.
        let weighted = toml.replace("replica1:5432", "replica1:5432?weight=3");
        let replicas = "enable_read_replicas=true&read_replica_endpoints=replica1:5432?weight=3,replica2:5432";
        let uri =
            format!("postgresql://user:pass@host:5432/db?pool_size=10&timeout_seconds=30&ssl_enabled=true&{replicas}");
        let by_toml = MetadataBackendConfig::from_toml(&weighted, &registry).unwrap();
        let by_uri = MetadataBackendConfig::from_uri(&uri, &registry).unwrap();
        let variables = [
            ("PXMETA_URI", "postgresql://user:pass@host:5432/db"),
            ("PXMETA_POOL_SIZE", "10"),
            ("PXMETA_TIMEOUT_SECONDS", "30"),
            ("PXMETA_SSL_ENABLED", "true"),
            ("PXMETA_ENABLE_READ_REPLICAS", "true"),
            ("PXMETA_READ_REPLICA_ENDPOINTS", "replica1:5432?weight=3,replica2:5432"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let by_variables = MetadataBackendConfig::from_env(variables, &registry).unwrap().unwrap();
        let named = ["replica1:5432?weight=3", "replica2:5432"];
        for config in [&by_toml, &by_uri, &by_variables] {
            assert_eq!(config.option("read_replica_endpoints").and_then(|v| v.as_list()).unwrap(), named);
            assert_eq!(config, &by_uri);
        }
        // What is shown reads the same.
        let shown = by_uri.redacted().replace("***", "pass");
        let again = MetadataBackendConfig::from_uri(&shown, &registry).unwrap();
        assert_eq!(again.option("read_replica_endpoints"), by_uri.option("read_replica_endpoints"));
        let e = MetadataBackendConfig::from_uri("postgres://h/db?pool_szie=3", &registry).unwrap_err();
        assert!(format!("{e:?}").contains("pool_size"), "{e:?}");
    }

    #[tokio::test]
    async fn options_that_cannot_be_are_refused_before_anything_is_sent() {
        let registry = registry();
        for (query, words) in [
            ("sslmode=verify", "verify-full"),
            ("sslmode=disable&ssl_enabled=true", "sslmode and ssl_enabled"),
            ("isolation=snapshot", "isolation"),
            ("timeout_seconds=0", "timeout_seconds"),
            ("schema=a-b", "schema"),
            ("pool_size=1&pool_min_idle=2", "pool_min_idle"),
            ("enable_read_replicas=true", "read_replica_endpoints"),
            ("read_replica_endpoints=a:1", "enable_read_replicas"),
            ("enable_read_replicas=true&read_replica_endpoints=a:port", "is not an address"),
            ("enable_read_replicas=true&read_replica_endpoints=a:1?weight=0", "from 1 to 256"),
            ("enable_read_replicas=true&read_replica_endpoints=a:1,a:1?weight=2", "named twice"),
            ("target_session_attrs=primary", "target_session_attrs"),
        ] {
            let config = MetadataBackendConfig::from_uri(&format!("postgresql://u@host.invalid/db?{query}"), &registry);
            let e = registry.open(config.unwrap()).await.unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Config, "{query}: {e:?}");
            assert!(format!("{e:?}").contains(words), "{query}: {e:?}");
        }
    }
}

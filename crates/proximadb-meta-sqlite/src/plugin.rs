//! The plugin: `sqlite://PATH`, absolute (`sqlite:///var/lib/catalog.db`) or relative (`sqlite://./catalog.db`), a blank as
//! `%20`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use proximadb_meta_core::config::{OptionSpec, Options};
use proximadb_meta_core::registry::{BackendPlugin, BackendRegistry, LocationKind};
use proximadb_meta_core::report::{Finding, SchemaAction, SchemaReport};
use proximadb_meta_core::{Capabilities, MetadataBackend, MetadataBackendType, Result};

use crate::config::SqliteOptions;

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::seconds("busy_timeout_seconds", "how long a call waits for another process that holds the write lock")
        .with_default("30"),
    OptionSpec::integer("readers", 1, 1024, "most connections that read at the same time").with_default("4"),
    OptionSpec::integer(
        "checkpoint_pages",
        1,
        1_000_000,
        "the journal is copied into the database when it grows over this many pages of 4 KiB",
    )
    .with_default("1000"),
    OptionSpec::integer(
        "journal_size_limit",
        0,
        1 << 40,
        "bytes to which the journal file is cut after it was copied into the database",
    )
    .with_default("67108864"),
    OptionSpec::bool("auto_migrate", "whether opening makes the file and applies the migrations that it lacks")
        .with_default("true"),
    OptionSpec::integer("cache_kib", 64, 16 * 1024 * 1024, "KiB of pages that each connection keeps in memory")
        .with_default("8192"),
];

/// Registers the backend for the scheme `sqlite`.
///
/// # Errors
/// `Config` when the scheme or the kind is registered already.
pub fn register(registry: &BackendRegistry) -> Result<()> {
    registry.register(Arc::new(SqlitePlugin))
}

/// The plugin of this crate.
#[derive(Clone, Copy, Debug, Default)]
pub struct SqlitePlugin;

#[async_trait]
impl BackendPlugin for SqlitePlugin {
    fn backend_type(&self) -> MetadataBackendType {
        MetadataBackendType::SQLITE
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["sqlite"]
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    fn location(&self) -> LocationKind {
        LocationKind::Path
    }

    fn capabilities(&self) -> Option<Capabilities> {
        Some(crate::driver::capabilities())
    }

    async fn would_create(&self, options: &Options) -> bool {
        let path = PathBuf::from(options.rest());
        tokio::task::spawn_blocking(move || crate::would_create(&path)).await.unwrap_or(false)
    }

    async fn connect(&self, options: Options) -> Result<Arc<dyn MetadataBackend>> {
        Ok(crate::open_with(options.rest(), settings(&options)?).await?.into_backend())
    }

    async fn schema(&self, options: Options, action: SchemaAction) -> Result<SchemaReport> {
        let path = Path::new(options.rest());
        let report = crate::layout::of_file(path, &settings(&options)?, action).await;
        report.map_err(|e| e.context(path.display()).in_operation("schema", "sqlite"))
    }

    async fn examine(&self, options: Options) -> Vec<Finding> {
        let settings = settings(&options).unwrap_or_default();
        crate::diagnose::examine(Path::new(options.rest()), &settings).await
    }
}

fn settings(options: &Options) -> Result<SqliteOptions> {
    let mut s = SqliteOptions::default();
    if let Some(wait) = options.seconds("busy_timeout_seconds")? {
        s.busy_timeout = wait;
    }
    if let Some(readers) = options.integer("readers")? {
        s.readers = usize::try_from(readers).unwrap_or(usize::MAX);
    }
    if let Some(pages) = options.integer("checkpoint_pages")? {
        s.checkpoint_pages = u32::try_from(pages).unwrap_or(u32::MAX);
    }
    if let Some(bytes) = options.integer("journal_size_limit")? {
        s.journal_size_limit = bytes;
    }
    if let Some(yes) = options.bool("auto_migrate")? {
        s.auto_migrate = yes;
    }
    if let Some(kib) = options.integer("cache_kib")? {
        s.cache_kib = u32::try_from(kib).unwrap_or(u32::MAX);
    }
    Ok(s)
}

#[cfg(test)]
mod tests {
    use proximadb_meta_core::MetadataBackendConfig;

    use super::*;

    #[test]
    fn the_defaults_are_those_of_open() {
        let d = SqliteOptions::default();
        let expected = [
            ("busy_timeout_seconds", d.busy_timeout.as_secs().to_string()),
            ("readers", d.readers.to_string()),
            ("checkpoint_pages", d.checkpoint_pages.to_string()),
            ("journal_size_limit", d.journal_size_limit.to_string()),
            ("auto_migrate", d.auto_migrate.to_string()),
            ("cache_kib", d.cache_kib.to_string()),
        ];
        let declared = OPTIONS.iter().map(|o| (o.name, o.default.unwrap_or_default().to_owned()));
        assert_eq!(declared.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_connection_string_names_the_file() {
        let registry = BackendRegistry::new();
        register(&registry).unwrap();
        let config = MetadataBackendConfig::from_uri("sqlite:///path/to/data%20base.db?readers=2", &registry).unwrap();
        assert_eq!(config.location(), "/path/to/data base.db");
    }
}

//! The driver: reads on any connection of the pool, writes through the writer's lanes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use proximadb_meta_core::driver::{Applied, Driver, Key, Prepared, Push, Scan, Scanned, Search};
use proximadb_meta_core::filter::Literal;
use proximadb_meta_core::report::{
    BackendStats, BackupOptions, BackupReport, Descriptor, Finding, Health, HealthStatus, RestoreOptions,
    RestoreReport, SchemaAction, SchemaReport,
};
use proximadb_meta_core::{
    BatchLimits, Call, Capabilities, CollectionMetadata, Contract, Digest, DigestRequest, Durability, Error, ErrorKind,
    MetadataBackendType, Order, Ranked, Result,
};

use tokio_postgres::Row;

use crate::config::{PostgresOptions, Target};
use crate::error::{damaged, failed};
use crate::group::Unit;
use crate::maintain::detached;
use crate::pool::{Ask, Pool, silent};
use crate::replicas::Replicas;
use crate::row::{Param, decode};
use crate::snapshot::Snapshot;
use crate::statements::Statements;
use crate::writer::Writer;
use crate::{maintain, scan, schema, tls};

/// A catalog in a PostgreSQL database.
pub struct PostgresDriver {
    descriptor: Descriptor,
    durability: Durability,
    pub(crate) options: Arc<PostgresOptions>,
    pub(crate) target: Target,
    pub(crate) replicas: Option<Arc<Replicas>>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) texts: Arc<Statements>,
    pub(crate) writer: Arc<Writer>,
    closed: AtomicBool,
}

impl fmt::Debug for PostgresDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresDriver")
            .field("location", &self.descriptor.location)
            .field("pool", &self.pool)
            .field("replicas", &self.replicas)
            .finish_non_exhaustive()
    }
}

/// Opens the catalog at an address: `user:password@host:port/database`, what follows `postgresql://`. The tables are made where
/// they are missing.
///
/// # Errors
/// `Config` for an address that is not valid, certificates that do not do, tables of another program; `Unauthenticated`,
/// `PermissionDenied`, `Unavailable`, `Timeout`; `Unsupported` for a newer format or a server that is too old.
pub async fn open(address: &str) -> Result<Contract<PostgresDriver>> {
    open_with(address, PostgresOptions::default()).await
}

/// As [`open`], with settings.
///
/// # Errors
/// As [`open`].
pub async fn open_with(address: &str, options: PostgresOptions) -> Result<Contract<PostgresDriver>> {
    let opened = async {
        options.check()?;
        let target = options.target(address)?;
        let shown = target.shown.clone();
        try_open(target, options).await.map_err(|e| e.context(shown))
    };
    opened.await.map_err(|e| e.in_operation("open", "postgresql"))
}

/// The pool, without a connection yet.
pub(crate) async fn connect(target: &Target, options: Arc<PostgresOptions>) -> Result<Arc<Pool>> {
    let (settings, verify) = (options.clone(), target.verify);
    let connector = tokio::task::spawn_blocking(move || tls::connector(&settings, verify))
        .await
        .map_err(|e| Error::new(ErrorKind::Internal, "the opening thread ended early").with_source(e))??;
    Ok(Arc::new(Pool::new(target, connector, options)?))
}

async fn try_open(target: Target, options: PostgresOptions) -> Result<Contract<PostgresDriver>> {
    let options = Arc::new(options);
    let pool = connect(&target, options.clone()).await?;
    let client = pool.get().await?;
    schema::prepare(&pool, &client, &options.schema, options.auto_migrate).await?;
    const ASK: &str = "ask the server what it is";
    let wrong = |e| failed(ASK, &e);
    let asked = client.query_one("SELECT current_setting('server_version'), current_setting('fsync') = 'on'", &[]);
    let row = pool.answer(ASK, asked).await?;
    let (version, synced): (&str, bool) = (row.try_get(0).map_err(wrong)?, row.try_get(1).map_err(wrong)?);
    let location = format!("{}?schema={}", target.shown, options.schema);
    let mut descriptor = Descriptor::new(MetadataBackendType::POSTGRESQL, "postgresql", location);
    descriptor.store_version = Some(format!("PostgreSQL {version}"));
    let texts = Arc::new(Statements::new(&options.schema));
    let replicas = replicas(&target, &options, &pool).await?;
    let writer = Arc::new(Writer::new(pool.clone(), texts.clone(), replicas.clone(), &options));
    Pool::keep(&pool);
    drop(client);
    Ok(Contract::new(PostgresDriver {
        descriptor,
        target,
        replicas,
        durability: if synced { Durability::Synced } else { Durability::Process },
        options,
        pool,
        texts,
        writer,
        closed: AtomicBool::new(false),
    }))
}

/// The pools of the replicas, looked at once.
async fn replicas(
    target: &Target,
    options: &Arc<PostgresOptions>,
    primary: &Arc<Pool>,
) -> Result<Option<Arc<Replicas>>> {
    if options.replicas.is_empty() {
        return Ok(None);
    }
    let mut pools = Vec::new();
    for endpoint in &options.replicas {
        let target = options.replica(target, endpoint)?;
        pools.push(connect(&target, options.clone()).await?);
    }
    let replicas = Arc::new(Replicas::new(primary.clone(), pools));
    Replicas::watch(&replicas);
    Ok(Some(replicas))
}

/// What every store of this backend can do.
pub(crate) fn capabilities(durability: Durability) -> Capabilities {
    let limits = BatchLimits { ops: 10_000, items: 10_000, bytes: 32 * 1024 * 1024 };
    let mut c = Capabilities::mandatory(limits, durability);
    c.orders = Order::FIELDS.to_vec();
    c.multi_process = true;
    c.portable_backup = true;
    c.snapshot_backup = true;
    c.explain = true;
    c.maintain = true;
    c.schema = true;
    c.diagnose = true;
    c.native_backup = true;
    c.digest = true;
    c.ranked_text = true;
    c
}

impl PostgresDriver {
    pub(crate) fn usable(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) { Err(Error::closed()) } else { Ok(()) }
    }

    /// Reads from a replica where the call allows it and one is fresh enough; everybody else reads from the primary, and so does
    /// who met a replica that fails.
    async fn rows(&self, call: &Call, what: &str, ask: Ask<'_>) -> Result<Vec<Row>> {
        if let (Some(staleness), Some(replicas), false) = (call.staleness, &self.replicas, call.restoring)
            && let Some(pool) = replicas.choose(staleness)
        {
            // With the time for a connection, if there has to be one: the primary must be able to answer in time all the same.
            let tried = tokio::time::timeout(pool.patience(), pool.rows(what, ask)).await;
            match tried.unwrap_or_else(|_| Err(silent(what))) {
                Ok(rows) => {
                    replicas.reads.fetch_add(1, Ordering::Relaxed);
                    return Ok(rows);
                }
                Err(e) => replicas.distrust(pool, &e),
            }
        }
        self.pool.rows(what, ask).await
    }

    /// What somebody has to see to at the replicas.
    async fn ailing_replicas(&self) -> Option<String> {
        let replicas = self.replicas.as_ref()?;
        replicas.looked_at().await;
        replicas.ailing()
    }
}

impl Driver for PostgresDriver {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn capabilities(&self) -> Capabilities {
        let mut c = capabilities(self.durability);
        c.stale_reads = self.replicas.is_some();
        c
    }

    async fn get(&self, call: &Call, key: Key<'_>) -> Result<Option<Arc<CollectionMetadata>>> {
        self.usable()?;
        let (text, value) = match (key, call.restoring) {
            (Key::Id(id), false) => (&self.texts.by_id, id),
            (Key::Name(name), false) => (&self.texts.by_name, name),
            (Key::Id(id), true) => (&self.texts.by_id_restoring, id),
            (Key::Name(name), true) => (&self.texts.by_name_restoring, name),
        };
        let params: [Param; 2] = [Box::new(call.namespace.as_str().to_owned()), Box::new(value.to_owned())];
        let rows = self.rows(call, "read a record", Ask::Prepared(text, &params)).await?;
        rows.first().map(|row| decode(row)?.ok_or_else(Error::being_restored)).transpose()
    }

    /// A read before would be a round trip.
    fn revises(&self) -> bool {
        true
    }

    async fn apply(&self, call: &Call, unit: Prepared) -> Result<Applied> {
        self.usable()?;
        let unit = Unit { namespace: call.namespace.clone(), unit, restoring: call.restoring };
        self.writer.apply(unit).await
    }

    fn push(&self, literal: &Literal) -> Push {
        crate::filter::push(literal)
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Scanned> {
        self.usable()?;
        let sql = scan::part(&self.texts.prefix, &call.namespace, call.restoring, &scan);
        let bound = sql.bound();
        let access = if scan.explain { scan::access(&self.pool, &sql).await? } else { "".into() };
        let rows = if scan.filter.is_none() {
            // A handful of texts: by order, with a place or without.
            let params: Vec<Param> = bound.into_iter().map(|(p, _)| p).collect();
            self.rows(call, "list records", Ask::Prepared(sql.as_str(), &params)).await?
        } else {
            self.rows(call, "list records", Ask::Typed(sql.as_str(), &bound)).await?
        };
        scan::scanned(&rows, &scan, access)
    }

    async fn mark_restoring(&self, call: &Call, on: bool) -> Result<()> {
        self.usable()?;
        let (pool, texts, namespace) = (self.pool.clone(), self.texts.clone(), call.namespace.clone());
        detached(async move { maintain::mark(&pool, &texts, &namespace, on).await }).await
    }

    async fn stats(&self, call: &Call) -> Result<BackendStats> {
        self.usable()?;
        crate::stats::read(self, call).await
    }

    async fn health(&self, _call: &Call) -> Result<Health> {
        let start = Instant::now();
        self.usable()?;
        // The table too: a server without it serves nobody.
        let text = format!(
            "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', \
             EXISTS (SELECT 1 FROM {}collections)",
            self.texts.prefix
        );
        let rows = self.pool.rows("ask the server", Ask::Prepared(&text, &[])).await?;
        let flag = |i: usize| -> Result<bool> {
            let flag = rows.first().and_then(|row| row.try_get(i).ok());
            flag.ok_or_else(|| damaged("the server's state cannot be read"))
        };
        let latency = start.elapsed();
        Ok(if flag(0)? {
            let cause = "the server is a standby: it takes no writes".to_owned();
            Health::new(HealthStatus::ReadOnly, Some(cause), latency)
        } else if flag(1)? {
            let cause = "transactions are read only here (default_transaction_read_only)".to_owned();
            Health::new(HealthStatus::ReadOnly, Some(cause), latency)
        } else {
            match self.ailing_replicas().await {
                Some(cause) => Health::new(HealthStatus::Degraded, Some(cause), latency),
                None => Health::new(HealthStatus::Ready, None, latency),
            }
        })
    }

    async fn backup(&self, call: &Call, location: &str, options: BackupOptions) -> Result<BackupReport> {
        self.usable()?;
        crate::backup::backup(self, call, location, options).await
    }

    async fn restore(&self, call: &Call, id: &str, location: &str, options: RestoreOptions) -> Result<RestoreReport> {
        self.usable()?;
        crate::backup::restore(self, call, id, location, options).await
    }

    async fn maintain(&self, call: &Call) -> Result<String> {
        self.usable()?;
        let (pool, texts, now) = (self.pool.clone(), self.texts.clone(), call.now);
        detached(async move { maintain::run(&pool, &texts, now).await }).await
    }

    async fn schema(&self, _call: &Call, action: SchemaAction) -> Result<SchemaReport> {
        self.usable()?;
        let (pool, name) = (self.pool.clone(), self.options.schema.clone());
        detached(async move { schema::report_in_time(&pool, &name, action).await }).await
    }

    async fn search(&self, call: &Call, search: Search) -> Result<Vec<Ranked>> {
        self.usable()?;
        crate::search::search(self, call, search).await
    }

    async fn diagnose(&self, _call: &Call) -> Result<Vec<Finding>> {
        self.usable()?;
        crate::diagnose::look(self).await
    }

    async fn digest(&self, call: &Call, request: DigestRequest) -> Result<Digest> {
        self.usable()?;
        proximadb_meta_archive::digest(Snapshot::begin(self, call).await?, &request, call.now).await
    }

    async fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        self.writer.close().await;
        self.pool.close();
        if let Some(replicas) = &self.replicas {
            replicas.close();
        }
        Ok(())
    }
}

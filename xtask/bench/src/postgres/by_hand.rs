//! What somebody would write with tokio-postgres and its usual pool: a prepared statement an operation, a transaction for many.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use deadpool_postgres::{Client, Manager, ManagerConfig, Pool, RecyclingMethod};
use futures_util::future::{join, try_join_all};
use proximadb_meta::core::CollectionMetadata;
use proximadb_meta::core::keywords::keywords;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Row as Found;
use tokio_postgres::types::ToSql;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::catalog::{Catalog, Result};

/// As many as our pool has.
const CONNECTIONS: usize = 10;
/// The namespace that our handle works in by default.
const NAMESPACE: &str = "default";
const COLUMNS: &str = "id, name, dimension, distance_metric, indexing_algorithm, created_at, updated_at, vector_count, \
     total_size_bytes, access_pattern, owner, tags, expires_at, version, description, config";

/// A pool.
#[derive(Clone)]
pub(super) struct Server(Pool);

impl Server {
    /// By a URL with `sslmode` and `sslrootcert`, as our backend takes it.
    pub(super) fn connect(url: &str) -> Result<Self> {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let mut config: tokio_postgres::Config = address.parse()?;
        let mut roots = RootCertStore::empty();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match (name, value) {
                ("sslmode", "disable") => drop(config.ssl_mode(tokio_postgres::config::SslMode::Disable)),
                ("sslmode", _) => drop(config.ssl_mode(tokio_postgres::config::SslMode::Require)),
                ("sslrootcert", file) => {
                    for certificate in CertificateDer::pem_file_iter(file)? {
                        roots.add(certificate?)?;
                    }
                }
                // Of our writer alone.
                ("write_lanes", _) => {}
                (other, _) => return Err(format!("{other} is an option that the benchmark does not know").into()),
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, MakeRustlsConnect::new(tls), manager);
        Ok(Self(Pool::builder(manager).max_size(CONNECTIONS).build()?))
    }

    pub(super) async fn drop_schema(&self, schema: &str) -> Result<()> {
        Ok(self.0.get().await?.batch_execute(&format!("DROP SCHEMA \"{schema}\" CASCADE")).await?)
    }
}

/// A record as the table holds it.
#[allow(dead_code, reason = "read to be measured")]
struct Row {
    id: String,
    words: [String; 4],
    numbers: [i64; 3],
    dimension: i32,
    times: [SystemTime; 2],
    owner: Option<String>,
    tags: Vec<String>,
    expires_at: Option<SystemTime>,
    description: Option<String>,
    config: String,
}

impl Row {
    fn read(r: &Found) -> std::result::Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: r.try_get(0)?,
            words: [r.try_get(1)?, r.try_get(3)?, r.try_get(4)?, r.try_get(9)?],
            numbers: [r.try_get(7)?, r.try_get(8)?, r.try_get(13)?],
            dimension: r.try_get(2)?,
            times: [r.try_get(5)?, r.try_get(6)?],
            owner: r.try_get(10)?,
            tags: r.try_get(11)?,
            expires_at: r.try_get(12)?,
            description: r.try_get(14)?,
            config: r.try_get(15)?,
        })
    }
}

fn all(rows: &[Found]) -> std::result::Result<Vec<Row>, tokio_postgres::Error> {
    rows.iter().map(Row::read).collect()
}

/// The texts of the statements.
struct Texts {
    by_id: String,
    by_name: String,
    page: String,
    filtered: String,
    insert: String,
    update: String,
    count: String,
    remove: String,
}

#[derive(Clone)]
pub(super) struct ByHand {
    server: Server,
    texts: Arc<Texts>,
}

impl ByHand {
    pub(super) fn new(server: Server, schema: &str) -> Self {
        let t = format!("\"{schema}\".collections");
        let one = |column: &str| format!("SELECT {COLUMNS} FROM {t} WHERE namespace = $1 AND {column} = $2");
        let texts = Texts {
            by_id: one("id"),
            by_name: one("name"),
            page: format!("SELECT {COLUMNS} FROM {t} WHERE namespace = $1 AND id > $2 ORDER BY id LIMIT 100"),
            filtered: format!(
                "SELECT {COLUMNS} FROM {t} WHERE namespace = $1 AND owner = $2 AND tags @> ARRAY[$3] ORDER BY id LIMIT 100"
            ),
            insert: format!(
                "INSERT INTO {t} ({COLUMNS}, namespace, keywords, config_index, incarnation) VALUES ($2, $3, $4, $5, $6, \
                 $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $1, $18, $17::text::jsonb, 0)"
            ),
            update: format!(
                "UPDATE {t} SET name = $3, dimension = $4, distance_metric = $5, indexing_algorithm = $6, created_at = $7, \
                 updated_at = $8, vector_count = vector_count + $9, total_size_bytes = total_size_bytes + $10, \
                 access_pattern = $11, owner = $12, tags = $13, expires_at = $14, description = $16, config = $17, \
                 config_index = $17::text::jsonb, keywords = $18 WHERE namespace = $1 AND id = $2 AND version = $15 \
                 RETURNING vector_count, total_size_bytes"
            ),
            count: format!(
                "UPDATE {t} SET vector_count = vector_count + $3, total_size_bytes = total_size_bytes + $4 \
                 WHERE namespace = $1 AND id = $2 RETURNING {COLUMNS}"
            ),
            remove: format!("DELETE FROM {t} WHERE namespace = $1 AND id = ANY ($2)"),
        };
        Self { server, texts: Arc::new(texts) }
    }

    async fn client(&self) -> Result<Client> {
        Ok(self.server.0.get().await?)
    }

    async fn rows(&self, text: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let client = self.client().await?;
        let statement = client.prepare_cached(text).await?;
        Ok(all(&client.query(&statement, params).await?)?)
    }

    /// Runs a statement with the values of a record.
    async fn with_record(client: &Client, text: &str, r: &CollectionMetadata) -> Result<u64> {
        let time =
            |t: proximadb_meta::core::Timestamp| UNIX_EPOCH + Duration::from_micros(t.as_micros().cast_unsigned());
        let statement = client.prepare_cached(text).await?;
        let tags: Vec<&str> = r.tags.iter().map(|t| &**t).collect();
        let params: [&(dyn ToSql + Sync); 18] = [
            &NAMESPACE,
            &&*r.id,
            &&*r.name,
            &i32::try_from(r.dimension)?,
            &r.distance_metric.as_str(),
            &r.indexing_algorithm.as_str(),
            &time(r.created_at),
            &time(r.updated_at),
            &r.vector_count.cast_signed(),
            &r.total_size_bytes.cast_signed(),
            &r.access_pattern.as_str(),
            &r.owner.as_deref(),
            &tags,
            &r.expires_at.map(time),
            &r.version.cast_signed(),
            &r.description.as_deref(),
            &r.config.as_str(),
            &keywords(r),
        ];
        Ok(client.execute(&statement, &params).await?)
    }
}

#[async_trait]
impl Catalog for ByHand {
    async fn get(&self, id: &str) -> Result<usize> {
        Ok(self.rows(&self.texts.by_id, &[&NAMESPACE, &id]).await?.len())
    }

    async fn get_by_name(&self, name: &str) -> Result<usize> {
        Ok(self.rows(&self.texts.by_name, &[&NAMESPACE, &name]).await?.len())
    }

    async fn pages(&self, pages: usize) -> Result<()> {
        let mut after = String::new();
        for _ in 0..pages {
            let page = self.rows(&self.texts.page, &[&NAMESPACE, &after]).await?;
            after = page.into_iter().last().map(|row| row.id).unwrap_or_default();
        }
        Ok(())
    }

    async fn filtered(&self, owner: &str, tag: &str) -> Result<usize> {
        Ok(self.rows(&self.texts.filtered, &[&NAMESPACE, &owner, &tag]).await?.len())
    }

    /// One alone commits by itself; many go in one transaction, sent without waiting for each answer.
    async fn insert(&self, records: &[CollectionMetadata]) -> Result<()> {
        let client = self.client().await?;
        if let [one] = records {
            return match Self::with_record(&client, &self.texts.insert, one).await? {
                1 => Ok(()),
                _ => Err("the record was not made".into()),
            };
        }
        client.prepare_cached(&self.texts.insert).await?;
        let inserts = records.iter().map(|r| Self::with_record(&client, &self.texts.insert, r));
        let (begun, made) = join(client.batch_execute("BEGIN"), try_join_all(inserts)).await;
        begun?;
        made?;
        Ok(client.batch_execute("COMMIT").await?)
    }

    async fn update(&self, r: CollectionMetadata) -> Result<usize> {
        let client = self.client().await?;
        Ok(usize::try_from(Self::with_record(&client, &self.texts.update, &r).await?)?)
    }

    async fn count(&self, id: &str, vectors: i64, bytes: i64) -> Result<usize> {
        Ok(self.rows(&self.texts.count, &[&NAMESPACE, &id, &vectors, &bytes]).await?.len())
    }

    async fn remove(&self, ids: &[String]) -> Result<()> {
        let client = self.client().await?;
        client.execute(&self.texts.remove, &[&NAMESPACE, &ids]).await?;
        Ok(())
    }
}

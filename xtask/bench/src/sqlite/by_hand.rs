//! What somebody would write with sqlx who needs just this: the same columns, indexes and durability, one pool.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use proximadb_meta::core::CollectionMetadata;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Row as _, SqliteConnection};
use tokio::sync::Mutex;

use crate::catalog::{Catalog, Result};

const SCHEMA: &str = "CREATE TABLE c (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, dimension INTEGER NOT NULL, \
    distance_metric TEXT NOT NULL, indexing_algorithm TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, \
    vector_count INTEGER NOT NULL, total_size_bytes INTEGER NOT NULL, access_pattern TEXT NOT NULL, owner TEXT, \
    tags TEXT NOT NULL, expires_at INTEGER, version INTEGER NOT NULL, description TEXT, config TEXT NOT NULL);
    CREATE TABLE t (tag TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (tag, id)) WITHOUT ROWID;
    CREATE INDEX by_owner ON c (owner, id); CREATE INDEX by_access ON c (access_pattern, id);
    CREATE INDEX by_created ON c (created_at, id); CREATE INDEX by_updated ON c (updated_at, id);
    CREATE INDEX by_expiry ON c (expires_at) WHERE expires_at IS NOT NULL;
    CREATE VIRTUAL TABLE words USING fts5 (text, content = '', contentless_delete = 1)";

/// A record as the table holds it.
#[allow(dead_code, reason = "read to be measured")]
pub(super) struct Row {
    id: String,
    name: String,
    numbers: [i64; 6],
    words: [String; 3],
    owner: Option<String>,
    tags: String,
    expires_at: Option<i64>,
    description: Option<String>,
    config: String,
}

impl Row {
    fn read(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            numbers: [
                row.try_get("dimension")?,
                row.try_get("created_at")?,
                row.try_get("updated_at")?,
                row.try_get("vector_count")?,
                row.try_get("total_size_bytes")?,
                row.try_get("version")?,
            ],
            words: [
                row.try_get("distance_metric")?,
                row.try_get("indexing_algorithm")?,
                row.try_get("access_pattern")?,
            ],
            owner: row.try_get("owner")?,
            tags: row.try_get("tags")?,
            expires_at: row.try_get("expires_at")?,
            description: row.try_get("description")?,
            config: row.try_get("config")?,
        })
    }
}

/// A pool for reads, one connection for writes: SQLite takes one writer.
#[derive(Clone)]
pub(super) struct ByHand {
    pool: SqlitePool,
    writer: Arc<Mutex<SqlitePool>>,
}

impl ByHand {
    pub(super) async fn open(path: &Path) -> sqlx::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        sqlx::raw_sql(SCHEMA).execute(&writer).await?;
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        Ok(Self { pool, writer: Arc::new(Mutex::new(writer)) })
    }
}

#[async_trait]
impl Catalog for ByHand {
    async fn get(&self, id: &str) -> Result<usize> {
        let row = sqlx::query("SELECT * FROM c WHERE id = ?").bind(id).fetch_optional(&self.pool).await?;
        Ok(row.as_ref().map(Row::read).transpose()?.into_iter().count())
    }

    async fn get_by_name(&self, name: &str) -> Result<usize> {
        let row = sqlx::query("SELECT * FROM c WHERE name = ?").bind(name).fetch_optional(&self.pool).await?;
        Ok(row.as_ref().map(Row::read).transpose()?.into_iter().count())
    }

    async fn pages(&self, pages: usize) -> Result<()> {
        let mut after = String::new();
        for _ in 0..pages {
            let query = sqlx::query("SELECT * FROM c WHERE id > ? ORDER BY id LIMIT 100").bind(after);
            after = all(&query.fetch_all(&self.pool).await?)?.pop().map(|last| last.id).unwrap_or_default();
        }
        Ok(())
    }

    async fn filtered(&self, owner: &str, tag: &str) -> Result<usize> {
        let text = "SELECT * FROM c WHERE owner = ? AND EXISTS (SELECT 1 FROM t WHERE t.tag = ? AND t.id = c.id) \
            ORDER BY id LIMIT 100";
        Ok(all(&sqlx::query(text).bind(owner).bind(tag).fetch_all(&self.pool).await?)?.len())
    }

    async fn insert(&self, records: &[CollectionMetadata]) -> Result<()> {
        let writer = self.writer.lock().await;
        let mut transaction = writer.begin().await?;
        for r in records {
            insert(&mut transaction, r).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn update(&self, r: CollectionMetadata) -> Result<usize> {
        let writer = self.writer.lock().await;
        let mut transaction = writer.begin().await?;
        let text = "UPDATE c SET name = ?, dimension = ?, distance_metric = ?, indexing_algorithm = ?, updated_at = ?, \
            access_pattern = ?, owner = ?, tags = ?, expires_at = ?, description = ?, config = ? \
            WHERE id = ? AND version = 1 RETURNING rowid";
        let row = sqlx::query(text)
            .bind(r.name.clone())
            .bind(i64::from(r.dimension))
            .bind(r.distance_metric.as_str())
            .bind(r.indexing_algorithm.as_str())
            .bind(r.updated_at.as_micros())
            .bind(r.access_pattern.as_str())
            .bind(r.owner.clone())
            .bind(tags(&r))
            .bind(None::<i64>)
            .bind(r.description.clone())
            .bind(r.config.as_str())
            .bind(r.id.clone())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else { return Ok(0) };
        let number: i64 = row.try_get(0)?;
        sqlx::query("DELETE FROM words WHERE rowid = ?").bind(number).execute(&mut *transaction).await?;
        index(&mut transaction, number, &r).await?;
        transaction.commit().await?;
        Ok(1)
    }

    async fn count(&self, id: &str, vectors: i64, bytes: i64) -> Result<usize> {
        let writer = self.writer.lock().await;
        let text = "UPDATE c SET vector_count = vector_count + ?, total_size_bytes = total_size_bytes + ? WHERE id = ?";
        let done = sqlx::query(text).bind(vectors).bind(bytes).bind(id).execute(&*writer).await?;
        Ok(usize::try_from(done.rows_affected())?)
    }

    async fn remove(&self, ids: &[String]) -> Result<()> {
        let writer = self.writer.lock().await;
        let mut transaction = writer.begin().await?;
        for id in ids {
            sqlx::query("DELETE FROM words WHERE rowid = (SELECT rowid FROM c WHERE id = ?)")
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            sqlx::query("DELETE FROM t WHERE tag IN ('prod', 'text', 'image', 'eu') AND id = ?")
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            sqlx::query("DELETE FROM c WHERE id = ?").bind(id).execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }
}

fn all(rows: &[SqliteRow]) -> sqlx::Result<Vec<Row>> {
    rows.iter().map(Row::read).collect()
}

fn tags(r: &CollectionMetadata) -> String {
    let tags: Vec<String> = r.tags.iter().map(|t| format!("\"{t}\"")).collect();
    format!("[{}]", tags.join(","))
}

async fn insert(connection: &mut SqliteConnection, r: &CollectionMetadata) -> sqlx::Result<()> {
    let done = sqlx::query("INSERT INTO c VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(r.id.clone())
        .bind(r.name.clone())
        .bind(i64::from(r.dimension))
        .bind(r.distance_metric.as_str())
        .bind(r.indexing_algorithm.as_str())
        .bind(r.created_at.as_micros())
        .bind(r.updated_at.as_micros())
        .bind(r.vector_count.cast_signed())
        .bind(r.total_size_bytes.cast_signed())
        .bind(r.access_pattern.as_str())
        .bind(r.owner.clone())
        .bind(tags(r))
        .bind(None::<i64>)
        .bind(1i64)
        .bind(r.description.clone())
        .bind(r.config.as_str())
        .execute(&mut *connection)
        .await?;
    for tag in r.tags.iter() {
        sqlx::query("INSERT INTO t VALUES (?, ?)")
            .bind(tag.clone())
            .bind(r.id.clone())
            .execute(&mut *connection)
            .await?;
    }
    index(connection, done.last_insert_rowid(), r).await
}

async fn index(connection: &mut SqliteConnection, number: i64, r: &CollectionMetadata) -> sqlx::Result<()> {
    let words = format!("{} {} {}", r.name, r.description.as_deref().unwrap_or(""), r.owner.as_deref().unwrap_or(""));
    sqlx::query("INSERT INTO words (rowid, text) VALUES (?, ?)").bind(number).bind(words).execute(connection).await?;
    Ok(())
}

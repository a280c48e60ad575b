//! What somebody would write with sqlx who needs just this: the same columns, indexes and durability, one pool.

use std::path::Path;
use std::sync::Arc;

use proximadb_meta::core::CollectionMetadata;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Row as _, SqliteConnection};
use tokio::sync::Mutex;

const SCHEMA: &str = "CREATE TABLE c (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, dimension INTEGER NOT NULL, \
    distance_metric TEXT NOT NULL, indexing_algorithm TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, \
    vector_count INTEGER NOT NULL, total_size_bytes INTEGER NOT NULL, access_pattern TEXT NOT NULL, owner TEXT, \
    tags TEXT NOT NULL, expires_at INTEGER, version INTEGER NOT NULL, description TEXT, config TEXT NOT NULL);
    CREATE TABLE t (tag TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (tag, id)) WITHOUT ROWID;
    CREATE INDEX by_owner ON c (owner, id); CREATE INDEX by_access ON c (access_pattern, id);
    CREATE INDEX by_created ON c (created_at, id); CREATE INDEX by_updated ON c (updated_at, id);
    CREATE INDEX by_expiry ON c (expires_at) WHERE expires_at IS NOT NULL;
    CREATE VIRTUAL TABLE words USING fts5 (words, content = '', contentless_delete = 1)";

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

    /// All of them in one transaction, a statement a row.
    pub(super) async fn insert(&self, records: &[CollectionMetadata]) -> sqlx::Result<()> {
        let writer = self.writer.lock().await;
        let mut transaction = writer.begin().await?;
        for r in records {
            insert(&mut transaction, r).await?;
        }
        transaction.commit().await
    }

    pub(super) async fn remove(&self, ids: &[String]) -> sqlx::Result<()> {
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
        transaction.commit().await
    }

    pub(super) async fn get(&self, id: &str) -> sqlx::Result<Option<Row>> {
        let row = sqlx::query("SELECT * FROM c WHERE id = ?").bind(id).fetch_optional(&self.pool).await?;
        row.as_ref().map(Row::read).transpose()
    }

    pub(super) async fn page(&self, after: &str) -> sqlx::Result<Vec<Row>> {
        let query = sqlx::query("SELECT * FROM c WHERE id > ? ORDER BY id LIMIT 100").bind(after);
        query.fetch_all(&self.pool).await?.iter().map(Row::read).collect()
    }

    pub(super) async fn filtered(&self, owner: &str, tag: &str) -> sqlx::Result<Vec<Row>> {
        let text = "SELECT * FROM c WHERE owner = ? AND EXISTS (SELECT 1 FROM t WHERE t.tag = ? AND t.id = c.id) \
            ORDER BY id LIMIT 100";
        sqlx::query(text).bind(owner).bind(tag).fetch_all(&self.pool).await?.iter().map(Row::read).collect()
    }
}

async fn insert(connection: &mut SqliteConnection, r: &CollectionMetadata) -> sqlx::Result<()> {
    let tags: Vec<String> = r.tags.iter().map(|t| format!("\"{t}\"")).collect();
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
        .bind(format!("[{}]", tags.join(",")))
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
    let words = format!("{} {} {}", r.name, r.description.as_deref().unwrap_or(""), r.owner.as_deref().unwrap_or(""));
    sqlx::query("INSERT INTO words (rowid, words) VALUES (?, ?)")
        .bind(done.last_insert_rowid())
        .bind(words)
        .execute(connection)
        .await?;
    Ok(())
}

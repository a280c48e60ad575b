//! SQLite through rusqlite: WAL, one connection that writes, a pool that reads, cached statements.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use parking_lot::Mutex;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::catalog::{Answer, Catalog, Filter, Got, Op, Record, Reject, Sum};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS collections(rid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,
  dimension INTEGER, metric INTEGER, algorithm INTEGER, created_at INTEGER, updated_at INTEGER, vector_count INTEGER,
  total_size_bytes INTEGER, config TEXT, access_pattern INTEGER, description TEXT, tags TEXT, owner TEXT, version INTEGER);
CREATE INDEX IF NOT EXISTS by_owner ON collections(owner, name);
CREATE INDEX IF NOT EXISTS by_access ON collections(access_pattern, name);
CREATE TABLE IF NOT EXISTS tags(tag TEXT, rid INTEGER, PRIMARY KEY(tag, rid)) WITHOUT ROWID;";

const PRAGMAS: &str = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-131072;
PRAGMA mmap_size=8589934592; PRAGMA busy_timeout=10000;";

const INSERT: &str = "INSERT OR IGNORE INTO collections(id,name,dimension,metric,algorithm,created_at,updated_at,vector_count,
total_size_bytes,config,access_pattern,description,tags,owner,version) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)";

const COUNT: &str =
    "UPDATE collections SET vector_count=vector_count+?2,total_size_bytes=total_size_bytes+?3 WHERE id=?1";

/// The columns of a record, before what says which.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id,name,dimension,metric,algorithm,created_at,updated_at,vector_count,total_size_bytes,config,",
            "access_pattern,description,tags,owner,version FROM collections c ",
            $rest
        )
    };
}

const PAGE: &str = select!(
    "WHERE owner=?1 AND name>?4 AND dimension>=?3 AND EXISTS(SELECT 1 FROM tags t WHERE t.tag=?2 AND t.rid=c.rid)
    ORDER BY name LIMIT ?5"
);

pub(super) struct Sqlite {
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    path: PathBuf,
}

fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.execute_batch(PRAGMAS)?;
    Ok(connection)
}

fn read_row(r: &Row<'_>) -> rusqlite::Result<Record> {
    let broken = |e: serde_json::Error| rusqlite::Error::FromSqlConversionFailure(12, Type::Text, e.into());
    Ok(Record {
        id: r.get(0)?,
        name: r.get(1)?,
        dimension: r.get(2)?,
        distance_metric: r.get(3)?,
        indexing_algorithm: r.get(4)?,
        created_at: r.get(5)?,
        updated_at: r.get(6)?,
        vector_count: r.get(7)?,
        total_size_bytes: r.get(8)?,
        config: r.get(9)?,
        access_pattern: r.get(10)?,
        description: r.get(11)?,
        tags: serde_json::from_str(r.get_ref(12)?.as_str()?).map_err(broken)?,
        owner: r.get(13)?,
        version: r.get::<_, i64>(14)? as u64,
    })
}

fn insert(c: &Connection, r: &Record) -> Result<Answer> {
    let inserted = c.prepare_cached(INSERT)?.execute(params![
        r.id,
        r.name,
        r.dimension,
        r.distance_metric,
        r.indexing_algorithm,
        r.created_at,
        r.updated_at,
        r.vector_count,
        r.total_size_bytes,
        r.config,
        r.access_pattern,
        r.description,
        serde_json::to_string(&r.tags)?,
        r.owner,
        r.version as i64
    ])?;
    if inserted == 0 {
        return Ok(Err(Reject::Exists));
    }
    let rid = c.last_insert_rowid();
    let mut statement = c.prepare_cached("INSERT INTO tags(tag,rid) VALUES(?1,?2)")?;
    for tag in &r.tags {
        statement.execute(params![tag, rid])?;
    }
    Ok(Ok(()))
}

fn delete(c: &Connection, rid: i64) -> Result<()> {
    let tags = "DELETE FROM tags WHERE rid=?1 AND tag IN
        (SELECT value FROM json_each((SELECT tags FROM collections WHERE rid=?1)))";
    c.prepare_cached(tags)?.execute([rid])?;
    c.prepare_cached("DELETE FROM collections WHERE rid=?1")?.execute([rid])?;
    Ok(())
}

fn find(c: &Connection, id: &str) -> Result<Option<(i64, Record)>> {
    let rid = c.prepare_cached("SELECT rid FROM collections WHERE id=?1")?.query_row([id], |r| r.get(0)).optional()?;
    let Some(rid) = rid else { return Ok(None) };
    Ok(Some((rid, c.prepare_cached(select!("WHERE rid=?1"))?.query_row([rid], read_row)?)))
}

fn apply_one(c: &Connection, op: &Op) -> Result<Answer> {
    match op {
        Op::Create(record) => insert(c, record),
        Op::Count { id, vectors, bytes } => {
            let changed = c.prepare_cached(COUNT)?.execute(params![id, vectors, bytes])?;
            Ok(if changed == 1 { Ok(()) } else { Err(Reject::NotFound) })
        }
        Op::Update { id, expect, record } => {
            let Some((rid, old)) = find(c, id)? else { return Ok(Err(Reject::NotFound)) };
            if old.version != *expect {
                return Ok(Err(Reject::Conflict));
            }
            let taken = "SELECT 1 FROM collections WHERE name=?1 AND rid<>?2";
            if c.prepare_cached(taken)?.exists(params![record.name, rid])? {
                return Ok(Err(Reject::Exists));
            }
            delete(c, rid)?;
            insert(c, &super::memory::updated(&old, record.clone()))
        }
        Op::Delete(id) => {
            let Some((rid, _)) = find(c, id)? else { return Ok(Err(Reject::NotFound)) };
            delete(c, rid)?;
            Ok(Ok(()))
        }
    }
}

impl Sqlite {
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let path = dir.join("db.sqlite");
        let writer = connect(&path).context("open SQLite")?;
        writer.execute_batch(SCHEMA)?;
        Ok(Self { writer: Mutex::new(writer), readers: Mutex::default(), path })
    }

    fn reader<T>(&self, look: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let pooled = self.readers.lock().pop();
        let connection = pooled.map_or_else(|| connect(&self.path), Ok)?;
        let out = look(&connection);
        self.readers.lock().push(connection);
        out
    }

    fn one(&self, sql: &str, key: &str) -> Result<Option<Got>> {
        self.reader(|c| Ok(c.prepare_cached(sql)?.query_row([key], read_row).optional()?.map(Got::Owned)))
    }
}

fn limited(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl Catalog for Sqlite {
    fn apply(&self, ops: Vec<Op>) -> Result<Vec<Answer>> {
        let c = self.writer.lock();
        c.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let answers: Result<Vec<Answer>> = ops.iter().map(|op| apply_one(&c, op)).collect();
        let end = if answers.is_ok() { "COMMIT" } else { "ROLLBACK" };
        c.prepare_cached(end)?.execute([])?;
        answers
    }

    fn get(&self, id: &str) -> Result<Option<Got>> {
        self.one(select!("WHERE id=?1"), id)
    }

    fn get_by_name(&self, name: &str) -> Result<Option<Got>> {
        self.one(select!("WHERE name=?1"), name)
    }

    fn list(&self, f: &Filter<'_>) -> Result<Vec<Got>> {
        self.reader(|c| {
            let mut statement = c.prepare_cached(PAGE)?;
            let rows =
                statement.query_map(params![f.owner, f.tag, f.min_dimension, f.after, limited(f.limit)], read_row)?;
            rows.map(|r| Ok(Got::Owned(r?))).collect()
        })
    }

    fn first(&self, limit: usize) -> Result<Vec<Got>> {
        self.reader(|c| {
            let mut statement = c.prepare_cached(select!("ORDER BY name LIMIT ?1"))?;
            let rows = statement.query_map([limited(limit)], read_row)?;
            rows.map(|r| Ok(Got::Owned(r?))).collect()
        })
    }

    fn scan(&self) -> Result<Sum> {
        self.reader(|c| {
            let mut sum = Sum::default();
            let mut statement = c.prepare_cached(select!(""))?;
            for record in statement.query_map([], read_row)? {
                sum.add(record?.dimension);
            }
            Ok(sum)
        })
    }

    fn checkpoint(&self) -> Result<()> {
        let busy: i64 = self.writer.lock().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get(0))?;
        if busy != 0 {
            bail!("SQLite's checkpoint was blocked by a reader");
        }
        Ok(())
    }
}

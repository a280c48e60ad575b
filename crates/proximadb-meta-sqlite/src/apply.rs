//! Reading what a group of units touches, and writing what came of it: a few statements, however many units.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use proximadb_meta_core::driver::{NetWrite, Prepared, Space};
use proximadb_meta_core::{CollectionMetadata, Namespace, Result};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row as _};

use crate::error::failed;
use crate::row::{COLUMNS, NO_COLUMNS, Query, Record, Stored, WIDTH, bind, decode, json};
use crate::words::{same_texts, tokens};

/// A namespace as a transaction found it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) space: Space<Stored>,
    pub(crate) restoring: bool,
    /// The highest row of the table.
    pub(crate) last_row: i64,
}

/// The first row tells of the table and the namespace; the others are the records.
static LOAD: LazyLock<Arc<str>> = LazyLock::new(|| {
    format!(
        "SELECT coalesce(max(record), 0), EXISTS (SELECT 1 FROM restoring WHERE namespace = ?1), {NO_COLUMNS} FROM collections \
         UNION ALL SELECT record, 0, {COLUMNS} FROM collections WHERE record IN \
         (SELECT record FROM collections WHERE namespace = ?1 AND id IN (SELECT value FROM json_each(?2)) \
         UNION SELECT record FROM collections WHERE namespace = ?1 AND name IN (SELECT value FROM json_each(?3)))"
    )
    .into()
});

/// Reads every id and name that the units mention.
pub(crate) async fn load<'a>(
    connection: &mut SqliteConnection,
    namespace: &Namespace,
    units: impl Iterator<Item = &'a Prepared>,
) -> Result<Loaded> {
    let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
    for write in units.flat_map(|u| &u.writes) {
        ids.insert(&**write.id());
        if let NetWrite::Put { record, .. } | NetWrite::Update { record, .. } = write {
            names.insert(&*record.name);
        }
    }
    let wrong = |e| failed("read what the write touches", e);
    let query = sqlx::query(AssertSqlSafe(LOAD.clone())).bind(namespace.as_str()).bind(json(&ids)).bind(json(&names));
    let rows = query.fetch_all(connection).await.map_err(wrong)?;
    let mut loaded = Loaded { space: Space::default(), restoring: false, last_row: 0 };
    for row in rows {
        let number: i64 = row.try_get_unchecked(0).map_err(wrong)?;
        match decode(&row, 2)? {
            Some(record) => loaded.space.load(Stored { row: number, record }),
            None => {
                loaded.last_row = number;
                loaded.restoring = row.try_get_unchecked(1).map_err(wrong)?;
            }
        }
    }
    Ok(loaded)
}

/// What has to be written, over all namespaces.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    rows_gone: Vec<i64>,
    words_gone: Vec<i64>,
    tags_gone: Vec<(Namespace, Arc<str>, Arc<str>)>,
    rows: Vec<(Namespace, i64, Record)>,
    words: Vec<(i64, String)>,
    tags: Vec<(Namespace, Arc<str>, Arc<str>)>,
    counts: Vec<(i64, u64, u64)>,
}

impl Changes {
    /// The difference between what was read and what is to be. New records get the rows after `last_row`.
    pub(crate) fn of(spaces: BTreeMap<Namespace, Space<Stored>>, last_row: i64) -> Self {
        let mut changes = Self::default();
        let mut next = last_row;
        for (namespace, space) in spaces {
            for (_, cell) in space.into_cells() {
                changes.add(&namespace, cell.before, cell.now, &mut next);
            }
        }
        changes
    }

    fn add(&mut self, namespace: &Namespace, before: Option<Stored>, now: Option<Record>, next: &mut i64) {
        match (before, now) {
            (None, None) => {}
            (Some(old), Some(new)) if Arc::ptr_eq(&old.record, &new) => {}
            (Some(old), Some(new)) if old.record.same_but_counters(&new) => {
                self.counts.push((old.row, new.vector_count, new.total_size_bytes));
            }
            (old, new) => {
                let same_words = matches!((&old, &new), (Some(o), Some(n)) if same_texts(&o.record, n));
                let same_tags = matches!((&old, &new), (Some(o), Some(n)) if o.record.tags == n.tags);
                let row = old.as_ref().map_or_else(
                    || {
                        *next += 1;
                        *next
                    },
                    |o| o.row,
                );
                if let Some(old) = old {
                    self.rows_gone.push(row);
                    if !same_words {
                        self.words_gone.push(row);
                    }
                    if !same_tags {
                        self.tags_gone.extend(tags_of(namespace, &old.record));
                    }
                }
                if let Some(new) = new {
                    if !same_words {
                        self.words.push((row, tokens(namespace, &new)));
                    }
                    if !same_tags {
                        self.tags.extend(tags_of(namespace, &new));
                    }
                    self.rows.push((namespace.clone(), row, new));
                }
            }
        }
    }

    /// One record goes.
    pub(crate) fn remove(&mut self, namespace: &Namespace, stored: Stored) {
        self.add(namespace, Some(stored), None, &mut 0);
    }

    /// One record comes, in the row after `last`.
    pub(crate) fn insert(&mut self, namespace: &Namespace, record: Record, last: &mut i64) {
        self.add(namespace, None, Some(record), last);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows_gone.is_empty() && self.rows.is_empty() && self.counts.is_empty()
    }

    /// Writes it all. What goes is gone before anything takes its place, so that unique names and ids never meet on the way.
    pub(crate) async fn write(&self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        remove(connection, DELETE_ROWS, &self.rows_gone).await?;
        remove(connection, DELETE_WORDS, &self.words_gone).await?;
        if !self.tags_gone.is_empty() {
            let gone: Vec<_> = self.tags_gone.iter().map(|(ns, tag, id)| [ns.as_str(), tag, id]).collect();
            sqlx::query(DELETE_TAGS).bind(json(&gone)).execute(&mut *connection).await?;
        }
        insert(connection, &ROWS, &self.rows, |query, (ns, row, r)| bind(query.bind(*row).bind(ns.as_str()), r))
            .await?;
        insert(connection, &TAGS, &self.tags, |query, (ns, tag, id)| {
            query.bind(ns.as_str()).bind(tag.clone()).bind(id.clone())
        })
        .await?;
        insert(connection, &WORDS, &self.words, |query, (row, words)| query.bind(*row).bind(words.as_str())).await?;
        if !self.counts.is_empty() {
            sqlx::query(COUNT).bind(json(&self.counts)).execute(connection).await?;
        }
        Ok(())
    }
}

fn tags_of(namespace: &Namespace, r: &CollectionMetadata) -> impl Iterator<Item = (Namespace, Arc<str>, Arc<str>)> {
    r.tags.iter().map(|tag| (namespace.clone(), tag.clone(), r.id.clone()))
}

const DELETE_ROWS: &str = "DELETE FROM collections WHERE record IN (SELECT value FROM json_each(?1))";
const DELETE_WORDS: &str = "DELETE FROM collection_words WHERE rowid IN (SELECT value FROM json_each(?1))";
const DELETE_TAGS: &str = "DELETE FROM collection_tags WHERE (namespace, tag, id) IN \
     (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1))";
const COUNT: &str = "UPDATE collections SET vector_count = j.vectors, total_size_bytes = j.bytes FROM \
     (SELECT value ->> 0 AS row, value ->> 1 AS vectors, value ->> 2 AS bytes FROM json_each(?1)) AS j \
     WHERE collections.record = j.row";

async fn remove(connection: &mut SqliteConnection, statement: &'static str, rows: &[i64]) -> sqlx::Result<()> {
    if !rows.is_empty() {
        sqlx::query(statement).bind(json(&rows)).execute(connection).await?;
    }
    Ok(())
}

/// A table to insert into, and its statements, each with the rows that it takes: from many to one.
struct Target([(usize, Arc<str>); SIZES.len()]);

/// Rows of one statement. A statement is a round trip to the connection's thread; a few texts are prepared once, however many rows.
const SIZES: [usize; 4] = [128, 32, 8, 1];

impl Target {
    fn new(into: &str, columns: usize) -> Self {
        let row = format!("({})", vec!["?"; columns].join(", "));
        Self(SIZES.map(|size| (size, format!("INSERT INTO {into} VALUES {}", vec![&*row; size].join(", ")).into())))
    }
}

static ROWS: LazyLock<Target> =
    LazyLock::new(|| Target::new(&format!("collections (record, namespace, {COLUMNS})"), WIDTH + 2));
static TAGS: LazyLock<Target> = LazyLock::new(|| Target::new("collection_tags (namespace, tag, id)", 3));
static WORDS: LazyLock<Target> = LazyLock::new(|| Target::new("collection_words (rowid, words)", 2));

/// Inserts rows, as many with one statement as there is a text for.
async fn insert<T>(
    connection: &mut SqliteConnection,
    target: &Target,
    mut rows: &[T],
    bind: impl Fn(Query<'static>, &T) -> Query<'static>,
) -> sqlx::Result<()> {
    for (size, text) in &target.0 {
        while let Some((some, rest)) = rows.split_at_checked(*size) {
            let query = some.iter().fold(sqlx::query(AssertSqlSafe(text.clone())), &bind);
            query.execute(&mut *connection).await?;
            rows = rest;
        }
    }
    Ok(())
}

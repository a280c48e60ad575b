//! Reading what a group of units touches, and writing what came of it: a few statements, however many units.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use futures_util::TryStreamExt as _;
use proximadb_meta_core::driver::{Prepared, Space};
use proximadb_meta_core::{CollectionMetadata, Namespace, Result};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};

use crate::error::{failed, is_busy};
use crate::group::{Failure, commit, uncommitted};
use crate::row::{COLUMNS, NO_COLUMNS, Query, Record, Stored, WIDTH, bind, decode, json};
use crate::schema::{BEGIN, pause};
use crate::words::{same_texts, texts, tokens};

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

/// The same as the first of a transaction, which takes the write lock.
static BEGIN_AND_LOAD: LazyLock<Arc<str>> = LazyLock::new(|| format!("{BEGIN}; {}", &**LOAD).into());

/// Reads every id and name that the units mention. With a time until which it may wait for the write lock it begins the
/// transaction as well, in the same round trip to the connection's thread.
pub(crate) async fn load<'a>(
    connection: &mut SqliteConnection,
    begin: Option<Instant>,
    namespace: &Namespace,
    units: impl Iterator<Item = &'a Prepared>,
) -> Result<Loaded> {
    let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
    for write in units.flat_map(|u| &u.writes) {
        ids.insert(&**write.id());
        names.extend(write.name().map(|name| &**name));
    }
    let wrong = |e| failed("read what the write touches", e);
    let text = if begin.is_some() { &BEGIN_AND_LOAD } else { &LOAD };
    let query =
        || sqlx::query(AssertSqlSafe((*text).clone())).bind(namespace.as_str()).bind(json(&ids)).bind(json(&names));
    let rows = loop {
        match query().fetch_all(&mut *connection).await {
            Ok(rows) => break rows,
            Err(e) if begin.is_some_and(|deadline| is_busy(&e) && Instant::now() < deadline) => pause().await,
            Err(e) if is_busy(&e) => return Err(failed("take the write lock", e)),
            Err(e) => return Err(wrong(e)),
        }
    };
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
    tags_gone: Vec<Tag>,
    rows: Vec<(Namespace, i64, Record)>,
    words: Vec<(i64, Namespace, Record)>,
    tags: Vec<Tag>,
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
                        self.words.push((row, namespace.clone(), new.clone()));
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
        if self.is_of_one() {
            let steps = self.steps_of_one();
            if !steps.is_empty() {
                self.bind_one(sqlx::query(AssertSqlSafe(steps.join("; ")))).execute(connection).await?;
            }
            return Ok(());
        }
        self.write_many(connection).await?;
        if !self.counts.is_empty() {
            sqlx::query(COUNT).bind(json(&self.counts)).execute(connection).await?;
        }
        Ok(())
    }

    /// Writes it all and commits, synced.
    pub(crate) async fn commit(&self, connection: &mut SqliteConnection) -> std::result::Result<(), Failure> {
        if !self.is_of_one() {
            self.write(connection).await.map_err(refused)?;
            return commit(connection).await;
        }
        let mut steps = self.steps_of_one();
        let writes = steps.len();
        steps.push("COMMIT");
        let query = self.bind_one(sqlx::query(AssertSqlSafe(steps.join("; "))));
        let mut results = connection.fetch_many(query);
        // Each statement that ends tells so: an error after all the others is the commit's.
        let mut ended = 0;
        loop {
            match results.try_next().await {
                Ok(Some(result)) => ended += usize::from(result.is_left()),
                Ok(None) => return Ok(()),
                Err(e) if ended < writes => return Err(refused(e)),
                Err(e) => return Err(uncommitted(e)),
            }
        }
    }

    /// Whether at most one record comes, goes or is replaced: its statements go to the connection's thread at once.
    fn is_of_one(&self) -> bool {
        self.rows.len() <= 1 && self.rows_gone.len() <= 1
    }

    /// The lists that statements over JSON take, and those statements.
    fn lists(&self) -> impl Iterator<Item = (&'static str, String)> {
        let lists = [
            (DELETE_ROWS, !self.rows_gone.is_empty(), json(&self.rows_gone)),
            (DELETE_WORDS, !self.words_gone.is_empty(), json(&self.words_gone)),
            (DELETE_TAGS, !self.tags_gone.is_empty(), json(&plain(&self.tags_gone))),
            (INSERT_TAGS, !self.tags.is_empty(), json(&plain(&self.tags))),
            (COUNT, !self.counts.is_empty(), json(&self.counts)),
        ];
        lists.into_iter().filter(|(_, is_needed, _)| *is_needed).map(|(step, _, list)| (step, list))
    }

    fn steps_of_one(&self) -> Vec<&str> {
        let words = self.words.iter().map(|_| INSERT_WORD);
        self.lists().map(|(step, _)| step).chain(words).chain(self.rows.iter().map(|_| ROWS.one())).collect()
    }

    /// Binds the values of those statements.
    fn bind_one(&self, query: Query<'static>) -> Query<'static> {
        let query = self.lists().fold(query, |query, (_, list)| query.bind(list));
        let query = self.words.iter().fold(query, |query, (row, ns, r)| query.bind(*row).bind(tokens(ns, r)));
        self.rows.iter().fold(query, bind_row)
    }

    async fn write_many(&self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        remove(connection, DELETE_ROWS, &self.rows_gone).await?;
        remove(connection, DELETE_WORDS, &self.words_gone).await?;
        if !self.tags_gone.is_empty() {
            sqlx::query(DELETE_TAGS).bind(json(&plain(&self.tags_gone))).execute(&mut *connection).await?;
        }
        // SQLite works on a thread of its own: what the records' texts come to is found out meanwhile.
        let (inserted, words) = tokio::join!(self.insert_many(connection), texts(&self.words));
        inserted?;
        for part in words {
            sqlx::query(INSERT_WORDS).bind(part).execute(&mut *connection).await?;
        }
        Ok(())
    }

    async fn insert_many(&self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        insert(connection, &ROWS, &self.rows, bind_row).await?;
        let bind_tag =
            |query: Query<'static>, (ns, tag, id): &Tag| query.bind(ns.as_str()).bind(tag.clone()).bind(id.clone());
        insert(connection, &TAGS, &self.tags, bind_tag).await
    }
}

fn refused(e: sqlx::Error) -> Failure {
    failed("write the records", e).into()
}

fn bind_row(query: Query<'static>, (namespace, row, record): &(Namespace, i64, Record)) -> Query<'static> {
    bind(query.bind(*row).bind(namespace.as_str()), record)
}

/// A record's tag: the namespace, the tag and the id.
type Tag = (Namespace, Arc<str>, Arc<str>);

fn plain(tags: &[Tag]) -> Vec<[&str; 3]> {
    tags.iter().map(|(ns, tag, id)| [ns.as_str(), tag, id]).collect()
}

fn tags_of(namespace: &Namespace, r: &CollectionMetadata) -> impl Iterator<Item = Tag> {
    r.tags.iter().map(|tag| (namespace.clone(), tag.clone(), r.id.clone()))
}

const DELETE_ROWS: &str = "DELETE FROM collections WHERE record IN (SELECT value FROM json_each(?))";
const DELETE_WORDS: &str = "DELETE FROM collection_words WHERE rowid IN (SELECT value FROM json_each(?))";
const DELETE_TAGS: &str = "DELETE FROM collection_tags WHERE (namespace, tag, id) IN \
     (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?))";
const INSERT_TAGS: &str = "INSERT OR FAIL INTO collection_tags (namespace, tag, id) \
     SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)";
const INSERT_WORD: &str = "INSERT INTO collection_words (rowid, words) VALUES (?, ?)";
/// However many rows, one statement: before each that inserts several the full-text index writes out what it has gathered.
const INSERT_WORDS: &str =
    "INSERT INTO collection_words (rowid, words) SELECT CAST(key AS INTEGER), value FROM json_each(?)";
const COUNT: &str = "UPDATE collections SET vector_count = j.vectors, total_size_bytes = j.bytes FROM \
     (SELECT value ->> 0 AS row, value ->> 1 AS vectors, value ->> 2 AS bytes FROM json_each(?)) AS j \
     WHERE collections.record = j.row";

async fn remove(connection: &mut SqliteConnection, statement: &'static str, rows: &[i64]) -> sqlx::Result<()> {
    if !rows.is_empty() {
        sqlx::query(statement).bind(json(&rows)).execute(connection).await?;
    }
    Ok(())
}

/// A table to insert into, and its statements, each with the rows that it takes: from many to one.
///
/// `OR FAIL`: a statement that fails ends the transaction anyway, and SQLite need not be able to take it back alone, for which it
/// would copy every page before it changes it.
struct Target([(usize, Arc<str>); SIZES.len()]);

/// Rows of one statement. A statement is a round trip to the connection's thread; a few texts are prepared once, however many rows.
const SIZES: [usize; 4] = [128, 32, 8, 1];

impl Target {
    fn new(into: &str, columns: usize) -> Self {
        let row = format!("({})", vec!["?"; columns].join(", "));
        let text = |size| format!("INSERT OR FAIL INTO {into} VALUES {}", vec![&*row; size].join(", "));
        Self(SIZES.map(|size| (size, text(size).into())))
    }

    /// The statement for one row.
    fn one(&self) -> &str {
        let [.., (_, text)] = &self.0;
        text
    }
}

static ROWS: LazyLock<Target> =
    LazyLock::new(|| Target::new(&format!("collections (record, namespace, {COLUMNS})"), WIDTH + 2));
static TAGS: LazyLock<Target> = LazyLock::new(|| Target::new("collection_tags (namespace, tag, id)", 3));

/// Inserts rows, as many with one statement as there is a text for. The next statement is made while one runs.
async fn insert<T>(
    connection: &mut SqliteConnection,
    target: &Target,
    mut rows: &[T],
    bind: impl Fn(Query<'static>, &T) -> Query<'static>,
) -> sqlx::Result<()> {
    let mut make = || {
        let (text, some, rest) = target.0.iter().find_map(|(size, text)| {
            let (some, rest) = rows.split_at_checked(*size)?;
            Some((text, some, rest))
        })?;
        rows = rest;
        Some(some.iter().fold(sqlx::query(AssertSqlSafe(text.clone())), &bind))
    };
    let mut next = make();
    while let Some(query) = next {
        let (done, made) = tokio::join!(query.execute(&mut *connection), async { make() });
        done?;
        next = made;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteOptions;
    use sqlx::ConnectOptions as _;

    /// What is read before every write must not cost more in a larger catalog.
    #[tokio::test]
    async fn what_a_write_reads_and_does_is_looked_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.db");
        let options = SqliteOptions::default();
        crate::open(&path).await.unwrap().into_backend().close().await.unwrap();
        let mut connection = options.reader(&path).connect().await.unwrap();
        let lists = [DELETE_ROWS, DELETE_WORDS, DELETE_TAGS, COUNT];
        for statement in std::iter::once(&**LOAD).chain(lists) {
            let text = format!("EXPLAIN QUERY PLAN {statement}");
            let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(&mut connection).await.unwrap();
            let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            assert!(!steps.is_empty());
            for step in steps {
                // What is said of a virtual table that is asked for one row.
                let is_found = step.starts_with("SCAN collection_words VIRTUAL TABLE INDEX 0:=");
                assert!(is_found || !step.starts_with("SCAN collection"), "{step}: {statement}");
            }
        }
    }
}

//! Records as rows: the columns in one order, read and bound by position.

use std::borrow::{Borrow, Cow};
use std::sync::Arc;

use proximadb_meta_core::limits::MAX_SAFE_INTEGER;
use proximadb_meta_core::{
    AccessPattern, CollectionMetadata, ConfigJson, DistanceMetric, Extra, Incarnation, IndexingAlgorithm, Result,
    Retention, Tags, Timestamp,
};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::error::{damaged, failed};

/// The columns of a record, in the order of [`decode`].
pub(crate) const COLUMNS: &str = "id, name, dimension, distance_metric, indexing_algorithm, created_at, updated_at, \
     vector_count, total_size_bytes, access_pattern, owner, tags, retention, expires_at, version, incarnation, extra, \
     description, config";
/// As many NULLs as there are [`COLUMNS`].
pub(crate) const NO_COLUMNS: &str = "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, \
     NULL, NULL, NULL, NULL, NULL";
/// How many they are.
pub(crate) const WIDTH: usize = 19;

pub(crate) type Record = Arc<CollectionMetadata>;

/// A record as the table holds it.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// Its row.
    pub(crate) row: i64,
    pub(crate) record: Record,
}

impl Borrow<Record> for Stored {
    fn borrow(&self) -> &Record {
        &self.record
    }
}

/// The record of a row whose columns begin at `first`; nothing for a row without an id. What the file holds is not trusted.
pub(crate) fn decode(row: &SqliteRow, first: usize) -> Result<Option<Record>> {
    let wrong = |e| failed("read a record", e);
    let id: Option<&str> = row.try_get_unchecked(first).map_err(wrong)?;
    id.map(|_| Columns::of(row, first).map_err(wrong)?.record()).transpose()
}

/// The columns of a record, as the table holds them.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Columns<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    dimension: i64,
    #[serde(borrow)]
    distance_metric: Text<'a>,
    #[serde(borrow)]
    indexing_algorithm: Text<'a>,
    created_at: i64,
    updated_at: i64,
    vector_count: i64,
    total_size_bytes: i64,
    #[serde(borrow)]
    access_pattern: Text<'a>,
    #[serde(borrow)]
    owner: Option<Text<'a>>,
    #[serde(borrow)]
    tags: Text<'a>,
    #[serde(borrow)]
    retention: Option<Text<'a>>,
    expires_at: Option<i64>,
    version: i64,
    incarnation: i64,
    #[serde(borrow)]
    extra: Option<Text<'a>>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    config: Text<'a>,
}

/// Not copied where it can be borrowed, also inside of an option.
#[derive(Debug, serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Columns<'a> {
    fn of(row: &'a SqliteRow, first: usize) -> sqlx::Result<Self> {
        let mut at = Cursor { row, next: first };
        Ok(Self {
            id: at.text()?,
            name: at.text()?,
            dimension: at.take()?,
            distance_metric: at.text()?,
            indexing_algorithm: at.text()?,
            created_at: at.take()?,
            updated_at: at.take()?,
            vector_count: at.take()?,
            total_size_bytes: at.take()?,
            access_pattern: at.text()?,
            owner: at.optional_text()?,
            tags: at.text()?,
            retention: at.optional_text()?,
            expires_at: at.take()?,
            version: at.take()?,
            incarnation: at.take()?,
            extra: at.optional_text()?,
            description: at.optional_text()?,
            config: at.text()?,
        })
    }

    pub(crate) fn record(&self) -> Result<Record> {
        let id = &*self.id.0;
        let dimension =
            u32::try_from(self.dimension).map_err(|_| damaged(format!("the dimension of {id:?} is out of range")))?;
        let mut r = CollectionMetadata::new(&*self.name.0, dimension, DistanceMetric::new(&self.distance_metric.0));
        r.id = id.into();
        r.indexing_algorithm = IndexingAlgorithm::new(&self.indexing_algorithm.0);
        r.created_at = Timestamp::from_micros(self.created_at);
        r.updated_at = Timestamp::from_micros(self.updated_at);
        r.vector_count = count(self.vector_count)?;
        r.total_size_bytes = count(self.total_size_bytes)?;
        r.access_pattern =
            AccessPattern::parse(&self.access_pattern.0).map_err(|e| damaged(format!("{id:?}: {}", e.message())))?;
        r.owner = self.owner.as_ref().map(|x| Arc::from(&*x.0));
        r.tags = tags(&self.tags.0)?;
        r.retention = self.retention.as_ref().map(|x| retention(&x.0)).transpose()?;
        r.expires_at = self.expires_at.map(Timestamp::from_micros);
        r.version = count(self.version)?;
        r.incarnation = Incarnation(self.incarnation.cast_unsigned());
        if let Some(extra) = &self.extra {
            r.extra = Extra::from_stored(&extra.0)?;
        }
        r.description = self.description.as_ref().map(|x| Arc::from(&*x.0));
        r.config = ConfigJson::from_stored(&self.config.0)?;
        Ok(Arc::new(r))
    }
}

/// The columns of a row, one after the other.
struct Cursor<'a> {
    row: &'a SqliteRow,
    next: usize,
}

impl<'a> Cursor<'a> {
    fn take<T: sqlx::Decode<'a, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>>(&mut self) -> sqlx::Result<T> {
        let value = self.row.try_get_unchecked(self.next)?;
        self.next += 1;
        Ok(value)
    }

    fn text(&mut self) -> sqlx::Result<Text<'a>> {
        self.take().map(|x: &str| Text(Cow::Borrowed(x)))
    }

    fn optional_text(&mut self) -> sqlx::Result<Option<Text<'a>>> {
        Ok(self.take::<Option<&str>>()?.map(|x| Text(Cow::Borrowed(x))))
    }
}

fn count(stored: i64) -> Result<u64> {
    let count = u64::try_from(stored).ok().filter(|n| *n <= MAX_SAFE_INTEGER);
    count.ok_or_else(|| damaged(format!("a record has the number {stored}, out of its range")))
}

fn tags(text: &str) -> Result<Tags> {
    if text == "[]" {
        return Ok(Tags::default());
    }
    let tags: Vec<Cow<'_, str>> =
        serde_json::from_str(text).map_err(|e| damaged("the tags of a record are no list of texts").with_source(e))?;
    Ok(tags.into_iter().map(Arc::<str>::from).collect())
}

/// As it stands in the portable form.
#[derive(serde::Serialize, serde::Deserialize)]
struct StoredRetention {
    auto_delete: bool,
    retain_days: u32,
}

fn retention(text: &str) -> Result<Retention> {
    let r: StoredRetention =
        serde_json::from_str(text).map_err(|e| damaged("the retention of a record is not valid").with_source(e))?;
    Ok(Retention { retain_days: r.retain_days, auto_delete: r.auto_delete })
}

/// A query with bound values.
pub(crate) type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// Binds the [`COLUMNS`] of a record.
pub(crate) fn bind<'q>(query: Query<'q>, r: &CollectionMetadata) -> Query<'q> {
    let retention =
        r.retention.map(|x| json(&StoredRetention { auto_delete: x.auto_delete, retain_days: x.retain_days }));
    query
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
        .bind(if r.tags.is_empty() { "[]".to_owned() } else { json(&r.tags.iter().map(|t| &**t).collect::<Vec<_>>()) })
        .bind(retention)
        .bind(r.expires_at.map(Timestamp::as_micros))
        .bind(r.version.cast_signed())
        .bind(r.incarnation.0.cast_signed())
        .bind(Some(r.extra.as_str()).filter(|_| !r.extra.is_empty()))
        .bind(r.description.clone())
        .bind(r.config.as_str())
}

/// JSON of texts and numbers, which cannot fail.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_of_columns_agree() {
        assert_eq!(COLUMNS.split(',').count(), WIDTH);
        assert_eq!(NO_COLUMNS.split(',').count(), WIDTH);
    }

    #[test]
    fn every_field_has_a_column() {
        for field in CollectionMetadata::FIELDS {
            assert!(COLUMNS.split(", ").any(|c| c == field.name()), "{field}");
        }
    }
}

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
    let mut at = Columns { row, next: first };
    let Some(id) = at.optional_text()? else { return Ok(None) };
    let name = at.text()?;
    let dimension =
        u32::try_from(at.number()?).map_err(|_| damaged(format!("the dimension of {id:?} is out of range")))?;
    let mut r = CollectionMetadata::new(name, dimension, DistanceMetric::new(at.text()?));
    r.indexing_algorithm = IndexingAlgorithm::new(at.text()?);
    r.created_at = at.time()?;
    r.updated_at = at.time()?;
    r.vector_count = at.count()?;
    r.total_size_bytes = at.count()?;
    r.access_pattern = AccessPattern::parse(at.text()?).map_err(|e| damaged(format!("{id:?}: {}", e.message())))?;
    r.owner = at.optional_text()?.map(Arc::from);
    r.tags = tags(at.text()?)?;
    r.retention = at.optional_text()?.map(retention).transpose()?;
    r.expires_at = at.optional_number()?.map(Timestamp::from_micros);
    r.version = at.count()?;
    r.incarnation = Incarnation(at.number()?.cast_unsigned());
    if let Some(extra) = at.optional_text()? {
        r.extra = Extra::from_stored(extra)?;
    }
    r.description = at.optional_text()?.map(Arc::from);
    r.config = ConfigJson::from_stored(at.text()?)?;
    r.id = id.into();
    Ok(Some(Arc::new(r)))
}

/// The columns of a row, one after the other.
struct Columns<'a> {
    row: &'a SqliteRow,
    next: usize,
}

impl<'a> Columns<'a> {
    fn take<T: sqlx::Decode<'a, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>>(&mut self) -> Result<T> {
        let value = self.row.try_get_unchecked(self.next).map_err(|e| failed("read a record", e))?;
        self.next += 1;
        Ok(value)
    }

    fn optional_text(&mut self) -> Result<Option<&'a str>> {
        self.take()
    }

    fn optional_number(&mut self) -> Result<Option<i64>> {
        self.take()
    }

    fn text(&mut self) -> Result<&'a str> {
        self.optional_text()?.ok_or_else(|| damaged("a record lacks a column that it must have"))
    }

    fn number(&mut self) -> Result<i64> {
        self.optional_number()?.ok_or_else(|| damaged("a record lacks a number that it must have"))
    }

    fn time(&mut self) -> Result<Timestamp> {
        self.number().map(Timestamp::from_micros)
    }

    fn count(&mut self) -> Result<u64> {
        let stored = self.number()?;
        let count = u64::try_from(stored).ok().filter(|n| *n <= MAX_SAFE_INTEGER);
        count.ok_or_else(|| damaged(format!("a record has the number {stored}, out of its range")))
    }
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

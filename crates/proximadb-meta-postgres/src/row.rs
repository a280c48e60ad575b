//! Records as rows: the columns in one order, read by position and sent as arrays.

use std::sync::Arc;

use proximadb_meta_core::keywords::keywords;
use proximadb_meta_core::limits::MAX_SAFE_INTEGER;
use proximadb_meta_core::{
    AccessPattern, CollectionMetadata, ConfigJson, DistanceMetric, Extra, Incarnation, IndexingAlgorithm, Result,
    Retention, Tags,
};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql};

use crate::error::damaged;
use crate::types::Instant;

pub(crate) type Record = Arc<CollectionMetadata>;

/// The columns of a record, in the order of [`decode`].
pub(crate) const COLUMNS: &str = "id, name, dimension, distance_metric, indexing_algorithm, created_at, updated_at, \
     vector_count, total_size_bytes, access_pattern, owner, tags, retention_days, retention_auto_delete, expires_at, version, \
     incarnation, extra, description, config";
/// How many they are.
pub(crate) const WIDTH: usize = 20;

/// Texts of a list are joined by this to one text, and cut again by PostgreSQL: no tag and no keyword holds it.
const SEPARATOR: &str = "\n";

/// What is written: column, type of the array that brings it, and how it becomes the column.
pub(crate) const WRITTEN: &[(&str, &str, &str)] = &[
    ("id", "text", "x.id"),
    ("name", "text", "x.name"),
    ("dimension", "int4", "x.dimension"),
    ("distance_metric", "text", "x.distance_metric"),
    ("indexing_algorithm", "text", "x.indexing_algorithm"),
    ("created_at", "timestamptz", "x.created_at"),
    ("updated_at", "timestamptz", "x.updated_at"),
    ("vector_count", "int8", "x.vector_count"),
    ("total_size_bytes", "int8", "x.total_size_bytes"),
    ("access_pattern", "text", "x.access_pattern"),
    ("owner", "text", "x.owner"),
    ("tags", "text", "string_to_array(x.tags, E'\\n')"),
    ("retention_days", "int4", "x.retention_days"),
    ("retention_auto_delete", "bool", "x.retention_auto_delete"),
    ("expires_at", "timestamptz", "x.expires_at"),
    ("version", "int8", "x.version"),
    ("incarnation", "int8", "x.incarnation"),
    ("extra", "text", "x.extra"),
    ("description", "text", "x.description"),
    ("config", "text", "x.config"),
    ("config_index", "text", "x.config_index::jsonb"),
    ("keywords", "text", "string_to_array(x.keywords, E'\\n')"),
];

/// The columns that other calls move meanwhile.
pub(crate) const COUNTERS: [&str; 2] = ["vector_count", "total_size_bytes"];

/// The columns that a revision does not bring: it leaves them as they are stored.
pub(crate) const KEPT: [&str; 3] = ["created_at", "vector_count", "total_size_bytes"];

/// The record of a row; nothing for a row without an id, which stands for a namespace that is being restored. What the table
/// holds is not trusted.
pub(crate) fn decode(row: &Row) -> Result<Option<Record>> {
    let mut at = Columns { row, next: 0 };
    let Some(id) = at.take::<Option<&str>>()? else { return Ok(None) };
    let name: &str = at.take()?;
    let dimension = u32::try_from(at.take::<i32>()?).map_err(|_| damaged("a dimension is out of range"))?;
    let mut r = CollectionMetadata::new(name, dimension, DistanceMetric::new(at.take()?));
    r.indexing_algorithm = IndexingAlgorithm::new(at.take()?);
    r.created_at = at.take::<Instant>()?.0;
    r.updated_at = at.take::<Instant>()?.0;
    r.vector_count = at.count()?;
    r.total_size_bytes = at.count()?;
    r.access_pattern = AccessPattern::parse(at.take()?).map_err(|e| damaged(format!("{id:?}: {}", e.message())))?;
    r.owner = at.take::<Option<&str>>()?.map(Arc::from);
    r.tags = at.take::<Vec<&str>>()?.into_iter().collect::<Tags>();
    r.retention = match (at.take::<Option<i32>>()?, at.take::<Option<bool>>()?) {
        (None, None) => None,
        (Some(days), Some(auto_delete)) => {
            let retain_days = u32::try_from(days).map_err(|_| damaged("a retention is out of range"))?;
            Some(Retention { retain_days, auto_delete })
        }
        _ => return Err(damaged(format!("{id:?} has half a retention"))),
    };
    r.expires_at = at.take::<Option<Instant>>()?.map(|i| i.0);
    r.version = at.count()?;
    r.incarnation = Incarnation(at.take::<i64>()?.cast_unsigned());
    if let Some(extra) = at.take::<Option<&str>>()? {
        r.extra = Extra::from_stored(extra)?;
    }
    r.description = at.take::<Option<&str>>()?.map(Arc::from);
    r.config = ConfigJson::from_stored(at.take()?)?;
    r.id = id.into();
    Ok(Some(Arc::new(r)))
}

/// The columns of a row, one after the other.
struct Columns<'a> {
    row: &'a Row,
    next: usize,
}

impl<'a> Columns<'a> {
    fn take<T: FromSql<'a>>(&mut self) -> Result<T> {
        let value = self.row.try_get(self.next).map_err(|e| damaged(format!("a record cannot be read: {e}")))?;
        self.next += 1;
        Ok(value)
    }

    fn count(&mut self) -> Result<u64> {
        let stored: i64 = self.take()?;
        let count = u64::try_from(stored).ok().filter(|n| *n <= MAX_SAFE_INTEGER);
        count.ok_or_else(|| damaged(format!("a record has the number {stored}, out of its range")))
    }
}

/// A value of a statement.
pub(crate) type Param = Box<dyn ToSql + Sync + Send>;

/// Where the values of a statement come from.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// One record: a value a column.
    One(&'a CollectionMetadata),
    /// Any number: an array a column.
    Many(&'a [Record]),
}

/// The arrays that bring these records, in the order of [`WRITTEN`].
pub(crate) fn arrays(records: &[Record]) -> Vec<Param> {
    params(Source::Many(records))
}

/// The values of this record, in the order of [`WRITTEN`].
pub(crate) fn values(record: &CollectionMetadata) -> Vec<Param> {
    params(Source::One(record))
}

/// As [`values`], without those of the columns [`KEPT`].
pub(crate) fn values_revising(record: &CollectionMetadata) -> Vec<Param> {
    let all = WRITTEN.iter().zip(values(record));
    all.filter(|((name, ..), _)| !KEPT.contains(name)).map(|(_, value)| value).collect()
}

/// As [`values`], with the numbers by which [`COUNTERS`] move in their places.
pub(crate) fn values_moving(record: &CollectionMetadata, nets: [i64; COUNTERS.len()]) -> Vec<Param> {
    let mut values = values(record);
    for (counter, net) in COUNTERS.iter().zip(nets) {
        let place = WRITTEN.iter().position(|(name, ..)| name == counter);
        if let Some(value) = place.and_then(|place| values.get_mut(place)) {
            *value = Box::new(net);
        }
    }
    values
}

fn params(source: Source<'_>) -> Vec<Param> {
    fn all<'a, T: ToSql + Sync + Send + 'static>(
        source: Source<'a>,
        of: impl Fn(&'a CollectionMetadata) -> T,
    ) -> Param {
        match source {
            Source::One(record) => Box::new(of(record)),
            Source::Many(records) => Box::new(records.iter().map(|r| of(r)).collect::<Vec<T>>()),
        }
    }
    let r = source;
    vec![
        all(r, |r| r.id.to_string()),
        all(r, |r| r.name.to_string()),
        all(r, |r| i32::try_from(r.dimension).unwrap_or(i32::MAX)),
        all(r, |r| r.distance_metric.as_str().to_owned()),
        all(r, |r| r.indexing_algorithm.as_str().to_owned()),
        all(r, |r| Instant(r.created_at)),
        all(r, |r| Instant(r.updated_at)),
        all(r, |r| r.vector_count.cast_signed()),
        all(r, |r| r.total_size_bytes.cast_signed()),
        all(r, |r| r.access_pattern.as_str().to_owned()),
        all(r, |r| r.owner.as_deref().map(str::to_owned)),
        all(r, |r| r.tags.iter().map(|t| &**t).collect::<Vec<_>>().join(SEPARATOR)),
        all(r, |r| r.retention.map(|x| i32::try_from(x.retain_days).unwrap_or(i32::MAX))),
        all(r, |r| r.retention.map(|x| x.auto_delete)),
        all(r, |r| r.expires_at.map(Instant)),
        all(r, |r| r.version.cast_signed()),
        all(r, |r| r.incarnation.0.cast_signed()),
        all(r, |r| Some(r.extra.as_str()).filter(|_| !r.extra.is_empty()).map(str::to_owned)),
        all(r, |r| r.description.as_deref().map(str::to_owned)),
        all(r, |r| r.config.as_str().to_owned()),
        all(r, |r| r.config.as_str().to_owned()),
        all(r, |r| keywords(r).join(SEPARATOR)),
    ]
}

/// As the driver takes them.
pub(crate) fn borrowed(params: &[Param]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|p| &**p as &(dyn ToSql + Sync)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_of_columns_agree() {
        assert_eq!(COLUMNS.split(", ").count(), WIDTH);
        let written: Vec<&str> = WRITTEN.iter().map(|(name, ..)| *name).collect();
        assert_eq!(written[..WIDTH], COLUMNS.split(", ").collect::<Vec<_>>());
        assert_eq!(arrays(&[]).len(), WRITTEN.len());
        assert!(COUNTERS.iter().all(|counter| KEPT.contains(counter)));
        assert!(KEPT.iter().all(|kept| COLUMNS.split(", ").any(|c| c == *kept)));
    }

    #[test]
    fn every_field_has_a_column() {
        for field in CollectionMetadata::FIELDS {
            assert!(COLUMNS.split(", ").any(|c| c.starts_with(field.name())), "{field}");
        }
    }

    #[test]
    fn no_keyword_holds_the_separator() {
        let mut r = CollectionMetadata::new("a b", 1, DistanceMetric::COSINE);
        r.description = Some("one\ntwo\r\nthree\u{2028}four\n\nfive".into());
        assert!(keywords(&r).iter().all(|w| !w.contains(SEPARATOR)));
        assert_eq!(keywords(&r).len(), 7);
    }
}

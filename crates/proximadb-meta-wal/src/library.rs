//! Units as the Avro library writes and reads them: a second opinion for the tests.

use std::sync::{Arc, LazyLock};

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use proximadb_meta_core::{
    AccessPattern, CollectionMetadata, ConfigJson, DistanceMetric, Error, ErrorKind, Extra, Incarnation,
    IndexingAlgorithm, Namespace, Result, Retention, Timestamp, limits,
};
use serde::{Deserialize, Serialize};

use crate::avro_bounds;
use crate::codec::{self, Counters, Unit};

static UNIT: LazyLock<Schema> = LazyLock::new(|| Schema::parse_str(include_str!("unit.v1.avsc")).unwrap());
static READER: LazyLock<GenericDatumReader<'static>> =
    LazyLock::new(|| GenericDatumReader::builder(&UNIT).build().unwrap());
static WRITER: LazyLock<GenericDatumWriter<'static>> =
    LazyLock::new(|| GenericDatumWriter::builder(&UNIT).build().unwrap());

/// One record as the log has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "Record")]
struct RecordV1 {
    id: String,
    name: String,
    dimension: i64,
    distance_metric: String,
    indexing_algorithm: String,
    created_at: i64,
    updated_at: i64,
    vector_count: i64,
    total_size_bytes: i64,
    access_pattern: String,
    retain_days: Option<i64>,
    auto_delete: bool,
    expires_at: Option<i64>,
    config: String,
    description: Option<String>,
    owner: Option<String>,
    tags: Vec<String>,
    version: i64,
    incarnation: i64,
    extra: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "Counters")]
struct CountersV1 {
    id: String,
    incarnation: i64,
    vectors: i64,
    bytes: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "Unit")]
struct UnitV1 {
    namespace: String,
    deletes: Vec<String>,
    puts: Vec<RecordV1>,
    counters: Vec<CountersV1>,
}

fn long(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn corrupt(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corruption, what)
}

impl RecordV1 {
    fn of(r: &CollectionMetadata) -> Self {
        Self {
            id: r.id.to_string(),
            name: r.name.to_string(),
            dimension: i64::from(r.dimension),
            distance_metric: r.distance_metric.as_str().to_owned(),
            indexing_algorithm: r.indexing_algorithm.as_str().to_owned(),
            created_at: r.created_at.as_micros(),
            updated_at: r.updated_at.as_micros(),
            vector_count: long(r.vector_count),
            total_size_bytes: long(r.total_size_bytes),
            access_pattern: r.access_pattern.as_str().to_owned(),
            retain_days: r.retention.map(|k| i64::from(k.retain_days)),
            auto_delete: r.retention.is_some_and(|k| k.auto_delete),
            expires_at: r.expires_at.map(Timestamp::as_micros),
            config: r.config.as_str().to_owned(),
            description: r.description.as_deref().map(str::to_owned),
            owner: r.owner.as_deref().map(str::to_owned),
            tags: r.tags.iter().map(|t| t.to_string()).collect(),
            version: long(r.version),
            incarnation: r.incarnation.0.cast_signed(),
            extra: r.extra.as_str().to_owned(),
        }
    }
}

/// The bytes of a unit.
pub(crate) fn encode(unit: &Unit) -> Vec<u8> {
    let counters =
        |c: &Counters| CountersV1 { id: c.id.clone(), incarnation: c.incarnation, vectors: c.vectors, bytes: c.bytes };
    let v1 = UnitV1 {
        namespace: unit.namespace.as_str().to_owned(),
        deletes: unit.deletes.clone(),
        puts: unit.puts.iter().map(|r| RecordV1::of(r)).collect(),
        counters: unit.counters.iter().map(counters).collect(),
    };
    let mut out = Vec::new();
    WRITER.write_ser(&mut out, &v1).unwrap();
    out
}

impl RecordV1 {
    fn into_record(self) -> Result<CollectionMetadata> {
        let count = |n: i64, what: &str| u64::try_from(n).map_err(|_| corrupt(format!("stored {what} is {n}")));
        let small = |n: i64, what: &str| u32::try_from(n).map_err(|_| corrupt(format!("stored {what} is {n}")));
        let dimension = small(self.dimension, "dimension")?;
        let mut r = CollectionMetadata::new(self.name, dimension, DistanceMetric::new(&self.distance_metric));
        r.id = self.id.into();
        r.indexing_algorithm = IndexingAlgorithm::new(&self.indexing_algorithm);
        r.created_at = Timestamp::from_micros(self.created_at);
        r.updated_at = Timestamp::from_micros(self.updated_at);
        r.vector_count = count(self.vector_count, "vector_count")?;
        r.total_size_bytes = count(self.total_size_bytes, "total_size_bytes")?;
        r.access_pattern = AccessPattern::parse(&self.access_pattern)?;
        if let Some(days) = self.retain_days {
            r.retention = Some(Retention { retain_days: small(days, "retain_days")?, auto_delete: self.auto_delete });
        }
        r.expires_at = self.expires_at.map(Timestamp::from_micros);
        r.config = ConfigJson::from_stored(&self.config)?;
        r.description = self.description.map(Into::into);
        r.owner = self.owner.map(Into::into);
        r.tags = self.tags.into_iter().collect();
        r.version = count(self.version, "version")?;
        r.incarnation = Incarnation(self.incarnation.cast_unsigned());
        r.extra = Extra::from_stored(&self.extra)?;
        limits::check_record(&r)?;
        Ok(r)
    }
}

/// A unit from bytes whose checksum was right. Every byte must be consumed.
///
/// # Errors
/// `Corruption`.
pub(crate) fn decode(bytes: &[u8]) -> Result<Unit> {
    avro_bounds::check(bytes)
        .map_err(|(at, what)| corrupt(format!("a unit cannot be decoded: at its byte {at}, {what}")))?;
    let failed = |e| corrupt("a unit cannot be decoded").with_source(e);
    let mut rest = bytes;
    let v1: UnitV1 = READER.read_deser(&mut rest).map_err(failed)?;
    if !rest.is_empty() {
        return Err(corrupt(format!("{} bytes follow a unit inside its frame", rest.len())));
    }
    let as_corruption = |e: Error| corrupt("a stored record breaks its limits").with_source(e);
    let mut puts = Vec::with_capacity(v1.puts.len());
    for record in v1.puts {
        puts.push(Arc::new(record.into_record().map_err(as_corruption)?));
    }
    let namespace = Namespace::new(&v1.namespace).map_err(as_corruption)?;
    let counters =
        |c: CountersV1| Counters { id: c.id, incarnation: c.incarnation, vectors: c.vectors, bytes: c.bytes };
    let counters = v1.counters.into_iter().map(counters).collect();
    Ok(Unit { namespace, deletes: v1.deletes, puts, counters })
}

/// An empty unit, one with a record of every field, one with the other parts.
pub(crate) fn units(description: &str, tags: usize) -> [Unit; 3] {
    let mut full = CollectionMetadata::new("n", 3, DistanceMetric::new("own"));
    full.id = "i".into();
    full.incarnation = Incarnation(u64::MAX);
    full.expires_at = Some(Timestamp::MAX);
    full.retention = Some(Retention { retain_days: 9, auto_delete: true });
    full.description = Some(description.into());
    full.owner = Some("o".into());
    full.config = ConfigJson::parse("{\"a\":1}").unwrap();
    full.tags = (0..tags).map(|n| format!("t{n}")).collect();
    let counters = Counters { id: "c".into(), incarnation: i64::MIN, vectors: (1 << 53) - 1, bytes: 0 };
    let put = Unit { puts: vec![Arc::new(full)], ..Unit::default() };
    let rest = Unit { deletes: vec!["a".into(), "b".into()], counters: vec![counters], ..Unit::default() };
    [Unit::default(), put, rest]
}

/// The bytes of a unit as we write them.
pub(crate) fn ours(unit: &Unit) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    codec::encode(unit, &mut out).map(|()| out)
}

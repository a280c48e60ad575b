//! Units from bytes: one pass over the Avro datum, straight into records.
//!
//! The Avro library reads every text into memory of its own and knows no limits; this reads the one schema there is, a record of
//! half a kilobyte in half the time (and `codec` writes it in a seventh). That both read and write the same is a test.

use std::collections::HashSet;
use std::sync::Arc;

use proximadb_meta_core::limits::{MAX_TAGS, check_record};
use proximadb_meta_core::{
    AccessPattern, CollectionMetadata, ConfigJson, DistanceMetric, Error, ErrorKind, Extra, Incarnation,
    IndexingAlgorithm, Namespace, Result, Retention, Timestamp,
};

use crate::avro_bounds::{self, MAX_ENTRIES, Walk};
use crate::codec::{Counters, Unit};

/// Texts that are kept to be shared.
const MOST_WORDS: usize = 4096;

/// Owners and tags that were read: equal ones share their memory.
#[derive(Debug, Default)]
pub(crate) struct Words(HashSet<Arc<str>, foldhash::quality::RandomState>);

impl Words {
    fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        if self.0.len() >= MOST_WORDS {
            self.0.clear();
        }
        let new: Arc<str> = text.into();
        self.0.insert(new.clone());
        new
    }
}

/// What is wrong with a unit.
enum Problem {
    /// The bytes are no unit.
    Shape(&'static str),
    /// They are, of something that cannot have been stored.
    Content(Error),
}

impl From<&'static str> for Problem {
    fn from(what: &'static str) -> Self {
        Self::Shape(what)
    }
}

impl From<Error> for Problem {
    fn from(e: Error) -> Self {
        Self::Content(e)
    }
}

type Read<T> = std::result::Result<T, Problem>;

fn corrupt(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corruption, what)
}

/// A unit from bytes whose checksum was right. Every byte must be consumed.
///
/// # Errors
/// `Corruption`.
pub(crate) fn decode(bytes: &[u8], words: &mut Words) -> Result<Unit> {
    let mut walk = Walk::new(bytes);
    unit(&mut walk, words).map_err(|problem| {
        // That a later part is no unit is said before what an earlier one holds.
        let shape = match problem {
            Problem::Shape(what) => Some((bytes.len() - walk.left(), what)),
            Problem::Content(_) => avro_bounds::check(bytes).err(),
        };
        match (shape, problem) {
            (None, Problem::Content(e)) => corrupt("a stored record breaks its limits").with_source(e),
            (Some((at, what)), _) => corrupt(format!("a unit cannot be decoded: at its byte {at}, {what}")),
            (None, Problem::Shape(what)) => corrupt(format!("a unit cannot be decoded: {what}")),
        }
    })
}

fn text<'a>(walk: &mut Walk<'a>) -> Read<&'a str> {
    Ok(std::str::from_utf8(walk.text()?).map_err(|_| "a text is not UTF-8")?)
}

fn maybe<'a, T>(walk: &mut Walk<'a>, value: impl Fn(&mut Walk<'a>) -> Read<T>) -> Read<Option<T>> {
    if walk.present()? { value(walk).map(Some) } else { Ok(None) }
}

fn unit(walk: &mut Walk<'_>, words: &mut Words) -> Read<Unit> {
    let mut unit = Unit { namespace: Namespace::new(text(walk)?)?, ..Unit::default() };
    walk.items(MAX_ENTRIES, |walk| {
        unit.deletes.push(text(walk)?.to_owned());
        Ok::<(), Problem>(())
    })?;
    walk.items(MAX_ENTRIES, |walk| {
        unit.puts.push(Arc::new(record(walk, words)?));
        Ok::<(), Problem>(())
    })?;
    walk.items(MAX_ENTRIES, |walk| {
        let (id, incarnation, vectors, bytes) = (text(walk)?.to_owned(), walk.long()?, walk.long()?, walk.long()?);
        unit.counters.push(Counters { id, incarnation, vectors, bytes });
        Ok::<(), Problem>(())
    })?;
    walk.finish()?;
    Ok(unit)
}

fn record(walk: &mut Walk<'_>, words: &mut Words) -> Read<CollectionMetadata> {
    let count = |n: i64, what: &str| u64::try_from(n).map_err(|_| corrupt(format!("stored {what} is {n}")));
    let small = |n: i64, what: &str| u32::try_from(n).map_err(|_| corrupt(format!("stored {what} is {n}")));
    // In the order of the schema, as the compiler evaluates statements.
    let (id, name) = (text(walk)?, text(walk)?);
    let dimension = small(walk.long()?, "dimension")?;
    let mut r = CollectionMetadata::new("", dimension, DistanceMetric::new(text(walk)?));
    r.indexing_algorithm = IndexingAlgorithm::new(text(walk)?);
    r.created_at = Timestamp::from_micros(walk.long()?);
    r.updated_at = Timestamp::from_micros(walk.long()?);
    r.vector_count = count(walk.long()?, "vector_count")?;
    r.total_size_bytes = count(walk.long()?, "total_size_bytes")?;
    r.access_pattern = AccessPattern::parse(text(walk)?)?;
    let retain_days = maybe(walk, |walk| Ok(walk.long()?))?;
    let auto_delete = walk.flag()?;
    if let Some(days) = retain_days {
        r.retention = Some(Retention { retain_days: small(days, "retain_days")?, auto_delete });
    }
    r.expires_at = maybe(walk, |walk| Ok(walk.long()?))?.map(Timestamp::from_micros);
    r.config = ConfigJson::from_stored(text(walk)?)?;
    r.description = maybe(walk, text)?.map(Into::into);
    r.owner = maybe(walk, text)?.map(|owner| words.share(owner));
    let mut tags = Vec::new();
    walk.items(MAX_TAGS, |walk| {
        tags.push(words.share(text(walk)?));
        Ok::<(), Problem>(())
    })?;
    r.tags = tags.into_iter().collect();
    r.version = count(walk.long()?, "version")?;
    r.incarnation = Incarnation(walk.long()?.cast_unsigned());
    r.extra = Extra::from_stored(text(walk)?)?;
    // Last, and so next to the record in memory: a look-up compares them.
    r.name = name.into();
    r.id = id.into();
    check_record(&r)?;
    Ok(r)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::{self, ours, units};

    /// Reads with both, and compares.
    fn agree(bytes: &[u8], what: &str) -> bool {
        match (decode(bytes, &mut Words::default()), library::decode(bytes)) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{what}"),
            (Err(ours), Err(_)) => assert_eq!(ours.kind(), ErrorKind::Corruption),
            (ours, theirs) => panic!("{what}: we read {ours:?}, the library {theirs:?}"),
        }
        decode(bytes, &mut Words::default()).is_ok()
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_read_as_the_library_reads_it() {
        let mut read = 0;
        for (n, unit) in units("d\u{e9}", 2).into_iter().enumerate() {
            let bytes = ours(&unit).unwrap();
            assert_eq!(decode(&bytes, &mut Words::default()).unwrap(), unit);
            for cut in 0..bytes.len() {
                assert!(!agree(&bytes[..cut], &format!("unit {n} cut at {cut}")));
            }
            for at in 0..bytes.len() {
                for value in 0..=u8::MAX {
                    let mut changed = bytes.clone();
                    changed[at] = value;
                    read += usize::from(agree(&changed, &format!("unit {n}, byte {at} = {value}")));
                }
            }
        }
        assert!(read > 1000, "{read} of the changed ones are units");
    }

    #[test]
    fn equal_owners_and_tags_share_memory() {
        let bytes = ours(&units("d", 2)[1]).unwrap();
        let mut words = Words::default();
        let [a, b] = [(); 2].map(|()| decode(&bytes, &mut words).unwrap());
        let (a, b) = (&a.puts[0], &b.puts[0]);
        assert!(Arc::ptr_eq(a.owner.as_ref().unwrap(), b.owner.as_ref().unwrap()));
        assert!(a.tags.iter().zip(b.tags.iter()).all(|(x, y)| Arc::ptr_eq(x, y)));
        for n in 0..2 * MOST_WORDS {
            words.share(&n.to_string());
        }
        assert!(words.0.len() <= MOST_WORDS);
    }
}

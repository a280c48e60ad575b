//! The payloads of frames. A unit is the Avro datum of `unit.v1.avsc`, written straight from the records; `decode` reads it.

use std::sync::Arc;

use proximadb_meta_core::{CollectionMetadata, Error, ErrorKind, Namespace, Result, Timestamp};

use crate::avro_bounds::MAX_ENTRIES;

/// Counters of a stored record, absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Which record.
    pub id: String,
    /// Which life of it, as the bits of a signed number.
    pub incarnation: i64,
    /// Its vector count.
    pub vectors: i64,
    /// Its size.
    pub bytes: i64,
}

/// One atomic unit: at most one entry an id, so that the order of the three parts means nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unit {
    /// Where.
    pub namespace: Namespace,
    /// Ids that go.
    pub deletes: Vec<String>,
    /// Records as they are afterwards.
    pub puts: Vec<Arc<CollectionMetadata>>,
    /// Counters as they are afterwards.
    pub counters: Vec<Counters>,
}

/// Appends the bytes of a unit.
///
/// # Errors
/// `InvalidInput` for more entries than [`MAX_ENTRIES`]: nothing is appended.
pub(crate) fn encode(unit: &Unit, out: &mut Vec<u8>) -> Result<()> {
    let entries = unit.deletes.len().max(unit.puts.len()).max(unit.counters.len());
    if entries > MAX_ENTRIES {
        return Err(Error::invalid(format!("a unit has {entries} entries; the log takes {MAX_ENTRIES} at once")));
    }
    text(unit.namespace.as_str(), out);
    items(&unit.deletes, out, |id, out| text(id, out));
    items(&unit.puts, out, |r, out| record(r, out));
    items(&unit.counters, out, |c, out| {
        text(&c.id, out);
        [c.incarnation, c.vectors, c.bytes].into_iter().for_each(|n| long(n, out));
    });
    Ok(())
}

/// A number: seven bits a byte, the lowest first, its sign in the lowest bit.
fn long(n: i64, out: &mut Vec<u8>) {
    let mut rest = (n << 1 ^ n >> 63).cast_unsigned();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// A number of zero or more.
fn count(n: u64, out: &mut Vec<u8>) {
    long(i64::try_from(n).unwrap_or(i64::MAX), out);
}

/// A text, behind its length.
pub(crate) fn text(text: &str, out: &mut Vec<u8>) {
    count(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// An optional value: 0, or 1 and the value.
fn maybe<T>(value: Option<T>, out: &mut Vec<u8>, write: impl Fn(T, &mut Vec<u8>)) {
    long(i64::from(value.is_some()), out);
    if let Some(value) = value {
        write(value, out);
    }
}

/// A list: one block, if it has items, and the empty one.
fn items<T>(list: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    if !list.is_empty() {
        count(list.len() as u64, out);
        list.iter().for_each(|item| write(item, out));
    }
    long(0, out);
}

/// The fields in the order of the schema.
fn record(r: &CollectionMetadata, out: &mut Vec<u8>) {
    text(&r.id, out);
    text(&r.name, out);
    long(r.dimension.into(), out);
    text(r.distance_metric.as_str(), out);
    text(r.indexing_algorithm.as_str(), out);
    long(r.created_at.as_micros(), out);
    long(r.updated_at.as_micros(), out);
    count(r.vector_count, out);
    count(r.total_size_bytes, out);
    text(r.access_pattern.as_str(), out);
    maybe(r.retention, out, |k, out| long(k.retain_days.into(), out));
    out.push(u8::from(r.retention.is_some_and(|k| k.auto_delete)));
    maybe(r.expires_at.map(Timestamp::as_micros), out, long);
    text(r.config.as_str(), out);
    maybe(r.description.as_deref(), out, text);
    maybe(r.owner.as_deref(), out, text);
    items(&r.tags, out, |tag, out| text(tag, out));
    count(r.version, out);
    long(r.incarnation.0.cast_signed(), out);
    text(r.extra.as_str(), out);
}

/// Appends the bytes of a restoring mark: 1 or 0, then the namespace.
pub(crate) fn encode_restoring(namespace: &Namespace, on: bool, out: &mut Vec<u8>) {
    out.push(u8::from(on));
    out.extend_from_slice(namespace.as_str().as_bytes());
}

/// Reads a restoring mark.
///
/// # Errors
/// `Corruption`.
pub(crate) fn decode_restoring(bytes: &[u8]) -> Result<(Namespace, bool)> {
    let bad = || Error::new(ErrorKind::Corruption, "a restoring mark cannot be decoded");
    let (on, name) = bytes.split_first().filter(|(on, _)| **on <= 1).ok_or_else(bad)?;
    let name = std::str::from_utf8(name).map_err(|_| bad())?;
    Ok((Namespace::new(name).map_err(|_| bad())?, *on == 1))
}

#[cfg(test)]
mod tests {
    use proximadb_meta_core::limits;

    use super::*;
    use crate::decode::{Words, decode};
    use crate::library::{self, ours, units};

    #[test]
    fn what_is_encoded_is_decoded_and_no_prefix_of_it_is() {
        for unit in units(&"d".repeat(limits::MAX_DESCRIPTION_BYTES), limits::MAX_TAGS) {
            let bytes = ours(&unit).unwrap();
            assert_eq!(bytes, library::encode(&unit), "the Avro library writes the same");
            assert_eq!(decode(&bytes, &mut Words::default()).unwrap(), unit);
            for cut in 0..bytes.len() {
                assert_eq!(
                    decode(&bytes[..cut], &mut Words::default()).unwrap_err().kind(),
                    ErrorKind::Corruption,
                    "cut at {cut}"
                );
            }
            let e = decode(&[&bytes[..], &[0]].concat(), &mut Words::default()).unwrap_err();
            assert!(e.to_string().contains("bytes follow"), "{e}");
        }
    }

    #[test]
    fn a_unit_that_could_not_be_read_back_is_not_written() {
        let many = Unit { deletes: vec![String::from("x"); MAX_ENTRIES + 1], ..Unit::default() };
        assert_eq!(ours(&many).unwrap_err().kind(), ErrorKind::InvalidInput);
        let most = Unit { deletes: vec![String::from("x"); MAX_ENTRIES], ..Unit::default() };
        assert_eq!(decode(&ours(&most).unwrap(), &mut Words::default()).unwrap(), most);
    }
    #[test]
    fn numbers_of_every_length_are_written_as_the_library_writes_them() {
        for bits in 0..64 {
            for n in [1i64.wrapping_shl(bits), 1i64.wrapping_shl(bits).wrapping_sub(1), i64::MIN >> bits] {
                let counters = Counters {
                    id: "c".repeat(bits as usize * 3),
                    incarnation: n,
                    vectors: n.wrapping_neg().wrapping_sub(1),
                    bytes: 0,
                };
                let unit = Unit { counters: vec![counters], ..Unit::default() };
                assert_eq!(ours(&unit).unwrap(), library::encode(&unit), "{n}");
            }
        }
    }
}

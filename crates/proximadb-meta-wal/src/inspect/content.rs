//! What a payload holds, found without copying it: the shape of an Avro unit, and one record of it at a time.
//!
//! The tiny records of a hostile payload would take many times its size if they were decoded at once.

use std::sync::Arc;

use proximadb_meta_core::{CollectionMetadata, Namespace, limits};

use crate::avro_bounds::{self, Walk};
use crate::codec;
use crate::decode::{Words, decode};

/// Reads Avro from a slice. `None`: it is not there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    walk: Walk<'a>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, walk: Walk::new(bytes.get(at..).unwrap_or_default()) }
    }

    fn at(&self) -> usize {
        self.bytes.len() - self.walk.left()
    }

    fn long(&mut self) -> Option<i64> {
        self.walk.long().ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.walk.text().ok()?).ok()
    }

    fn optional<T>(&mut self, value: impl FnOnce(&mut Self) -> Option<T>) -> Option<()> {
        if self.walk.present().ok()? { value(self).map(drop) } else { Some(()) }
    }

    /// Passes over an array.
    fn array(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let mut items = Items { reader: *self, left: 0 };
        while items.more()? {
            item(&mut items.reader)?;
        }
        *self = items.reader;
        Some(())
    }

    /// The record that stands here.
    pub(crate) fn record(&mut self) -> Option<Put<'a>> {
        let offset = self.at();
        let (id, name) = (self.text()?, self.text()?);
        self.long()?; // dimension
        self.text()?; // distance_metric
        self.text()?; // indexing_algorithm
        for _ in ["created_at", "updated_at", "vector_count", "total_size_bytes"] {
            self.long()?;
        }
        self.text()?; // access_pattern
        self.optional(Self::long)?; // retain_days
        self.walk.flag().ok()?; // auto_delete
        self.optional(Self::long)?; // expires_at
        self.text()?; // config
        self.optional(Self::text)?; // description
        self.optional(Self::text)?; // owner
        self.array(|r| r.text().map(drop))?; // tags
        self.long()?; // version
        let incarnation = self.long()?;
        self.text()?; // extra
        Some(Put { id, name, incarnation, offset, bytes: self.bytes.get(offset..self.at())? })
    }

    /// The counters that stand here.
    pub(crate) fn count(&mut self) -> Option<Count<'a>> {
        let offset = self.at();
        let id = self.text()?;
        let (incarnation, vectors, bytes) = (self.long()?, self.long()?, self.long()?);
        let within = |n: i64| u64::try_from(n).ok().filter(|n| *n <= limits::MAX_SAFE_INTEGER);
        let (vectors, bytes) = (within(vectors)?, within(bytes)?);
        Some(Count { id, incarnation, vectors, bytes, offset })
    }
}

/// The items of an array that stands at the reader's place.
#[derive(Clone, Copy, Debug)]
struct Items<'a> {
    reader: Reader<'a>,
    left: u64,
}

impl Items<'_> {
    /// Whether one more item stands here. `None`: the array is not one.
    fn more(&mut self) -> Option<bool> {
        if self.left == 0 {
            let count = self.reader.long()?;
            if count < 0 {
                // The length of the block in bytes; not needed.
                self.reader.long()?;
            }
            self.left = count.unsigned_abs();
        }
        let more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        Some(more)
    }
}

/// A record in a unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Put<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) incarnation: i64,
    /// Where it begins.
    pub(crate) offset: usize,
    pub(crate) bytes: &'a [u8],
}

/// Counters in a unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count<'a> {
    pub(crate) id: &'a str,
    pub(crate) incarnation: i64,
    pub(crate) vectors: u64,
    pub(crate) bytes: u64,
    /// Where they begin.
    pub(crate) offset: usize,
}

/// A unit that was checked: each of its parts can be walked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit<'a> {
    pub(crate) namespace: &'a str,
    deletes: Items<'a>,
    puts: Items<'a>,
    counts: Items<'a>,
}

impl<'a> Unit<'a> {
    /// Checks a payload as an opening would: its shape, its namespace, every record of it. The words say what is wrong.
    pub(crate) fn check(payload: &'a [u8]) -> Result<Self, String> {
        avro_bounds::check(payload)
            .map_err(|(at, what)| format!("a unit cannot be decoded: at its byte {at}, {what}"))?;
        let shape = || "a unit cannot be decoded".to_owned();
        let mut reader = Reader::new(payload, 0);
        let namespace = reader.text().ok_or_else(shape)?;
        Namespace::new(namespace).map_err(|e| format!("a unit cannot be decoded: {e}"))?;
        let deletes = Items { reader, left: 0 };
        reader.array(|r| r.text().map(drop)).ok_or_else(shape)?;
        let puts = Items { reader, left: 0 };
        let mut bad = None;
        let walked = reader.array(|r| {
            let put = r.record()?;
            bad = record(namespace, put.bytes).err();
            if bad.is_some() { None } else { Some(()) }
        });
        if let Some(what) = bad {
            return Err(what);
        }
        walked.ok_or_else(shape)?;
        let counts = Items { reader, left: 0 };
        reader.array(|r| r.count().map(drop)).ok_or_else(shape)?;
        Ok(Self { namespace, deletes, puts, counts })
    }

    /// The ids that go.
    pub(crate) fn deletes(&self) -> impl Iterator<Item = &'a str> {
        walk(self.deletes, Reader::text)
    }

    /// The records as they are afterwards; offsets are within the payload.
    pub(crate) fn puts(&self) -> impl Iterator<Item = Put<'a>> {
        walk(self.puts, Reader::record)
    }

    /// The counters as they are afterwards; offsets are within the payload.
    pub(crate) fn counts(&self) -> impl Iterator<Item = Count<'a>> {
        walk(self.counts, Reader::count)
    }
}

/// The items of a checked array.
fn walk<'a, T>(mut items: Items<'a>, item: fn(&mut Reader<'a>) -> Option<T>) -> impl Iterator<Item = T> {
    std::iter::from_fn(move || if items.more()? { item(&mut items.reader) } else { None })
}

/// Decodes one record. The words say what is wrong with it.
pub(crate) fn record(namespace: &str, bytes: &[u8]) -> Result<Arc<CollectionMetadata>, String> {
    // A unit with this record alone.
    let mut unit = Vec::with_capacity(bytes.len() + namespace.len() + 6);
    codec::text(namespace, &mut unit);
    unit.extend_from_slice(&[0, 2]);
    unit.extend_from_slice(bytes);
    unit.extend_from_slice(&[0, 0]);
    let decoded = decode(&unit, &mut Words::default()).map_err(|e| match std::error::Error::source(&e) {
        Some(cause) => format!("{e}: {cause}"),
        None => e.to_string(),
    })?;
    decoded.puts.into_iter().next().ok_or_else(|| "a unit cannot be decoded".to_owned())
}

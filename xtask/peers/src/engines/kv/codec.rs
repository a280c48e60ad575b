//! Records and index keys as bytes.

use anyhow::{Context as _, Result};

use super::Table;
use crate::catalog::Record;

/// Enough for one record: the buffer need not grow.
const RECORD_BYTES: usize = 512;

/// Postcard: as fast to decode as bincode 1.3, which nobody keeps any more, and a sixth smaller.
pub(super) fn encode(record: &Record) -> Result<Vec<u8>> {
    encode_into(Vec::with_capacity(RECORD_BYTES), record)
}

/// Appends the bytes of anything.
pub(crate) fn encode_into<T: serde::Serialize>(bytes: Vec<u8>, value: &T) -> Result<Vec<u8>> {
    postcard::to_extend(value, bytes).context("a record cannot be encoded")
}

pub(super) fn decode(bytes: &[u8]) -> Result<Record> {
    postcard::from_bytes(bytes).context("a stored record cannot be decoded")
}

/// What stands before the name in an index.
pub(super) fn prefix(of: &[u8]) -> Vec<u8> {
    key(of, "")
}

fn key(of: &[u8], name: &str) -> Vec<u8> {
    [of, &[0], name.as_bytes()].concat()
}

/// Every key beside the id that leads to a record.
pub(super) fn index_keys(r: &Record) -> Vec<(Table, Vec<u8>)> {
    let mut keys =
        vec![(Table::Name, r.name.clone().into_bytes()), (Table::Access, key(&[b'a' + r.access_pattern], &r.name))];
    keys.extend(r.owner.iter().map(|owner| (Table::Owner, key(owner.as_bytes(), &r.name))));
    keys.extend(r.tags.iter().map(|tag| (Table::Tag, key(tag.as_bytes(), &r.name))));
    keys
}

//! The keys under which a record stands in the indexes, and the ordered indexes, which are made when first needed.

use std::sync::{Arc, OnceLock};

use proximadb_meta_core::{AccessPattern, CollectionMetadata, Field, Timestamp};

use crate::order::Keys;

/// The ordered indexes. One that nobody asked for costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    id: OnceLock<Keys>,
    name: OnceLock<Keys>,
    created: OnceLock<Keys>,
    updated: OnceLock<Keys>,
}

impl Orders {
    fn cell(&self, field: Field) -> &OnceLock<Keys> {
        match field {
            Field::Name => &self.name,
            Field::CreatedAt => &self.created,
            Field::UpdatedAt => &self.updated,
            _ => &self.id,
        }
    }

    /// The order by a field, if it was made.
    pub(crate) fn get(&self, field: Field) -> Option<&Keys> {
        self.cell(field).get()
    }

    /// Another reader may have been faster: its order is as good.
    pub(crate) fn set(&self, field: Field, keys: Keys) {
        let _ = self.cell(field).set(keys);
    }
}

/// Writes a record's key in the order by a field: bytes that compare as the order does. Times stand before the id.
pub(crate) fn order_key(field: Field, r: &CollectionMetadata, into: &mut Vec<u8>) {
    match field {
        Field::Name => into.extend_from_slice(r.name.as_bytes()),
        Field::CreatedAt => time_key(r.created_at, &r.id, into),
        Field::UpdatedAt => time_key(r.updated_at, &r.id, into),
        _ => into.extend_from_slice(r.id.as_bytes()),
    }
}

/// From the earliest to the latest instant, as numbers without a sign.
pub(crate) fn time_rank(at: Timestamp) -> u64 {
    at.as_micros().cast_unsigned() ^ 1 << 63
}

/// The key of an instant and an id.
pub(crate) fn time_key(at: Timestamp, id: &str, into: &mut Vec<u8>) {
    into.extend_from_slice(&time_rank(at).to_be_bytes());
    into.extend_from_slice(id.as_bytes());
}

/// One key of a record in one index. The id is not here: it is a slot's for the whole of its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IndexKey<T> {
    Name(T),
    Owner(T),
    Tag(T),
    Pattern(AccessPattern),
    Created(Timestamp),
    Updated(Timestamp),
    Expires(Timestamp),
}

impl IndexKey<&Arc<str>> {
    /// A key that outlives the record.
    pub(crate) fn keep(self) -> IndexKey<Arc<str>> {
        match self {
            Self::Name(v) => IndexKey::Name(v.clone()),
            Self::Owner(v) => IndexKey::Owner(v.clone()),
            Self::Tag(v) => IndexKey::Tag(v.clone()),
            Self::Pattern(v) => IndexKey::Pattern(v),
            Self::Created(v) => IndexKey::Created(v),
            Self::Updated(v) => IndexKey::Updated(v),
            Self::Expires(v) => IndexKey::Expires(v),
        }
    }
}

impl<T: AsRef<str>> IndexKey<T> {
    /// Whether the record stands under this key.
    pub(crate) fn holds(&self, r: &CollectionMetadata) -> bool {
        match self {
            Self::Name(v) => *r.name == *v.as_ref(),
            Self::Owner(v) => r.owner.as_deref() == Some(v.as_ref()),
            Self::Tag(v) => r.tags.contains(v.as_ref()),
            Self::Pattern(v) => r.access_pattern == *v,
            Self::Created(v) => r.created_at == *v,
            Self::Updated(v) => r.updated_at == *v,
            Self::Expires(v) => r.expires_at == Some(*v),
        }
    }
}

/// Every key of the record.
pub(crate) fn keys(r: &CollectionMetadata) -> impl Iterator<Item = IndexKey<&Arc<str>>> {
    let fixed = [
        IndexKey::Name(&r.name),
        IndexKey::Pattern(r.access_pattern),
        IndexKey::Created(r.created_at),
        IndexKey::Updated(r.updated_at),
    ];
    fixed
        .into_iter()
        .chain(r.owner.iter().map(IndexKey::Owner))
        .chain(r.expires_at.map(IndexKey::Expires))
        .chain(r.tags.iter().map(IndexKey::Tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_compare_as_their_keys_do() {
        let key = |t: i64| {
            let mut bytes = Vec::new();
            time_key(Timestamp::from_micros(t), "x", &mut bytes);
            bytes
        };
        let times = [i64::MIN, -1_000_000, -1, 0, 1, 255, 256, i64::MAX];
        assert!(times.map(key).is_sorted_by(|a, b| a < b));
    }
}

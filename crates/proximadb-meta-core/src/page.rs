//! Paging (rule 10): keyset order, positions, and the opaque cursors that carry them between calls.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::quote;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::record::{CollectionMetadata, Field};
use crate::suggest::did_you_mean;
use crate::time::Timestamp;

/// The order of a list: by one of `id`, `name`, `created_at`, `updated_at`; ties by id, in the same direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    field: Field,
    descending: bool,
}

impl Order {
    /// The fields a list can be ordered by.
    pub const FIELDS: [Field; 4] = [Field::Id, Field::Name, Field::CreatedAt, Field::UpdatedAt];

    /// Ascending by `field`.
    ///
    /// # Errors
    /// `InvalidInput` when it is none of [`FIELDS`](Self::FIELDS).
    pub fn by(field: Field) -> Result<Self> {
        if Self::FIELDS.contains(&field) {
            Ok(Self { field, descending: false })
        } else {
            Err(Error::invalid(format!("a list cannot be ordered by {field}"))
                .with_hint(did_you_mean(field.name(), Self::FIELDS.iter().map(|f| f.name()))))
        }
    }

    /// The same field the other way round.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self { field: self.field, descending: !self.descending }
    }

    /// The field.
    #[must_use]
    pub const fn field(self) -> Field {
        self.field
    }

    /// Whether the largest comes first.
    #[must_use]
    pub const fn is_descending(self) -> bool {
        self.descending
    }

    /// Reads `name`, `name:asc`, `updated_at:desc`.
    ///
    /// # Errors
    /// `InvalidInput` for another field or direction.
    pub fn parse(text: &str) -> Result<Self> {
        let (field, direction) = text.split_once(':').unwrap_or((text, "asc"));
        let field = Self::FIELDS.into_iter().find(|f| f.name() == field).ok_or_else(|| {
            Error::invalid(format!("a list cannot be ordered by {}", quote(field)))
                .with_hint(did_you_mean(field, Self::FIELDS.iter().map(|f| f.name())))
        })?;
        let order = Self::by(field)?;
        match direction {
            "asc" => Ok(order),
            "desc" => Ok(order.reversed()),
            other => Err(Error::invalid(format!("{} is not a direction", quote(other))).with_hint("asc or desc")),
        }
    }

    /// Compares two records in this order.
    #[must_use]
    pub fn compare(self, a: &CollectionMetadata, b: &CollectionMetadata) -> Ordering {
        let ascending = match self.field {
            Field::Name => a.name.cmp(&b.name),
            Field::CreatedAt => a.created_at.cmp(&b.created_at),
            Field::UpdatedAt => a.updated_at.cmp(&b.updated_at),
            _ => Ordering::Equal,
        }
        .then_with(|| a.id.cmp(&b.id));
        if self.descending { ascending.reverse() } else { ascending }
    }

    /// Compares a record with a position in this order.
    #[must_use]
    pub fn compare_to(self, a: &CollectionMetadata, position: &Position) -> Ordering {
        let ascending = match &position.key {
            SortKey::Id => Ordering::Equal,
            SortKey::Name(name) => a.name.cmp(name),
            SortKey::Time(at) if self.field == Field::UpdatedAt => a.updated_at.cmp(at),
            SortKey::Time(at) => a.created_at.cmp(at),
        }
        .then_with(|| a.id.cmp(&position.id));
        if self.descending { ascending.reverse() } else { ascending }
    }
}

impl Default for Order {
    fn default() -> Self {
        Self { field: Field::Id, descending: false }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.field, if self.descending { "desc" } else { "asc" })
    }
}

/// The value of the order's field at a position, beside the id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SortKey {
    /// Ordered by id: nothing beside it.
    Id,
    /// Ordered by name.
    Name(Arc<str>),
    /// Ordered by an instant.
    Time(Timestamp),
}

/// A place between two records of an ordered list: after the record it was made from. Exclusive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The order field's value.
    pub key: SortKey,
    /// The id.
    pub id: Arc<str>,
}

impl Position {
    /// The place right after `r` in `order`.
    #[must_use]
    pub fn after(r: &CollectionMetadata, order: Order) -> Self {
        let key = match order.field {
            Field::Name => SortKey::Name(r.name.clone()),
            Field::CreatedAt => SortKey::Time(r.created_at),
            Field::UpdatedAt => SortKey::Time(r.updated_at),
            _ => SortKey::Id,
        };
        Self { key, id: r.id.clone() }
    }
}

/// An opaque place to go on from. Bound to namespace, filter and order of the list it came from; another list refuses it.
/// Text form: URL-safe base64, good on a command line. It holds the id (and name or time) of one record in the clear.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(Arc<str>);

/// Marks the layout of a cursor's bytes: this one, 16 bytes of binding, then the position.
const CURSOR_FORMAT: u8 = 1;
const BINDING_BYTES: usize = 16;

impl Cursor {
    /// Takes a cursor's text as it was given out. Checked when it is used.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn seal(position: &Position, namespace: &str, filter: Option<&Filter>, order: Order) -> Self {
        let mut body = Vec::with_capacity(64);
        match &position.key {
            SortKey::Id => {}
            SortKey::Name(name) => {
                body.extend_from_slice(&(name.len() as u32).to_be_bytes());
                body.extend_from_slice(name.as_bytes());
            }
            SortKey::Time(at) => body.extend_from_slice(&at.as_micros().to_be_bytes()),
        }
        body.extend_from_slice(position.id.as_bytes());
        let mut bytes = vec![CURSOR_FORMAT];
        bytes.extend_from_slice(&binding(namespace, filter, order, &body));
        bytes.extend_from_slice(&body);
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    pub(crate) fn open(&self, namespace: &str, filter: Option<&Filter>, order: Order) -> Result<Position> {
        let refuse = |why: &str| {
            Error::invalid(format!("the cursor {why}"))
                .with_hint("use it with the namespace, filter and order of the list it came from, or start without one")
        };
        let bytes = URL_SAFE_NO_PAD.decode(self.0.as_bytes()).map_err(|_| refuse("is not one of ours"))?;
        let (format, rest) = bytes.split_first().ok_or_else(|| refuse("is empty"))?;
        if *format != CURSOR_FORMAT {
            return Err(refuse("is of another format"));
        }
        let (bound, body) = rest.split_at_checked(BINDING_BYTES).ok_or_else(|| refuse("is cut short"))?;
        if bound != binding(namespace, filter, order, body) {
            return Err(refuse("belongs to another list, or was changed"));
        }
        let malformed = || refuse("is malformed");
        let (key, id) = match order.field {
            Field::Name => {
                let (length, rest) = body.split_first_chunk::<4>().ok_or_else(malformed)?;
                let (name, id) = rest.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or_else(malformed)?;
                (SortKey::Name(std::str::from_utf8(name).map_err(|_| malformed())?.into()), id)
            }
            Field::CreatedAt | Field::UpdatedAt => {
                let (micros, id) = body.split_first_chunk::<8>().ok_or_else(malformed)?;
                (SortKey::Time(Timestamp::from_micros(i64::from_be_bytes(*micros))), id)
            }
            _ => (SortKey::Id, body),
        };
        Ok(Position { key, id: std::str::from_utf8(id).map_err(|_| malformed())?.into() })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn binding(namespace: &str, filter: Option<&Filter>, order: Order, body: &[u8]) -> [u8; BINDING_BYTES] {
    let mut h = blake3::Hasher::new();
    let query = filter.map(Filter::to_string).unwrap_or_default();
    for part in [namespace, &order.to_string(), &query] {
        h.update(&(part.len() as u64).to_le_bytes());
        h.update(part.as_bytes());
    }
    h.update(body);
    let mut out = [0; BINDING_BYTES];
    out.copy_from_slice(&h.finalize().as_bytes()[..BINDING_BYTES]);
    out
}

/// Most records of one page.
pub const MAX_PAGE: usize = 1000;

/// What to list.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ListRequest {
    /// Which records; `None`: all.
    pub filter: Option<Filter>,
    /// In which order.
    pub order: Order,
    /// Records a page, `1..=1000`; `None`: 100.
    pub limit: Option<usize>,
    /// Where to go on; `None`: at the start.
    pub cursor: Option<Cursor>,
}

impl ListRequest {
    /// Everything, by id, 100 a page.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only what matches.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// In this order.
    #[must_use]
    pub fn with_order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// This many a page, `1..=1000`.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// From here on.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.cursor = Some(cursor);
        self
    }
}

/// A part of a list. It may be short or even empty; only an absent cursor is the end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The records.
    pub records: Vec<Arc<CollectionMetadata>>,
    /// Where to go on; `None`: this was the end.
    pub next: Option<Cursor>,
}

impl Page {
    /// A page.
    #[must_use]
    pub fn new(records: Vec<Arc<CollectionMetadata>>, next: Option<Cursor>) -> Self {
        Self { records, next }
    }
}

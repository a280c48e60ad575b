//! Every limit of a record in one place (rule 2), and the checks that enforce them before a driver is called.

use crate::error::{Error, Result};
use crate::record::CollectionMetadata;
use crate::time::Timestamp;

/// Longest id and name, bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 255;
/// Longest owner, bytes.
pub const MAX_OWNER_BYTES: usize = 255;
/// Longest distance metric or indexing algorithm name, bytes.
pub const MAX_WORD_BYTES: usize = 64;
/// Longest tag, bytes.
pub const MAX_TAG_BYTES: usize = 128;
/// Most tags on a record.
pub const MAX_TAGS: usize = 32;
/// Longest description, bytes.
pub const MAX_DESCRIPTION_BYTES: usize = 16 * 1024;
/// Longest canonical config, bytes.
pub const MAX_CONFIG_BYTES: usize = 64 * 1024;
/// Deepest nesting of config: `{}` is 1.
pub const MAX_CONFIG_DEPTH: usize = 16;
/// Largest record, bytes of its canonical JSON.
pub const MAX_RECORD_BYTES: usize = 256 * 1024;
/// Longest JSON text that is read, bytes: eight times the largest record, for blanks and escapes.
pub const MAX_JSON_BYTES: usize = 8 * MAX_RECORD_BYTES;
/// Largest version, counter and integer in config: 2^53-1, exact in a double and so in every store.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
/// Largest dimension: 2^31-1.
pub const MAX_DIMENSION: u32 = i32::MAX as u32;
/// Longest namespace, bytes.
pub const MAX_NAMESPACE_BYTES: usize = 64;
/// Longest retention, days (about 1,000 years).
pub const MAX_RETAIN_DAYS: u32 = 365_250;

/// Checks one line of text: not empty, not longer than `max` bytes, no control characters.
///
/// # Errors
/// `InvalidInput` that names the field and the limit.
pub fn check_line(field: &str, text: &str, max: usize) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid(format!("{field} is empty")));
    }
    check_length(field, text, max)?;
    if is_printable_ascii(text) {
        return Ok(());
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, c)) => Err(Error::invalid(format!("{field} has the control character {c:?} at byte {at}"))),
        None => Ok(()),
    }
}

/// The common case, looked at many bytes at once.
fn is_printable_ascii(text: &str) -> bool {
    text.bytes().fold(true, |all, b| all & matches!(b, b' '..=b'~'))
}

fn check_length(field: &str, text: &str, max: usize) -> Result<()> {
    if text.len() > max {
        return Err(Error::invalid(format!("{field} has {} bytes; the limit is {max}", text.len())));
    }
    Ok(())
}

fn check_block(field: &str, text: &str, max: usize) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid(format!("{field} is empty")).with_hint("leave it out instead"));
    }
    check_length(field, text, max)?;
    if is_printable_ascii(text) {
        return Ok(());
    }
    match text.char_indices().find(|(_, c)| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        Some((at, c)) => Err(Error::invalid(format!("{field} has the control character {c:?} at byte {at}"))
            .with_hint("tab, line feed and carriage return are the only ones allowed")),
        None => Ok(()),
    }
}

fn check_count(field: &str, value: u64) -> Result<()> {
    if value > MAX_SAFE_INTEGER {
        return Err(Error::new(
            crate::ErrorKind::OutOfRange,
            format!("{field} is {value}; the limit is {MAX_SAFE_INTEGER}"),
        ));
    }
    Ok(())
}

/// Checks everything that a record can be checked for without its store. Called by the adapter on every record it writes.
///
/// # Errors
/// `InvalidInput` or `OutOfRange` for the first field (in the order of [`CollectionMetadata::FIELDS`]) that breaks a limit.
pub fn check_record(r: &CollectionMetadata) -> Result<()> {
    check_line("id", &r.id, MAX_NAME_BYTES)?;
    check_line("name", &r.name, MAX_NAME_BYTES)?;
    if r.dimension == 0 || r.dimension > MAX_DIMENSION {
        return Err(Error::invalid(format!(
            "dimension is {}; it is at least 1 and at most {MAX_DIMENSION}",
            r.dimension
        )));
    }
    check_line("distance_metric", r.distance_metric.as_str(), MAX_WORD_BYTES)?;
    check_line("indexing_algorithm", r.indexing_algorithm.as_str(), MAX_WORD_BYTES)?;
    r.created_at.validate("created_at")?;
    r.updated_at.validate("updated_at")?;
    check_count("vector_count", r.vector_count)?;
    check_count("total_size_bytes", r.total_size_bytes)?;
    if let Some(days) = r.retention.map(|x| x.retain_days).filter(|d| *d == 0 || *d > MAX_RETAIN_DAYS) {
        return Err(Error::invalid(format!(
            "retention.retain_days is {days}; it is at least 1 and at most {MAX_RETAIN_DAYS}"
        )));
    }
    if let Some(at) = r.expires_at {
        at.validate("expires_at")?;
    }
    if let Some(text) = &r.description {
        check_block("description", text, MAX_DESCRIPTION_BYTES)?;
    }
    if let Some(text) = &r.owner {
        check_line("owner", text, MAX_OWNER_BYTES)?;
    }
    if r.tags.len() > MAX_TAGS {
        return Err(Error::invalid(format!("{} tags; the limit is {MAX_TAGS}", r.tags.len())));
    }
    for tag in r.tags.iter() {
        check_line("tag", tag, MAX_TAG_BYTES)?;
    }
    if r.version > MAX_SAFE_INTEGER {
        return Err(Error::invalid(format!("version is {}; the limit is {MAX_SAFE_INTEGER}", r.version)));
    }
    check_size(r)
}

/// Text fields of a record grow at most six-fold in JSON (`\u001f`); the rest fits in this many bytes.
const FIXED_JSON_BYTES: usize = 1024;

/// An upper bound of the bytes of the record's canonical JSON, without writing it.
pub(crate) fn json_size_bound(r: &CollectionMetadata) -> usize {
    let text = r.id.len()
        + r.name.len()
        + r.description.as_ref().map_or(0, |d| d.len())
        + r.owner.as_ref().map_or(0, |d| d.len())
        + r.tags.iter().map(|t| t.len() + 1).sum::<usize>();
    text * 6 + r.config.as_str().len() + r.extra.as_str().len() + FIXED_JSON_BYTES
}

fn check_size(r: &CollectionMetadata) -> Result<()> {
    if json_size_bound(r) <= MAX_RECORD_BYTES {
        return Ok(());
    }
    let exact = r.to_json().len();
    if exact > MAX_RECORD_BYTES {
        return Err(Error::invalid(format!("the record has {exact} bytes of JSON; the limit is {MAX_RECORD_BYTES}")));
    }
    Ok(())
}

/// Checks a namespace: empty (the default one), or one line of at most 64 bytes.
///
/// # Errors
/// `InvalidInput` that names the limit.
pub fn check_namespace(namespace: &str) -> Result<()> {
    if namespace.is_empty() { Ok(()) } else { check_line("namespace", namespace, MAX_NAMESPACE_BYTES) }
}

/// The instant at which a record created at `from` with this retention expires.
#[must_use]
pub fn retention_end(from: Timestamp, retain_days: u32) -> Timestamp {
    from.saturating_add(i64::from(retain_days) * Timestamp::MICROS_PER_DAY)
}

//! One line of an archive: a record in its canonical form, and nothing else.

use proximadb_meta_core::limits::{MAX_RECORD_BYTES, check_record};
use proximadb_meta_core::{CollectionMetadata, Incarnation};

/// The record of a line without its line feed, or why it is none.
pub(crate) fn decode(line: &[u8]) -> Result<CollectionMetadata, String> {
    if line.len() > MAX_RECORD_BYTES {
        return Err(format!("is longer than a record may be, {MAX_RECORD_BYTES} bytes"));
    }
    let text = std::str::from_utf8(line).map_err(|_| "is not UTF-8".to_owned())?;
    let mut record = CollectionMetadata::from_json(text).map_err(|e| format!("is no record: {}", e.message()))?;
    check_record(&record).map_err(|e| format!("is no record: {}", e.message()))?;
    if record.to_json() != text {
        return Err("is not in the canonical form that backups have".to_owned());
    }
    record.incarnation = Incarnation::random();
    Ok(record)
}

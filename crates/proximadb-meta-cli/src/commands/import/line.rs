//! One line as a record, and what the line said of it.

use std::sync::Arc;

use proximadb_meta::core::limits::{MAX_RECORD_BYTES, check_record, retention_end};
use proximadb_meta::core::{Clock as _, CollectionMetadata, Error, Field, Result, SystemClock};

/// Longest line, bytes. A record has at most 256 KiB of canonical JSON; other JSON of it is at most six-fold, where every
/// character is an escape.
pub(super) const MAX_LINE_BYTES: usize = 6 * MAX_RECORD_BYTES;

/// The fields that an update would not take from its argument.
const KEPT_BY_UPDATES: [Field; 5] =
    [Field::CreatedAt, Field::UpdatedAt, Field::VectorCount, Field::TotalSizeBytes, Field::Version];

/// A line that can be written. What it did not say of times and id is stamped already.
#[derive(Debug)]
pub(super) struct Line {
    /// Counted from 1, blank ones too.
    pub(super) number: u64,
    pub(super) record: CollectionMetadata,
    said: Vec<Field>,
}

impl Line {
    /// Reads a line without its end. `None`: it is blank.
    pub(super) fn parse(number: u64, bytes: &[u8]) -> Result<Option<Self>> {
        let at = |e: Error| e.context(format_args!("line {number}"));
        let text = std::str::from_utf8(bytes).map_err(|e| {
            at(Error::invalid(format!("no UTF-8 at column {}", e.valid_up_to() + 1)))
                .with_hint("columns count bytes from 1")
        })?;
        // Some editors begin a file with a byte order mark.
        let text = if number == 1 { text.trim_start_matches('\u{feff}') } else { text };
        if text.trim().is_empty() {
            return Ok(None);
        }
        let (mut record, said) = CollectionMetadata::from_json_fields(text).map_err(at)?;
        stamp(&mut record, &said);
        check_record(&record).map_err(at)?;
        Ok(Some(Self { number, record, said }))
    }

    pub(super) fn says(&self, field: Field) -> bool {
        self.said.contains(&field)
    }

    /// Whether the line says nothing that an update could not write.
    pub(super) fn is_an_update(&self) -> bool {
        !KEPT_BY_UPDATES.iter().any(|f| self.says(*f))
    }

    /// Whether nobody could see the record.
    pub(super) fn has_expired(&self) -> bool {
        self.record.is_expired(SystemClock.now())
    }
}

/// What the line does not say of id and times. A line that says when its record was made is a copy and kept as it is; one
/// that does not makes a new record, which gets its expiry from its retention as in create.
fn stamp(r: &mut CollectionMetadata, said: &[Field]) {
    let now = SystemClock.now();
    if !said.contains(&Field::Id) {
        r.id = Arc::from(uuid::Uuid::now_v7().to_string());
    }
    if !said.contains(&Field::CreatedAt) {
        r.created_at = now;
        if let (None, Some(retention)) = (r.expires_at, r.retention.filter(|x| x.auto_delete)) {
            r.expires_at = Some(retention_end(now, retention.retain_days));
        }
    }
    if !said.contains(&Field::UpdatedAt) {
        r.updated_at = r.created_at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Line {
        Line::parse(2, text.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn what_a_line_does_not_say_is_made() {
        let l = parse(r#"{"name":"n","dimension":3,"distance_metric":"cosine"}"#);
        assert!(l.is_an_update() && !l.says(Field::Id) && !l.record.id.is_empty());
        assert!(l.record.created_at > proximadb_meta::core::Timestamp::default());
        assert_eq!(l.record.created_at, l.record.updated_at);
        let l = parse(
            r#"{"id":"i","name":"n","dimension":3,"distance_metric":"cosine","created_at":"2001-01-01","version":7}"#,
        );
        assert!(!l.is_an_update() && &*l.record.id == "i" && l.record.version == 7);
    }

    #[test]
    fn a_new_record_gets_its_expiry_and_a_copy_keeps_what_it_has() {
        let new =
            r#"{"name":"n","dimension":3,"distance_metric":"c","retention":{"auto_delete":true,"retain_days":1}}"#;
        assert!(parse(new).record.expires_at.is_some());
        let copy = new.replace("}}", r#"},"created_at":"2001-01-01"}"#);
        assert_eq!(parse(&copy).record.expires_at, None);
    }

    #[test]
    fn columns_are_those_of_the_file() {
        let e = Line::parse(9, b"   {\"name\":}").unwrap_err().to_string();
        assert!(e.starts_with("line 9: ") && e.contains("column 12"), "{e}");
        let e = Line::parse(9, b"ab\xff").unwrap_err().to_string();
        assert_eq!(e, "line 9: no UTF-8 at column 3");
        assert!(Line::parse(1, "\u{feff} \r".as_bytes()).unwrap().is_none());
    }
}

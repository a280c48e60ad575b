//! The portable form of a record: one JSON object, the form of NDJSON files, archives and `pxmeta` output.
//!
//! Members appear in the order of [`CollectionMetadata::FIELDS`], then those of `extra` in theirs; optional fields that are
//! absent are left out; times are RFC 3339 with six digits. The text of a record is canonical: equal records, equal bytes.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::{CollectionMetadata, Field, Retention, Tags};
use crate::canon::{ConfigJson, Extra, Object, check_json_length, push_json_string, syntax};
use crate::config::quote;
use crate::error::{Error, Result};
use crate::time::Timestamp;
use crate::word::{AccessPattern, DistanceMetric, IndexingAlgorithm};

/// The revision of the portable form. It grows when an older release would misread what a newer one writes; members that an
/// older one merely does not know are kept in `extra` and do not count.
pub const RECORD_FORMAT: u32 = 1;

impl CollectionMetadata {
    /// The portable form: one line of canonical JSON without a line feed. The incarnation is not part of it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(512);
        out.push('{');
        for &field in Self::FIELDS {
            self.push_field(field, &mut out);
        }
        if !self.extra.is_empty() {
            separate(&mut out);
            let inner = self.extra.as_str();
            out.push_str(&inner[1..inner.len() - 1]);
        }
        out.push('}');
        out
    }

    fn push_field(&self, field: Field, out: &mut String) {
        if field.is_optional() && !self.has(field) {
            return;
        }
        separate(out);
        out.push('"');
        out.push_str(field.name());
        out.push_str("\":");
        if let Some(text) = field.text_of(self) {
            push_json_string(text, out);
        } else if let Some(n) = field.number_of(self) {
            // Writing to a String cannot fail.
            let _ = write!(out, "{n}");
        } else if let Some(t) = field.time_of(self) {
            let _ = write!(out, "\"{t}\"");
        } else {
            match field {
                Field::Retention => {
                    if let Some(r) = self.retention {
                        let _ = write!(out, "{{\"auto_delete\":{},\"retain_days\":{}}}", r.auto_delete, r.retain_days);
                    }
                }
                Field::Tags => {
                    out.push('[');
                    for (i, tag) in self.tags.iter().enumerate() {
                        if i > 0 {
                            out.push(',');
                        }
                        push_json_string(tag, out);
                    }
                    out.push(']');
                }
                _ => out.push_str(self.config.as_str()),
            }
        }
    }

    /// Whether the record has a value for the field; required fields always do, tags only when there is one.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        match field {
            Field::Retention => self.retention.is_some(),
            Field::ExpiresAt => self.expires_at.is_some(),
            Field::Description => self.description.is_some(),
            Field::Owner => self.owner.is_some(),
            Field::Tags => !self.tags.is_empty(),
            Field::Config => !self.config.is_empty(),
            _ => true,
        }
    }

    /// Reads the portable form. `name`, `dimension` and `distance_metric` are required; what else is missing gets the
    /// default of [`new`](Self::new). Members that this release does not know are kept in `extra`.
    ///
    /// # Errors
    /// `InvalidInput` that names the member, what was expected and what was found; also for a text of more than
    /// [`MAX_JSON_BYTES`](crate::limits::MAX_JSON_BYTES). Other limits are checked when it is written.
    pub fn from_json(text: &str) -> Result<Self> {
        Ok(Self::from_json_fields(text)?.0)
    }

    /// Like [`from_json`](Self::from_json), and says which known fields the text had: importers stamp the others.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn from_json_fields(text: &str) -> Result<(Self, Vec<Field>)> {
        check_json_length(text, "the record")?;
        let members = Object::read(text).map_err(|e| syntax("the record", &e))?.0;
        let mut r = Self::new("", 0, DistanceMetric::COSINE);
        let (mut named, mut seen) = (Vec::new(), Vec::new());
        let mut extra = String::new();
        for (key, value) in members {
            let Some(field) = Self::FIELDS.iter().copied().find(|f| f.name() == key) else {
                extra.push(if extra.is_empty() { '{' } else { ',' });
                push_json_string(&key, &mut extra);
                extra.push(':');
                extra.push_str(value.get());
                continue;
            };
            if named.contains(&field) {
                return Err(Error::invalid(format!("the record has the key {} twice", quote(&key))));
            }
            named.push(field);
            if value.get() == "null" {
                if !field.is_optional() {
                    return Err(wrong(field, "a value", value));
                }
                continue;
            }
            seen.push(field);
            r.read_field(field, value)?;
        }
        for required in [Field::Name, Field::Dimension, Field::DistanceMetric] {
            if !seen.contains(&required) {
                return Err(Error::invalid(format!("the record lacks {required}")));
            }
        }
        if !extra.is_empty() {
            extra.push('}');
            r.extra = Extra::parse(&extra)?;
        }
        Ok((r, seen))
    }

    fn read_field(&mut self, field: Field, value: &RawValue) -> Result<()> {
        match field {
            Field::Id => self.id = text(field, value)?.into(),
            Field::Name => self.name = text(field, value)?.into(),
            Field::Dimension => {
                self.dimension = u32::try_from(number(field, value)?)
                    .map_err(|_| wrong(field, "a whole number of at most 2147483647", value))?;
            }
            Field::DistanceMetric => self.distance_metric = DistanceMetric::new(&text(field, value)?),
            Field::IndexingAlgorithm => self.indexing_algorithm = IndexingAlgorithm::new(&text(field, value)?),
            Field::CreatedAt => self.created_at = time(field, value)?,
            Field::UpdatedAt => self.updated_at = time(field, value)?,
            Field::VectorCount => self.vector_count = number(field, value)?,
            Field::TotalSizeBytes => self.total_size_bytes = number(field, value)?,
            Field::AccessPattern => {
                self.access_pattern = AccessPattern::parse(&text(field, value)?).map_err(|e| e.context(field))?;
            }
            Field::Retention => self.retention = Some(retention(value)?),
            Field::ExpiresAt => self.expires_at = Some(time(field, value)?),
            Field::Config => self.config = ConfigJson::parse(value.get())?,
            Field::Description => self.description = Some(text(field, value)?.into()),
            Field::Owner => self.owner = Some(text(field, value)?.into()),
            Field::Tags => {
                let tags: Vec<Cow<'_, str>> =
                    serde_json::from_str(value.get()).map_err(|_| wrong(field, "an array of strings", value))?;
                self.tags = tags.into_iter().map(Arc::<str>::from).collect::<Tags>();
            }
            Field::Version => self.version = number(field, value)?,
        }
        Ok(())
    }
}

fn separate(out: &mut String) {
    if out.len() > 1 {
        out.push(',');
    }
}

fn wrong(field: Field, expected: &str, value: &RawValue) -> Error {
    let shown: String = value.get().chars().take(40).collect();
    Error::invalid(format!("{field} should be {expected}, not {shown}"))
}

fn text(field: Field, value: &RawValue) -> Result<String> {
    serde_json::from_str(value.get()).map_err(|_| wrong(field, "a string", value))
}

fn number(field: Field, value: &RawValue) -> Result<u64> {
    value.get().parse().map_err(|_| wrong(field, "a whole number of at least 0", value))
}

fn time(field: Field, value: &RawValue) -> Result<Timestamp> {
    let text: String = serde_json::from_str(value.get()).map_err(|_| wrong(field, "an RFC 3339 time", value))?;
    Timestamp::parse(&text).map_err(|e| e.context(field))
}

fn retention(value: &RawValue) -> Result<Retention> {
    let expected = "an object with retain_days and auto_delete";
    let (mut days, mut auto_delete) = (None, None);
    for (key, v) in Object::read(value.get()).map_err(|_| wrong(Field::Retention, expected, value))?.0 {
        match &*key {
            "retain_days" if days.is_none() => {
                days = Some(v.get().parse().map_err(|_| wrong(Field::Retention, expected, value))?);
            }
            "auto_delete" if auto_delete.is_none() => {
                auto_delete = Some(v.get().parse().map_err(|_| wrong(Field::Retention, expected, value))?);
            }
            "retain_days" | "auto_delete" => {
                return Err(Error::invalid(format!("retention has the key {} twice", quote(&key))));
            }
            other => {
                return Err(Error::invalid(format!("retention has the unknown key {}", quote(other)))
                    .with_hint("its keys are retain_days and auto_delete"));
            }
        }
    }
    let retain_days = days.ok_or_else(|| wrong(Field::Retention, expected, value))?;
    Ok(Retention { retain_days, auto_delete: auto_delete.unwrap_or(false) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> CollectionMetadata {
        let mut r = CollectionMetadata::new("a \"name\"", 768, DistanceMetric::new("my-metric"));
        r.id = "id-1".into();
        r.created_at = Timestamp::from_micros(1);
        r.updated_at = Timestamp::MAX;
        r.vector_count = crate::limits::MAX_SAFE_INTEGER;
        r.total_size_bytes = 7;
        r.access_pattern = AccessPattern::Archive;
        r.retention = Some(Retention { retain_days: 30, auto_delete: true });
        r.expires_at = Some(Timestamp::MIN);
        r.config = ConfigJson::parse(r#"{"m":16,"x":0.5}"#).unwrap();
        r.description = Some("line\n\ttwo".into());
        r.owner = Some("böb".into());
        r.tags = ["b", "a", "b"].into();
        r.version = 3;
        r.extra = Extra::parse(r#"{"zone":"eu","future":[1,2]}"#).unwrap();
        r
    }

    #[test]
    fn every_field_round_trips() {
        let r = full();
        let text = r.to_json();
        let (back, seen) = CollectionMetadata::from_json_fields(&text).unwrap();
        assert!(back.same_content(&r), "{text}");
        assert_eq!(back.to_json(), text);
        assert_eq!(seen, CollectionMetadata::FIELDS, "the text carries every field, in order");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["future"], serde_json::json!([1, 2]));
    }

    #[test]
    fn a_small_record_is_small() {
        let r = CollectionMetadata::from_json(r#"{"name":"n","dimension":3,"distance_metric":"cosine"}"#).unwrap();
        assert!(r.same_content(&CollectionMetadata::new("n", 3, DistanceMetric::COSINE)));
        assert!(!r.to_json().contains("owner"));
    }

    #[test]
    fn errors_name_the_member() {
        for (bad, says) in [
            (r#"{"name":"n","dimension":"3","distance_metric":"c"}"#, "dimension should be a whole number"),
            (r#"{"name":"n","dimension":3.5,"distance_metric":"c"}"#, "dimension should be"),
            (r#"{"name":"n","dimension":-1,"distance_metric":"c"}"#, "dimension should be"),
            (r#"{"name":1,"dimension":3,"distance_metric":"c"}"#, "name should be a string"),
            (r#"{"dimension":3,"distance_metric":"c"}"#, "lacks name"),
            (r#"{"name":"n","name":"m","dimension":3,"distance_metric":"c"}"#, "twice"),
            (r#"{"name":"n","dimension":3,"distance_metric":"c","x":1,"x":2}"#, "twice"),
            (r#"{"name":"n","dimension":3,"distance_metric":"c","owner":null,"owner":"x"}"#, "twice"),
            (
                r#"{"name":"n","dimension":3,"distance_metric":"c","retention":{"retain_days":1,"retain_days":2}}"#,
                "twice",
            ),
            (r#"{"name":"n","dimension":3,"distance_metric":"c","tags":"t"}"#, "array of strings"),
            (r#"{"name":"n","dimension":3,"distance_metric":"c","access_pattern":"warm"}"#, "warm"),
            (r#"{"name":"n","dimension":3,"distance_metric":"c","created_at":"now"}"#, "created_at"),
            (r#"{"name":"n","dimension":3,"distance_metric":"c","retention":{"days":3}}"#, "unknown key"),
            (r#"{"name":"n","dimension":3,"distance_metric":"c""#, "not valid JSON"),
            ("[]", "not valid JSON"),
        ] {
            let e = CollectionMetadata::from_json(bad).unwrap_err();
            assert!(e.to_string().contains(says), "{bad}: {e}");
        }
    }
}

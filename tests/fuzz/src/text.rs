//! Texts that people and programs write: records, JSON, times, filters.

use std::sync::LazyLock;

use proximadb_meta_core::canon::canonicalize;
use proximadb_meta_core::limits::{MAX_CONFIG_DEPTH, check_record};
use proximadb_meta_core::{CollectionMetadata, ConfigJson, Detail, Error, ErrorKind, Filter, Timestamp};
use serde_json::Value;

use crate::sample::{full, small};

fn invalid(e: &Error, text: &str) {
    assert_eq!(e.kind(), ErrorKind::InvalidInput, "{e}");
    if let Some(Detail::Column(column)) = e.detail() {
        // A character is at least a byte; the end stands one behind the last.
        assert!(*column <= text.len() + 1, "column {column} of {} bytes: {e}", text.len());
    }
}

/// The portable form of a record: one line of NDJSON.
pub(crate) fn record(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let r = match CollectionMetadata::from_json(text) {
        Ok(r) => r,
        Err(e) => {
            invalid(&e, text);
            return false;
        }
    };
    let printed = r.to_json();
    let back = CollectionMetadata::from_json(&printed).expect("what is printed is read");
    assert!(back.same_content(&r), "another record comes back: {printed}");
    assert_eq!(back.to_json(), printed, "equal records, equal bytes");
    assert_eq!(ConfigJson::from_stored(r.config.as_str()).ok(), Some(r.config.clone()));
    if let Ok(Value::Object(members)) = serde_json::from_str(text) {
        assert_eq!(members.get("name").and_then(Value::as_str), Some(&*r.name), "another name than the text has");
    }
    check_record(&r).is_ok()
}

/// Any JSON value, made canonical.
pub(crate) fn json(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    match canonicalize(text, "value") {
        Err(e) => {
            invalid(&e, text);
            false
        }
        Ok(canonical) => {
            assert_eq!(canonicalize(&canonical, "value").ok().as_deref(), Some(&*canonical), "not a fixed point");
            let values = (serde_json::from_str::<Value>(text), serde_json::from_str::<Value>(&canonical));
            match values {
                (Ok(before), Ok(after)) => assert!(same(&before, &after, 1), "{text} became {canonical}"),
                // The reader used here takes some of the largest doubles for infinite.
                (Err(e), _) | (_, Err(e)) => assert!(e.to_string().contains("number out of range"), "{text}: {e}"),
            }
            if let Ok(config) = ConfigJson::parse(text) {
                assert_eq!(config.as_str(), canonical);
                assert_eq!(ConfigJson::from_stored(config.as_str()).ok(), Some(config));
            }
            true
        }
    }
}

/// Whether two values are the same, numbers as doubles, and not nested too deep.
fn same(a: &Value, b: &Value, depth: usize) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
            // The reader used here may be off by a unit in the last place.
            (Some(a), Some(b)) => a == b || (a - b).abs() <= a.abs().max(f64::MIN_POSITIVE) * 1e-15,
            _ => false,
        },
        (Value::Array(a), Value::Array(b)) => {
            depth <= MAX_CONFIG_DEPTH && a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, depth + 1))
        }
        (Value::Object(a), Value::Object(b)) => {
            let equal = |(k, v): (&String, &Value)| b.get(k).is_some_and(|w| same(v, w, depth + 1));
            depth <= MAX_CONFIG_DEPTH && a.len() == b.len() && a.iter().all(equal)
        }
        _ => a == b,
    }
}

/// A time.
pub(crate) fn timestamp(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    match Timestamp::parse(text) {
        Err(e) => {
            invalid(&e, text);
            false
        }
        Ok(at) => {
            assert!((Timestamp::MIN..=Timestamp::MAX).contains(&at), "{text} is outside its limits");
            assert_eq!(Timestamp::parse(&at.to_string()).ok(), Some(at), "{text} printed as {at}");
            assert!(is_time(text.as_bytes()), "{text:?} is no RFC 3339 time, but {at} was made of it");
            true
        }
    }
}

/// The shape of RFC 3339, with at most six digits of a second, or of a date.
fn is_time(text: &[u8]) -> bool {
    let Some((shape, rest)) = text.split_at_checked(19) else { return fits(text, b"0000-00-00") };
    let (date, time) = shape.split_at(10);
    let digits = rest.strip_prefix(b".").map(|r| r.iter().take_while(|b| b.is_ascii_digit()).count());
    let offset = rest.get(digits.map_or(0, |n| n + 1)..).unwrap_or_default();
    fits(date, b"0000-00-00")
        && [&b"T00:00:00"[..], b"t00:00:00", b" 00:00:00"].iter().any(|s| fits(time, s))
        && digits.is_none_or(|n| n >= 1)
        && [&b"Z"[..], b"z", b"+00:00", b"-00:00"].iter().any(|s| fits(offset, s))
}

/// Whether a text has a shape, in which 0 stands for any digit.
fn fits(text: &[u8], shape: &[u8]) -> bool {
    let fits = |(t, s): (&u8, &u8)| if *s == b'0' { t.is_ascii_digit() } else { t == s };
    text.len() == shape.len() && text.iter().zip(shape).all(fits)
}

static RECORDS: LazyLock<Vec<CollectionMetadata>> = LazyLock::new(|| vec![small(0), small(1), full(2)]);

/// The text form of a filter.
pub(crate) fn filter(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    match Filter::parse(text) {
        Err(e) => {
            invalid(&e, text);
            false
        }
        Ok(filter) => {
            filter.validate().expect("what is read keeps its limits");
            let printed = filter.to_string();
            assert_eq!(Filter::parse(&printed).ok(), Some(filter.clone()), "{text} printed as {printed}");
            let normal = filter.normalize();
            let again = Filter::parse(&normal.to_string()).expect("the normal form is read");
            for record in RECORDS.iter() {
                let answer = filter.evaluate(record);
                assert_eq!(normal.evaluate(record), answer, "the normal form of {printed} on {record:?}");
                assert_eq!(again.evaluate(record), answer, "the printed normal form of {printed} on {record:?}");
            }
            true
        }
    }
}

fn seeds(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|t| t.as_bytes().to_vec()).collect()
}

/// Seeds of [`record`].
pub(crate) fn record_seeds() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [small(1), full(2)].iter().map(|r| r.to_json().into_bytes()).collect();
    all.extend(seeds(&[
        r#"{"name":"n","dimension":3,"distance_metric":"cosine"}"#,
        r#" { "name" : "\u00e4\n" , "dimension" : 3, "distance_metric":"x", "id":"i", "owner": null, "tags":["b","a","b"] }"#,
        r#"{"name":"n","dimension":4294967296,"distance_metric":"cosine"}"#,
        r#"{"name":"n","dimension":3,"distance_metric":"cosine","x":{"a":1,"a":2}}"#,
    ]));
    all
}

/// Seeds of [`json`].
pub(crate) fn json_seeds() -> Vec<Vec<u8>> {
    seeds(&[
        r#" { "b" : 1 , "a" : [ true , null , "x" ] } "#,
        "[-0, -0.0, 1.0, 1e3, 0.1, 1E-7, 9007199254740991, 1.7976931348623157e308, 5e-324]",
        r#"{"\u0062":"\u0041\/\u00e9\n","a":{"c":{"d":[[[]]]}}}"#,
        r#"{"a":1,"\u0061":2}"#,
        "9007199254740992",
        r#""\ud83d\ude00""#,
        r#""\ud800""#,
        "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
    ])
}

/// Seeds of [`timestamp`].
pub(crate) fn timestamp_seeds() -> Vec<Vec<u8>> {
    seeds(&[
        "2026-11-24",
        "2026-11-24T08:00:00Z",
        "2026-11-24t09:00:00.123456+01:00",
        "0001-01-01T00:00:00.000000Z",
        "9999-12-31 23:59:59.999999-00:00",
        "2026-11-24T08:00:00.1234567Z",
        "2016-12-31T23:59:60Z",
        "2026-11-24T08:00:00+01:00[Europe/Berlin]+01:00",
    ])
}

/// Seeds of [`filter`].
pub(crate) fn filter_seeds() -> Vec<Vec<u8>> {
    seeds(&[
        "",
        r#"owner = "bob" AND (tags:gpu OR dimension >= 768) AND NOT description:*"#,
        r#"startsWith(name, "name-") OR text("line two") OR tags:"*""#,
        r#"config.index.m >= 16 AND config."a.b" != "x\"\\\n\r\t" AND config.on = true AND config.x = 5e-1"#,
        "created_at < 2026-11-24T08:00:00Z OR expires_at >= \"9999-12-31\" OR updated_at != 1970-01-01",
        "AND() OR OR(AND(id = 1.5.a)) OR NOT NOT NOT id:*",
        "config.index:* AND config:* AND vector_count > -1",
        "owner = a AND id = b OR id = c",
        "((((((((id = a))))))))",
    ])
}

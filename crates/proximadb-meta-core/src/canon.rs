//! Canonical JSON text (rule 3): one text per value, so that equality of texts is equality of values.
//!
//! Sorted keys (UTF-8 bytes), duplicates refused, no white space, integers within +-(2^53-1), finite doubles in their
//! shortest form (one with a whole value inside that range is written as an integer, `-0` as `0`), depth at most 16,
//! no U+0000 and, as RFC 8259 has it, no lone surrogates. Strings keep every other character.

mod plain;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::config::{quote, shorten};
use crate::error::{Detail, Error, Result};
use crate::limits::{MAX_CONFIG_BYTES, MAX_CONFIG_DEPTH, MAX_JSON_BYTES, MAX_SAFE_INTEGER};

/// A record's settings: a JSON object of at most 64 KiB in canonical text. Clones in O(1); equality is equality of values.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConfigJson(Arc<str>);

/// Fields of newer releases: a JSON object in canonical text, written next to the known fields in the portable form.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Extra(Arc<str>);

static EMPTY: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from("{}"));

macro_rules! canonical_object {
    ($name:ident, $what:literal) => {
        impl $name {
            /// Reads any JSON object and makes it canonical.
            ///
            /// # Errors
            /// `InvalidInput` that says where: syntax, duplicate key, integer out of range, infinite number, too deep, too long.
            pub fn parse(text: &str) -> Result<Self> {
                if text == "{}" {
                    return Ok(Self::default());
                }
                if text.len() <= MAX_CONFIG_BYTES && plain::is_plain_object(text) {
                    return Ok(Self(text.into()));
                }
                let canonical = canonicalize(text, $what)?;
                if !canonical.starts_with('{') {
                    return Err(Error::invalid(concat!($what, " is not a JSON object")));
                }
                if canonical.len() > MAX_CONFIG_BYTES {
                    return Err(Error::invalid(format!(
                        concat!($what, " has {} bytes of canonical JSON; the limit is {}"),
                        canonical.len(),
                        MAX_CONFIG_BYTES
                    )));
                }
                Ok(Self(canonical.into()))
            }

            /// The canonical text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether it is `{}`.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                &*self.0 == "{}"
            }

            /// A driver gives back the text it stored. Checked like any other input: a store's bytes are not trusted.
            ///
            /// # Errors
            /// `Corruption` when the text is not the canonical form it must have been when it was written.
            pub fn from_stored(text: &str) -> Result<Self> {
                let parsed = Self::parse(text).map_err(|e| {
                    Error::new(crate::ErrorKind::Corruption, concat!("stored ", $what, " is not valid")).with_source(e)
                })?;
                if parsed.as_str() != text {
                    return Err(Error::new(
                        crate::ErrorKind::Corruption,
                        concat!("stored ", $what, " is not canonical"),
                    ));
                }
                Ok(parsed)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self(EMPTY.clone())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

canonical_object!(ConfigJson, "config");
canonical_object!(Extra, "extra");

impl ConfigJson {
    /// The text of the value at a path of object keys (`["index", "m"]`), canonical; `None` where there is none.
    /// Cost: a parse of the objects on the way.
    #[must_use]
    pub fn at<S: AsRef<str>>(&self, path: &[S]) -> Option<String> {
        let mut here: &RawValue = serde_json::from_str(&self.0).ok()?;
        for key in path {
            let object = Object::read(here.get()).ok()?;
            here = object.0.into_iter().find(|(k, _)| k == key.as_ref())?.1;
        }
        Some(here.get().to_owned())
    }
}

/// A JSON object's members in the order of the text, values untouched.
pub(crate) struct Object<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    pub(crate) fn read(text: &'a str) -> serde_json::Result<Self> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(CowStr(key)) = map.next_key()? {
                    members.push((key, map.next_value()?));
                }
                Ok(members)
            }
        }
        let mut de = serde_json::Deserializer::from_str(text);
        let members = de.deserialize_map(Members)?;
        de.end()?;
        Ok(Self(members))
    }
}

/// A key borrowed where it has no escapes.
struct CowStr<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for CowStr<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = CowStr<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(CowStr(Cow::Borrowed(v)))
            }
            fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
                Ok(CowStr(Cow::Owned(v.to_owned())))
            }
        }
        d.deserialize_str(V)
    }
}

/// Turns any JSON value into its canonical text. `what` names it in errors.
///
/// # Errors
/// `InvalidInput` with the path of the offending member, or the column of a syntax error; and for a text of more than
/// [`MAX_JSON_BYTES`].
pub fn canonicalize(text: &str, what: &str) -> Result<String> {
    check_json_length(text, what)?;
    let raw: &RawValue = serde_json::from_str(text).map_err(|e| syntax(what, &e))?;
    let mut out = String::with_capacity(text.len());
    write_value(raw.get(), &Path::Root(what), 1, &mut out)?;
    Ok(out)
}

/// Refuses a text that is longer than any that is read: what a reader allocates follows from that.
pub(crate) fn check_json_length(text: &str, what: &str) -> Result<()> {
    if text.len() > MAX_JSON_BYTES {
        let length = text.len();
        return Err(Error::invalid(format!("{what} has {length} bytes of JSON; the limit is {MAX_JSON_BYTES}")));
    }
    Ok(())
}

/// Where a value stands: put into words only for an error.
enum Path<'a> {
    Root(&'a str),
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(what) => f.write_str(what),
            Self::Key(parent, key) => write!(f, "{parent}.{}", shorten(key)),
            Self::Index(parent, i) => write!(f, "{parent}[{i}]"),
        }
    }
}

/// Longest cause of a syntax error that is repeated.
const MAX_CAUSE_CHARS: usize = 160;

pub(crate) fn syntax(what: &str, e: &serde_json::Error) -> Error {
    let text = e.to_string();
    // The parser repeats what it found, of any length.
    let cause: String = text.split(" at line ").next().unwrap_or(&text).chars().take(MAX_CAUSE_CHARS).collect();
    let place = if e.line() > 1 {
        format!("line {} column {}", e.line(), e.column())
    } else {
        format!("column {}", e.column())
    };
    Error::invalid(format!("{what} is not valid JSON at {place}: {cause}")).with_detail(Detail::Column(e.column()))
}

fn write_value(text: &str, path: &Path<'_>, depth: usize, out: &mut String) -> Result<()> {
    match text.as_bytes().first() {
        Some(b'{') => {
            check_depth(path, depth)?;
            let mut sorted: BTreeMap<Cow<'_, str>, &RawValue> = BTreeMap::new();
            for (key, value) in Object::read(text).map_err(|e| syntax(&path.to_string(), &e))?.0 {
                match sorted.entry(key) {
                    Entry::Vacant(place) => drop(place.insert(value)),
                    Entry::Occupied(first) => {
                        return Err(Error::invalid(format!("{path} has the key {} twice", quote(first.key()))));
                    }
                }
            }
            out.push('{');
            for (i, (key, value)) in sorted.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_string(key, path, out)?;
                out.push(':');
                write_value(value.get(), &Path::Key(path, key), depth + 1, out)?;
            }
            out.push('}');
        }
        Some(b'[') => {
            check_depth(path, depth)?;
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|e| syntax(&path.to_string(), &e))?;
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(item.get(), &Path::Index(path, i), depth + 1, out)?;
            }
            out.push(']');
        }
        Some(b'"') => {
            let CowStr(s) = serde_json::from_str(text).map_err(|e| syntax(&path.to_string(), &e))?;
            write_string(&s, path, out)?;
        }
        Some(b'-' | b'0'..=b'9') => write_number(text, path, out)?,
        _ => out.push_str(text),
    }
    Ok(())
}

fn check_depth(path: &Path<'_>, depth: usize) -> Result<()> {
    if depth > MAX_CONFIG_DEPTH {
        return Err(Error::invalid(format!("{path} is nested deeper than {MAX_CONFIG_DEPTH}")));
    }
    Ok(())
}

/// Appends `s` as a JSON string.
///
/// # Errors
/// `InvalidInput` when it holds U+0000.
fn write_string(s: &str, path: &Path<'_>, out: &mut String) -> Result<()> {
    if s.contains('\0') {
        return Err(Error::invalid(format!("{path} has a string with U+0000")));
    }
    push_json_string(s, out);
    Ok(())
}

/// Appends `s` as a JSON string, escapes as serde_json writes them.
pub(crate) fn push_json_string(s: &str, out: &mut String) {
    // Writing a str to memory cannot fail.
    out.push_str(&serde_json::to_string(s).unwrap_or_default());
}

fn write_number(text: &str, path: &Path<'_>, out: &mut String) -> Result<()> {
    let shown = shorten(text);
    let out_of_range =
        || Error::invalid(format!("{path} is the integer {shown}, outside +-{MAX_SAFE_INTEGER}; write it as a string"));
    if !text.contains(['.', 'e', 'E']) {
        let n: i64 = text.parse().map_err(|_| out_of_range())?;
        if n.unsigned_abs() > MAX_SAFE_INTEGER {
            return Err(out_of_range());
        }
        out.push_str(&n.to_string());
        return Ok(());
    }
    let x: f64 = text.parse().map_err(|_| Error::invalid(format!("{path} is not a number: {shown}")))?;
    if !x.is_finite() {
        return Err(Error::invalid(format!("{path} is the number {shown}, too large for a double")));
    }
    push_double(x, out);
    Ok(())
}

/// The canonical text of a finite double.
pub(crate) fn push_double(x: f64, out: &mut String) {
    if x.fract() == 0.0 && x.abs() <= MAX_SAFE_INTEGER as f64 {
        out.push_str(&(x as i64).to_string());
    } else {
        // A finite double always has a JSON text.
        out.push_str(&serde_json::to_string(&x).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canon(text: &str) -> String {
        canonicalize(text, "config").unwrap()
    }

    #[test]
    fn one_text_per_value() {
        assert_eq!(canon(r#" { "b" : 1 , "a" : [ true , null , "x" ] } "#), r#"{"a":[true,null,"x"],"b":1}"#);
        assert_eq!(
            canon("[-0, -0.0, 1.0, 1e3, 0.1, 1E-7, 9007199254740991]"),
            "[0,0,1,1000,0.1,1e-7,9007199254740991]"
        );
        assert_eq!(canon(r#""\u0041\/\u00e9\n""#), "\"A/é\\n\"");
        assert_eq!(canon(r#"{"\u0062":1,"a":2}"#), r#"{"a":2,"b":1}"#);
    }

    #[test]
    fn canonical_text_is_a_fixed_point() {
        for text in ["[1e300,5e-324,1.7976931348623157e308,123456789.5,9007199254740993.0]", r#"{"é":"\u0001","z":{}}"#]
        {
            let once = canon(text);
            assert_eq!(canon(&once), once);
        }
    }

    #[test]
    fn refuses_what_it_cannot_keep() {
        for (bad, says) in [
            (r#"{"a":1,"a":2}"#, "twice"),
            (r#"{"a":1,"\u0061":2}"#, "twice"),
            ("9007199254740992", "outside"),
            ("-9007199254740992", "outside"),
            ("123456789012345678901234567890", "outside"),
            ("1e999", "too large"),
            (r#""\u0000""#, "U+0000"),
            (r#"{"\u0000":1}"#, "U+0000"),
            (r#""\ud800""#, "not valid JSON"),
            ("{\"a\":}", "column 6"),
            ("01", "not valid JSON"),
            ("", "not valid JSON"),
            ("1 2", "not valid JSON"),
        ] {
            let e = canonicalize(bad, "config").unwrap_err();
            assert!(e.to_string().contains(says), "{bad}: {e}");
        }
    }

    #[test]
    fn depth_is_bounded_also_for_hostile_input() {
        let nest = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(canonicalize(&nest(16), "config").is_ok());
        assert!(canonicalize(&nest(17), "config").is_err());
        assert!(canonicalize(&nest(1_000_000), "config").is_err());
    }

    #[test]
    fn errors_say_where() {
        let e = canonicalize(r#"{"a":[0,{"b":1e999}]}"#, "config").unwrap_err();
        assert_eq!(e.message(), "config.a[1].b is the number 1e999, too large for a double");
    }

    #[test]
    fn a_text_over_its_limit_is_refused_unread() {
        let blanks = " ".repeat(MAX_JSON_BYTES);
        assert!(canonicalize(&format!("{}1", &blanks[1..]), "config").is_ok());
        let e = canonicalize(&format!("{blanks}1"), "config").unwrap_err();
        assert!(e.message().contains("the limit is 2097152"), "{e}");
    }

    #[test]
    fn values_by_path() {
        let c = ConfigJson::parse(r#"{"index":{"m":16,"a.b":true}}"#).unwrap();
        assert_eq!(c.at(&["index", "m"]).as_deref(), Some("16"));
        assert_eq!(c.at(&["index", "a.b"]).as_deref(), Some("true"));
        assert_eq!(c.at(&["index", "m", "x"]), None);
        assert_eq!(c.at(&["nothing"]), None);
    }
}

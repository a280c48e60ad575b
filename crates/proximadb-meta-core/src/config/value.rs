//! Values of options: what was given, and what it is once its kind was checked.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

use super::place::quote;
use super::reference;
use super::secret::Secret;
use super::spec::{OptionKind, OptionSpec};

/// Longest value of an option, in bytes.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// Longest duration an option can have, in seconds: about 31 years.
pub const MAX_SECONDS: u64 = 1_000_000_000;

/// A checked value of an option. `Debug` hides a secret.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum OptionValue {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(u64),
    /// True or false.
    Bool(bool),
    /// A number of seconds.
    Seconds(Duration),
    /// Texts.
    List(Vec<String>),
    /// A text that must not be shown.
    Secret(Secret),
}

impl OptionValue {
    /// The text, if it is one that is not secret.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<u64> {
        if let Self::Integer(n) = self { Some(*n) } else { None }
    }

    /// The truth value, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(b) = self { Some(*b) } else { None }
    }

    /// The duration, if it is one.
    #[must_use]
    pub fn as_seconds(&self) -> Option<Duration> {
        if let Self::Seconds(d) = self { Some(*d) } else { None }
    }

    /// The texts, if it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[String]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// The secret, if it is one.
    #[must_use]
    pub fn as_secret(&self) -> Option<&Secret> {
        if let Self::Secret(secret) = self { Some(secret) } else { None }
    }
}

/// As a connection string would say it; a secret is `***`.
impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(n) => write!(f, "{n}"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Seconds(d) => write!(f, "{}", d.as_secs_f64()),
            Self::List(list) => f.write_str(&list.join(",")),
            Self::Secret(_) => f.write_str("***"),
        }
    }
}

impl From<&str> for OptionValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for OptionValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for OptionValue {
    fn from(n: u64) -> Self {
        Self::Integer(n)
    }
}

impl From<bool> for OptionValue {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<Duration> for OptionValue {
    fn from(d: Duration) -> Self {
        Self::Seconds(d)
    }
}

impl From<Secret> for OptionValue {
    fn from(secret: Secret) -> Self {
        Self::Secret(secret)
    }
}

impl From<Vec<String>> for OptionValue {
    fn from(list: Vec<String>) -> Self {
        Self::List(list)
    }
}

impl<const N: usize> From<[&str; N]> for OptionValue {
    fn from(list: [&str; N]) -> Self {
        Self::List(list.map(str::to_owned).to_vec())
    }
}

/// What somebody gave for an option, before its kind is known. It may be a secret: it has no `Debug`.
#[derive(Clone)]
pub(crate) enum Given {
    /// A text of a door that knows texts alone: it is read as the option's kind says.
    Plain(String),
    /// As `Plain`, but still percent-encoded: a list is split before its elements are decoded.
    Encoded(String),
    /// A value with a type of its own.
    Typed(OptionValue),
    /// A decimal number.
    Decimal(f64),
    /// Something that is no value of any option: what it is, in words, without its content.
    Misfit(&'static str),
}

/// A text that is read as the option's kind says.
pub(crate) fn plain(text: &str) -> Given {
    Given::Plain(text.to_owned())
}

impl Given {
    /// What it is, for an error; without its content where that may be a secret.
    fn describe(&self, secret: bool) -> String {
        match self {
            Self::Misfit(what) => (*what).to_owned(),
            Self::Typed(OptionValue::List(_)) => "a list".to_owned(),
            Self::Typed(OptionValue::Secret(_)) => "a secret".to_owned(),
            Self::Plain(_) | Self::Encoded(_) | Self::Typed(OptionValue::Text(_)) if secret => "a text".to_owned(),
            _ if secret => "something else".to_owned(),
            Self::Plain(text) | Self::Encoded(text) => quote(text),
            Self::Typed(OptionValue::Text(text)) => format!("the text {}", quote(text)),
            Self::Typed(value) => value.to_string(),
            Self::Decimal(n) => n.to_string(),
        }
    }
}

/// Looks an environment variable up, for `env:NAME`.
pub(crate) type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Checks what was given against the option's kind.
pub(crate) fn accept(spec: &OptionSpec, given: Given, environment: &Lookup<'_>) -> Result<OptionValue> {
    let found = given.describe(spec.secret);
    let given = match given {
        Given::Encoded(raw) if spec.kind == OptionKind::List => Given::Typed(OptionValue::List(split(&raw, true)?)),
        Given::Encoded(raw) => Given::Plain(super::percent::percent_decode(&raw).map_err(|e| e.context(about(spec)))?),
        Given::Plain(text) if spec.kind == OptionKind::List => Given::Typed(OptionValue::List(split(&text, false)?)),
        other => other,
    };
    let value = if spec.secret { secret(spec, given, environment)? } else { convert(spec.kind, given) };
    let value = value.ok_or_else(|| {
        let takes = if spec.secret { "a secret text".to_owned() } else { spec.kind.to_string() };
        Error::new(ErrorKind::Config, format!("{} takes {takes}, found {found}", about(spec))).with_hint(spec.doc)
    })?;
    check_texts(spec, &value)?;
    Ok(value)
}

fn about(spec: &OptionSpec) -> String {
    format!("the option {:?}", spec.name)
}

fn secret(spec: &OptionSpec, given: Given, environment: &Lookup<'_>) -> Result<Option<OptionValue>> {
    Ok(match given {
        Given::Plain(text) | Given::Typed(OptionValue::Text(text)) => {
            let secret = reference::resolve(text, environment).map_err(|e| e.context(about(spec)))?;
            Some(OptionValue::Secret(secret))
        }
        Given::Typed(OptionValue::Secret(secret)) => Some(OptionValue::Secret(secret)),
        _ => None,
    })
}

fn convert(kind: OptionKind, given: Given) -> Option<OptionValue> {
    match (kind, given) {
        (OptionKind::Text, Given::Plain(text) | Given::Typed(OptionValue::Text(text))) => Some(OptionValue::Text(text)),
        (OptionKind::Integer { min, max }, given) => {
            let n = match given {
                Given::Typed(OptionValue::Integer(n)) => Some(n),
                Given::Plain(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
                _ => None,
            };
            n.filter(|n| (min..=max).contains(n)).map(OptionValue::Integer)
        }
        (OptionKind::Bool, Given::Typed(OptionValue::Bool(b))) => Some(OptionValue::Bool(b)),
        (OptionKind::Bool, Given::Plain(text)) => text.parse().ok().map(OptionValue::Bool),
        (OptionKind::Seconds, given) => seconds(given).map(OptionValue::Seconds),
        (OptionKind::List, Given::Typed(OptionValue::List(list))) => {
            list.iter().all(|s| !s.is_empty()).then_some(OptionValue::List(list))
        }
        _ => None,
    }
}

fn seconds(given: Given) -> Option<Duration> {
    let duration = match given {
        Given::Typed(OptionValue::Seconds(d)) => Some(d),
        Given::Typed(OptionValue::Integer(n)) => Some(Duration::from_secs(n)),
        Given::Decimal(n) => Duration::try_from_secs_f64(n).ok(),
        Given::Plain(text) if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
            text.parse().ok().and_then(|n| Duration::try_from_secs_f64(n).ok())
        }
        _ => None,
    };
    duration.filter(|d| *d <= Duration::from_secs(MAX_SECONDS))
}

/// `a,b`: no text is no element, an empty element stays and is refused later.
fn split(text: &str, encoded: bool) -> Result<Vec<String>> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    text.split(',')
        .map(|s| if encoded { super::percent::percent_decode(s.trim()) } else { Ok(s.trim().to_owned()) })
        .collect()
}

fn check_texts(spec: &OptionSpec, value: &OptionValue) -> Result<()> {
    let texts: Vec<&str> = match value {
        OptionValue::Text(text) => vec![text],
        OptionValue::List(list) => list.iter().map(String::as_str).collect(),
        OptionValue::Secret(secret) => vec![secret.expose()],
        _ => return Ok(()),
    };
    let wrong = |what: String| Err(Error::new(ErrorKind::Config, format!("{} {what}", about(spec))));
    if texts.iter().map(|t| t.len()).sum::<usize>() > MAX_VALUE_BYTES {
        return wrong(format!("is longer than {MAX_VALUE_BYTES} bytes"));
    }
    if texts.iter().any(|t| t.contains('\0')) {
        return wrong("holds a NUL character".to_owned());
    }
    Ok(())
}

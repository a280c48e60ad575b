//! Secrets that stand somewhere else: `env:NAME` and `file:PATH`.

use std::fs::File;
use std::io::Read as _;

use crate::error::{Error, ErrorKind, Result};

use super::place::quote;
use super::secret::Secret;
use super::value::{Lookup, MAX_VALUE_BYTES};

/// Whether the text says where the secret is, instead of being the secret.
pub(crate) fn is_reference(text: &str) -> bool {
    text.starts_with("env:") || text.starts_with("file:")
}

/// The secret a text stands for: what `env:` or `file:` points to, or the text itself.
pub(crate) fn resolve(text: String, environment: &Lookup<'_>) -> Result<Secret> {
    let secret = if let Some(name) = text.strip_prefix("env:") {
        variable(name, environment)?
    } else if let Some(path) = text.strip_prefix("file:") {
        file(path)?
    } else {
        text
    };
    Ok(Secret::from(secret))
}

fn config(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, what)
}

fn variable(name: &str, environment: &Lookup<'_>) -> Result<String> {
    // What is no name of a variable may be a secret that happens to begin with env: and is not repeated.
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(config("env: is not followed by the name of a variable: letters, digits and _"));
    }
    match environment(name) {
        None => Err(config(format!("the environment variable {} is not set, or is not Unicode", quote(name)))),
        Some(text) if text.is_empty() => Err(config(format!("the environment variable {} is empty", quote(name)))),
        Some(text) => Ok(text),
    }
}

fn file(path: &str) -> Result<String> {
    let unreadable = |e| config(format!("the file {} cannot be read", quote(path))).with_source(e);
    let limit = u64::try_from(MAX_VALUE_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    // A few bytes more than the limit: one to find out that it is longer, two for the line's end.
    File::open(path).and_then(|f| f.take(limit + 3).read_to_end(&mut bytes)).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| config(format!("the file {} is not UTF-8", quote(path))))?;
    let text = text.strip_suffix('\n').map_or(&*text, |t| t.strip_suffix('\r').unwrap_or(t));
    if text.is_empty() {
        return Err(config(format!("the file {} is empty", quote(path))));
    }
    Ok(text.to_owned())
}

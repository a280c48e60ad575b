//! Connection strings without their secrets, for descriptors, errors and logs.

/// A connection string that may be shown: the password in front of the last `@` is `***`, and so is the value of every option,
/// for this function does not know which of them are secret ([`MetadataBackendConfig::redacted`] does). A text without a
/// scheme is `***` altogether. When in doubt it hides too much.
///
/// ```
/// # use proximadb_meta_core::config::redact;
/// assert_eq!(redact("postgresql://user:hunter2@host:5432/db"), "postgresql://user:***@host:5432/db");
/// assert_eq!(redact("dynamodb://eu/t?secret_key=hunter2"), "dynamodb://eu/t?secret_key=***");
/// ```
///
/// [`MetadataBackendConfig::redacted`]: super::MetadataBackendConfig::redacted
#[must_use]
pub fn redact(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://").filter(|(scheme, _)| super::uri::is_scheme(scheme)) else {
        return "***".to_owned();
    };
    let (location, query) = rest.split_once('?').map_or((rest, None), |(l, q)| (l, Some(q)));
    // user:pass?word@host is no query: the password goes on.
    if let (Some((user, _)), None, true) =
        (location.split_once(':'), location.find('@'), query.is_some_and(|q| q.contains('@')))
    {
        return format!("{scheme}://{user}:***");
    }
    let mut out = format!("{scheme}://{}", redact_location(location));
    for (i, pair) in query.into_iter().flat_map(|q| q.split('&')).enumerate() {
        out.push(if i == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) => out.extend([name, "=***"]),
            None => out.push_str(if pair.is_empty() { "" } else { "***" }),
        }
    }
    out
}

/// What follows `://`, with the password hidden.
pub(crate) fn redact_location(location: &str) -> String {
    match location.rsplit_once('@').and_then(|(login, host)| Some((login.split_once(':')?.0, host))) {
        Some((user, host)) => format!("{user}:***@{host}"),
        None => location.to_owned(),
    }
}

/// Whether a location holds a password.
pub(crate) fn has_password(location: &str) -> bool {
    location.rsplit_once('@').and_then(|(login, _)| login.split_once(':')).is_some_and(|(_, p)| !p.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_the_rest_is_not() {
        for (uri, shown) in [
            ("memory://", "memory://"),
            ("file://./data/metadata", "file://./data/metadata"),
            ("file:///a/b@c", "file:///a/b@c"),
            ("sqlite:///path/to/database.db?x=1", "sqlite:///path/to/database.db?x=***"),
            ("postgresql://user@host/db", "postgresql://user@host/db"),
            ("postgresql://user:hunter2@host:5432/db", "postgresql://user:***@host:5432/db"),
            ("redis://:hunter2@host", "redis://:***@host"),
            ("mongodb://u:hunter2@h1:1,h2:2/db?a=hunter2&b=hunter2", "mongodb://u:***@h1:1,h2:2/db?a=***&b=***"),
            ("postgresql://u:hun@ter2:x/y@host/db", "postgresql://u:***@host/db"),
            ("postgresql://u:hunter2?x=y@host/db", "postgresql://u:***"),
            ("postgresql://u:hunter2?hunter2@host/db", "postgresql://u:***"),
            ("dynamodb://eu/t?hunter2", "dynamodb://eu/t?***"),
            ("dynamodb://eu/t?a=b=hunter2", "dynamodb://eu/t?a=***"),
            ("dynamodb://eu/t?", "dynamodb://eu/t?"),
            ("user:hunter2@host/db", "***"),
            ("us er:hunter2@host://db", "***"),
            ("", "***"),
        ] {
            assert_eq!(redact(uri), shown);
        }
    }
}

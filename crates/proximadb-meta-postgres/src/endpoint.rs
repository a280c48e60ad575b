//! A replica as the options name it: `host:port`, and how much of the reads it takes.

use proximadb_meta_core::suggest::did_you_mean;
use proximadb_meta_core::{Error, ErrorKind, Result};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Largest weight; HAProxy has the same.
pub(crate) const MAX_WEIGHT: u16 = 256;
/// PostgreSQL's port.
const PORT: u16 = 5432;
const FORM: &str = "write it as host:5432, or with a weight as host:5432?weight=3";

/// `host:port` or `host:port?weight=3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `host:port` as it was written, for the driver's parser.
    pub(crate) address: String,
    /// Reads that it takes for each one of an endpoint of weight 1.
    pub(crate) weight: u16,
    place: (Host, u16),
}

impl Endpoint {
    /// # Errors
    /// `Config` with what is wrong. A user or a password that stands in it is not repeated.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if let Some((_, place)) = text.rsplit_once('@') {
            let what = format!("the replica {place:?} comes with a user or a password");
            return Err(Error::new(ErrorKind::Config, what)
                .with_hint("replicas are asked as the primary is; write it as host:5432"));
        }
        let (address, options) = match text.split_once('?') {
            Some((address, options)) => (address, Some(options)),
            None => (text, None),
        };
        let place = place(address).ok_or_else(|| wrong(text, "is not an address", FORM))?;
        let weight = options.map_or(Ok(1), |options| weight(text, options))?;
        Ok(Self { address: address.to_owned(), weight, place })
    }

    /// All of them.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and for one that is named twice.
    pub(crate) fn all(texts: &[String]) -> Result<Vec<Self>> {
        let mut all: Vec<Self> = Vec::with_capacity(texts.len());
        for text in texts {
            let one = Self::parse(text)?;
            if all.iter().any(|other| other.place == one.place) {
                let hint = "name it once; a weight gives it more of the reads, as host:5432?weight=3";
                return Err(wrong(&one.address, "is named twice", hint));
            }
            all.push(one);
        }
        Ok(all)
    }
}

fn wrong(text: &str, what: &str, hint: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, format!("the replica {text:?} {what}")).with_hint(hint)
}

/// Exactly one host, and its port.
fn place(address: &str) -> Option<(Host, u16)> {
    if address.contains([',', '/']) || address.contains(char::is_whitespace) {
        return None;
    }
    let config: Config = format!("postgresql://{address}").parse().ok()?;
    let [host] = config.get_hosts() else { return None };
    let port = config.get_ports().first().copied().unwrap_or(PORT);
    let host = match host {
        Host::Tcp(name) if name.is_empty() => return None,
        // Names of hosts have no case.
        Host::Tcp(name) => Host::Tcp(name.to_ascii_lowercase()),
        other => other.clone(),
    };
    (port != 0).then_some((host, port))
}

/// `weight=3`.
fn weight(text: &str, options: &str) -> Result<u16> {
    let mut found = None;
    for option in options.split('&') {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        if name != "weight" {
            return Err(wrong(text, &format!("has the option {name:?}"), did_you_mean(name, ["weight"])));
        }
        if found.is_some() {
            return Err(wrong(text, "has two weights", FORM));
        }
        let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
        let number = value.parse().ok().filter(|n| digits && (1..=MAX_WEIGHT).contains(n));
        found = Some(number.ok_or_else(|| {
            let hint = format!("{FORM}; one that is not to be read from is left out");
            wrong(text, &format!("has no whole number from 1 to {MAX_WEIGHT} as its weight"), hint)
        })?);
    }
    Ok(found.unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_follows_the_address() {
        for (text, address, weight) in [
            ("replica1:5432", "replica1:5432", 1),
            ("replica1", "replica1", 1),
            ("replica1:5432?weight=3", "replica1:5432", 3),
            ("replica1?weight=256", "replica1", 256),
            ("[::1]:5433?weight=01", "[::1]:5433", 1),
            ("%2Fvar%2Frun?weight=2", "%2Fvar%2Frun", 2),
        ] {
            let e = Endpoint::parse(text).unwrap();
            assert_eq!((&*e.address, e.weight), (address, weight), "{text}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_told_with_what_to_do() {
        for (text, words, hint) in [
            ("", "not an address", "host:5432"),
            (":5432", "not an address", "host:5432"),
            ("h:port", "not an address", "host:5432"),
            ("h:0", "not an address", "host:5432"),
            ("h:65536", "not an address", "host:5432"),
            ("h/db", "not an address", "host:5432"),
            ("h1,h2", "not an address", "host:5432"),
            ("h 1", "not an address", "host:5432"),
            ("?weight=3", "not an address", "host:5432"),
            ("user:hunter2@h:1", "\"h:1\" comes with a user", "as the primary is"),
            ("user:p@hunter2@h:1?weight=2", "comes with a user", "as the primary is"),
            ("h:1?", "the option \"\"", "weight"),
            ("h:1?wieght=3", "the option \"wieght\"", "did you mean \"weight\""),
            ("h:1?weight=1&weight=1", "two weights", "weight=3"),
            ("h:1?weight", "from 1 to 256", "left out"),
            ("h:1?weight=", "from 1 to 256", "left out"),
            ("h:1?weight=0", "from 1 to 256", "left out"),
            ("h:1?weight=257", "from 1 to 256", "left out"),
            ("h:1?weight=99999999999999999999", "from 1 to 256", "left out"),
            ("h:1?weight=+3", "from 1 to 256", "left out"),
            ("h:1?weight=1.5", "from 1 to 256", "left out"),
        ] {
            let e = Endpoint::parse(text).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Config, "{text}: {e:?}");
            assert!(e.to_string().contains(words), "{text}: {e:?}");
            assert!(e.hint().is_some_and(|h| h.contains(hint)), "{text}: {e:?}");
            assert!(!format!("{e:?}").contains("hunter2"), "{e:?}");
        }
    }

    #[test]
    fn one_place_is_named_once() {
        let all = |texts: &[&str]| Endpoint::all(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>());
        assert_eq!(all(&["a:1", "a:2?weight=2", "b"]).unwrap().len(), 3);
        for twice in [["a:1", "a:1?weight=2"], ["a", "a:5432"], ["A:1", "a:1"]] {
            let e = all(&twice).unwrap_err();
            assert!(e.kind() == ErrorKind::Config && e.to_string().contains("named twice"), "{e:?}");
        }
    }
}

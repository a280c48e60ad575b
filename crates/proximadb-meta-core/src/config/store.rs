//! Which backend a configuration chooses, and where its data is.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::registry::{BackendPlugin, BackendRegistry, LocationKind};

use super::MAX_VALUE_BYTES;
use super::percent::percent_decode;
use super::place::Place;
use super::uri::Address;

type Plugin = Arc<dyn BackendPlugin>;

/// The backend by scheme, by kind, or by both where they agree; `None` when neither is given.
pub(crate) fn find(
    registry: &BackendRegistry,
    address: Option<&(Place, Address)>,
    kind: Option<&(Place, String)>,
) -> Result<Option<(Plugin, String)>> {
    let by_scheme = match address {
        Some((place, a)) => {
            Some(registry.plugin(&a.scheme).ok_or_else(|| registry.unknown_scheme(&a.scheme).context(place))?)
        }
        None => None,
    };
    let by_kind = match kind {
        Some((place, kind)) => {
            Some((place, registry.backend(kind).ok_or_else(|| registry.unknown_kind(kind).context(place))?))
        }
        None => None,
    };
    match (by_scheme, by_kind, address) {
        (Some(plugin), Some((place, other)), Some((_, a))) if plugin.backend_type() != other.backend_type() => {
            let what = format!(
                "the backend type is {:?}, but the scheme {:?} of the connection string belongs to {:?}",
                other.backend_type(),
                a.scheme,
                plugin.backend_type()
            );
            Err(Error::new(ErrorKind::Config, what).context(place).with_hint("give one of them, or two that agree"))
        }
        (Some(plugin), _, Some((_, a))) => Ok(Some((plugin, a.scheme.clone()))),
        (_, Some((_, plugin)), _) => {
            let scheme = plugin.schemes().first().copied().unwrap_or_default().to_owned();
            Ok(Some((plugin, scheme)))
        }
        _ => Ok(None),
    }
}

pub(crate) struct Location {
    pub(crate) text: String,
    /// It stood in the connection string.
    pub(crate) in_uri: bool,
}

/// The location, from the connection string or given apart, as the plugin says it must be.
pub(crate) fn locate(
    plugin: &dyn BackendPlugin,
    scheme: &str,
    address: Option<(Place, Address)>,
    apart: Option<(Place, String)>,
) -> Result<Location> {
    let config = |what: String| Error::new(ErrorKind::Config, what);
    let (place, text, in_uri) = match (address, apart) {
        (Some(_), Some((place, _))) => {
            let twice = config("the location is given twice: the connection string says it too".to_owned());
            return Err(twice.context(place));
        }
        (Some((place, a)), None) => (Some(place), a.rest, true),
        (None, Some((place, text))) => (Some(place), text, false),
        (None, None) => (None, String::new(), false),
    };
    let checked = match plugin.location() {
        LocationKind::None if text.is_empty() => Ok(text),
        LocationKind::None => Err(config(format!("{scheme}:// takes nothing after the slashes"))),
        LocationKind::Path => {
            let path = if in_uri { percent_decode(&text).map_err(|e| e.context("the path")) } else { Ok(text) };
            path.and_then(|p| if p.is_empty() { Err(config(format!("{scheme}:// needs a path"))) } else { Ok(p) })
        }
        LocationKind::Address if text.contains('?') => {
            Err(config("the location holds a ?: options are given apart".to_owned())
                .with_hint("a ? that stands for itself is written %3F"))
        }
        LocationKind::Address => Ok(text),
    };
    let checked = checked.and_then(|t| match t {
        t if t.chars().any(char::is_control) => Err(config("the location holds a control character".to_owned())),
        t if t.len() > MAX_VALUE_BYTES => Err(config(format!("the location is longer than {MAX_VALUE_BYTES} bytes"))),
        t => Ok(t),
    });
    match (checked, place) {
        (Ok(text), _) => Ok(Location { text, in_uri }),
        (Err(e), Some(place)) => Err(e.context(place)),
        (Err(e), None) => Err(e.with_hint("give a location, or a connection string")),
    }
}

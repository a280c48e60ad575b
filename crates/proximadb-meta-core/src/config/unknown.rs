//! Errors about what nobody knows, and about what nobody said.

use crate::error::{Error, ErrorKind};
use crate::registry::{BackendPlugin, BackendRegistry};
use crate::suggest::did_you_mean;

use super::draft::Entry;
use super::place::{Door, Place, quote, shorten};
use super::spec::OptionSpec;

/// Nobody said which store. An option that nobody knows is the likelier mistake: it may be the misspelt name of the store.
pub(crate) fn no_store(registry: &BackendRegistry, namespace: &OptionSpec, door: Door, entries: &[Entry]) -> Error {
    let layers = registry.layers();
    let plugins = registry.plugins();
    let known: Vec<&OptionSpec> = [namespace]
        .into_iter()
        .chain(plugins.iter().flat_map(|p| p.options()))
        .chain(layers.iter().flat_map(|l| l.options()))
        .collect();
    for Entry { name, place, .. } in entries {
        if !known.iter().any(|s| place.name_of(s) == *name) {
            return unknown(registry, None, &known, Some(name), place);
        }
    }
    let how = match door {
        Door::Environment => "set PXMETA_URI, or PXMETA_BACKEND_TYPE and PXMETA_LOCATION",
        _ => "give connection_string, or backend_type and location",
    };
    Error::new(ErrorKind::Config, "it does not say which store").context(door).with_hint(how)
}

/// An option that neither the chosen backend nor a layer has. `name` is left out where it may be a part of a password.
pub(crate) fn unknown(
    registry: &BackendRegistry,
    plugin: Option<&dyn BackendPlugin>,
    known: &[&OptionSpec],
    name: Option<&str>,
    place: &Place,
) -> Error {
    let Some(name) = name else {
        return Error::new(ErrorKind::Config, "it has an option that no registered layer or backend knows")
            .context(place)
            .with_hint("a ? in a user name or password is written %3F, an @ in an option's value %40");
    };
    let elsewhere = registry
        .plugins()
        .into_iter()
        .find(|p| p.options().iter().any(|s| place.name_of(s) == name))
        .map(|p| p.backend_type());
    let what = match (plugin, elsewhere) {
        (Some(p), Some(other)) => {
            format!("the backend {:?} has no option {}; the backend {other:?} has", p.backend_type(), quote(name))
        }
        _ => format!("no registered layer or backend knows the option {}", quote(name)),
    };
    let mut names: Vec<String> = known.iter().map(|s| place.name_of(s)).collect();
    if let Place::Variable(_) = place {
        names.extend(["PXMETA_URI", "PXMETA_BACKEND_TYPE", "PXMETA_LOCATION"].map(str::to_owned));
    }
    names.sort_unstable();
    names.dedup();
    let hint = did_you_mean(shorten(name), names.iter().map(String::as_str));
    Error::new(ErrorKind::Config, what).context(place).with_hint(hint)
}

//! What a door read, and the one check that turns it into a configuration.

use std::collections::BTreeMap;

use crate::context::Namespace;
use crate::error::{Error, ErrorKind, Result};
use crate::registry::{BackendRegistry, LocationKind};

use super::MetadataBackendConfig;
use super::percent::percent_decode;
use super::place::{Door, Place};
use super::redact::has_password;
use super::reference::is_reference;
use super::spec::OptionSpec;
use super::store::{find, locate};
use super::unknown::{no_store, unknown};
use super::uri::Address;
use super::value::{Given, Lookup, OptionValue, accept};

/// The option that core itself knows: which namespace the opened handle is bound to.
static NAMESPACE: OptionSpec = OptionSpec::text("namespace", "the namespace that the opened handle is bound to");

/// One option as it was given.
pub(crate) struct Entry {
    /// Its name as written at that place (for the environment: the variable).
    pub(crate) name: String,
    pub(crate) given: Given,
    pub(crate) place: Place,
}

/// What a door read, unchecked. It may hold secrets: no `Debug`.
pub(crate) struct Draft {
    pub(crate) door: Door,
    pub(crate) uri: Option<(Place, String)>,
    pub(crate) backend_type: Option<(Place, String)>,
    pub(crate) location: Option<(Place, String)>,
    pub(crate) options: Vec<Entry>,
}

impl Draft {
    pub(crate) fn new(door: Door) -> Self {
        Self { door, uri: None, backend_type: None, location: None, options: Vec::new() }
    }

    /// Finds the backend, then checks its location and every option.
    pub(crate) fn check(self, registry: &BackendRegistry, environment: &Lookup<'_>) -> Result<MetadataBackendConfig> {
        let mut entries = Vec::new();
        let mut doubtful = false;
        let mut address = None;
        if let Some((place, text)) = self.uri {
            let place = place.connection_string();
            let mut parsed = Address::parse(&text).map_err(|e| e.context(&place))?;
            entries = parsed.entries(&place);
            doubtful = parsed.doubtful;
            address = Some((place, parsed));
        }
        entries.extend(self.options);
        let Some((plugin, scheme)) = find(registry, address.as_ref(), self.backend_type.as_ref())? else {
            return Err(no_store(registry, &NAMESPACE, self.door, &entries));
        };
        let location = locate(&*plugin, &scheme, address, self.location)?;
        let layers = registry.layers();
        let known: Vec<&OptionSpec> =
            [&NAMESPACE].into_iter().chain(plugin.options()).chain(layers.iter().flat_map(|l| l.options())).collect();
        let mut checked = Checked::default();
        for entry in entries {
            let spec = known.iter().find(|s| entry.place.name_of(s) == entry.name).ok_or_else(|| {
                let shown = (!(doubtful && entry.place.is_in_connection_string())).then_some(&*entry.name);
                unknown(registry, Some(&*plugin), &known, shown, &entry.place)
            })?;
            checked.add(spec, entry, environment)?;
        }
        let Checked { mut values, places, mut inline } = checked;
        let namespace = namespace(values.remove(NAMESPACE.name), &places)?;
        for spec in known {
            if let (false, Some(value)) = (values.contains_key(spec.name), spec.default_value()?) {
                values.insert(spec.name, value);
            }
        }
        if location.in_uri && plugin.location() == LocationKind::Address && has_password(&location.text) {
            inline.push("the password in front of the @");
        }
        if !inline.is_empty() {
            tracing::warn!(
                scheme,
                secrets = inline.join(", "),
                "a secret stands in the connection string, where command lines, histories and logs may keep it; \
                 give it as env:NAME or file:PATH where the backend has an option for it"
            );
        }
        Ok(MetadataBackendConfig {
            backend_type: plugin.backend_type(),
            scheme,
            location: location.text,
            location_kind: plugin.location(),
            namespace,
            values,
            door: self.door,
        })
    }
}

/// Options that passed the check.
#[derive(Default)]
struct Checked {
    values: BTreeMap<&'static str, OptionValue>,
    /// Where each was given.
    places: BTreeMap<&'static str, Place>,
    /// Secrets that stand in a connection string.
    inline: Vec<&'static str>,
}

impl Checked {
    fn add(&mut self, spec: &OptionSpec, entry: Entry, environment: &Lookup<'_>) -> Result<()> {
        let Entry { given, place, .. } = entry;
        if let Some(first) = self.places.insert(spec.name, place.clone()) {
            let twice = format!("the option {:?} is given twice, first in: {first}", spec.name);
            return Err(Error::new(ErrorKind::Config, twice).context(place));
        }
        if spec.secret && place.is_in_connection_string() && is_inline(&given) {
            self.inline.push(spec.name);
        }
        let value = accept(spec, given, environment).map_err(|e| e.context(&place))?;
        self.values.insert(spec.name, value);
        Ok(())
    }
}

fn is_inline(given: &Given) -> bool {
    match given {
        Given::Plain(text) => !is_reference(text),
        Given::Encoded(text) => !is_reference(&percent_decode(text).unwrap_or_default()),
        _ => false,
    }
}

fn namespace(given: Option<OptionValue>, places: &BTreeMap<&'static str, Place>) -> Result<Namespace> {
    let Some(OptionValue::Text(name)) = given else { return Ok(Namespace::default()) };
    Namespace::new(&name).map_err(|e| {
        let e = Error::new(ErrorKind::Config, e.message());
        places.get(NAMESPACE.name).map_or(e.clone(), |place| e.context(place))
    })
}

//! Which feature of the umbrella crate adds a backend that is not registered.

use crate::config::OptionSpec;

/// A backend of this project.
#[derive(Clone, Copy, Debug)]
pub struct KnownBackend {
    /// Its kind.
    pub backend_type: &'static str,
    /// Its schemes.
    pub schemes: &'static [&'static str],
    /// The feature of the crate `proximadb-meta` that adds it.
    pub feature: &'static str,
    /// Whether this release has that feature. (A test of the umbrella compares this with its manifest.)
    pub released: bool,
}

/// Every backend of this project, there or to come.
pub const KNOWN_BACKENDS: &[KnownBackend] = &[
    known("wal", &["file"], "wal", true),
    known("memory", &["memory"], "memory", true),
    known("sqlite", &["sqlite"], "sqlite", true),
    known("postgresql", &["postgresql", "postgres"], "postgres", true),
    known("dynamodb", &["dynamodb"], "dynamo", false),
    known("mongodb", &["mongodb", "mongodb+srv"], "mongo", false),
];

const fn known(
    backend_type: &'static str,
    schemes: &'static [&'static str],
    feature: &'static str,
    released: bool,
) -> KnownBackend {
    KnownBackend { backend_type, schemes, feature, released }
}

/// What to do to get a backend of ours; `None` for one that is not ours.
pub(super) fn how_to_get(is_it: impl Fn(&KnownBackend) -> bool) -> Option<String> {
    let known = KNOWN_BACKENDS.iter().find(|k| is_it(k))?;
    let feature = known.feature;
    Some(if known.released {
        format!("the feature {feature:?} of the crate proximadb-meta adds it")
    } else {
        format!("the feature {feature:?} of the crate proximadb-meta would add it, but this release does not have it")
    })
}

/// Names of options, to find two that are the same.
pub(super) fn names(specs: &'static [OptionSpec]) -> impl Iterator<Item = &'static str> {
    specs.iter().map(|s| s.name)
}

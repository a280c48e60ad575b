//! set: fields of one record changed as one compare-and-set.

use std::sync::Arc;

use proximadb_meta::core::suggest::did_you_mean;
use proximadb_meta::core::{
    AccessPattern, CollectionMetadata, ConfigJson, DistanceMetric, Error, Field, IndexingAlgorithm, Retention,
    Timestamp,
};

use super::session::Session;
use crate::args;
use crate::exit::Result;
use crate::output::Printer;

const SETTABLE: [Field; 11] = [
    Field::Name,
    Field::Dimension,
    Field::DistanceMetric,
    Field::IndexingAlgorithm,
    Field::AccessPattern,
    Field::Retention,
    Field::ExpiresAt,
    Field::Config,
    Field::Description,
    Field::Owner,
    Field::Tags,
];

type Text = Arc<str>;

/// One change.
enum Edit {
    Name(Text),
    Dimension(u32),
    DistanceMetric(DistanceMetric),
    IndexingAlgorithm(IndexingAlgorithm),
    AccessPattern(AccessPattern),
    Retention(Option<Retention>),
    ExpiresAt(Option<Timestamp>),
    Config(ConfigJson),
    Description(Option<Text>),
    Owner(Option<Text>),
    Tags(Vec<Text>),
    AddTags(Vec<Text>),
    RemoveTags(Vec<Text>),
}

pub(crate) struct Set {
    id: String,
    edits: Vec<Edit>,
    if_version: Option<u64>,
}

impl Set {
    pub(crate) fn new(x: args::Set) -> Result<Self> {
        let mut keys = Vec::with_capacity(x.changes.len());
        let mut edits = Vec::with_capacity(x.changes.len());
        for change in &x.changes {
            let (key, value) = change.split_once('=').ok_or_else(|| {
                Error::invalid(format!("{change:?} is not KEY=VALUE")).with_hint("as in owner=bob, or owner= for none")
            })?;
            if keys.contains(&key) {
                return Err(Error::invalid(format!("{key} is set twice")).into());
            }
            keys.push(key);
            edits.push(Edit::parse(key, value)?);
        }
        Ok(Self { id: x.id, edits, if_version: x.if_version })
    }

    pub(crate) async fn run(self, s: &Session) -> Result<u8> {
        let found = s.catalog.get_collection(&self.id).await?.ok_or_else(|| Error::not_found(&self.id))?;
        if let Some(expected) = self.if_version.filter(|v| *v != found.version) {
            return Err(Error::version_conflict(&self.id, expected, found.version).into());
        }
        let mut r = (*found).clone();
        self.edits.into_iter().for_each(|edit| edit.apply(&mut r));
        let stored = s.catalog.update_collection(r).await?;
        s.say(format_args!("{} is at version {}", stored.id, stored.version));
        Printer::one(s.format, &stored)?;
        Ok(0)
    }
}

impl Edit {
    fn parse(key: &str, value: &str) -> Result<Self, Error> {
        let optional = || (!value.is_empty()).then(|| Text::from(value));
        let list = || value.split(',').filter(|t| !t.is_empty()).map(Text::from).collect();
        match key {
            "tags+" => return Ok(Self::AddTags(list())),
            "tags-" => return Ok(Self::RemoveTags(list())),
            _ => {}
        }
        let field = Field::parse(key).map_err(|_| {
            Error::invalid(format!("{key:?} is not a field"))
                .with_hint(did_you_mean(key, SETTABLE.iter().map(|f| f.name()).chain(["tags+", "tags-"])))
        })?;
        Ok(match field {
            Field::Name => Self::Name(value.into()),
            Field::Dimension => Self::Dimension(
                value.parse().map_err(|_| Error::invalid(format!("dimension={value:?} is not a whole number")))?,
            ),
            Field::DistanceMetric => Self::DistanceMetric(DistanceMetric::new(value)),
            Field::IndexingAlgorithm => Self::IndexingAlgorithm(IndexingAlgorithm::new(value)),
            Field::AccessPattern => Self::AccessPattern(AccessPattern::parse(value)?),
            Field::Retention => Self::Retention(retention(value)?),
            Field::ExpiresAt => Self::ExpiresAt(optional().map(|t| Timestamp::parse(&t)).transpose()?),
            Field::Config => Self::Config(ConfigJson::parse(if value.is_empty() { "{}" } else { value })?),
            Field::Description => Self::Description(optional()),
            Field::Owner => Self::Owner(optional()),
            Field::Tags => Self::Tags(list()),
            Field::VectorCount | Field::TotalSizeBytes => {
                return Err(Error::invalid(format!("{key} cannot be set"))
                    .with_hint("the counters are moved by the database that writes the vectors"));
            }
            _ => {
                let known: Vec<&str> = SETTABLE.iter().map(|f| f.name()).collect();
                return Err(Error::invalid(format!("{key} cannot be set: the catalog keeps it"))
                    .with_hint(format!("what can be set: {}", known.join(", "))));
            }
        })
    }

    fn apply(self, r: &mut CollectionMetadata) {
        match self {
            Self::Name(v) => r.name = v,
            Self::Dimension(v) => r.dimension = v,
            Self::DistanceMetric(v) => r.distance_metric = v,
            Self::IndexingAlgorithm(v) => r.indexing_algorithm = v,
            Self::AccessPattern(v) => r.access_pattern = v,
            Self::Retention(v) => r.retention = v,
            Self::ExpiresAt(v) => r.expires_at = v,
            Self::Config(v) => r.config = v,
            Self::Description(v) => r.description = v,
            Self::Owner(v) => r.owner = v,
            Self::Tags(v) => r.tags = v.into_iter().collect(),
            Self::AddTags(v) => r.tags = r.tags.iter().cloned().chain(v).collect(),
            Self::RemoveTags(v) => r.tags = r.tags.iter().filter(|t| !v.contains(t)).cloned().collect(),
        }
    }
}

/// `30d`, `30d:auto-delete`, or nothing.
fn retention(text: &str) -> Result<Option<Retention>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || {
        Error::invalid(format!("retention={text:?} is not a number of days"))
            .with_hint("as in retention=30d, retention=30d:auto-delete, or retention= for none")
    };
    let (days, auto_delete) = match text.split_once(':') {
        None => (text, false),
        Some((days, "auto-delete")) => (days, true),
        Some(_) => return Err(wrong()),
    };
    let retain_days = days.strip_suffix('d').and_then(|n| n.parse().ok()).ok_or_else(wrong)?;
    Ok(Some(Retention { retain_days, auto_delete }))
}

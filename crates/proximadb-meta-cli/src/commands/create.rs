//! create: one new record.

use proximadb_meta::core::{
    AccessPattern, CollectionMetadata, ConfigJson, DistanceMetric, IndexingAlgorithm, Retention, Timestamp,
};

use super::session::Session;
use crate::args;
use crate::exit::Result;
use crate::output::Printer;

pub(crate) struct Create(CollectionMetadata);

impl Create {
    pub(crate) fn new(x: args::Create) -> Result<Self> {
        let mut r = CollectionMetadata::new(x.name, x.dimension, DistanceMetric::new(&x.metric));
        r.indexing_algorithm = IndexingAlgorithm::new(&x.index);
        r.id = x.id.unwrap_or_default().into();
        r.owner = x.owner.map(Into::into);
        r.description = x.description.map(Into::into);
        r.tags = x.tag.into_iter().collect();
        r.access_pattern = AccessPattern::parse(&x.access_pattern)?;
        if let Some(config) = x.config {
            r.config = ConfigJson::parse(&config)?;
        }
        r.retention = x.retain_days.map(|retain_days| Retention { retain_days, auto_delete: x.auto_delete });
        r.expires_at = x.expires_at.as_deref().map(Timestamp::parse).transpose()?;
        Ok(Self(r))
    }

    pub(crate) async fn run(self, s: &Session) -> Result<u8> {
        let made = s.catalog.create_collection(self.0).await?;
        Printer::one(s.format, &made)?;
        Ok(0)
    }
}

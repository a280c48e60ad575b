//! Changing single records: create, set, rm.

use proximadb_meta::core::{
    AccessPattern, CollectionMetadata, ConfigJson, DistanceMetric, Error, Filter, IndexingAlgorithm,
};

use super::Session;
use crate::args::{Command, Format};
use crate::exit::Result;
use crate::output::line;

pub(crate) async fn create(s: &Session) -> Result<u8> {
    let Command::Create { name, dimension, metric, id, owner, description, tag, config } = &s.args.command else {
        return Ok(1);
    };
    let mut r = CollectionMetadata::new(name.as_str(), *dimension, DistanceMetric::new(metric));
    r.id = id.as_str().into();
    r.owner = owner.as_deref().map(Into::into);
    r.description = description.as_deref().map(Into::into);
    r.tags = tag.iter().map(String::as_str).collect();
    if let Some(config) = config {
        r.config = ConfigJson::parse(config)?;
    }
    let made = s.catalog.create_collection(r).await?;
    print(s, &made)
}

fn print(s: &Session, r: &CollectionMetadata) -> Result<u8> {
    match s.args.output {
        Format::Json | Format::Ndjson => line(r.to_json())?,
        _ => line(&r.id)?,
    }
    Ok(0)
}

pub(crate) async fn set(s: &Session, id: &str, changes: &[String]) -> Result<u8> {
    let found = s.catalog.get_collection(id).await?.ok_or_else(|| Error::not_found(id))?;
    let mut r = (*found).clone();
    for change in changes {
        let (key, value) = change
            .split_once('=')
            .ok_or_else(|| Error::invalid(format!("{change:?} is not key=value")).with_hint("owner=bob"))?;
        let optional = (!value.is_empty()).then(|| value.into());
        match key {
            "name" => r.name = value.into(),
            "description" => r.description = optional,
            "owner" => r.owner = optional,
            "tags" => r.tags = value.split(',').filter(|t| !t.is_empty()).collect(),
            "access_pattern" => r.access_pattern = AccessPattern::parse(value)?,
            "indexing_algorithm" => r.indexing_algorithm = IndexingAlgorithm::new(value),
            "config" => r.config = ConfigJson::parse(if value.is_empty() { "{}" } else { value })?,
            other => {
                let known = ["name", "description", "owner", "tags", "access_pattern", "indexing_algorithm", "config"];
                return Err(Error::invalid(format!("{other:?} cannot be set"))
                    .with_hint(proximadb_meta::core::suggest::did_you_mean(other, known))
                    .into());
            }
        }
    }
    let stored = s.catalog.update_collection(r).await?;
    print(s, &stored)
}

pub(crate) async fn rm(s: &Session, ids: &[String], filter: Option<Filter>) -> Result<u8> {
    let ids: Vec<String> = match filter {
        Some(filter) => s.catalog.list_collections(Some(filter)).await?.iter().map(|r| r.id.to_string()).collect(),
        None if ids.is_empty() => return Err(Error::invalid("rm needs ids, or --filter and --yes").into()),
        None => ids.to_vec(),
    };
    let mut missing = 0;
    for id in &ids {
        if s.catalog.delete_collection(id).await? {
            if s.args.output == Format::Name {
                line(id)?;
            }
        } else {
            missing += 1;
            s.say(format!("not there: {id}"));
        }
    }
    s.say(format!("deleted {} collections", ids.len() - missing));
    Ok(match missing {
        0 => 0,
        n if n == ids.len() => 3,
        _ => 10,
    })
}

//! What a catalog holds, by writer, and how it differs from what it should hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use proximadb_meta_core::{CollectionMetadata, Field, Filter, MetadataBackend};

use crate::failure::{Failure, Outcome};
use crate::script::{Row, Rows, SHARED, Script};

/// What a catalog holds, by writer.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) rows: Vec<Rows>,
    pub(crate) texts: Vec<BTreeMap<String, String>>,
    pub(crate) vectors: u64,
    pub(crate) bytes: u64,
}

impl Found {
    pub(crate) fn new(all: &[Arc<CollectionMetadata>], writers: usize) -> Outcome<Self> {
        let mut found =
            Self { rows: vec![Rows::new(); writers], texts: vec![BTreeMap::new(); writers], vectors: 0, bytes: 0 };
        for r in all {
            if *r.id == *SHARED {
                (found.vectors, found.bytes) = (r.vector_count, r.total_size_bytes);
                continue;
            }
            let owner = Script::writer_of(&r.id);
            let place = owner.and_then(|w| Some((found.rows.get_mut(w)?, found.texts.get_mut(w)?)));
            let (rows, texts) = place.ok_or_else(|| Failure::new(format!("nobody ever made {:?}", r.id)))?;
            rows.insert(r.id.to_string(), Row::of(r));
            texts.insert(r.id.to_string(), format!("{r:?}"));
        }
        Ok(found)
    }
}

/// Point reads and lists by index give the same records as the list of all.
pub(crate) async fn check_indexes(db: &dyn MetadataBackend, all: &[Arc<CollectionMetadata>]) -> Outcome {
    for r in all {
        ensure!(db.get_collection(&r.id).await?.as_ref() == Some(r), "{} is not found by its id", r.id);
        let by_name = db.get_collection_by_name(&r.name).await?;
        ensure!(by_name.as_ref() == Some(r), "{} is not found by its name {}", r.id, r.name);
    }
    let owners = (0..5).map(|n| Filter::eq(Field::Owner, format!("o{n}")));
    let tags = (0..6).map(|n| Filter::has_tag(format!("t{n}")));
    for filter in owners.chain(tags) {
        let listed = db.list_collections(Some(filter.clone())).await?;
        let expected: Vec<_> = all.iter().filter(|r| filter.evaluate(r)).cloned().collect();
        ensure!(listed == expected, "{filter} lists {} of {} records", listed.len(), expected.len());
    }
    Ok(())
}

/// The first few ids that differ.
pub(crate) fn difference(expected: &Rows, found: &Rows) -> String {
    let mut ids: Vec<&String> = expected.keys().chain(found.keys()).collect();
    ids.sort_unstable();
    ids.dedup();
    let differing: Vec<String> = ids
        .into_iter()
        .filter(|id| expected.get(*id) != found.get(*id))
        .map(|id| format!("{id}: {} became {}", row(expected.get(id)), row(found.get(id))))
        .collect();
    format!("{} differ; {}", differing.len(), differing.iter().take(6).cloned().collect::<Vec<_>>().join("; "))
}

fn row(row: Option<&Row>) -> String {
    row.map_or_else(|| "nothing".to_owned(), |r| short(&format!("{r:?}")).to_owned())
}

pub(crate) fn short(text: &str) -> &str {
    text.get(..200).unwrap_or(text)
}

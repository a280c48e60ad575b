//! What to do with each of the next lines, by what the catalog holds now.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use proximadb_meta::core::{CollectionMetadata, Field, MetadataBackend, Operation, PutIf, Result};

use super::line::Line;
use crate::args::OnConflict;

/// A line's fate, if the batch succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Create,
    Overwrite,
    Skip,
    Expired,
}

/// One atomic batch over the first lines: a fate each, and an operation for each that is written.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) fates: Vec<Fate>,
    pub(super) operations: Vec<Operation>,
    /// The line of each operation, counted from 0.
    pub(super) line_of: Vec<usize>,
}

impl Plan {
    /// Plans at most `most` lines. Fewer, where a later line is about a record that an earlier one of the batch changes:
    /// what it means depends on that.
    pub(super) async fn over(
        catalog: &dyn MetadataBackend,
        lines: &VecDeque<Line>,
        how: OnConflict,
        most: usize,
    ) -> Result<Self> {
        let mut plan = Self::default();
        let mut touched = Touched::default();
        for (index, line) in lines.iter().enumerate().take(most) {
            if line.has_expired() {
                plan.fates.push(Fate::Expired);
                continue;
            }
            let (fate, operation) = match how {
                OnConflict::Fail => (Fate::Create, Some(put_new(line))),
                OnConflict::Skip if is_taken(catalog, line).await? => (Fate::Skip, None),
                OnConflict::Skip => (Fate::Create, Some(put_new(line))),
                OnConflict::Overwrite => {
                    let stored = stored(catalog, line).await?;
                    if touched.meets(line, stored.as_deref()) {
                        break;
                    }
                    match stored {
                        Some(stored) => (Fate::Overwrite, Some(replace(line, &stored))),
                        None => (Fate::Create, Some(put_new(line))),
                    }
                }
            };
            plan.fates.push(fate);
            if let Some(operation) = operation {
                plan.operations.push(operation);
                plan.line_of.push(index);
            }
        }
        Ok(plan)
    }
}

/// Ids and names that earlier lines of the batch write.
#[derive(Default)]
struct Touched {
    ids: HashSet<Arc<str>>,
    names: HashSet<Arc<str>>,
}

impl Touched {
    /// Whether an earlier line changes what this one is about; notes what this one changes.
    fn meets(&mut self, line: &Line, stored: Option<&CollectionMetadata>) -> bool {
        let id = stored.map_or(&line.record.id, |r| &r.id);
        let by_name = !line.says(Field::Id) && self.names.contains(&line.record.name);
        if by_name || self.ids.contains(id) {
            return true;
        }
        self.ids.insert(id.clone());
        self.names.insert(line.record.name.clone());
        false
    }
}

/// The record a line is about: by its id, or by its name where it has none.
async fn stored(catalog: &dyn MetadataBackend, line: &Line) -> Result<Option<Arc<CollectionMetadata>>> {
    if line.says(Field::Id) {
        catalog.get_collection(&line.record.id).await
    } else {
        catalog.get_collection_by_name(&line.record.name).await
    }
}

async fn is_taken(catalog: &dyn MetadataBackend, line: &Line) -> Result<bool> {
    let id_taken = line.says(Field::Id) && catalog.get_collection(&line.record.id).await?.is_some();
    Ok(id_taken || catalog.get_collection_by_name(&line.record.name).await?.is_some())
}

fn put_new(line: &Line) -> Operation {
    Operation::Put { record: line.record.clone(), when: PutIf::Absent }
}

/// Replaces the stored record, if it is still the one that was read.
fn replace(line: &Line, stored: &CollectionMetadata) -> Operation {
    let mut r = line.record.clone();
    r.id = stored.id.clone();
    if line.is_an_update() {
        r.version = stored.version;
        r.incarnation = stored.incarnation;
        return Operation::Update(r);
    }
    if !line.says(Field::CreatedAt) {
        r.created_at = stored.created_at;
    }
    if !line.says(Field::UpdatedAt) {
        r.updated_at = r.updated_at.max(stored.updated_at);
    }
    if !line.says(Field::VectorCount) {
        r.vector_count = stored.vector_count;
    }
    if !line.says(Field::TotalSizeBytes) {
        r.total_size_bytes = stored.total_size_bytes;
    }
    if !line.says(Field::Version) {
        r.version = stored.version + 1;
    }
    Operation::Put { record: r, when: PutIf::Version(stored.version) }
}

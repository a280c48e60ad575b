//! One step of a script, done to a catalog.

use std::path::Path;
use std::sync::Arc;

use proximadb_meta_core::operation::Change as Set;
use proximadb_meta_core::report::BackupOptions;
use proximadb_meta_core::{
    CollectionMetadata, DistanceMetric, Error, ErrorKind, MetadataBackend, Operation, Result, StatsDelta,
};

use crate::script::{Act, Change, SHARED, Script, Step};

/// What came of a step.
#[derive(Debug, Default)]
pub struct Done {
    /// The records as they were stored, one for each change that was no deletion.
    pub records: Vec<Arc<CollectionMetadata>>,
    /// The id of the backup, if it was one.
    pub backup: Option<String>,
}

/// Makes the record of all where it is missing.
///
/// # Errors
/// What the backend gives.
pub async fn prepare(db: &dyn MetadataBackend) -> Result<()> {
    if db.get_collection(SHARED).await?.is_none() {
        let mut record = CollectionMetadata::new(SHARED, 1, DistanceMetric::COSINE);
        record.id = SHARED.into();
        db.create_collection(record).await?;
    }
    Ok(())
}

/// Does the next step of a script, without advancing it. Backups go below `backups`.
///
/// # Errors
/// What the backend gives.
pub async fn perform(db: &dyn MetadataBackend, script: &Script, backups: &Path) -> Result<Done> {
    let mut done = Done::default();
    match script.next() {
        Step::Count => {
            count(db, script).await?;
        }
        Step::Checkpoint => {
            db.maintain().await?;
        }
        Step::Backup => {
            let report = db.backup(&backups.to_string_lossy(), BackupOptions::default()).await?;
            done.backup = Some(report.id);
        }
        Step::Acts(acts) => match &acts[..] {
            [act] => done.records.extend(single(db, act).await?),
            acts => {
                let mut operations = Vec::with_capacity(acts.len());
                for act in acts {
                    operations.push(operation(db, act).await?);
                }
                let outcomes = db.batch_operations(operations).await?;
                done.records.extend(outcomes.iter().filter_map(|o| o.record().cloned()));
            }
        },
    }
    Ok(done)
}

/// Counts on the record of all.
///
/// # Errors
/// What the backend gives.
pub async fn count(db: &dyn MetadataBackend, script: &Script) -> Result<()> {
    let delta = StatsDelta { vectors: 1, bytes: script.weight().cast_signed() };
    db.record_stats(SHARED, delta).await.map(drop)
}

/// A change by the call that is made for it.
async fn single(db: &dyn MetadataBackend, act: &Act) -> Result<Option<Arc<CollectionMetadata>>> {
    match operation(db, act).await? {
        Operation::Create(record) => db.create_collection(record).await.map(Some),
        Operation::Update(record) => db.update_collection(record).await.map(Some),
        Operation::RecordStats { id, delta } => db.record_stats(&id, delta).await.map(Some),
        Operation::Delete { id } => match db.delete_collection(&id).await? {
            true => Ok(None),
            false => Err(Error::not_found(&id)),
        },
        other => {
            let outcomes = db.batch_operations(vec![other]).await?;
            Ok(outcomes.first().and_then(|o| o.record().cloned()))
        }
    }
}

async fn operation(db: &dyn MetadataBackend, act: &Act) -> Result<Operation> {
    let id: Arc<str> = act.id.as_str().into();
    Ok(match &act.change {
        Change::Create { name, description, tags } => {
            let mut r = CollectionMetadata::new(name.clone(), 8, DistanceMetric::COSINE);
            r.id = id;
            r.description = Some(description.clone());
            r.tags = tags.clone();
            Operation::Create(r)
        }
        Change::Update { description, tags } => {
            let mut r = read(db, &id).await?;
            r.description = Some(description.clone());
            r.tags = tags.clone();
            Operation::Update(r)
        }
        Change::Rename(name) => {
            let mut r = read(db, &id).await?;
            r.name = name.clone();
            Operation::Update(r)
        }
        Change::Owner(owner) => Operation::Set { id, change: Set::Owner(owner.clone()) },
        Change::Count { vectors, bytes } => {
            Operation::RecordStats { id, delta: StatsDelta { vectors: *vectors, bytes: *bytes } }
        }
        Change::Delete => Operation::Delete { id },
    })
}

async fn read(db: &dyn MetadataBackend, id: &str) -> Result<CollectionMetadata> {
    let found = db.get_collection(id).await?;
    found
        .map(|r| (*r).clone())
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("{id} was acknowledged and is not there")))
}

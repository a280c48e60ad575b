//! Wrong writes of single records: create, update, delete.

use std::sync::Arc;

use proximadb_meta_core::ErrorKind::VersionConflict;
use proximadb_meta_core::{CollectionMetadata, Detail, Error, Extra, Operation, Outcome, PutIf, Result, Tags};

use super::{Bug, Buggy, DOUBLE, Record};

impl Buggy {
    pub(super) async fn create(&self, record: CollectionMetadata) -> Result<Record> {
        let mut record = self.incoming(record);
        let name = self.key(&record.name);
        if self.memory().taken.contains(&name) {
            return Err(Error::name_taken(&record.name));
        }
        if self.is(Bug::CaseFoldedName) {
            let all = self.inner.list_collections(None).await?;
            if all.iter().any(|r| r.name != record.name && r.name.to_lowercase() == record.name.to_lowercase()) {
                return Err(Error::name_taken(&record.name));
            }
        }
        if self.is(Bug::RacyName) {
            if self.take_off(&name) {
                self.memory().doubles += 1;
                record.name = format!("{}{DOUBLE}{}", record.name, self.memory().doubles).into();
            }
            tokio::task::yield_now().await;
            let made = self.inner.create_collection(record).await;
            self.land(&name);
            return made.map(|r| self.shown(r.clone()).unwrap_or(r));
        }
        let made = self.inner.create_collection(record).await?;
        self.memory().shadow.insert(self.key(&made.id), made.clone());
        Ok(self.shown(made.clone()).unwrap_or(made))
    }

    pub(super) async fn update(&self, record: CollectionMetadata) -> Result<Record> {
        let record = self.incoming(record);
        let before = self.inner.get_collection(&record.id).await?;
        if self.is(Bug::NoopUpdateSkipped)
            && let Some(b) = before.as_ref().filter(|b| ***b == record)
        {
            return Ok(b.clone());
        }
        if self.memory().taken.contains(&self.key(&record.name)) {
            return Err(Error::name_taken(&record.name));
        }
        let is_base = |b: &CollectionMetadata| (b.version, b.incarnation) == (record.version, record.incarnation);
        let compared = before.as_ref().is_some_and(|b| is_base(b));
        if compared && self.strikes(Bug::UpdateNotDone, 3) {
            let mut r = record.clone();
            r.version += 1;
            return Ok(Arc::new(r));
        }
        if compared && self.is(Bug::CompareThenUpdate) {
            tokio::task::yield_now().await;
        }
        let stored = match self.inner.update_collection(record.clone()).await {
            Ok(stored) => stored,
            Err(e) if self.is(Bug::CompareThenUpdate) && !compared => return Err(e),
            Err(e) => self.retry_update(record.clone(), e).await?,
        };
        if let Some(b) = &before {
            match self.bug {
                Bug::StaleByOne => drop(self.memory().previous.insert(self.key(&b.id), b.clone())),
                Bug::StaleName if b.name != stored.name => {
                    drop(self.memory().previous.insert(self.key(&b.name), b.clone()));
                }
                _ => {}
            }
        }
        if let Some(b) = before.filter(|b| self.is(Bug::NameKeptOnRename) && b.name != stored.name) {
            let old = self.key(&b.name);
            self.memory().taken.insert(old);
        }
        let stored = self.after_update(&record, stored).await?;
        Ok(self.shown(stored.clone()).unwrap_or(stored))
    }

    pub(super) async fn delete(&self, id: &str) -> Result<bool> {
        let before = self.inner.get_collection(id).await?;
        let was = self.inner.delete_collection(self.id(id)).await?;
        if let Some(b) = before.filter(|_| self.is(Bug::NameKeptOnDelete)) {
            let old = self.key(&b.name);
            self.memory().taken.insert(old);
        }
        Ok(was || self.is(Bug::DeleteAlwaysTrue))
    }

    pub(super) fn incoming(&self, mut r: CollectionMetadata) -> CollectionMetadata {
        match self.bug {
            Bug::TagDropped if r.tags.len() > 1 => {
                let keep = r.tags.len() - 1;
                r.tags = r.tags.iter().take(keep).cloned().collect::<Tags>();
            }
            Bug::ExtraDropped => r.extra = Extra::default(),
            Bug::TrimmedId => r.id = r.id.trim().into(),
            _ => {}
        }
        r
    }

    /// Writes a record over what an update stored.
    async fn overwrite(&self, r: CollectionMetadata) -> Result<Record> {
        let when = PutIf::Version(r.version);
        let out = self.inner.batch_operations(vec![Operation::Put { record: r.clone(), when }]).await?;
        Ok(out.first().and_then(Outcome::record).cloned().unwrap_or_else(|| Arc::new(r)))
    }

    async fn after_update(&self, given: &CollectionMetadata, stored: Record) -> Result<Record> {
        let mut r = (*stored).clone();
        match self.bug {
            Bug::CreatedAtOverwritten => r.created_at = r.updated_at,
            Bug::UpdatedAtBackwards => r.updated_at = self.clock.now(),
            Bug::UpdateWritesCounters => {
                (r.vector_count, r.total_size_bytes) = (given.vector_count, given.total_size_bytes);
            }
            _ => return Ok(stored),
        }
        if r == *stored { Ok(stored) } else { self.overwrite(r).await }
    }

    async fn retry_update(&self, mut r: CollectionMetadata, e: Error) -> Result<Record> {
        if e.kind() != VersionConflict {
            return Err(e);
        }
        let Some(now) = self.inner.get_collection(&r.id).await? else { return Err(e) };
        let same_version = matches!(e.detail(), Some(Detail::Version { expected, found }) if expected == found);
        match self.bug {
            Bug::AbaAccepted if !same_version => return Err(e),
            Bug::NameBeforeConflict => {
                return match self.inner.get_collection_by_name(&r.name).await? {
                    Some(other) if other.id != r.id => Err(Error::name_taken(&r.name)),
                    _ => Err(e),
                };
            }
            Bug::LostUpdate | Bug::AbaAccepted | Bug::CompareThenUpdate => {}
            _ => return Err(e),
        }
        (r.version, r.incarnation) = (now.version, now.incarnation);
        self.inner.update_collection(r).await
    }
}

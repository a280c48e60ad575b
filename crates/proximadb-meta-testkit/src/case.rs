//! A case, what it needs, how it fails, and the store it runs on.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use proximadb_meta_core::{
    CallContext, Capabilities, CollectionMetadata, DistanceMetric, Durability, Error, ErrorKind, Field, Filter,
    ListRequest, ManualClock, MetadataBackend, Namespace, Operation, Outcome, StatsDelta, Timestamp,
};

use crate::fixture::{BackupDir, Fixture, Opened};

/// Why a case failed, in words.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// A failure.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Self(format!("a call failed that should succeed: {e:?}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Self {
        Self(format!("the system refuses what a case needs: {e}"))
    }
}

impl From<tokio::task::JoinError> for Failure {
    fn from(e: tokio::task::JoinError) -> Self {
        Self(format!("a task ended early: {e}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a case answers.
pub type CaseResult<T = ()> = Result<T, Failure>;

/// A running case.
pub type CaseFuture<'a> = Pin<Box<dyn Future<Output = CaseResult> + Send + 'a>>;

/// What a backend must have for a case to make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// The mandatory profile.
    Nothing,
    /// Lists in this order.
    Order(Field),
    /// Atomic batches of this many operations.
    Batch(usize),
    /// Portable backups and a place for them.
    Backup,
    /// No portable backups, to see them refused.
    NoBackup,
    /// Data that is there after a reopen.
    Durable,
    /// `explain`.
    Explain,
    /// No `explain`, to see it refused.
    NoExplain,
    /// No `maintain`, to see it refused.
    NoMaintain,
    /// Ranked search.
    RankedText,
    /// No ranked search, to see it refused.
    NoRankedText,
    /// Backups in the store's own format, and a place for them.
    NativeBackup,
    /// `maintain`.
    Maintain,
    /// `schema`.
    Schema,
    /// No `schema`, to see it refused.
    NoSchema,
    /// `diagnose`.
    Diagnose,
    /// No `diagnose`, to see it refused.
    NoDiagnose,
    /// No idempotency keys, to see them refused.
    NoIdempotency,
    /// `digest`.
    Digest,
    /// No `digest`, to see it refused.
    NoDigest,
    /// A batch limit small enough to be passed.
    SmallBatchLimit,
}

impl Need {
    /// Why a backend with these capabilities cannot run the case; `None`: it can.
    #[must_use]
    pub fn missing(self, c: &Capabilities, has_backup_dir: bool) -> Option<String> {
        let lacks = |held: bool, what: &str| (!held).then(|| what.to_owned());
        match self {
            Self::Nothing => None,
            Self::Order(field) => lacks(c.orders.contains(&field), &format!("no list order by {field}")),
            Self::Batch(n) => {
                lacks(c.atomic_batch.ops.min(c.atomic_batch.items) >= n, &format!("no atomic batch of {n} operations"))
            }
            Self::Backup => lacks(c.portable_backup && has_backup_dir, "no portable backup"),
            Self::NoBackup => lacks(!c.portable_backup && !c.native_backup, "declares backup"),
            Self::Durable => lacks(c.durability > Durability::Volatile, "volatile: nothing to reopen"),
            Self::Explain => lacks(c.explain, "no explain"),
            Self::NoExplain => lacks(!c.explain, "declares explain"),
            Self::NoMaintain => lacks(!c.maintain, "declares maintain"),
            Self::RankedText => lacks(c.ranked_text, "no ranked search"),
            Self::NoRankedText => lacks(!c.ranked_text, "declares ranked search"),
            Self::NativeBackup => lacks(c.native_backup && has_backup_dir, "no native backup"),
            Self::Maintain => lacks(c.maintain, "no maintain"),
            Self::Schema => lacks(c.schema, "no schema"),
            Self::NoSchema => lacks(!c.schema, "declares schema"),
            Self::Diagnose => lacks(c.diagnose, "no diagnose"),
            Self::NoDiagnose => lacks(!c.diagnose, "declares diagnose"),
            Self::NoIdempotency => lacks(!c.idempotency, "declares idempotency keys"),
            Self::Digest => lacks(c.digest, "no digest"),
            Self::NoDigest => lacks(!c.digest, "declares digest"),
            Self::SmallBatchLimit => lacks(c.atomic_batch.ops <= 20_000, "batches of more than 20000 operations"),
        }
    }
}

/// One named test of one rule.
#[derive(Clone, Copy)]
pub struct Case {
    /// `rule05::stale_version_is_refused`.
    pub name: &'static str,
    /// Which rule of the contract.
    pub rule: u8,
    /// What the backend must have.
    pub needs: Need,
    /// How many threads serve its tasks; 1: all run on one, interleaved only where they wait.
    pub threads: usize,
    /// The test.
    pub run: for<'a> fn(&'a mut Store) -> CaseFuture<'a>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Case {
    /// Runs the case on a fresh store of `fixture`, on a runtime of its own.
    ///
    /// # Errors
    /// What is wrong with the backend.
    pub fn run_on(&self, fixture: &Arc<dyn Fixture>) -> CaseResult {
        let mut builder = match self.threads {
            0 | 1 => tokio::runtime::Builder::new_current_thread(),
            _ => tokio::runtime::Builder::new_multi_thread(),
        };
        let runtime = builder
            .worker_threads(self.threads.max(1))
            .enable_time()
            .enable_io()
            .build()
            .map_err(|e| Failure::new(format!("no runtime: {e}")))?;
        runtime.block_on(async {
            let mut store = Store::open(fixture).await?;
            let result = (self.run)(&mut store).await;
            // A close that fails after a good case is a failure, after a bad one it is only noise.
            let closed = store.close().await;
            result.and(closed)
        })
    }
}

/// When the clock of every case starts.
pub const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// A fresh store and what a case does with it.
pub struct Store {
    /// The backend, in the default namespace.
    pub db: Arc<dyn MetadataBackend>,
    /// Its clock.
    pub clock: ManualClock,
    fixture: Arc<dyn Fixture>,
    opened: Mutex<Option<Opened>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("db", &self.db).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens a fresh store.
    ///
    /// # Errors
    /// When the fixture cannot.
    pub async fn open(fixture: &Arc<dyn Fixture>) -> CaseResult<Self> {
        let clock = ManualClock::new(START);
        let opened = fixture
            .open(Arc::new(clock.clone()))
            .await
            .map_err(|e| Failure::new(format!("{} cannot be opened: {e:?}", fixture.name())))?;
        let db = opened.backend.clone();
        Ok(Self { db, clock, fixture: fixture.clone(), opened: Mutex::new(Some(opened)) })
    }

    /// Another fresh store of the same fixture.
    ///
    /// # Errors
    /// When the fixture cannot.
    pub async fn another(&self) -> CaseResult<Self> {
        Self::open(&self.fixture).await
    }

    /// The same open store with the handle in another namespace. It must not be closed or reopened by itself.
    ///
    /// # Errors
    /// When the name breaks its limits.
    pub(crate) fn in_namespace(&self, name: &str) -> CaseResult<Self> {
        let (clock, fixture) = (self.clock.clone(), self.fixture.clone());
        Ok(Self { db: self.space(name)?, clock, fixture, opened: Mutex::new(None) })
    }

    /// Closes the store and cleans up.
    ///
    /// # Errors
    /// What `close` answers.
    pub async fn close(self) -> CaseResult {
        self.db.close().await?;
        Ok(())
    }

    /// Closes the store and opens the same data again.
    ///
    /// # Errors
    /// When the fixture keeps nothing although it declares durability.
    pub async fn reopen(&mut self) -> CaseResult {
        let old = self.opened.lock().unwrap_or_else(PoisonError::into_inner).take();
        let old = old.ok_or_else(|| Failure::new("the store is not open"))?;
        self.db = old.backend.clone();
        let new = self.fixture.reopen(old, Arc::new(self.clock.clone())).await?;
        let new = new.ok_or_else(|| Failure::new("the backend declares durability, but its fixture cannot reopen"))?;
        self.db = new.backend.clone();
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(new);
        Ok(())
    }

    /// A place for backups.
    ///
    /// # Errors
    /// When the fixture has none.
    pub fn backup_dir(&self) -> CaseResult<BackupDir> {
        self.fixture.backup_dir().ok_or_else(|| Failure::new("the fixture has no place for backups"))
    }

    /// A handle in another namespace.
    ///
    /// # Errors
    /// When the name breaks its limits.
    pub fn space(&self, name: &str) -> CaseResult<Arc<dyn MetadataBackend>> {
        Ok(self.db.scoped(CallContext::in_namespace(Namespace::new(name)?)))
    }

    /// Creates [`rec`]`(id)`.
    ///
    /// # Errors
    /// When that fails.
    pub async fn add(&self, id: &str) -> CaseResult<Arc<CollectionMetadata>> {
        Ok(self.db.create_collection(rec(id)).await?)
    }

    /// The record, which must be there.
    ///
    /// # Errors
    /// When it is not.
    pub async fn must(&self, id: &str) -> CaseResult<Arc<CollectionMetadata>> {
        self.db.get_collection(id).await?.ok_or_else(|| Failure::new(format!("{id:?} is not there")))
    }

    /// Moves the counters.
    ///
    /// # Errors
    /// When that fails.
    pub async fn count(&self, id: &str, vectors: i64, bytes: i64) -> CaseResult<Arc<CollectionMetadata>> {
        Ok(self.db.record_stats(id, StatsDelta { vectors, bytes }).await?)
    }

    /// Applies a batch.
    ///
    /// # Errors
    /// When that fails.
    pub async fn batch(&self, operations: Vec<Operation>) -> CaseResult<Vec<Outcome>> {
        Ok(self.db.batch_operations(operations).await?)
    }

    /// The ids that match a filter in text form, sorted by the backend.
    ///
    /// # Errors
    /// When that fails.
    pub async fn matching(&self, filter: &str) -> CaseResult<String> {
        let filter = if filter.is_empty() { None } else { Some(Filter::parse(filter)?) };
        let found = self.db.list_collections(filter.clone()).await?;
        let counted = self.db.count_collections(filter).await?;
        if counted != found.len() as u64 {
            return Err(Failure::new(format!("{} records listed, {counted} counted", found.len())));
        }
        Ok(ids(&found))
    }

    /// All pages of a list.
    ///
    /// # Errors
    /// When a call fails, or the pages do not end.
    pub async fn pages(&self, request: ListRequest) -> CaseResult<Vec<Arc<CollectionMetadata>>> {
        all_pages(&self.db, request).await
    }
}

/// All pages of a list of `db`.
///
/// # Errors
/// When a call fails, or the pages do not end.
pub async fn all_pages(
    db: &Arc<dyn MetadataBackend>,
    mut request: ListRequest,
) -> CaseResult<Vec<Arc<CollectionMetadata>>> {
    let limit = request.limit.unwrap_or(100);
    let mut all = Vec::new();
    for _ in 0..10_000 {
        let page = db.list_page(request.clone()).await?;
        if page.records.len() > limit {
            return Err(Failure::new(format!("a page of {limit} holds {} records", page.records.len())));
        }
        all.extend(page.records);
        match page.next {
            None => return Ok(all),
            next => request.cursor = next,
        }
        if all.len() > 20_000 {
            break;
        }
    }
    Err(Failure::new("the pages do not end"))
}

/// The ids, comma-separated.
#[must_use]
pub fn ids(records: &[Arc<CollectionMetadata>]) -> String {
    records.iter().map(|r| &*r.id).collect::<Vec<_>>().join(",")
}

/// A small record: id as given, name `name-` before it.
#[must_use]
pub fn rec(id: &str) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(format!("name-{id}"), 8, DistanceMetric::COSINE);
    r.id = id.into();
    r
}

/// [`rec`] with changes.
#[must_use]
pub fn rec_with(id: &str, edit: impl FnOnce(&mut CollectionMetadata)) -> CollectionMetadata {
    let mut r = rec(id);
    edit(&mut r);
    r
}

/// A copy of a record with changes, ready for an update.
#[must_use]
pub fn edited(r: &CollectionMetadata, edit: impl FnOnce(&mut CollectionMetadata)) -> CollectionMetadata {
    let mut r = r.clone();
    edit(&mut r);
    r
}

/// The error of a call that must be refused as `kind`.
///
/// # Errors
/// When it succeeded, or failed in another way.
pub fn refused<T: fmt::Debug>(result: Result<T, Error>, kind: ErrorKind) -> CaseResult<Error> {
    match result {
        Err(e) if e.kind() == kind => Ok(e),
        Err(e) => Err(Failure::new(format!("refused as {}, not {kind}: {e:?}", e.kind()))),
        Ok(v) => Err(Failure::new(format!("should be refused as {kind}, but answered {v:?}"))),
    }
}

//! Seeded bugs: a wrapper around any backend that makes one mistake, to see which cases notice.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use proximadb_meta_core::ErrorKind::{InvalidInput, OutOfRange, Unsupported, VersionConflict};
use proximadb_meta_core::digest::digest_of;
use proximadb_meta_core::report::{
    BackendStats, BackupOptions, BackupReport, Descriptor, Explain, Finding, Health, PendingMigration, RestoreOptions,
    RestoreReport, SchemaAction, SchemaReport, Severity,
};
use proximadb_meta_core::{
    CallContext, Capabilities, Change, Clock, CollectionMetadata, Detail, Digest, DigestRequest, Error, Extra, Filter,
    ListRequest, MetadataBackend, Operation, Order, Outcome, Page, PutIf, Ranked, Result, SearchRequest, StatsDelta,
    Tags, Timestamp,
};

use crate::rewrite;

type Record = Arc<CollectionMetadata>;

macro_rules! bugs {
    ($($(#[$doc:meta])+ $name:ident,)+) => {
        /// One mistake.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Bug { $($(#[$doc])+ $name),+ }

        impl Bug {
            /// Every bug.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

bugs! {
    /// A stale update overwrites.
    LostUpdate,
    /// Two creates at once get one name.
    RacyName,
    /// A failing batch leaves what came before the failure.
    TornBatch,
    /// A later page lacks its first row.
    SkippedPageRow,
    /// A later page repeats the last row of the page before.
    DoubledPageRow,
    /// A read shows what an earlier one cached.
    StaleRead,
    /// A read now and then shows the record as before its last update.
    StaleByOne,
    /// The old name of a record shows it once more.
    StaleName,
    /// An update now and then is acknowledged and not done.
    UpdateNotDone,
    /// An update compares first and writes later, whatever came between.
    CompareThenUpdate,
    /// A delta now and then counts twice.
    DeltaTwice,
    /// Of two deltas at once one is lost.
    CounterLost,
    /// A delta moves the version.
    CounterBumpsVersion,
    /// A counter is held at its limit instead of refused.
    CounterClamped,
    /// Of a refused delta one part is applied.
    CounterHalfApplied,
    /// Records vanish a microsecond early.
    ExpiryEarly,
    /// Records vanish a microsecond late.
    ExpiryLate,
    /// A deleted record keeps its name taken.
    NameKeptOnDelete,
    /// A renamed record keeps its old name taken.
    NameKeptOnRename,
    /// An update of an earlier life is accepted.
    AbaAccepted,
    /// `NOT` of a leaf wants the field to be present.
    NotOnAbsentField,
    /// Three-valued logic throughout.
    NullLogic,
    /// `!=` passes an absent field.
    NeOnAbsentField,
    /// Config numbers are compared as integers.
    TruncatedConfigNumber,
    /// `_` and `%` in a prefix are patterns.
    PrefixIsPattern,
    /// Tags are compared in lower case.
    FoldedTag,
    /// Names that differ by case collide.
    CaseFoldedName,
    /// Ids are trimmed.
    TrimmedId,
    /// A cursor of another list starts this one anew.
    ForeignCursorAccepted,
    /// Descending lists ascend.
    DescendingIgnored,
    /// Lists end after 100 records.
    ListCutShort,
    /// Counts ignore the filter.
    CountIgnoresFilter,
    /// What is not offered (maintenance, ranked search, schema, diagnosis) answers that it is done.
    UnsupportedAnsweredOk,
    /// A finding that is not in order says nothing of what to do.
    FindingWithoutFix,
    /// A clock that is behind is found in order.
    ClockNotLookedAt,
    /// What is to be applied is still pending afterwards.
    SchemaNeverApplied,
    /// A diagnosis writes.
    DiagnosisWrites,
    /// An idempotency key is ignored.
    IdempotencyIgnored,
    /// A passed deadline is ignored.
    DeadlineIgnored,
    /// An update writes `created_at`.
    CreatedAtOverwritten,
    /// `updated_at` follows the clock backwards.
    UpdatedAtBackwards,
    /// An update writes the counters it was given.
    UpdateWritesCounters,
    /// An update that changes nothing does nothing.
    NoopUpdateSkipped,
    /// A taken name is told before a conflict.
    NameBeforeConflict,
    /// A batch tells the index after the failing one.
    BatchWrongIndex,
    /// A delete always says true.
    DeleteAlwaysTrue,
    /// The last of several tags is dropped.
    TagDropped,
    /// Unknown fields are dropped.
    ExtraDropped,
    /// `Put` stamps the time.
    PutStamps,
    /// Times are kept to the millisecond.
    TimesToMillis,
    /// Namespaces are one.
    NamespaceLeak,
    /// A closed handle still answers.
    ClosedStillAnswers,
    /// Statistics count one too many.
    StatsOffByOne,
    /// A digest does not see the counters.
    DigestWithoutCounters,
    /// A digest does not see fields of newer releases.
    DigestWithoutExtra,
    /// The entries of a digest lack the last one.
    DigestEntryMissing,
    /// A digest shows an earlier one again.
    StaleDigest,
}

#[derive(Default)]
struct Memory {
    cached: HashMap<String, Option<Record>>,
    shadow: HashMap<String, Record>,
    ends: HashMap<String, Record>,
    taken: HashSet<String>,
    flying: HashMap<String, usize>,
    doubles: usize,
    previous: HashMap<String, Record>,
    turns: usize,
    digests: HashMap<String, Digest>,
}

/// A backend with one mistake.
pub struct Buggy {
    inner: Arc<dyn MetadataBackend>,
    bug: Bug,
    clock: Arc<dyn Clock>,
    memory: Arc<Mutex<Memory>>,
    space: String,
    bare: Arc<dyn MetadataBackend>,
}

impl std::fmt::Debug for Buggy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buggy").field("bug", &self.bug).field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// What a name that two records share looks like inside.
const DOUBLE: char = '\u{2060}';

impl Buggy {
    /// Wraps a backend that takes its time from `clock`.
    #[must_use]
    pub fn wrap(inner: Arc<dyn MetadataBackend>, bug: Bug, clock: Arc<dyn Clock>) -> Arc<dyn MetadataBackend> {
        Arc::new(Self { bare: inner.clone(), inner, bug, clock, memory: Arc::default(), space: String::new() })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, id: &str) -> String {
        format!("{}/{id}", self.space)
    }

    fn is(&self, bug: Bug) -> bool {
        self.bug == bug
    }

    /// Whether the bug shows itself this time: once in `n` times.
    fn strikes(&self, bug: Bug, n: usize) -> bool {
        if !self.is(bug) {
            return false;
        }
        let mut memory = self.memory();
        memory.turns += 1;
        memory.turns.is_multiple_of(n)
    }

    /// What a reader gets to see of a record.
    fn shown(&self, r: Record) -> Option<Record> {
        match self.bug {
            Bug::ExpiryEarly if r.expires_at.is_some_and(|at| self.clock.now().saturating_add(1) >= at) => None,
            Bug::RacyName if r.name.contains(DOUBLE) => {
                let mut copy = (*r).clone();
                copy.name = r.name.split(DOUBLE).next().unwrap_or_default().into();
                Some(Arc::new(copy))
            }
            Bug::TimesToMillis => {
                let mut copy = (*r).clone();
                let cut = |t: Timestamp| Timestamp::from_micros(t.as_micros() / 1000 * 1000);
                (copy.created_at, copy.updated_at) = (cut(copy.created_at), cut(copy.updated_at));
                Some(Arc::new(copy))
            }
            _ => Some(r),
        }
    }

    fn filter(&self, filter: Option<Filter>) -> Option<Filter> {
        let f = filter?;
        Some(match self.bug {
            Bug::NotOnAbsentField => rewrite::not_wants_presence(f),
            Bug::NullLogic => rewrite::three_valued(f, false),
            Bug::NeOnAbsentField => rewrite::leaves(f, rewrite::ne_is_not_eq),
            Bug::TruncatedConfigNumber => rewrite::leaves(f, rewrite::truncate_numbers),
            Bug::PrefixIsPattern => rewrite::leaves(f, rewrite::prefix_is_pattern),
            Bug::FoldedTag => rewrite::leaves(f, rewrite::fold_tag),
            _ => f,
        })
    }

    fn incoming(&self, mut r: CollectionMetadata) -> CollectionMetadata {
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

    /// Enters a race; whether another is in it already.
    fn take_off(&self, key: &str) -> bool {
        let mut memory = self.memory();
        let n = memory.flying.entry(key.to_owned()).or_default();
        *n += 1;
        *n > 1
    }

    fn land(&self, key: &str) {
        if let Some(n) = self.memory().flying.get_mut(key) {
            *n = n.saturating_sub(1);
        }
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

    fn id<'a>(&self, id: &'a str) -> &'a str {
        if self.is(Bug::TrimmedId) { id.trim() } else { id }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MetadataBackend for Buggy {
    async fn create_collection(&self, record: CollectionMetadata) -> Result<Record> {
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

    async fn get_collection(&self, id: &str) -> Result<Option<Record>> {
        let key = self.key(id);
        let found = self.inner.get_collection(self.id(id)).await?;
        if self.is(Bug::StaleRead) {
            return Ok(self.memory().cached.entry(key).or_insert(found).clone());
        }
        if self.strikes(Bug::StaleByOne, 3)
            && let Some(r) = self.memory().previous.get(&key)
        {
            return Ok(Some(r.clone()));
        }
        if found.is_none() && self.is(Bug::ExpiryLate) {
            let now = self.clock.now();
            return Ok(self.memory().shadow.get(&key).filter(|r| r.expires_at == Some(now)).cloned());
        }
        Ok(found.and_then(|r| self.shown(r)))
    }

    async fn get_collection_by_name(&self, name: &str) -> Result<Option<Record>> {
        let found = self.inner.get_collection_by_name(name).await?;
        if self.is(Bug::StaleName) && found.is_none() {
            return Ok(self.memory().previous.remove(&self.key(name)));
        }
        Ok(found.and_then(|r| self.shown(r)))
    }

    async fn update_collection(&self, record: CollectionMetadata) -> Result<Record> {
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

    async fn delete_collection(&self, id: &str) -> Result<bool> {
        let before = self.inner.get_collection(id).await?;
        let was = self.inner.delete_collection(self.id(id)).await?;
        if let Some(b) = before.filter(|_| self.is(Bug::NameKeptOnDelete)) {
            let old = self.key(&b.name);
            self.memory().taken.insert(old);
        }
        Ok(was || self.is(Bug::DeleteAlwaysTrue))
    }

    async fn list_collections(&self, filter: Option<Filter>) -> Result<Vec<Record>> {
        let mut all = self.inner.list_collections(self.filter(filter)).await?;
        if self.is(Bug::ListCutShort) {
            all.truncate(100);
        }
        Ok(all.into_iter().filter_map(|r| self.shown(r)).collect())
    }

    async fn list_page(&self, mut request: ListRequest) -> Result<Page> {
        request.filter = self.filter(request.filter.take());
        if self.is(Bug::DescendingIgnored) && request.order.is_descending() {
            request.order = Order::by(request.order.field())?;
        }
        let cursor = request.cursor.as_ref().map(|c| c.as_str().to_owned());
        let mut page = match self.inner.list_page(request.clone()).await {
            Err(e) if self.is(Bug::ForeignCursorAccepted) && e.kind() == InvalidInput && cursor.is_some() => {
                request.cursor = None;
                self.inner.list_page(request).await?
            }
            other => other?,
        };
        if let (Some(next), Some(last)) = (&page.next, page.records.last()) {
            let (next, last) = (next.as_str().to_owned(), last.clone());
            self.memory().ends.insert(next, last);
        }
        if let Some(cursor) = cursor {
            if self.is(Bug::SkippedPageRow) && !page.records.is_empty() {
                page.records.remove(0);
            }
            let end = self.memory().ends.get(&cursor).cloned().filter(|_| self.is(Bug::DoubledPageRow));
            if let Some(end) = end {
                page.records.insert(0, end);
            }
        }
        page.records = page.records.into_iter().filter_map(|r| self.shown(r)).collect();
        Ok(page)
    }

    async fn count_collections(&self, filter: Option<Filter>) -> Result<u64> {
        let filter = self.filter(filter).filter(|_| !self.is(Bug::CountIgnoresFilter));
        self.inner.count_collections(filter).await
    }

    async fn batch_operations(&self, mut operations: Vec<Operation>) -> Result<Vec<Outcome>> {
        for op in &mut operations {
            if let Operation::Create(r) | Operation::Update(r) | Operation::Put { record: r, .. } = op {
                *r = self.incoming(r.clone());
            }
            if let Operation::Put { record, .. } = op
                && self.is(Bug::PutStamps)
            {
                record.updated_at = self.clock.now();
            }
        }
        let result = self.inner.batch_operations(operations.clone()).await;
        match result {
            Err(e) if self.is(Bug::BatchWrongIndex) && e.index().is_some() => {
                let next = e.index().map_or(0, |i| i + 1);
                Err(e.without_index().at_index(next))
            }
            Err(e) if self.is(Bug::TornBatch) && e.kind() != InvalidInput => {
                let before = e.index().unwrap_or(0);
                operations.truncate(before);
                self.inner.batch_operations(operations).await?;
                Err(e)
            }
            other => other,
        }
    }

    async fn record_stats(&self, id: &str, delta: StatsDelta) -> Result<Record> {
        let key = self.key(id);
        if self.is(Bug::CounterLost) {
            let lost = self.take_off(&key);
            tokio::task::yield_now().await;
            let delta = if lost { StatsDelta::default() } else { delta };
            let moved = self.inner.record_stats(id, delta).await;
            self.land(&key);
            return moved;
        }
        match self.inner.record_stats(id, delta).await {
            Ok(r) if self.strikes(Bug::DeltaTwice, 3) => {
                // Sent again although it was done; the answer is of the first.
                let _ = self.inner.record_stats(id, delta).await;
                Ok(r)
            }
            Ok(_) if self.is(Bug::CounterBumpsVersion) => {
                let Some(r) = self.inner.get_collection(id).await? else { return Err(Error::not_found(id)) };
                let change = Change::AccessPattern(r.access_pattern);
                let out = self.inner.batch_operations(vec![Operation::Set { id: id.into(), change }]).await?;
                out.first().and_then(Outcome::record).cloned().ok_or_else(|| Error::not_found(id))
            }
            Err(e) if self.is(Bug::CounterClamped) && e.kind() == OutOfRange => {
                let Some(r) = self.inner.get_collection(id).await? else { return Err(e) };
                let clamp = |stored: u64, by: i64| {
                    let stored = i64::try_from(stored).unwrap_or(0);
                    stored.saturating_add(by).clamp(0, (1 << 53) - 1) - stored
                };
                let (vectors, bytes) = (clamp(r.vector_count, delta.vectors), clamp(r.total_size_bytes, delta.bytes));
                self.inner.record_stats(id, StatsDelta { vectors, bytes }).await
            }
            Err(e) if self.is(Bug::CounterHalfApplied) && e.kind() == OutOfRange => {
                // The good half stays; what was refused is told.
                let _ = self.inner.record_stats(id, StatsDelta { vectors: delta.vectors, bytes: 0 }).await;
                Err(e)
            }
            other => other,
        }
    }

    async fn backup(&self, location: &str, options: BackupOptions) -> Result<BackupReport> {
        self.inner.backup(location, options).await
    }

    async fn restore(&self, id: &str, location: &str, options: RestoreOptions) -> Result<RestoreReport> {
        self.inner.restore(id, location, options).await
    }

    async fn health_check(&self) -> Result<Health> {
        self.inner.health_check().await
    }

    async fn get_stats(&self) -> Result<BackendStats> {
        let mut stats = self.inner.get_stats().await?;
        if let Some(n) = stats.collections.as_mut().filter(|_| self.is(Bug::StatsOffByOne)) {
            n.value += 1;
        }
        Ok(stats)
    }

    fn descriptor(&self) -> Descriptor {
        self.inner.descriptor()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn scoped(&self, mut context: CallContext) -> Arc<dyn MetadataBackend> {
        match self.bug {
            Bug::NamespaceLeak => context.namespace = Default::default(),
            Bug::IdempotencyIgnored => context.idempotency_key = None,
            Bug::DeadlineIgnored => context.deadline = None,
            _ => {}
        }
        Arc::new(Self {
            space: context.namespace.as_str().to_owned(),
            inner: self.bare.scoped(context),
            bug: self.bug,
            clock: self.clock.clone(),
            memory: self.memory.clone(),
            bare: self.bare.clone(),
        })
    }

    async fn close(&self) -> Result<()> {
        if self.is(Bug::ClosedStillAnswers) { Ok(()) } else { self.inner.close().await }
    }

    async fn explain(&self, request: ListRequest) -> Result<Explain> {
        self.inner.explain(request).await
    }

    async fn maintain(&self) -> Result<String> {
        match self.inner.maintain().await {
            Err(e) if self.is(Bug::UnsupportedAnsweredOk) && e.kind() == Unsupported => Ok("done".to_owned()),
            other => other,
        }
    }

    async fn search(&self, request: SearchRequest) -> Result<Vec<Ranked>> {
        match self.inner.search(request).await {
            Err(e) if self.is(Bug::UnsupportedAnsweredOk) && e.kind() == Unsupported => Ok(Vec::new()),
            other => other,
        }
    }

    async fn schema(&self, action: SchemaAction) -> Result<SchemaReport> {
        if self.is(Bug::SchemaNeverApplied) {
            let mut report = self.inner.schema(action).await.unwrap_or_default();
            report.pending.push(PendingMigration::new(1, "never", "00", Vec::new()));
            return Ok(report);
        }
        match self.inner.schema(action).await {
            Err(e) if self.is(Bug::UnsupportedAnsweredOk) && e.kind() == Unsupported => Ok(SchemaReport::default()),
            other => other,
        }
    }

    async fn diagnose(&self) -> Result<Vec<Finding>> {
        if self.is(Bug::DiagnosisWrites) {
            self.inner.create_collection(crate::case::rec("diagnosed")).await?;
        }
        let mut findings = match self.inner.diagnose().await {
            Err(e) if self.is(Bug::UnsupportedAnsweredOk) && e.kind() == Unsupported => Vec::new(),
            other => other?,
        };
        for f in findings.iter_mut().filter(|f| f.severity != Severity::Ok) {
            match self.bug {
                Bug::FindingWithoutFix => f.fix = None,
                Bug::ClockNotLookedAt if f.subject == "clock" => *f = Finding::ok("clock", "not behind"),
                _ => {}
            }
        }
        Ok(findings)
    }

    async fn digest(&self, request: DigestRequest) -> Result<Digest> {
        if self.is(Bug::StaleDigest) && request == DigestRequest::nodes(0) {
            let known = self.memory().digests.get(&self.space).cloned();
            let Some(known) = known else {
                let first = self.inner.digest(request).await?;
                self.memory().digests.insert(self.space.clone(), first.clone());
                return Ok(first);
            };
            return Ok(known);
        }
        let made = self.inner.digest(request.clone()).await?;
        match (self.bug, made) {
            (Bug::DigestWithoutCounters | Bug::DigestWithoutExtra, _) => {
                let mut records = self.inner.list_collections(None).await?;
                for r in records.iter_mut().map(Arc::make_mut) {
                    if self.is(Bug::DigestWithoutCounters) {
                        (r.vector_count, r.total_size_bytes) = (0, 0);
                    } else {
                        r.extra = Extra::default();
                    }
                }
                digest_of(&request, self.clock.now(), records).await
            }
            (Bug::DigestEntryMissing, Digest::Entries(mut entries)) => {
                entries.pop();
                Ok(Digest::Entries(entries))
            }
            (_, made) => Ok(made),
        }
    }
}

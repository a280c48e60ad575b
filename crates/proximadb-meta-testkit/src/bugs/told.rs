//! Wrong answers about the store itself: statistics, layout, diagnosis, digest, and what is not offered.

use std::sync::Arc;

use proximadb_meta_core::ErrorKind::Unsupported;
use proximadb_meta_core::digest::digest_of;
use proximadb_meta_core::report::{BackendStats, Finding, PendingMigration, SchemaAction, SchemaReport, Severity};
use proximadb_meta_core::{Digest, DigestRequest, Extra, Ranked, Result, SearchRequest};

use super::{Bug, Buggy};

impl Buggy {
    pub(super) async fn stats(&self) -> Result<BackendStats> {
        let mut stats = self.inner.get_stats().await?;
        if let Some(n) = stats.collections.as_mut().filter(|_| self.is(Bug::StatsOffByOne)) {
            n.value += 1;
        }
        Ok(stats)
    }

    pub(super) async fn housekeeping(&self) -> Result<String> {
        match self.inner.maintain().await {
            Err(e) if self.is(Bug::UnsupportedAnsweredOk) && e.kind() == Unsupported => Ok("done".to_owned()),
            other => other,
        }
    }

    pub(super) async fn ranked(&self, request: SearchRequest) -> Result<Vec<Ranked>> {
        match self.inner.search(request).await {
            Err(e) if self.is(Bug::UnsupportedAnsweredOk) && e.kind() == Unsupported => Ok(Vec::new()),
            other => other,
        }
    }

    pub(super) async fn layout(&self, action: SchemaAction) -> Result<SchemaReport> {
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

    pub(super) async fn look_over(&self) -> Result<Vec<Finding>> {
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

    pub(super) async fn digested(&self, request: DigestRequest) -> Result<Digest> {
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

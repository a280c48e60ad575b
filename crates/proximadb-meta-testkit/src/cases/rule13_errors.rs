//! Rules 13 to 15: errors, idempotency keys, honest capabilities, statistics, health and close.

use std::time::{Duration, Instant};

use proximadb_meta_core::ErrorKind::{Closed, InvalidInput, NotFound, Timeout, Unsupported};
use proximadb_meta_core::report::{BackupOptions, Finding, HealthStatus, RestoreOptions, SchemaAction, Severity};
use proximadb_meta_core::{CallContext, Durability, Field, ListRequest, Retry, StatsDelta, Timestamp};

use crate::case::{Failure, Need, START, rec, refused};

cases! { 13 rule13;
    fn an_error_says_operation_and_backend(s) {
        let e = refused(s.db.update_collection(rec("a")).await, NotFound)?;
        same!(e.operation(), Some("update_collection"));
        same!(e.backend(), Some(s.db.descriptor().label));
        same!(e.retry(), Retry::Never);
    }
    [Need::NoIdempotency] fn an_idempotency_key_is_refused(s) {
        let scope = s.db.scoped(CallContext::new().with_idempotency_key("k"));
        refused(scope.create_collection(rec("a")).await, Unsupported)?;
        refused(scope.delete_collection("a").await, Unsupported)?;
        refused(scope.record_stats("a", StatsDelta::default()).await, Unsupported)?;
        refused(scope.batch_operations(vec![]).await, Unsupported)?;
        same!(s.db.get_collection("a").await?, None);
        same!(scope.get_collection("a").await?, None);
    }
    fn a_passed_deadline_changes_nothing(s) {
        let past = Instant::now().checked_sub(Duration::from_millis(1)).unwrap_or_else(Instant::now);
        let scope = s.db.scoped(CallContext::new().with_deadline(past));
        let e = refused(scope.create_collection(rec("a")).await, Timeout)?;
        same!(e.retry(), Retry::Safe);
        refused(scope.get_collection("a").await, Timeout)?;
        same!(s.db.get_collection("a").await?, None);
    }
    fn a_far_deadline_does_not_matter(s) {
        let scope = s.db.scoped(CallContext::new().with_deadline(Instant::now() + Duration::from_secs(3600)));
        scope.create_collection(rec("a")).await?;
        s.must("a").await?;
    }
    [Need::NoExplain] fn explain_not_declared_is_refused(s) {
        refused(s.db.explain(ListRequest::new()).await, Unsupported)?;
    }
    [Need::NoMaintain] fn maintain_not_declared_is_refused(s) {
        refused(s.db.maintain().await, Unsupported)?;
    }
    [Need::NoBackup] fn backup_not_declared_is_refused(s) {
        refused(s.db.backup("nowhere", BackupOptions::default()).await, Unsupported)?;
        refused(s.db.restore("x", "nowhere", RestoreOptions::default()).await, Unsupported)?;
    }
    [Need::Explain] fn explain_counts_what_matches(s) {
        for id in ["a", "b", "c"] {
            s.add(id).await?;
        }
        let plan = s.db.explain(ListRequest::new().with_filter(proximadb_meta_core::Filter::parse("id > a")?)).await?;
        same!(plan.matched, 2);
        ensure!(plan.examined >= 2, "examined {}", plan.examined);
        ensure!(plan.pushed.is_some() || plan.residual.is_some());
    }
    fn declared_capabilities_make_sense(s) {
        let c = s.db.capabilities();
        ensure!(c.orders.contains(&Field::Id));
        ensure!(c.atomic_batch.ops >= 1 && c.atomic_batch.items >= 1);
        ensure!(c.portable_backup || !c.snapshot_backup, "a snapshot backup needs a backup");
    }
    fn health_is_ready(s) {
        same!(s.db.health_check().await?.status, HealthStatus::Ready);
    }
    fn statistics_are_true(s) {
        for id in ["a", "b", "c"] {
            s.add(id).await?;
        }
        s.db.delete_collection("b").await?;
        let stats = s.db.get_stats().await?;
        if let Some(n) = stats.collections.filter(|n| n.as_of.is_none()) {
            same!(n.value, 2);
        }
        if let Some(n) = stats.namespaces.filter(|n| n.as_of.is_none()) {
            same!(n.value, 1);
        }
    }
    fn a_closed_handle_answers_closed(s) {
        s.add("a").await?;
        let scope = s.db.scoped(CallContext::new());
        s.db.close().await?;
        refused(s.db.get_collection("a").await, Closed)?;
        refused(s.db.get_collection_by_name("a").await, Closed)?;
        refused(s.db.create_collection(rec("b")).await, Closed)?;
        refused(s.db.update_collection(rec("b")).await, Closed)?;
        refused(s.db.delete_collection("a").await, Closed)?;
        refused(s.db.list_collections(None).await, Closed)?;
        refused(s.db.list_page(ListRequest::new()).await, Closed)?;
        refused(s.db.count_collections(None).await, Closed)?;
        refused(s.db.batch_operations(vec![]).await, Closed)?;
        refused(s.db.record_stats("a", StatsDelta::default()).await, Closed)?;
        refused(s.db.health_check().await, Closed)?;
        refused(s.db.get_stats().await, Closed)?;
        refused(scope.get_collection("a").await, Closed)?;
    }
    fn a_closed_handle_has_no_schema_and_no_diagnosis(s) {
        s.db.close().await?;
        refused(s.db.schema(SchemaAction::Status).await, Closed)?;
        refused(s.db.diagnose().await, Closed)?;
    }
    [Need::NoSchema] fn schema_not_declared_is_refused(s) {
        for action in [SchemaAction::Status, SchemaAction::Plan, SchemaAction::Apply] {
            refused(s.db.schema(action).await, Unsupported)?;
        }
    }
    [Need::NoDiagnose] fn diagnose_not_declared_is_refused(s) {
        refused(s.db.diagnose().await, Unsupported)?;
    }
    [Need::Diagnose] fn findings_say_what_to_do(s) {
        s.add("a").await?;
        s.clock.advance(60_000_000);
        let findings = s.db.diagnose().await?;
        for f in &findings {
            ensure!(!f.subject.is_empty() && !f.found.is_empty() && !f.found.ends_with('.'), "{f:?}");
            ensure!(f.fix.is_none() == (f.severity == Severity::Ok), "{f:?}");
            ensure!(f.fix.as_ref().is_none_or(|fix| !fix.is_empty()), "{f:?}");
        }
        for subject in ["health", "durability", "batch limits"] {
            ensure!(findings.iter().filter(|f| f.subject == subject).count() == 1, "{subject} in {findings:?}");
        }
        let volatile = s.db.capabilities().durability == Durability::Volatile;
        let noted = findings.iter().any(|f| f.subject == "durability" && f.severity == Severity::Note);
        ensure!(noted || !volatile, "a volatile store must say so: {findings:?}");
    }
    [Need::Diagnose] fn a_diagnosis_changes_nothing(s) {
        s.add("a").await?;
        let before = s.db.list_collections(None).await?;
        s.db.diagnose().await?;
        same!(s.db.list_collections(None).await?, before);
    }
    [Need::Diagnose] fn a_clock_that_is_behind_is_found(s) {
        if s.db.capabilities().orders.contains(&Field::UpdatedAt) {
            s.add("a").await?;
            let clock = |findings: Vec<Finding>| findings.into_iter().find(|f| f.subject == "clock").map(|f| f.severity);
            same!(clock(s.db.diagnose().await?), Some(Severity::Ok));
            s.clock.set(Timestamp::from_micros(START.as_micros() - 5_000_000));
            same!(clock(s.db.diagnose().await?), Some(Severity::Warning));
        }
    }
    [Need::Schema] fn a_schema_is_there_and_complete_once_it_is_applied(s) {
        s.add("a").await?;
        let before = s.db.list_collections(None).await?;
        let applied = s.db.schema(SchemaAction::Apply).await?;
        ensure!(applied.pending.is_empty(), "still pending after it was applied: {:?}", applied.pending);
        let status = s.db.schema(SchemaAction::Status).await?;
        let Some(format) = status.format else { return Err(Failure::new("an open store has a format")) };
        ensure!(format.min_reader >= 1, "{format:?}");
        ensure!(format.min_reader <= format.min_writer && format.min_writer <= format.format, "{format:?}");
        ensure!(status.applied.iter().is_sorted_by(|a, b| a.version < b.version), "{:?}", status.applied);
        ensure!(status.applied.iter().all(|m| m.version > 0 && !m.name.is_empty() && !m.checksum.is_empty()));
        same!(status.applied, applied.applied);
        same!((status.pending.len(), status.ran.len()), (0, 0));
        same!(s.db.schema(SchemaAction::Plan).await?, status);
        let again = s.db.schema(SchemaAction::Apply).await?;
        ensure!(again.ran.is_empty(), "applied again: {:?}", again.ran);
        same!(again, status);
        same!(s.db.list_collections(None).await?, before);
    }
    fn close_is_idempotent(s) {
        s.db.close().await?;
        s.db.close().await?;
    }
    fn a_refused_list_says_invalid_input(s) {
        let e = refused(s.db.list_page(ListRequest::new().with_limit(0)).await, InvalidInput)?;
        same!(e.operation(), Some("list_page"));
    }
}

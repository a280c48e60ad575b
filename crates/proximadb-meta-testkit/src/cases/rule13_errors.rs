//! Rules 13 to 15: errors, idempotency keys, honest capabilities, statistics, health and close.

use std::time::{Duration, Instant};

use proximadb_meta_core::ErrorKind::{Closed, InvalidInput, NotFound, Timeout, Unsupported};
use proximadb_meta_core::report::{BackupOptions, HealthStatus, RestoreOptions};
use proximadb_meta_core::{CallContext, Field, ListRequest, Retry, StatsDelta};

use crate::case::{Need, rec, refused};

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
    fn close_is_idempotent(s) {
        s.db.close().await?;
        s.db.close().await?;
    }
    fn a_refused_list_says_invalid_input(s) {
        let e = refused(s.db.list_page(ListRequest::new().with_limit(0)).await, InvalidInput)?;
        same!(e.operation(), Some("list_page"));
    }
}

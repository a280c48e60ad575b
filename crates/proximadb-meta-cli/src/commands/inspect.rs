//! Asking the store about itself, and backups.

use proximadb_meta::core::report::{BackupOptions, HealthStatus, Measured, RestoreOptions};
use proximadb_meta::core::{Error, Filter, ListRequest};
use serde_json::json;

use super::Session;
use crate::args::Format;
use crate::exit::Result;
use crate::output::line;

fn is_json(s: &Session) -> bool {
    matches!(s.args.output, Format::Json | Format::Ndjson)
}

pub(crate) async fn explain(s: &Session, filter: Filter) -> Result<u8> {
    let x = s.catalog.explain(ListRequest::new().with_filter(filter)).await?;
    if is_json(s) {
        line(
            json!({"pushed": x.pushed, "residual": x.residual, "access": &*x.access, "examined": x.examined, "matched": x.matched}),
        )?;
    } else {
        line(format!("pushed:   {}", x.pushed.as_deref().unwrap_or("-")))?;
        line(format!("residual: {}", x.residual.as_deref().unwrap_or("-")))?;
        line(format!("access:   {}", x.access))?;
        line(format!("examined: {}", x.examined))?;
        line(format!("matched:  {}", x.matched))?;
    }
    Ok(0)
}

pub(crate) async fn stats(s: &Session) -> Result<u8> {
    let x = s.catalog.get_stats().await?;
    let value = |m: Option<Measured>| m.map(|m| m.value);
    let rows = [
        ("collections", value(x.collections)),
        ("namespaces", value(x.namespaces)),
        ("storage_bytes", value(x.storage_bytes)),
        ("memory_bytes", value(x.memory_bytes)),
    ];
    if is_json(s) {
        let map: serde_json::Map<_, _> = rows.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
        line(serde_json::Value::Object(map))?;
    } else {
        for (name, value) in rows {
            line(format!("{name:<14} {}", value.map_or("not measured".to_owned(), |v| v.to_string())))?;
        }
    }
    Ok(0)
}

pub(crate) async fn health(s: &Session) -> Result<u8> {
    let h = s.catalog.health_check().await?;
    if is_json(s) {
        let micros = u64::try_from(h.latency.as_micros()).unwrap_or(u64::MAX);
        line(json!({"status": h.status.as_str(), "cause": h.cause, "latency_us": micros}))?;
    } else {
        line(format!("{}{}", h.status, h.cause.map_or(String::new(), |c| format!(": {c}"))))?;
    }
    Ok(if h.status == HealthStatus::Down { 5 } else { 0 })
}

/// A store that cannot be opened is down.
pub(crate) fn down(e: &Error) -> Result<u8> {
    line(format!("down: {e}"))?;
    Ok(5)
}

pub(crate) async fn backup(s: &Session, location: &str) -> Result<u8> {
    let b = s.catalog.backup(location, BackupOptions::default()).await?;
    match s.args.output {
        Format::Json | Format::Ndjson => line(json!({
            "id": b.id, "location": b.location, "records": b.records, "bytes": b.bytes, "blake3": b.blake3,
            "snapshot": b.snapshot, "created_at": b.created_at.to_string()
        }))?,
        _ => line(&b.id)?,
    }
    s.say(format!("backed up {} collections, {} bytes", b.records, b.bytes));
    Ok(0)
}

pub(crate) async fn restore(s: &Session, id: &str, location: &str, replace: bool) -> Result<u8> {
    let options = if replace { RestoreOptions::replacing() } else { RestoreOptions::default() };
    let r = s.catalog.restore(id, location, options).await?;
    if is_json(s) {
        line(json!({"records": r.records, "replaced": r.replaced}))?;
    }
    s.say(format!("restored and verified {} collections, replaced {}", r.records, r.replaced));
    Ok(0)
}

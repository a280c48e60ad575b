//! Asking the store about itself: count, stats, health, explain.

use proximadb_meta::core::report::{HealthStatus, Measured};
use proximadb_meta::core::{Error, Filter, ListRequest};

use super::session::Session;
use crate::args::Format;
use crate::exit::Result;
use crate::output::{Report, line};
use crate::text::visible;

/// Exit code of a store that is down.
const DOWN: u8 = 5;

pub(crate) async fn count(s: &Session, filter: Option<Filter>) -> Result<u8> {
    let shown = filter.as_ref().map(ToString::to_string);
    let n = s.catalog.count_collections(filter).await?;
    match s.format {
        Format::Table => line(n)?,
        format => Report::new().with("count", n).with("filter", shown).print(format)?,
    }
    Ok(0)
}

pub(crate) async fn explain(s: &Session, filter: Filter) -> Result<u8> {
    let x = s.catalog.explain(ListRequest::new().with_filter(filter)).await?;
    Report::new()
        .with("pushed", x.pushed)
        .with("residual", x.residual)
        .with("access", &*x.access)
        .with("examined", x.examined)
        .with("matched", x.matched)
        .print(s.format)?;
    Ok(0)
}

pub(crate) async fn stats(s: &Session) -> Result<u8> {
    let x = s.catalog.get_stats().await?;
    let mut report = Report::new();
    let fixed = [
        ("collections", x.collections),
        ("namespaces", x.namespaces),
        ("storage_bytes", x.storage_bytes),
        ("memory_bytes", x.memory_bytes),
    ];
    for (name, measured) in fixed.into_iter().chain(x.more.iter().map(|m| (m.name, Some(m.value)))) {
        report = add(report, name, measured);
    }
    report.print(s.format)?;
    Ok(0)
}

/// An estimate also says of when it is.
fn add(report: Report, name: &str, measured: Option<Measured>) -> Report {
    let report = report.with(name, measured.map(|m| m.value));
    match measured.and_then(|m| m.as_of) {
        Some(at) => report.with(format!("{name}_as_of"), at.to_string()),
        None => report,
    }
}

pub(crate) async fn health(s: &Session) -> Result<u8> {
    let h = s.catalog.health_check().await?;
    let micros = u64::try_from(h.latency.as_micros()).unwrap_or(u64::MAX);
    Report::new()
        .with("status", h.status.as_str())
        .with("cause", h.cause)
        .with("latency_us", micros)
        .print(s.format)?;
    Ok(if h.status == HealthStatus::Down { DOWN } else { 0 })
}

pub(crate) async fn maintain(s: &Session) -> Result<u8> {
    let done = s.catalog.maintain().await?;
    match s.format {
        Format::Table => line(visible(&done))?,
        format => Report::new().with("done", done).print(format)?,
    }
    Ok(0)
}

/// A store that cannot be opened is down.
pub(crate) fn down(format: Format, e: &Error) -> Result<u8> {
    Report::new()
        .with("status", HealthStatus::Down.as_str())
        .with("cause", e.to_string())
        .with("latency_us", None::<u64>)
        .print(format)?;
    Ok(DOWN)
}

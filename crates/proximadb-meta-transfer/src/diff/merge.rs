//! Comparing two catalogs by lists of all their records.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use proximadb_meta_core::Result;

use super::{DiffOptions, DiffReport, Method, Tell, judge, tell_one};
use crate::records::{Catalog, Record, Records};

pub(super) async fn diff(a: &Catalog, b: &Catalog, options: &DiffOptions, tell: &mut Tell<'_>) -> Result<DiffReport> {
    let mut report = DiffReport::new(Method::List);
    let filter = options.filter.as_ref();
    let (mut in_a, mut in_b) = (Records::new(a, filter), Records::new(b, filter));
    let mut looked_up = 0;
    while let Some((mut x, mut y)) = pair(&mut in_a, &mut in_b).await? {
        // What does not match in the one catalog may be there all the same.
        if filter.is_some() {
            match (&x, &y) {
                (Some(r), None) => y = b.get_collection(&r.id).await?.inspect(|_| looked_up += 1),
                (None, Some(r)) => x = a.get_collection(&r.id).await?.inspect(|_| looked_up += 1),
                _ => {}
            }
        }
        report.records_read = in_a.read() + in_b.read() + looked_up;
        if let ControlFlow::Break(()) = tell_one(&mut report, options, judge(options, x, y), tell) {
            break;
        }
    }
    report.records_read = in_a.read() + in_b.read() + looked_up;
    Ok(report)
}

/// What both have of the next id; `None` when both have ended.
async fn pair(a: &mut Records, b: &mut Records) -> Result<Option<(Option<Record>, Option<Record>)>> {
    let order = match (a.peek().await?, b.peek().await?) {
        (None, None) => return Ok(None),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (Some(x), Some(y)) => x.id.cmp(&y.id),
    };
    let x = if order.is_le() { a.next().await? } else { None };
    let y = if order.is_ge() { b.next().await? } else { None };
    Ok(Some((x, y)))
}

//! Comparing two catalogs by their digests: trees, then the entries of differing leaves, then the records that differ.

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::sync::Arc;

use proximadb_meta_core::digest::{DigestEntry, LEAF_DEPTH, LEAVES};
use proximadb_meta_core::{DigestRequest, Result};

use super::{DiffOptions, DiffReport, Difference, Method, Tell, judge, tell_one};
use crate::records::Catalog;

/// Where more entries than this are likely to be asked for, lists are faster and need less memory.
const MOST_ENTRIES: u64 = 200_000;

/// `None`: too much differs for this way.
pub(super) async fn diff(
    a: &Catalog,
    b: &Catalog,
    options: &DiffOptions,
    tell: &mut Tell<'_>,
) -> Result<Option<DiffReport>> {
    let nodes = DigestRequest::nodes(LEAF_DEPTH);
    let in_a = a.digest(nodes.clone()).await?.into_tree()?;
    let in_b = b.digest(nodes).await?.into_tree()?;
    let mut report = DiffReport::new(Method::Digest);
    let leaves = in_a.differing(&in_b);
    let likely = u128::from(in_a.count() + in_b.count()) * leaves.len() as u128 / LEAVES as u128;
    if likely > u128::from(MOST_ENTRIES) {
        return Ok(None);
    }
    if !leaves.is_empty() {
        let entries = DigestRequest::entries(leaves);
        let of_a = a.digest(entries.clone()).await?.into_entries()?;
        let of_b = b.digest(entries).await?.into_entries()?;
        report.entries_read = (of_a.len() + of_b.len()) as u64;
        for id in differing(&of_a, &of_b) {
            let (x, y) = (a.get_collection(&id).await?, b.get_collection(&id).await?);
            report.records_read += u64::from(x.is_some()) + u64::from(y.is_some());
            // What has become the same meanwhile is no difference any more, and counted below.
            let found = judge(options, x, y).filter(|d| !matches!(d, Difference::Same(_)));
            if let ControlFlow::Break(()) = tell_one(&mut report, options, found, tell) {
                break;
            }
        }
    }
    report.same = in_a.count().saturating_sub(report.only_in_a + report.changed);
    Ok(Some(report))
}

/// The ids whose hashes are not the same in two lists in the order of their ids.
fn differing(a: &[DigestEntry], b: &[DigestEntry]) -> Vec<Arc<str>> {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut ids = Vec::new();
    loop {
        let order = match (a.peek(), b.peek()) {
            (None, None) => return ids,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(x), Some(y)) => x.id.cmp(&y.id),
        };
        let x = if order.is_le() { a.next() } else { None };
        let y = if order.is_ge() { b.next() } else { None };
        if x.map(|e| e.hash) != y.map(|e| e.hash) {
            ids.extend(x.or(y).map(|e| e.id.clone()));
        }
    }
}

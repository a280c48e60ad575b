//! Looking at all of a copy without writing: before it, and after it as a proof.

use proximadb_meta_core::{DigestRequest, Error, ListRequest, Result};

use super::journal::Past;
use super::plan::Planner;
use super::source::Source;
use super::{Conflict, CopyCounts, CopyOptions, Phase, Proof, Watch};
use crate::records::Catalog;

/// Conflicts that are told one by one.
const MOST_CONFLICTS: usize = 100;

/// What a copy would do.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) counts: CopyCounts,
    pub(super) conflicts: Vec<Conflict>,
}

/// Plans everything that is left of a copy. `None`: it was asked to stop.
pub(super) async fn survey(
    source: &Catalog,
    destination: &Catalog,
    options: &CopyOptions,
    past: Option<&Past>,
    watch: &mut dyn Watch,
) -> Result<Option<Survey>> {
    check_batches(destination)?;
    let with_names = !is_bare(destination).await?;
    let mut planner = Planner::new(source, destination, options);
    let past = past.cloned().unwrap_or_default();
    planner.take_up(&past);
    let mut pairs = Source::new(source, destination, options.filter.as_ref(), past);
    let mut survey = Survey::default();
    watch.begins(Phase::Plan);
    while let Some(chunk) = pairs.chunk(options.batch).await? {
        let planned = planner.plan(&chunk, with_names).await?;
        survey.counts.add(&planned.counts);
        let room = MOST_CONFLICTS.saturating_sub(survey.conflicts.len());
        survey.conflicts.extend(planned.conflicts.into_iter().take(room));
        watch.at(&survey.counts);
        if watch.is_stopped() {
            return Ok(None);
        }
    }
    Ok(Some(survey))
}

/// Whether the destination holds nothing: then no name can be in the way.
pub(super) async fn is_bare(destination: &Catalog) -> Result<bool> {
    Ok(destination.list_page(ListRequest::new().with_limit(1)).await?.records.is_empty())
}

pub(super) fn check_batches(destination: &Catalog) -> Result<()> {
    let limits = destination.capabilities().atomic_batch;
    if limits.ops == 0 || limits.items == 0 {
        return Err(Error::unsupported(format!("{} takes no batches", destination.descriptor().label)));
    }
    Ok(())
}

/// Proves a complete copy from what both catalogs hold now.
pub(super) async fn prove(
    source: &Catalog,
    destination: &Catalog,
    options: &CopyOptions,
    done: &CopyCounts,
) -> Result<Proof> {
    let whole = options.filter.is_none() && done.skipped == 0;
    if whole && source.capabilities().digest && destination.capabilities().digest {
        let request = DigestRequest::nodes(0);
        let ours = source.digest(request.clone()).await?.into_tree()?;
        let theirs = destination.digest(request).await?.into_tree()?;
        if ours == theirs {
            return Ok(Proof { root: Some(ours.root()), left: 0 });
        }
    }
    let left = survey(source, destination, options, None, &mut super::Unwatched).await?.unwrap_or_default().counts;
    let more_skipped = left.skipped.saturating_sub(done.skipped);
    Ok(Proof { root: None, left: left.created + left.overwritten + left.conflicts + more_skipped })
}

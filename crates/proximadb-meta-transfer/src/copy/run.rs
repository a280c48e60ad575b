//! Carrying a copy out: chunks are planned one after the other, several are written at once.

use std::collections::{HashMap, VecDeque};

use proximadb_meta_core::report::HealthStatus;
use proximadb_meta_core::{DigestRequest, Error, ErrorKind, ListRequest, Outcome, Result, Retry};
use tokio::task::JoinSet;

use super::journal::{Journal, Past};
use super::plan::{Planned, Planner};
use super::source::{Chunk, Source};
use super::{Conflict, CopyCounts, CopyOptions, CopyReport, End, OnConflict, Proof, Watch};
use crate::records::Catalog;

/// How often a chunk is planned again because somebody else changed what it is about.
const MAX_RACES: u32 = 64;
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
async fn is_bare(destination: &Catalog) -> Result<bool> {
    Ok(destination.list_page(ListRequest::new().with_limit(1)).await?.records.is_empty())
}

fn check_batches(destination: &Catalog) -> Result<()> {
    let limits = destination.capabilities().atomic_batch;
    if limits.ops == 0 || limits.items == 0 {
        return Err(Error::unsupported(format!("{} takes no batches", destination.descriptor().label)));
    }
    Ok(())
}

pub(super) async fn copy(
    source: &Catalog,
    destination: &Catalog,
    options: &CopyOptions,
    mut journal: Option<Journal>,
    watch: &mut dyn Watch,
) -> Result<CopyReport> {
    let health = destination.health_check().await?;
    if matches!(health.status, HealthStatus::ReadOnly | HealthStatus::Down) {
        let cause = health.cause.map(|c| format!(": {c}")).unwrap_or_default();
        return Err(Error::new(ErrorKind::Unavailable, format!("the destination is {}{cause}", health.status)));
    }
    check_batches(destination)?;
    let past = match &mut journal {
        Some(journal) => journal.settle(destination).await?,
        None => Past::default(),
    };
    let report = |counts, conflicts, end| CopyReport { counts, conflicts, end, proof: None };
    let bare = is_bare(destination).await?;
    if options.on_conflict == OnConflict::Fail && !bare {
        let Some(survey) = survey(source, destination, options, Some(&past), watch).await? else {
            return Ok(report(past.counts, Vec::new(), End::Stopped));
        };
        if survey.counts.conflicts > 0 {
            let mut counts = past.counts;
            counts.add(&survey.counts.refused());
            return Ok(report(counts, survey.conflicts, End::Refused));
        }
    }
    let mut run = Run::new(source, destination, options, journal, &past);
    let mut pairs = Source::new(source, destination, options.filter.as_ref(), past);
    let ended = run.all(&mut pairs, watch).await;
    let drained = match &ended {
        Ok(_) => run.drain(watch).await,
        // What was sent is waited for all the same: its end is noted.
        Err(_) => run.note_ends(watch).await,
    };
    let end = ended?;
    drained?;
    if end == End::Stopped {
        return Ok(report(run.counts, Vec::new(), End::Stopped));
    }
    let proof = match options.prove {
        true => Some(prove(source, destination, options, &run.counts).await?),
        false => None,
    };
    if let Some(journal) = run.journal {
        journal.finish()?;
    }
    Ok(CopyReport { proof, ..report(run.counts, Vec::new(), End::Complete) })
}

/// What was sent.
struct Sent {
    chunk: Chunk,
    planned: Planned,
    note: Option<u64>,
}

struct Run<'a> {
    destination: Catalog,
    options: &'a CopyOptions,
    planner: Planner,
    journal: Option<Journal>,
    counts: CopyCounts,
    writes: JoinSet<(u64, Result<Vec<Outcome>>)>,
    sent: HashMap<u64, Sent>,
    next: u64,
    /// Records that the destination takes at once, as far as it said no to more.
    most: usize,
}

impl<'a> Run<'a> {
    fn new(
        source: &Catalog,
        destination: &Catalog,
        options: &'a CopyOptions,
        journal: Option<Journal>,
        past: &Past,
    ) -> Self {
        let mut planner = Planner::new(source, destination, options);
        planner.take_up(past);
        Self {
            destination: destination.clone(),
            options,
            planner,
            journal,
            counts: past.counts,
            writes: JoinSet::new(),
            sent: HashMap::new(),
            next: 0,
            most: options.batch.max(1),
        }
    }

    /// Plans and sends every chunk.
    async fn all(&mut self, pairs: &mut Source, watch: &mut dyn Watch) -> Result<End> {
        while let Some(mut chunk) = pairs.chunk(self.most).await? {
            if watch.is_stopped() {
                return Ok(End::Stopped);
            }
            let planned = loop {
                let planned = self.planner.plan(&chunk, false).await?;
                if self.planner.fits(&planned) {
                    break planned;
                }
                let Some(rest) = chunk.split() else { break planned };
                self.planner.forget(&planned);
                pairs.give_back(rest);
            };
            self.send(chunk, planned).await?;
            watch.at(&self.counts);
            while self.writes.len() >= self.options.jobs.max(1) {
                self.wait(watch).await?;
            }
        }
        Ok(End::Complete)
    }

    /// Sends a chunk, or counts it where there is nothing to write.
    async fn send(&mut self, chunk: Chunk, planned: Planned) -> Result<()> {
        refuse_conflicts(&planned)?;
        let note = self.note(&chunk, &planned).await?;
        if planned.operations.is_empty() {
            return self.count(&planned, note).await;
        }
        let (number, destination, operations) = (self.next, self.destination.clone(), planned.operations.clone());
        self.next += 1;
        self.writes.spawn(async move { (number, destination.batch_operations(operations).await) });
        self.sent.insert(number, Sent { chunk, planned, note });
        Ok(())
    }

    async fn note(&mut self, chunk: &Chunk, planned: &Planned) -> Result<Option<u64>> {
        match &mut self.journal {
            Some(journal) => journal.begin(chunk, planned).await.map(Some),
            None => Ok(None),
        }
    }

    /// A chunk is done.
    async fn count(&mut self, planned: &Planned, note: Option<u64>) -> Result<()> {
        self.counts.add(&planned.counts);
        match (&mut self.journal, note) {
            (Some(journal), Some(note)) => journal.done(note).await,
            _ => Ok(()),
        }
    }

    async fn void(&mut self, planned: &Planned, note: Option<u64>) -> Result<()> {
        self.planner.forget(planned);
        match (&mut self.journal, note) {
            (Some(journal), Some(note)) => journal.void(note).await,
            _ => Ok(()),
        }
    }

    /// Waits for one write, and does again what can be done again.
    async fn wait(&mut self, watch: &mut dyn Watch) -> Result<()> {
        let mut again = Vec::new();
        self.end_of_one(watch, &mut again).await?;
        if !again.is_empty() {
            // What is in the way may be on its way: everything that was sent is waited for.
            while !self.writes.is_empty() {
                self.end_of_one(watch, &mut again).await?;
            }
            // All are settled before one is written again, which may take records of the others along.
            let mut todo = Vec::new();
            for (sent, error) in again {
                if error.retry() == Retry::UnknownOutcome && self.is_there(&sent.planned).await? {
                    self.count(&sent.planned, sent.note).await?;
                } else {
                    self.void(&sent.planned, sent.note).await?;
                    todo.push((sent, error));
                }
            }
            // In the order of the ids: a plan takes for written what comes before it.
            todo.sort_by(|(a, _), (b, _)| a.chunk.to.cmp(&b.chunk.to));
            for sent in todo {
                self.redo(sent, watch).await?;
            }
        }
        Ok(())
    }

    async fn drain(&mut self, watch: &mut dyn Watch) -> Result<()> {
        while !self.writes.is_empty() {
            self.wait(watch).await?;
        }
        Ok(())
    }

    /// Waits for everything that was sent, and does nothing again. What may be done stays noted as sent.
    async fn note_ends(&mut self, watch: &mut dyn Watch) -> Result<()> {
        let mut refused = Vec::new();
        while !self.writes.is_empty() {
            self.end_of_one(watch, &mut refused).await?;
        }
        for (sent, error) in refused {
            if error.retry() != Retry::UnknownOutcome {
                self.void(&sent.planned, sent.note).await?;
            }
        }
        Ok(())
    }

    async fn end_of_one(&mut self, watch: &mut dyn Watch, again: &mut Vec<(Sent, Error)>) -> Result<()> {
        let Some(joined) = self.writes.join_next().await else { return Ok(()) };
        let ended = |e| Error::new(ErrorKind::Internal, "a write ended early").with_source(e);
        let (number, result) = joined.map_err(ended)?;
        let Some(sent) = self.sent.remove(&number) else { return Ok(()) };
        match result {
            Ok(_) => self.count(&sent.planned, sent.note).await?,
            Err(e) if may_be_done_again(&e) => again.push((sent, e)),
            Err(e) => {
                self.void(&sent.planned, sent.note).await?;
                return Err(e.without_index().context(place(&sent.chunk)));
            }
        }
        watch.at(&self.counts);
        Ok(())
    }

    /// Plans a chunk again from what the destination holds now, with the names, and writes it, alone.
    async fn redo(&mut self, (first, error): (Sent, Error), watch: &mut dyn Watch) -> Result<()> {
        let unknown = (error.retry() == Retry::UnknownOutcome).then_some(first.planned);
        let (mut todo, mut races, mut last) = (VecDeque::from([first.chunk]), 0, error);
        while let Some(mut chunk) = todo.pop_front() {
            let divisible = chunk.pairs.len() > 1;
            if races > MAX_RACES || (last.kind() == ErrorKind::Unsupported && !divisible) {
                return Err(last.without_index().context(place(&chunk)));
            }
            for (record, there) in &mut chunk.pairs {
                *there = self.destination.get_collection(&record.id).await?;
            }
            let planned = self.planner.plan(&chunk, true).await?;
            let too_much = last.kind() == ErrorKind::Unsupported || !self.planner.fits(&planned);
            if too_much && let Some(rest) = chunk.split() {
                self.planner.forget(&planned);
                self.most = self.most.min(chunk.pairs.len()).max(1);
                todo.push_front(rest);
                todo.push_front(chunk);
                last = Error::new(ErrorKind::VersionConflict, "the chunk was divided");
                continue;
            }
            let planned = match &unknown {
                // A write of unknown outcome that has come after all: nothing is left to do, and this copy did it.
                Some(sent) if sent.counts.seen() == planned.counts.unchanged && self.is_there(sent).await? => {
                    self.planner.remember(sent);
                    Planned { operations: Vec::new(), ..sent.clone() }
                }
                _ => planned,
            };
            refuse_conflicts(&planned)?;
            let note = self.note(&chunk, &planned).await?;
            let result = match planned.operations.is_empty() {
                true => Ok(Vec::new()),
                false => self.destination.batch_operations(planned.operations.clone()).await,
            };
            match result {
                Ok(_) => self.count(&planned, note).await?,
                Err(e) if e.retry() == Retry::UnknownOutcome && self.is_there(&planned).await? => {
                    self.count(&planned, note).await?;
                }
                Err(e) => {
                    self.void(&planned, note).await?;
                    if !may_be_done_again(&e) {
                        return Err(e.without_index().context(place(&chunk)));
                    }
                    races += 1;
                    last = e;
                    todo.push_front(chunk);
                }
            }
            watch.at(&self.counts);
        }
        Ok(())
    }

    /// Whether the destination holds what a plan writes.
    async fn is_there(&self, planned: &Planned) -> Result<bool> {
        for record in planned.written() {
            let there = self.destination.get_collection(&record.id).await?;
            if !there.is_some_and(|r| r.same_content(record)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether an error says that something else is there than was planned for, or nothing of what is there.
fn may_be_done_again(e: &Error) -> bool {
    e.retry() == Retry::UnknownOutcome
        || matches!(
            e.kind(),
            ErrorKind::AlreadyExists | ErrorKind::VersionConflict | ErrorKind::NotFound | ErrorKind::Unsupported
        )
}

/// With `Fail` a conflict that was not there when the copy began.
fn refuse_conflicts(planned: &Planned) -> Result<()> {
    let Some(conflict) = planned.conflicts.first() else { return Ok(()) };
    let what = match conflict {
        Conflict::Id(id) => format!("somebody wrote a record of the id {id:?} meanwhile"),
        Conflict::Name { name, holder, .. } => format!("somebody gave the name {name:?} to {holder:?} meanwhile"),
    };
    Err(Error::new(ErrorKind::AlreadyExists, what)
        .with_hint("what was copied before stays; copy again with another way to resolve conflicts"))
}

fn place(chunk: &Chunk) -> String {
    let first = chunk.pairs.first().map_or("", |(r, _)| &*r.id);
    format!("records {first:?} to {:?}", chunk.to)
}

/// Proves a complete copy from what both catalogs hold now.
async fn prove(source: &Catalog, destination: &Catalog, options: &CopyOptions, done: &CopyCounts) -> Result<Proof> {
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

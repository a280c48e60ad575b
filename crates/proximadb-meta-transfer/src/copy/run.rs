//! Carrying a copy out: chunks are planned one after the other, several are written at once.

use std::collections::{HashMap, VecDeque};

use proximadb_meta_core::report::HealthStatus;
use proximadb_meta_core::{Error, ErrorKind, Outcome, Result, Retry};
use tokio::task::JoinSet;

use super::journal::{Journal, Past};
use super::plan::{Planned, Planner};
use super::source::{Chunk, Source, look_up};
use super::survey::{check_batches, is_bare, prove, survey};
use super::{Conflict, CopyCounts, CopyOptions, CopyReport, End, OnConflict, Phase, Watch};
use crate::ask::{By, ask};
use crate::records::Catalog;

/// How often a chunk is planned again because somebody else changed what it is about.
const MAX_RACES: u32 = 64;
pub(super) async fn copy(
    source: &Catalog,
    destination: &Catalog,
    options: &CopyOptions,
    mut journal: Option<Journal>,
    watch: &mut dyn Watch,
) -> Result<CopyReport> {
    let result = noted(source, destination, options, &mut journal, watch).await;
    let is_complete = matches!(&result, Ok(report) if report.end == End::Complete);
    match journal {
        Some(journal) if is_complete || journal.is_untouched() => {
            let finished = journal.finish().await;
            result.and_then(|report| finished.map(|()| report))
        }
        _ => result,
    }
}

async fn noted(
    source: &Catalog,
    destination: &Catalog,
    options: &CopyOptions,
    journal: &mut Option<Journal>,
    watch: &mut dyn Watch,
) -> Result<CopyReport> {
    let health = destination.health_check().await?;
    if matches!(health.status, HealthStatus::ReadOnly | HealthStatus::Down) {
        let cause = health.cause.map(|c| format!(": {c}")).unwrap_or_default();
        return Err(Error::new(ErrorKind::Unavailable, format!("the destination is {}{cause}", health.status)));
    }
    check_batches(destination)?;
    let past = match journal {
        Some(journal) => journal.settle(destination).await?,
        None => Past::default(),
    };
    let report = |counts, conflicts, end| CopyReport { counts, conflicts, end, proof: None };
    if options.on_conflict == OnConflict::Fail && !is_bare(destination).await? {
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
    watch.begins(Phase::Write);
    watch.at(&run.counts);
    let ended = run.all(&mut pairs, watch).await;
    let drained = match &ended {
        Ok(_) => run.drain(watch).await,
        // What was sent is waited for all the same: its end is noted.
        Err(_) => run.note_ends(watch).await,
    };
    let end = ended?;
    drained?;
    let proof = match end {
        End::Complete if options.prove => {
            watch.begins(Phase::Prove);
            Some(prove(source, destination, options, &run.counts).await?)
        }
        _ => None,
    };
    Ok(CopyReport { proof, ..report(run.counts, Vec::new(), end) })
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
    journal: &'a mut Option<Journal>,
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
        journal: &'a mut Option<Journal>,
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
        let note = self.note(&chunk, &planned)?;
        if planned.operations.is_empty() {
            return self.count(&planned, note);
        }
        self.sync().await?;
        let (number, destination, operations) = (self.next, self.destination.clone(), planned.operations.clone());
        self.next += 1;
        self.writes.spawn(async move { (number, destination.batch_operations(operations).await) });
        self.sent.insert(number, Sent { chunk, planned, note });
        Ok(())
    }

    fn note(&mut self, chunk: &Chunk, planned: &Planned) -> Result<Option<u64>> {
        match &mut *self.journal {
            Some(journal) => journal.begin(chunk, planned).map(Some),
            None => Ok(None),
        }
    }

    /// What was noted outlives a power cut: now it may be sent.
    async fn sync(&self) -> Result<()> {
        match &*self.journal {
            Some(journal) => journal.sync().await,
            None => Ok(()),
        }
    }

    /// A chunk is done.
    fn count(&mut self, planned: &Planned, note: Option<u64>) -> Result<()> {
        self.counts.add(&planned.counts);
        match (&mut *self.journal, note) {
            (Some(journal), Some(note)) => journal.done(note),
            _ => Ok(()),
        }
    }

    fn void(&mut self, planned: &Planned, note: Option<u64>) -> Result<()> {
        self.planner.forget(planned);
        match (&mut *self.journal, note) {
            (Some(journal), Some(note)) => journal.void(note),
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
                    self.count(&sent.planned, sent.note)?;
                } else {
                    self.void(&sent.planned, sent.note)?;
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
                self.void(&sent.planned, sent.note)?;
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
            Ok(_) => {
                tracing::debug!(records = sent.chunk.pairs.len(), to = &*sent.chunk.to, "wrote a batch");
                self.count(&sent.planned, sent.note)?;
            }
            Err(e) if may_be_done_again(&e) => again.push((sent, e)),
            Err(e) => {
                self.void(&sent.planned, sent.note)?;
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
            look_up(&self.destination, &mut chunk.pairs).await?;
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
            let note = self.note(&chunk, &planned)?;
            let result = match planned.operations.is_empty() {
                true => Ok(Vec::new()),
                false => {
                    self.sync().await?;
                    self.destination.batch_operations(planned.operations.clone()).await
                }
            };
            match result {
                Ok(_) => self.count(&planned, note)?,
                Err(e) if e.retry() == Retry::UnknownOutcome && self.is_there(&planned).await? => {
                    self.count(&planned, note)?;
                }
                Err(e) => {
                    self.void(&planned, note)?;
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
        let ids = planned.written().map(|r| r.id.clone()).collect();
        let there = ask(&self.destination, By::Id, ids).await?;
        Ok(planned.written().zip(there).all(|(ours, there)| there.is_some_and(|r| r.same_content(ours))))
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

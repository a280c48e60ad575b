//! copy: a catalog's records into another, planned, written and proved.

mod place;
mod watch;

use std::path::PathBuf;

use proximadb_meta::core::{Error, ErrorKind};
use proximadb_meta_transfer::copy::{
    Conflict, CopyCounts, CopyOptions, CopyReport, End, Journal, OnConflict, copy, plan,
};

use super::pair::{Manner, Opened, Pair};
use crate::args::{self, CopyConflict, Global};
use crate::exit::{DIFFERENT, Result};
use crate::output::Report;
use crate::stop::STOPPED;
use crate::talk::collections;
use watch::Eye;

/// Conflicts that are told one by one.
const MOST_CONFLICTS: usize = 20;

pub(crate) struct Copy {
    pair: Pair,
    options: CopyOptions,
    dry_run: bool,
    resume: bool,
    journal: Option<PathBuf>,
}

impl Copy {
    pub(crate) fn new(x: args::Copy, global: &Global) -> Result<Self> {
        let how = match x.on_conflict {
            CopyConflict::Fail => OnConflict::Fail,
            CopyConflict::Skip => OnConflict::Skip,
            CopyConflict::Overwrite => OnConflict::Overwrite,
            CopyConflict::Newer => OnConflict::Newer,
        };
        let options = CopyOptions::new()
            .with_filter(super::filter(x.filter.as_deref())?)
            .on_conflict(how)
            .with_jobs(x.jobs.into());
        let pair = Pair::new(&x.src, &x.dst, x.to_namespace.as_deref(), global)?;
        Ok(Self { pair, options, dry_run: x.dry_run, resume: x.resume, journal: x.journal })
    }

    pub(crate) async fn run(self, how: &Manner) -> Result<u8> {
        let opened = match self.dry_run {
            true => self.pair.open_to_plan(how).await?,
            false => self.pair.open(true, how).await?,
        };
        let result = self.copied(&opened, how).await;
        let closed = opened.close().await;
        let code = result?;
        closed?;
        Ok(code)
    }

    async fn copied(&self, opened: &Opened, how: &Manner) -> Result<u8> {
        let (source, destination) = (&opened.from.catalog, &opened.to);
        let total = match how.talk.draws() {
            true => Some(source.count_collections(self.options.filter.clone()).await?),
            false => None,
        };
        let mut eye = Eye::new(how, total);
        let result = if self.dry_run {
            plan(source, destination, &self.options, &mut eye).await
        } else {
            let journal = self.open_journal(how)?;
            copy(source, destination, &self.options, journal, &mut eye).await
        };
        let written = eye.end();
        match result {
            Ok(report) => self.report(&report, how),
            Err(e) => {
                if let Some(written) = written {
                    self.told(how, &written);
                    self.print(how, &written, "failed", None)?;
                    how.talk.say("whole batches are kept; the same command with --resume goes on");
                }
                Err(e.into())
            }
        }
    }

    /// The journal of this copy; none where there is no place for one and nobody asked for it.
    fn open_journal(&self, how: &Manner) -> Result<Option<Journal>> {
        let of = place::words(&self.pair, &self.options);
        let Some(path) = place::journal(self.journal.as_deref(), &of)? else {
            if self.resume {
                return Err(Error::new(ErrorKind::Config, "there is no place for a journal")
                    .with_hint("--journal FILE names one; so do XDG_STATE_HOME and HOME")
                    .into());
            }
            how.talk.say("there is no place for a journal: this copy cannot be resumed");
            return Ok(None);
        };
        if self.resume {
            if let Some(journal) = Journal::resume(&path, &of)? {
                return Ok(Some(journal));
            }
            how.talk.say("nothing to resume: beginning");
        } else if path.exists() {
            how.talk.say("an earlier run of this copy was cut off; --resume would have gone on with it");
        }
        Ok(Some(Journal::start(&path, &of)?))
    }

    fn report(&self, report: &CopyReport, how: &Manner) -> Result<u8> {
        self.told(how, &report.counts);
        let end = match report.end {
            End::Complete => "complete",
            End::Refused => "refused",
            End::Stopped => "stopped",
            _ if report.counts.conflicts > 0 => "refused",
            _ => "planned",
        };
        self.print(how, &report.counts, end, Some(report))?;
        if report.counts.conflicts > 0 {
            for conflict in report.conflicts.iter().take(MOST_CONFLICTS) {
                how.talk.say(told_conflict(conflict));
            }
            let told = report.conflicts.len().min(MOST_CONFLICTS) as u64;
            if report.counts.conflicts > told {
                how.talk.say(format_args!("and {} more", report.counts.conflicts - told));
            }
            let n = collections(report.counts.conflicts);
            return Err(Error::new(ErrorKind::AlreadyExists, format!("{n} in the way; nothing was written"))
                .with_hint("--on-conflict skip, overwrite or newer says what to do with them")
                .into());
        }
        match (report.end, report.proof) {
            (End::Stopped, _) => {
                if !self.dry_run {
                    how.talk.say("the same command with --resume goes on");
                }
                Ok(STOPPED)
            }
            (_, Some(proof)) if proof.left > 0 => {
                how.talk.say(format_args!(
                    "{} not as in the source now: somebody wrote meanwhile; pxmeta diff says where",
                    collections(proof.left)
                ));
                Ok(DIFFERENT)
            }
            (_, Some(proof)) => {
                match proof.root {
                    Some(root) => how.talk.say(format_args!("proved: both have the digest {root}")),
                    None => how.talk.say("proved: record by record"),
                }
                Ok(0)
            }
            _ => Ok(0),
        }
    }

    fn told(&self, how: &Manner, n: &CopyCounts) {
        let would = if self.dry_run { "would have " } else { "" };
        let removed = match n.removed {
            0 => String::new(),
            n => format!(", removed {n} that held names"),
        };
        how.talk.say(format_args!(
            "{would}created {}, overwrote {}, left {} unchanged, skipped {}{removed}",
            n.created, n.overwritten, n.unchanged, n.skipped
        ));
    }

    fn print(&self, how: &Manner, n: &CopyCounts, end: &str, report: Option<&CopyReport>) -> Result<()> {
        if !how.format.is_json() {
            return Ok(());
        }
        let proof = report.and_then(|r| r.proof);
        Report::new()
            .with("created", n.created)
            .with("overwritten", n.overwritten)
            .with("unchanged", n.unchanged)
            .with("skipped", n.skipped)
            .with("removed", n.removed)
            .with("conflicts", n.conflicts)
            .with("dry_run", self.dry_run)
            .with("end", end)
            .with("digest", proof.and_then(|p| p.root).map(|root| root.to_string()))
            .with("left", proof.map(|p| p.left))
            .print(how.format)
    }
}

fn told_conflict(conflict: &Conflict) -> String {
    match conflict {
        Conflict::Id(id) => format!("conflict: {id}: the destination has another record of this id"),
        Conflict::Name { id, name, holder } => {
            format!("conflict: {id}: its name {name:?} belongs to {holder} in the destination")
        }
        other => format!("conflict: {other:?}"),
    }
}

//! Writing one catalog's records into another as they are: planned, written in atomic batches, proved.
//!
//! # What becomes of a record
//!
//! The source's records are compared with the destination's by id:
//!
//! | the destination has | | `Fail` | `Skip` | `Overwrite` | `Newer` |
//! |---|---|---|---|---|---|
//! | the same record | unchanged | | | | |
//! | neither its id nor its name | created | | | | |
//! | its id, other content | a conflict | refused | skipped | overwritten | overwritten if the source's is newer, else skipped |
//! | its name under an id that is not copied | a conflict | refused | skipped | overwritten, the holder is removed | the same if the source's is newer than the holder, else skipped |
//! | its name under an id that is copied too | renames | refused | skipped | both are written, in an order or batch in which names stay unique | the same, unless the holder stays: then skipped |
//!
//! Newer is: a later `updated_at`, or the same and a higher version. With `Fail` every conflict is found before anything is
//! written, and nothing is. Records of the destination that the source does not have stay, unless they hold a name and are
//! removed as above: in one batch with the record that takes the name.
//!
//! Records that hold each other's names in a ring, or one after the other, are written in one batch. Where that batch is more
//! than the destination takes at once the copy is refused at that place, with all of them as they were.
//!
//! # Steps, and what a crash leaves
//!
//! Records are read in the order of their ids and written as `Put`, with their times, versions and counters, up to
//! [`CopyOptions::batch`] of them in one atomic batch, [`CopyOptions::jobs`] batches at a time. Each batch says what it expects
//! of the destination: what somebody else changed meanwhile is read and decided anew, never overwritten unseen. A copy that
//! ends early leaves whole batches. Doing it again finishes it: what is there already is unchanged.
//!
//! With a [`Journal`] a later run goes on with the counts of the earlier one, and reads only what it had not come to. Before a
//! batch is sent its plan is noted and synced, afterwards that it is done; a batch that was noted and not done is looked for in
//! the destination. The destination decides, the journal only remembers. So it is after a power cut as well, as far as the
//! destination keeps what it acknowledged.
//!
//! A write whose outcome is unknown is read back. It is sent again only if it is not there, and what it expects of the
//! destination is checked again with it: it cannot be done twice.
//!
//! # Proof
//!
//! At the end the copy is proved from what the two stores then hold: by equal digests where both make them and nothing was
//! left out, else by planning once more, which must find nothing to do. What is written to either meanwhile shows as
//! [`Proof::left`].

mod decide;
mod journal;
mod plan;
mod run;
mod source;
mod survey;

use std::sync::Arc;

pub use journal::Journal;
use proximadb_meta_core::digest::NodeHash;
use proximadb_meta_core::{Filter, MetadataBackend, Result};
use serde::{Deserialize, Serialize};

/// What to do with a record whose id or name is taken by something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnConflict {
    /// Write nothing at all.
    #[default]
    Fail,
    /// Leave the destination's.
    Skip,
    /// Take the source's.
    Overwrite,
    /// Take the one that was updated last.
    Newer,
}

impl OnConflict {
    /// `fail`, `skip`, `overwrite`, `newer`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Skip => "skip",
            Self::Overwrite => "overwrite",
            Self::Newer => "newer",
        }
    }
}

/// How to copy.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CopyOptions {
    /// Which of the source's records; `None`: all.
    pub filter: Option<Filter>,
    /// What to do with conflicts.
    pub on_conflict: OnConflict,
    /// Most batches that are being written at once, at least 1.
    pub jobs: usize,
    /// Most of the source's records in one batch, at least 1; fewer where the destination takes less.
    pub batch: usize,
    /// Whether the copy is proved at its end.
    pub prove: bool,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self { filter: None, on_conflict: OnConflict::Fail, jobs: 4, batch: 500, prove: true }
    }
}

impl CopyOptions {
    /// Everything, conflicts refused, 4 batches of 500 at once, proved.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only the source's records that match.
    #[must_use]
    pub fn with_filter(mut self, filter: Option<Filter>) -> Self {
        self.filter = filter;
        self
    }

    /// What to do with conflicts.
    #[must_use]
    pub fn on_conflict(mut self, how: OnConflict) -> Self {
        self.on_conflict = how;
        self
    }

    /// So many batches at once; 0 is 1.
    #[must_use]
    pub fn with_jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// So many records in a batch; 0 is 1.
    #[must_use]
    pub fn with_batch(mut self, records: usize) -> Self {
        self.batch = records.max(1);
        self
    }

    /// Without the proof.
    #[must_use]
    pub fn without_proof(mut self) -> Self {
        self.prove = false;
        self
    }
}

/// What became of the source's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyCounts {
    /// The destination had neither id nor name.
    pub created: u64,
    /// The destination had something else under the id or the name.
    pub overwritten: u64,
    /// The destination had the same.
    pub unchanged: u64,
    /// Left as the destination has it.
    pub skipped: u64,
    /// In the way; with [`OnConflict::Fail`] alone.
    pub conflicts: u64,
    /// The destination's records, of other ids, that held the name of one that was written.
    pub removed: u64,
}

impl CopyCounts {
    /// The source's records that were looked at.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.created + self.overwritten + self.unchanged + self.skipped + self.conflicts
    }

    fn add(&mut self, other: &Self) {
        self.created += other.created;
        self.overwritten += other.overwritten;
        self.unchanged += other.unchanged;
        self.skipped += other.skipped;
        self.conflicts += other.conflicts;
        self.removed += other.removed;
    }

    /// With conflicts nothing is written.
    fn refused(mut self) -> Self {
        if self.conflicts > 0 {
            self.created = 0;
        }
        self
    }
}

/// A record that cannot be copied with [`OnConflict::Fail`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conflict {
    /// The destination has another record under this id.
    Id(Arc<str>),
    /// The destination has the name of this record under another id.
    Name {
        /// The source's record.
        id: Arc<str>,
        /// The name.
        name: Arc<str>,
        /// The destination's record that holds it.
        holder: Arc<str>,
    },
}

/// How a copy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// All of it is done.
    Complete,
    /// Conflicts were found, and nothing was written.
    Refused,
    /// It was asked to stop; whole batches are written.
    Stopped,
    /// Only planned.
    Planned,
}

/// How the copy was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proof {
    /// The root that both catalogs have, where their digests were compared and are equal.
    pub root: Option<NodeHash>,
    /// Records that a further copy would write, because somebody wrote to source or destination meanwhile: 0, or the copy is
    /// not what the source is now.
    pub left: u64,
}

/// What a copy did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyReport {
    /// The counts; of a copy that was resumed, those of all its runs.
    pub counts: CopyCounts,
    /// The first hundred conflicts.
    pub conflicts: Vec<Conflict>,
    /// How it ended.
    pub end: End,
    /// How it was proved, if it was completed.
    pub proof: Option<Proof>,
}

/// What a copy is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Looking at all of it before anything is written.
    Plan,
    /// Writing. Counts begin with those of earlier runs.
    Write,
    /// Comparing what was written. No counts are told.
    Prove,
}

/// Who looks on while records are copied, and may ask for an end.
pub trait Watch: Send {
    /// Another phase begins, and its counts.
    fn begins(&mut self, phase: Phase) {
        let _ = phase;
    }

    /// So far.
    fn at(&mut self, counts: &CopyCounts) {
        let _ = counts;
    }

    /// Whether to stop after what is being written.
    fn is_stopped(&self) -> bool {
        false
    }
}

/// Nobody looks on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}

/// Says what [`copy`] would do, and writes nothing.
///
/// # Errors
/// `InvalidInput` for a filter over its limits; `Unsupported` for renames that the destination cannot write at once; what
/// reading either catalog gives.
pub async fn plan(
    source: &Arc<dyn MetadataBackend>,
    destination: &Arc<dyn MetadataBackend>,
    options: &CopyOptions,
    watch: &mut dyn Watch,
) -> Result<CopyReport> {
    let survey = survey::survey(source, destination, options, None, watch).await?;
    Ok(match survey {
        None => CopyReport { counts: CopyCounts::default(), conflicts: Vec::new(), end: End::Stopped, proof: None },
        Some(plan) => {
            CopyReport { counts: plan.counts.refused(), conflicts: plan.conflicts, end: End::Planned, proof: None }
        }
    })
}

/// Copies. `journal`: what makes it resumable; it is removed when the copy is complete.
///
/// When it fails, whole batches are written; [`Watch::at`] was told of the last state.
///
/// # Errors
/// As [`plan`]; `Unavailable` for a destination that does not take writes; what a batch gives. An error with an unknown outcome
/// is only given when reading back fails too.
pub async fn copy(
    source: &Arc<dyn MetadataBackend>,
    destination: &Arc<dyn MetadataBackend>,
    options: &CopyOptions,
    journal: Option<Journal>,
    watch: &mut dyn Watch,
) -> Result<CopyReport> {
    run::copy(source, destination, options, journal, watch).await
}

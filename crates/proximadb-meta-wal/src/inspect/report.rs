//! What inspecting and verifying report. Every type serializes to JSON under its own field names.

use std::fmt;

use serde::Serialize;

/// Whether another handle or process has the directory open, by the system's list of locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InUse {
    /// Somebody holds its lock: the end of the log may be in the middle of being written.
    Yes,
    /// Nobody that the list names. It does not name other machines, processes that a container hides, and what some layered
    /// file systems do with their files.
    No,
    /// The system does not say.
    Unknown,
}

impl InUse {
    /// `"yes"`, `"no"` or `"unknown"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// Says which format the directory has.
    Marker,
    /// Its lock is held while the directory is open.
    Lock,
    /// A log segment.
    Segment,
    /// A checkpoint.
    Checkpoint,
    /// A file that was never finished: it means nothing.
    Unfinished,
    /// Not one of the log's.
    Foreign,
}

impl Role {
    /// The word, as it is serialized.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Marker => "marker",
            Self::Lock => "lock",
            Self::Segment => "segment",
            Self::Checkpoint => "checkpoint",
            Self::Unfinished => "unfinished",
            Self::Foreign => "foreign",
        }
    }
}

/// Sequence numbers from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SeqRange {
    /// The first one.
    pub first: u64,
    /// The last one; `None`: nobody knows how many follow.
    pub last: Option<u64>,
}

impl fmt::Display for SeqRange {
    /// `7`, `7-9`, `7 and later`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(last) if last == self.first => write!(f, "{last}"),
            Some(last) => write!(f, "{}-{last}", self.first),
            None => write!(f, "{} and later", self.first),
        }
    }
}

/// A record by its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RecordId {
    /// Its namespace; empty: the default one.
    pub namespace: String,
    /// Its id.
    pub id: String,
}

/// The files of a directory, as [`inspect`](super::inspect) found them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// The directory.
    pub directory: String,
    /// Whether somebody has it open.
    pub in_use: InUse,
    /// Files changed while they were read, several times over: what is said of one may not fit what is said of another.
    pub changed: bool,
    /// Every file, by name.
    pub files: Vec<FileReport>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileReport {
    /// Its name.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Its length in bytes; `None`: it was not looked at, or cannot be.
    pub length: Option<u64>,
    /// What is wrong with the file as a whole: it cannot be read, its header is damaged, its marker is not known.
    pub trouble: Option<String>,
    /// The header of a segment or checkpoint as it stands there, also where it is damaged.
    pub header: Option<Header>,
    /// The frames of a segment or checkpoint.
    pub frames: Option<Frames>,
}

/// A file header as it stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Header {
    /// Format of the file.
    pub format: u32,
    /// Oldest format a reader must know.
    pub reader: u32,
    /// Oldest format a writer must know.
    pub writer: u32,
    /// Number of the file.
    pub number: u64,
    /// Segment: number of its first entry. Checkpoint: of the last entry it covers.
    pub seq: u64,
    /// The salt, 32 hexadecimal digits.
    pub salt: String,
}

/// The frames of a file that are whole and hold what they should.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Frames {
    /// Atomic units.
    pub units: u64,
    /// Marks that a namespace is being restored, or no longer.
    pub restoring: u64,
    /// Seals: the log was closed in good order.
    pub seals: u64,
    /// Turns: the log goes on in the next segment.
    pub turns: u64,
    /// Ends of a checkpoint.
    pub ends: u64,
    /// Lowest sequence number.
    pub first: Option<u64>,
    /// Highest sequence number.
    pub last: Option<u64>,
    /// The highest number that a frame says was synced before it was written.
    pub durable_upto: u64,
    /// Records written, in all units.
    pub puts: u64,
    /// Records deleted.
    pub deletes: u64,
    /// Counters set.
    pub counters: u64,
    /// Names of the namespaces that are touched, sorted; at most 100.
    pub namespaces: Vec<String>,
    /// Namespaces that are touched beyond those.
    pub more_namespaces: u64,
    /// Where the good part ends: up to here the frames are whole and follow each other.
    pub good_end: u64,
    /// Zeros behind the good part, written ahead of the log.
    pub zeros: u64,
    /// What else stands behind the good part, if anything does.
    pub rest: Option<Rest>,
}

/// What stands behind the good part of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Rest {
    /// How many bytes.
    pub bytes: u64,
    /// What is wrong at its beginning.
    pub what: String,
    /// Whole frames in it.
    pub frames: u64,
    /// Lowest sequence number of these.
    pub first: Option<u64>,
    /// Highest sequence number of these.
    pub last: Option<u64>,
}

/// What [`verify`](super::verify) says of a directory as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// Whole, and closed in good order.
    Sealed,
    /// Whole up to a clean end. It was not closed: it is open, or its process ended without closing it.
    Unsealed,
    /// Opens, and the end of the log is cut off then: the rest of a group that was not known to be synced. It may be a write
    /// that was never acknowledged, or damage to the last group: nothing tells them apart.
    TornTail,
    /// Does not open: something that was durable is damaged or missing.
    Damaged,
}

impl Verdict {
    /// The word, as it is serialized.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Unsealed => "unsealed",
            Self::TornTail => "torn_tail",
            Self::Damaged => "damaged",
        }
    }
}

/// Whether a directory is sound, and if not, what is damaged, what is lost and what is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// The directory.
    pub directory: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Whether somebody has it open.
    pub in_use: InUse,
    /// Files changed while they were read, several times over. Damage that is said may come from that: verify again.
    pub changed: bool,
    /// Records that can be read, in all namespaces.
    pub records: u64,
    /// How many of these may be older than what is lost: [`salvage`](crate::salvage::salvage) leaves them out unless told not to.
    pub doubtful: u64,
    /// Namespaces with records that can be read.
    pub namespaces: u64,
    /// Namespaces that are being restored, or whose restore failed half way; sorted, at most 1000.
    pub restoring: Vec<String>,
    /// Namespaces that are being restored beyond those.
    pub more_restoring: u64,
    /// The newest checkpoint that is whole.
    pub checkpoint: Option<CheckpointPosition>,
    /// The last entry that can be read.
    pub last_seq: u64,
    /// Entries that can be read, or are covered by a whole checkpoint.
    pub intact: Vec<SeqRange>,
    /// Entries that are lost for certain.
    pub lost: Vec<SeqRange>,
    /// The end of the log that an opening cuts off.
    pub torn_tail: Option<TornTail>,
    /// Every damage, in the order of the log; at most 1000.
    pub damages: Vec<Damage>,
    /// Damages beyond those.
    pub more_damages: u64,
    /// Records that lost entries changed: later entries prove it. Others may be affected as well. At most 1000.
    pub affected: Vec<RecordId>,
    /// Proofs beyond those.
    pub more_affected: u64,
    /// What means nothing, but is there: files that were never finished, or are covered by a checkpoint.
    pub notes: Vec<String>,
}

impl Verification {
    /// Whether the directory opens.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.verdict != Verdict::Damaged
    }
}

/// A checkpoint's place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckpointPosition {
    /// Its number: that of the first segment it does not cover.
    pub number: u64,
    /// The last entry it covers.
    pub seq: u64,
}

/// The end of a log that an opening cuts off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TornTail {
    /// The file.
    pub file: String,
    /// Where it is cut.
    pub offset: u64,
    /// How many bytes go.
    pub bytes: u64,
    /// The first entry that goes.
    pub first: u64,
    /// Whole frames among what goes: of the same group, or never synced.
    pub frames: u64,
    /// What is wrong at the cut.
    pub what: String,
}

/// One place that is damaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Damage {
    /// The file.
    pub file: String,
    /// The byte at which it begins.
    pub offset: u64,
    /// How many bytes cannot be used; 0 where that is not about bytes.
    pub bytes: u64,
    /// What is wrong.
    pub what: String,
    /// What is lost by it.
    pub lost: Loss,
}

/// What is lost by a damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Loss {
    /// Nothing: it can be read around, or is known from elsewhere.
    Nothing,
    /// Entries of the log. Neighbouring damages may share a range.
    Entries(SeqRange),
    /// Frames of a checkpoint, counted from 1, with the records they held.
    CheckpointFrames(SeqRange),
    /// Something, but nothing says what: the entry contradicts those before it.
    Unknown,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Entries(range) => write!(f, "entries {range}"),
            Self::CheckpointFrames(range) => write!(f, "records of checkpoint frames {range}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

//! One call of a history: who asked what, when, and the answer.

use std::fmt;
use std::sync::Arc;

use proximadb_meta_core::{Change, CollectionMetadata, Error, ErrorKind, Retry, StatsDelta};

type Record = Arc<CollectionMetadata>;

/// What a client asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Action {
    /// `get_collection`.
    Get {
        /// Which.
        id: Arc<str>,
    },
    /// `get_collection_by_name`.
    GetByName {
        /// Which.
        name: Arc<str>,
    },
    /// `create_collection`.
    Create(CollectionMetadata),
    /// `update_collection`.
    Update(CollectionMetadata),
    /// `delete_collection`.
    Delete {
        /// Which.
        id: Arc<str>,
    },
    /// `record_stats`.
    RecordStats {
        /// Which.
        id: Arc<str>,
        /// By how much.
        delta: StatsDelta,
    },
    /// A batch of one `Operation::Set`.
    Set {
        /// Which.
        id: Arc<str>,
        /// What.
        change: Change,
    },
}

impl Action {
    /// The id it works on; a read by name has none.
    #[must_use]
    pub fn id(&self) -> Option<&Arc<str>> {
        match self {
            Self::Create(r) | Self::Update(r) => Some(&r.id),
            Self::Get { id } | Self::Delete { id } | Self::RecordStats { id, .. } | Self::Set { id, .. } => Some(id),
            Self::GetByName { .. } => None,
        }
    }

    /// The name it asks for or wants.
    #[must_use]
    pub fn name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Create(r) | Self::Update(r) => Some(&r.name),
            Self::GetByName { name } => Some(name),
            _ => None,
        }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Get { .. } | Self::GetByName { .. })
    }
}

/// What a client was answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// Of a read.
    Found(Option<Record>),
    /// Of a write: the record as stored.
    Stored(Record),
    /// Of a delete: whether it was there.
    Deleted(bool),
    /// The error.
    Failed(Error),
}

impl Answer {
    /// The record in it.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        match self {
            Self::Found(Some(r)) | Self::Stored(r) => Some(r),
            _ => None,
        }
    }
}

/// What the answer of a call is worth.
#[derive(Clone, Copy, Debug)]
pub(super) enum Worth<'a> {
    /// It tells of the state.
    Answer(&'a Answer),
    /// The call may take effect at any time after its question, or never.
    Open,
    /// The call did nothing, and tells nothing.
    Nothing,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who asked, counted from 0.
    pub client: usize,
    /// The place of the question in the order of all questions and answers.
    pub asked: u64,
    /// What was asked.
    pub action: Action,
    /// The place of the answer in that order, and the answer; `None` for a call that was dropped.
    pub answer: Option<(u64, Answer)>,
}

impl Call {
    /// When the answer came, if it is one that settles the call.
    pub(super) fn settled(&self) -> Option<u64> {
        match self.worth() {
            Worth::Answer(_) => self.answer.as_ref().map(|(at, _)| *at),
            Worth::Open | Worth::Nothing => None,
        }
    }

    pub(super) fn worth(&self) -> Worth<'_> {
        let silent = if self.action.is_read() { Worth::Nothing } else { Worth::Open };
        match &self.answer {
            None => silent,
            Some((_, Answer::Failed(e))) if e.retry() == Retry::UnknownOutcome => silent,
            Some((_, answer @ Answer::Failed(e))) => match e.kind() {
                ErrorKind::NotFound | ErrorKind::AlreadyExists | ErrorKind::VersionConflict => Worth::Answer(answer),
                // Of a version at its limit the state says nothing.
                ErrorKind::OutOfRange if matches!(self.action, Action::RecordStats { .. }) => Worth::Answer(answer),
                _ => Worth::Nothing,
            },
            Some((_, answer)) => Worth::Answer(answer),
        }
    }
}

/// A record in one line, what histories look at.
struct Short<'a>(&'a CollectionMetadata);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let r = self.0;
        write!(f, "{:?} version {} #{:x} name {:?}", r.id, r.version, r.incarnation.0, r.name)?;
        write!(f, " dimension {} owner {:?}", r.dimension, r.owner.as_deref().unwrap_or(""))?;
        write!(f, " vectors {} bytes {}", r.vector_count, r.total_size_bytes)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Get { id } => write!(f, "get {id:?}"),
            Self::GetByName { name } => write!(f, "get by name {name:?}"),
            Self::Create(r) => write!(f, "create {}", Short(r)),
            Self::Update(r) => write!(f, "update {}", Short(r)),
            Self::Delete { id } => write!(f, "delete {id:?}"),
            Self::RecordStats { id, delta } => write!(f, "count {id:?} {:+} {:+}", delta.vectors, delta.bytes),
            Self::Set { id, change } => write!(f, "set {id:?} {change:?}"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(None) => f.write_str("nothing"),
            Self::Found(Some(r)) => write!(f, "{}", Short(r)),
            Self::Stored(r) => write!(f, "stored {}", Short(r)),
            Self::Deleted(was) => write!(f, "{was}"),
            Self::Failed(e) => write!(f, "{} ({:?}): {e}", e.kind(), e.retry()),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.answer {
            Some((at, answer)) => {
                write!(f, "[{}..{at}] client {}: {} -> {answer}", self.asked, self.client, self.action)
            }
            None => write!(f, "[{}..] client {}: {} -> no answer", self.asked, self.client, self.action),
        }
    }
}

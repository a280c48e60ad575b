//! The one error type of the workspace: what happened, where, whether to retry, and what to do next.

use std::error::Error as StdError;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Result of every fallible call in this workspace.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What class of failure an [`Error`] is. Stable: programs match on it, text is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No live record has this id (or name).
    NotFound,
    /// The id or the name is taken by a live record; [`Error::detail`] says which.
    AlreadyExists,
    /// The stored version or incarnation is not the one the caller read.
    VersionConflict,
    /// An argument breaks a documented limit or form. Nothing was sent to the store.
    InvalidInput,
    /// A counter would leave `0..=2^53-1`. Nothing was changed.
    OutOfRange,
    /// A connection string, file, variable or builder setting is wrong.
    Config,
    /// The backend does not offer this; refused before any effect.
    Unsupported,
    /// The store did not accept who we say we are.
    Unauthenticated,
    /// The store knows us and says no.
    PermissionDenied,
    /// The store cannot be reached or cannot serve now.
    Unavailable,
    /// The deadline passed.
    Timeout,
    /// The store (or contention) asks for less; see [`Error::retry_after`].
    Throttled,
    /// Bytes on disk or on the wire are not what was written.
    Corruption,
    /// Another process holds the store.
    Locked,
    /// No space left; nothing of the refused write is visible.
    StorageFull,
    /// An earlier failed write left this handle unusable for writes; reopen the store.
    Poisoned,
    /// The handle was closed.
    Closed,
    /// A defect in this software.
    Internal,
}

impl ErrorKind {
    /// The name as written in the code, for logs and machine-readable output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "NotFound",
            Self::AlreadyExists => "AlreadyExists",
            Self::VersionConflict => "VersionConflict",
            Self::InvalidInput => "InvalidInput",
            Self::OutOfRange => "OutOfRange",
            Self::Config => "Config",
            Self::Unsupported => "Unsupported",
            Self::Unauthenticated => "Unauthenticated",
            Self::PermissionDenied => "PermissionDenied",
            Self::Unavailable => "Unavailable",
            Self::Timeout => "Timeout",
            Self::Throttled => "Throttled",
            Self::Corruption => "Corruption",
            Self::Locked => "Locked",
            Self::StorageFull => "StorageFull",
            Self::Poisoned => "Poisoned",
            Self::Closed => "Closed",
            Self::Internal => "Internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether sending the same call again is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// The same call will fail the same way.
    Never,
    /// Nothing was done; the same call may succeed later.
    Safe,
    /// It may or may not have been done. Read before you write again.
    UnknownOutcome,
}

/// The machine-readable part of an error, where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Detail {
    /// The id is taken.
    IdTaken(Arc<str>),
    /// The name is taken.
    NameTaken(Arc<str>),
    /// The version the caller expected and the one that is stored. They can be equal:
    /// then the record was deleted and created again in between (another incarnation).
    Version {
        /// Version the caller gave.
        expected: u64,
        /// Version that is stored.
        found: u64,
    },
    /// A position in a text: a filter, a JSON document, a connection string. `column` counts characters from 1.
    Column(usize),
}

/// An error. Cheap to clone: one failed sync answers every waiter with the same cause.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    retry: Retry,
    message: String,
    operation: Option<&'static str>,
    backend: Option<&'static str>,
    index: Option<usize>,
    hint: Option<String>,
    retry_after: Option<Duration>,
    detail: Option<Detail>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A new error. `message` is lowercase, without a full stop, and never holds a secret.
    /// The retry class starts as the kind's usual one; [`with_retry`](Self::with_retry) changes it.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retry = match kind {
            ErrorKind::Unavailable | ErrorKind::Throttled | ErrorKind::Locked => Retry::Safe,
            ErrorKind::Timeout => Retry::UnknownOutcome,
            _ => Retry::Never,
        };
        Self(Arc::new(Inner {
            kind,
            retry,
            message: message.into(),
            operation: None,
            backend: None,
            index: None,
            hint: None,
            retry_after: None,
            detail: None,
            source: None,
        }))
    }

    /// [`ErrorKind::InvalidInput`].
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// [`ErrorKind::NotFound`] for an id.
    #[must_use]
    pub fn not_found(id: &str) -> Self {
        Self::new(ErrorKind::NotFound, format!("no collection has the id {id:?}"))
    }

    /// [`ErrorKind::AlreadyExists`] for an id.
    #[must_use]
    pub fn id_taken(id: &str) -> Self {
        Self::new(ErrorKind::AlreadyExists, format!("a collection with the id {id:?} exists"))
            .with_detail(Detail::IdTaken(id.into()))
    }

    /// [`ErrorKind::AlreadyExists`] for a name.
    #[must_use]
    pub fn name_taken(name: &str) -> Self {
        Self::new(ErrorKind::AlreadyExists, format!("a collection with the name {name:?} exists"))
            .with_detail(Detail::NameTaken(name.into()))
    }

    /// [`ErrorKind::VersionConflict`].
    #[must_use]
    pub fn version_conflict(id: &str, expected: u64, found: u64) -> Self {
        let what = if expected == found {
            format!("collection {id:?} was replaced since it was read (still version {found}, another incarnation)")
        } else {
            format!("collection {id:?} is at version {found}, not {expected}")
        };
        Self::new(ErrorKind::VersionConflict, what)
            .with_detail(Detail::Version { expected, found })
            .with_hint("read it again, apply the change to what you read, and update")
    }

    /// [`ErrorKind::Unsupported`].
    #[must_use]
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// [`ErrorKind::Closed`].
    #[must_use]
    pub fn closed() -> Self {
        Self::new(ErrorKind::Closed, "this handle was closed")
    }

    /// An error of the system, with what was done to which file: `cannot open data/x: ...`. `NotFound`, `PermissionDenied` and
    /// `StorageFull` are told apart, the rest is `Unavailable`; none is worth another try by itself.
    #[must_use]
    pub fn io(what: &str, path: &Path, e: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match e.kind() {
            Io::NotFound => ErrorKind::NotFound,
            Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::StorageFull,
            _ => ErrorKind::Unavailable,
        };
        Self::new(kind, format!("cannot {what} {}: {e}", path.display())).with_retry(Retry::Never).with_source(e)
    }

    /// [`ErrorKind::Unavailable`]: what a call into a namespace that is [being restored](crate::Driver::mark_restoring) is told.
    #[must_use]
    pub fn being_restored() -> Self {
        let what = "the namespace is being restored, or a restore failed half way";
        Self::new(ErrorKind::Unavailable, what).with_hint("wait for it, or restore again with replace")
    }

    fn edit(mut self, f: impl FnOnce(&mut Inner)) -> Self {
        f(Arc::make_mut(&mut self.0));
        self
    }

    /// Sets the retry class.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Self {
        self.edit(|i| i.retry = retry)
    }

    /// Says what to do next.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        self.edit(|i| i.hint = Some(hint.into()))
    }

    /// Adds the machine-readable part.
    #[must_use]
    pub fn with_detail(self, detail: Detail) -> Self {
        self.edit(|i| i.detail = Some(detail))
    }

    /// Says after how long a retry makes sense.
    #[must_use]
    pub fn with_retry_after(self, after: Duration) -> Self {
        self.edit(|i| i.retry_after = Some(after))
    }

    /// Adds the cause. The caller makes sure that its text holds no secret.
    #[must_use]
    pub fn with_source(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.edit(|i| i.source = Some(Arc::new(source)))
    }

    /// Says which operation of a batch failed, counted from 0. An index already set stays.
    #[must_use]
    pub fn at_index(self, index: usize) -> Self {
        self.edit(|i| i.index = i.index.or(Some(index)))
    }

    /// Takes the index away: for a single call that was planned as a batch of one.
    #[must_use]
    pub fn without_index(self) -> Self {
        self.edit(|i| i.index = None)
    }

    /// Says which call failed and on which backend. What is already set stays.
    #[must_use]
    pub fn in_operation(self, operation: &'static str, backend: &'static str) -> Self {
        self.edit(|i| {
            i.operation = i.operation.or(Some(operation));
            i.backend = i.backend.or(Some(backend));
        })
    }

    /// Puts words in front of the message: `"line 7"` makes `"line 7: ..."`.
    #[must_use]
    pub fn context(self, place: impl fmt::Display) -> Self {
        self.edit(|i| i.message = format!("{place}: {}", i.message))
    }

    /// The class of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether to send the call again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// What happened, without cause and hint.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The call that failed (`"create_collection"`).
    #[must_use]
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The backend that failed (`"wal"`).
    #[must_use]
    pub fn backend(&self) -> Option<&'static str> {
        self.0.backend
    }

    /// The lowest failing operation of a batch, counted from 0.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.0.index
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// After how long a retry makes sense.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The machine-readable part.
    #[must_use]
    pub fn detail(&self) -> Option<&Detail> {
        self.0.detail.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let i = &*self.0;
        if let Some(op) = i.operation {
            f.write_str(op)?;
            if let Some(backend) = i.backend {
                write!(f, " on {backend}")?;
            }
            f.write_str(": ")?;
        }
        if let Some(index) = i.index {
            write!(f, "operation {index}: ")?;
        }
        f.write_str(&i.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let i = &*self.0;
        let mut s = f.debug_struct("Error");
        s.field("kind", &i.kind).field("retry", &i.retry).field("message", &i.message);
        if let Some(v) = i.operation {
            s.field("operation", &v);
        }
        if let Some(v) = i.backend {
            s.field("backend", &v);
        }
        if let Some(v) = i.index {
            s.field("index", &v);
        }
        if let Some(v) = &i.detail {
            s.field("detail", v);
        }
        if let Some(v) = &i.hint {
            s.field("hint", v);
        }
        if let Some(v) = i.retry_after {
            s.field("retry_after", &v);
        }
        if let Some(v) = &i.source {
            s.field("source", v);
        }
        s.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|s| s as &(dyn StdError + 'static))
    }
}

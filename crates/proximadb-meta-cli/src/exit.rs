//! Exit codes, and how an error is told: what, why, what to do.

use std::error::Error as _;
use std::io;

use proximadb_meta::core::{Error, ErrorKind};
use serde_json::json;

use crate::talk::Talk;

/// Exit code where some of the work was done and some was not.
pub(crate) const PARTIAL: u8 = 10;
/// Exit code of catalogs that differ.
pub(crate) const DIFFERENT: u8 = 8;
/// The exit code of a store that is damaged.
pub(crate) const DAMAGED: u8 = 7;

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The catalog or the arguments.
    Catalog(Error),
    /// Reading input or writing output.
    Io(String, io::Error),
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Self::Catalog(e)
    }
}

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// The reader of our output went away.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io(_, e) if e.kind() == io::ErrorKind::BrokenPipe)
    }

    /// 1 other, 2 usage, 3 not found, 4 conflict, 5 unavailable, 6 not permitted, 7 corruption, 9 unsupported.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Catalog(e) => of_kind(e.kind()),
            Self::Io(_, e) => match e.kind() {
                io::ErrorKind::NotFound => 3,
                io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput => 2,
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => 6,
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => 5,
                _ => 1,
            },
        }
    }

    fn kind(&self) -> String {
        match self {
            Self::Catalog(e) => e.kind().to_string(),
            Self::Io(_, e) => format!("{:?}", e.kind()),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Catalog(e) => e.to_string(),
            Self::Io(what, e) => format!("{what}: {e}"),
        }
    }

    /// The causes below the message, without those whose words it already has.
    fn causes(&self) -> Vec<String> {
        let Self::Catalog(e) = self else { return Vec::new() };
        let mut told = e.to_string();
        let mut causes = Vec::new();
        let mut next = e.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !told.contains(&text) {
                told = text.clone();
                causes.push(text);
            }
            next = cause.source();
        }
        causes
    }

    fn hint(&self) -> Option<&str> {
        match self {
            Self::Catalog(e) => e.hint(),
            Self::Io(..) => None,
        }
    }

    /// Tells it on stderr and gives the exit code. A reader that went away is a quiet end.
    pub(crate) fn report(&self, talk: &Talk, as_json: bool) -> u8 {
        if self.is_broken_pipe() {
            return 0;
        }
        if as_json {
            let told = json!({
                "error": self.message(), "kind": self.kind(), "causes": self.causes(), "hint": self.hint(),
                "exit_code": self.code(),
            });
            let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("{told}\n"));
            return self.code();
        }
        talk.must_say("error", &self.message());
        for cause in self.causes() {
            talk.must_say("cause", &cause);
        }
        if let Some(hint) = self.hint() {
            talk.must_say("hint", hint);
        }
        self.code()
    }
}

fn of_kind(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::InvalidInput | ErrorKind::OutOfRange | ErrorKind::Config => 2,
        ErrorKind::NotFound => 3,
        ErrorKind::AlreadyExists | ErrorKind::VersionConflict => 4,
        ErrorKind::Unavailable
        | ErrorKind::Timeout
        | ErrorKind::Throttled
        | ErrorKind::Locked
        | ErrorKind::StorageFull
        | ErrorKind::Poisoned
        | ErrorKind::Closed => 5,
        ErrorKind::Unauthenticated | ErrorKind::PermissionDenied => 6,
        ErrorKind::Corruption => 7,
        ErrorKind::Unsupported => 9,
        _ => 1,
    }
}

//! What PostgreSQL's error codes mean here.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use deadpool_postgres::{PoolError, TimeoutType};
use proximadb_meta_core::{Error, ErrorKind, Retry};
use tokio_postgres::error::{Severity, SqlState};

/// What the driver says of a handshake that failed; it offers no other way to tell.
const TLS: &str = "error performing TLS handshake";
/// What the driver says when it lacks something that it needs to connect, as a password that the server asks for.
const CONFIGURATION: &str = "invalid configuration";
/// What the driver says when it could not authenticate by itself.
const AUTHENTICATION: &str = "authentication error";

/// The cause that an error of ours carries: code and words, without the rows that PostgreSQL would show.
#[derive(Debug)]
struct Cause {
    code: Option<String>,
    words: String,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "SQLSTATE {code}: {}", self.words),
            None => f.write_str(&self.words),
        }
    }
}

impl StdError for Cause {}

/// The words of an error and of its causes, each once.
fn words(e: &tokio_postgres::Error) -> String {
    if let Some(db) = e.as_db_error() {
        return db.message().to_owned();
    }
    let mut out = e.to_string();
    let mut cause = e.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !out.contains(&text) {
            out.push_str(": ");
            out.push_str(&text);
        }
        cause = inner.source();
    }
    out
}

/// Whether nothing of the statement was done, and trying again makes sense at once.
pub(crate) fn is_contention(e: &tokio_postgres::Error) -> bool {
    [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::UNIQUE_VIOLATION,
    ]
    .iter()
    .any(|s| e.code() == Some(s))
}

/// Whether somebody else has an id or a name.
pub(crate) fn is_taken(e: &tokio_postgres::Error) -> bool {
    e.code() == Some(&SqlState::UNIQUE_VIOLATION)
}

/// Whether another connection may do what this one could not: it is gone, or leads to what is no primary any more.
pub(crate) fn is_lost(e: &tokio_postgres::Error) -> bool {
    is_broken(e) || e.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
}

/// Whether the connection is gone, or about to be.
fn is_broken(e: &tokio_postgres::Error) -> bool {
    match e.as_db_error() {
        // Whatever its code is: the server ends a session that it says this to.
        Some(db) => {
            matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
                || db.code().code().starts_with("08")
                || [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW]
                    .contains(db.code())
        }
        None => e.is_closed() || io_of(e).is_some(),
    }
}

/// Whether a commit that ended like this may have taken place all the same.
pub(crate) fn is_ambiguous(e: &tokio_postgres::Error) -> bool {
    match e.code() {
        Some(code) => is_broken(e) || *code == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN,
        // No answer, or one that cannot be read.
        None => true,
    }
}

fn io_of(e: &tokio_postgres::Error) -> Option<&io::Error> {
    let mut cause = e.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return Some(io);
        }
        cause = inner.source();
    }
    None
}

fn tls_of(e: &tokio_postgres::Error) -> Option<&rustls::Error> {
    io_of(e)?.get_ref()?.downcast_ref()
}

fn kind_of(code: &SqlState) -> (ErrorKind, Option<&'static str>) {
    use ErrorKind as K;
    let exact = [
        (
            &SqlState::INVALID_PASSWORD,
            K::Unauthenticated,
            "check user and password; a password may be env:NAME or file:PATH",
        ),
        (
            &SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            K::Unauthenticated,
            "the server's pg_hba.conf has no entry that lets this user in from here in this way (with or without TLS, with or \
             without a client certificate)",
        ),
        (&SqlState::INVALID_CATALOG_NAME, K::Config, "create the database, or name another one after the last slash"),
        (
            &SqlState::INSUFFICIENT_PRIVILEGE,
            K::PermissionDenied,
            "grant the role USAGE on the schema and SELECT, INSERT, UPDATE, DELETE on its tables; to make them it needs CREATE",
        ),
        (&SqlState::TOO_MANY_CONNECTIONS, K::Throttled, "lower pool_size, or raise the server's max_connections"),
        (&SqlState::CANNOT_CONNECT_NOW, K::Unavailable, "the server is starting or stopping; try again"),
        (&SqlState::ADMIN_SHUTDOWN, K::Unavailable, "the server was stopped; try again when it is up"),
        (&SqlState::CRASH_SHUTDOWN, K::Unavailable, "the server crashed; try again when it has recovered"),
        (
            &SqlState::READ_ONLY_SQL_TRANSACTION,
            K::Unavailable,
            "this server is a standby, or read only; name the primary, or several hosts with target_session_attrs=read-write",
        ),
        (&SqlState::QUERY_CANCELED, K::Timeout, "raise timeout_seconds, or look at what the server is busy with"),
        (&SqlState::LOCK_NOT_AVAILABLE, K::Throttled, "somebody holds a lock for long; look at pg_locks"),
        (&SqlState::T_R_SERIALIZATION_FAILURE, K::Throttled, "other writers were faster; try again"),
        (&SqlState::T_R_DEADLOCK_DETECTED, K::Throttled, "other writers were faster; try again"),
        (&SqlState::DISK_FULL, K::StorageFull, "free some space on the server; nothing of this write was stored"),
        (&SqlState::OUT_OF_MEMORY, K::Unavailable, "the server has no memory left for this"),
        (&SqlState::DATA_CORRUPTED, K::Corruption, "look at the server's log; restore a backup"),
        (&SqlState::INDEX_CORRUPTED, K::Corruption, "look at the server's log; REINDEX the table"),
        (
            &SqlState::UNDEFINED_TABLE,
            K::Config,
            "the tables are gone or belong to another program; pxmeta schema status tells",
        ),
        (
            &SqlState::UNDEFINED_COLUMN,
            K::Config,
            "the tables are of another program or release; pxmeta schema status tells",
        ),
        (&SqlState::INVALID_SCHEMA_NAME, K::Config, "the schema is gone; pxmeta schema apply makes it"),
    ];
    if let Some((_, kind, hint)) = exact.iter().find(|(known, ..)| *known == code) {
        return (*kind, Some(hint));
    }
    let kind = match code.code().get(..2) {
        Some("08" | "57" | "58") => K::Unavailable,
        Some("28") => K::Unauthenticated,
        Some("53") => K::Throttled,
        Some("42") => K::Config,
        _ => K::Internal,
    };
    (kind, None)
}

/// An error with what was tried.
pub(crate) fn failed(what: &str, e: &tokio_postgres::Error) -> Error {
    let words = words(e);
    let cause = Cause { code: e.code().map(|c| c.code().to_owned()), words: words.clone() };
    let (kind, hint) = match e.code() {
        Some(code) => kind_of(code),
        None if e.to_string() == AUTHENTICATION => {
            (ErrorKind::Unauthenticated, Some("the server wants a password, or another way to authenticate"))
        }
        None if e.to_string() == CONFIGURATION => {
            (ErrorKind::Config, Some("give what is missing: a password as password=env:NAME or file:PATH"))
        }
        // Of what the server thinks of our certificate, we hear when the handshake is over for us.
        None if e.to_string() == TLS || tls_of(e).is_some() => of_handshake(e, &words),
        None => match io_of(e) {
            Some(io) => of_io(io),
            None if e.is_closed() => (ErrorKind::Unavailable, Some("the connection broke; try again")),
            None => (ErrorKind::Internal, None),
        },
    };
    let mut error = Error::new(kind, format!("cannot {what}: {words}")).with_source(cause);
    if kind == ErrorKind::Timeout {
        // A statement that the server cancelled was not done.
        error = error.with_retry(Retry::Safe);
    }
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn of_io(e: &io::Error) -> (ErrorKind, Option<&'static str>) {
    match e.kind() {
        io::ErrorKind::ConnectionRefused => {
            (ErrorKind::Unavailable, Some("nothing listens there: check the port, and whether the server runs"))
        }
        io::ErrorKind::TimedOut => {
            (ErrorKind::Timeout, Some("nobody answers there: check host, port and firewall, or raise connect_timeout"))
        }
        io::ErrorKind::PermissionDenied => {
            (ErrorKind::Unavailable, Some("none of the hosts takes writes; name the primary among them"))
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => (ErrorKind::Unavailable, Some("the connection broke; try again")),
        io::ErrorKind::NotFound => (ErrorKind::Unavailable, Some("there is no such socket; check the directory")),
        // The resolver's failures have no number of the system's.
        _ if e.raw_os_error().is_none() => {
            (ErrorKind::Unavailable, Some("the host name is not known here; check how it is spelt"))
        }
        _ => (ErrorKind::Unavailable, Some("check host, port and network")),
    }
}

fn of_handshake(e: &tokio_postgres::Error, words: &str) -> (ErrorKind, Option<&'static str>) {
    use rustls::{AlertDescription as A, CertificateError as C};
    match tls_of(e) {
        Some(rustls::Error::InvalidCertificate(certificate)) => (
            ErrorKind::Config,
            Some(match certificate {
                C::Expired | C::ExpiredContext { .. } => "the server's certificate has expired: renew it there",
                C::NotValidYet | C::NotValidYetContext { .. } => {
                    "the server's certificate is not valid yet: check the clocks"
                }
                C::NotValidForName | C::NotValidForNameContext { .. } => {
                    "the certificate is of another host: connect by a name that it holds, or ask for sslmode=verify-ca"
                }
                C::UnknownIssuer => "give the file with the authority's certificate as sslrootcert",
                _ => "look at the server's certificate",
            }),
        ),
        Some(rustls::Error::AlertReceived(alert)) => (
            ErrorKind::Unauthenticated,
            Some(match alert {
                A::UnknownCA
                | A::BadCertificate
                | A::UnsupportedCertificate
                | A::CertificateUnknown
                | A::CertificateExpired
                | A::CertificateRevoked
                | A::DecryptError => {
                    "the server does not take the certificate of sslcert: it must be valid, and of an authority in its ssl_ca_file"
                }
                _ => "the server refused the handshake: it may want a client certificate, as sslcert and sslkey",
            }),
        ),
        _ if words.contains("does not support TLS") => (
            ErrorKind::Config,
            Some("the server has no TLS: turn it on there; sslmode=disable sends everything in the clear"),
        ),
        _ => match io_of(e) {
            Some(io) if io.kind() != io::ErrorKind::InvalidData => of_io(io),
            _ => (ErrorKind::Config, Some("the handshake failed: check sslmode, and that the port is PostgreSQL's")),
        },
    }
}

/// Why the pool gave no connection. Nothing was sent.
pub(crate) fn no_connection(e: &PoolError, waited: std::time::Duration) -> Error {
    let seconds = waited.as_secs_f64();
    match e {
        PoolError::Timeout(TimeoutType::Wait) => {
            Error::new(ErrorKind::Throttled, format!("all connections were in use for {seconds} seconds"))
                .with_hint("raise pool_size or pool_timeout_seconds, or ask less at the same time")
        }
        PoolError::Timeout(_) => Error::new(ErrorKind::Timeout, "no connection was made in time")
            .with_retry(Retry::Safe)
            .with_hint("nobody answers there: check host, port and firewall, or raise connect_timeout"),
        PoolError::Backend(e) => {
            let error = failed("connect", e);
            if error.retry() == Retry::UnknownOutcome { error.with_retry(Retry::Safe) } else { error }
        }
        PoolError::Closed => Error::closed(),
        PoolError::PostCreateHook(_) | PoolError::NoRuntimeSpecified => {
            Error::new(ErrorKind::Internal, "the pool made no connection")
        }
    }
}

/// Damage that was found in what the tables hold.
pub(crate) fn damaged(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corruption, what)
        .with_hint("somebody else wrote to the table: compare it with a backup, and restore it")
}

//! One transaction for a group of units: lock and read, plan, write, commit. All of them are durable together or none is.
//!
//! Two round trips: what begins is sent together, and so is what ends. A statement that fails makes the commit behind it a
//! rollback.

use deadpool_postgres::Client;
use futures_util::future::{join, join_all, join3};
use proximadb_meta_core::driver::{Applied, Prepared, Space};
use proximadb_meta_core::{Error, ErrorKind, Namespace, Result, Retry};

use crate::apply::Changes;
use crate::config::Isolation;
use crate::error::{damaged, failed, is_ambiguous, is_contention, is_lost};
use crate::row::{Param, borrowed, decode};
use crate::statements::Statements;

/// A unit and where it belongs.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) namespace: Namespace,
    pub(crate) unit: Prepared,
    /// It comes from the restore of the namespace.
    pub(crate) restoring: bool,
}

/// Why a write was not done, or may not have been.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Not done; somebody was in the way. Again.
    Contention(Error),
    /// Not done; the connection is gone.
    Lost(Error),
    /// Not done, and it would not be the next time.
    Refused(Error),
    /// Done or not: nobody knows.
    Unknown(Error),
}

impl Failure {
    /// Before anything could have been committed.
    pub(crate) fn before(what: &str, e: &tokio_postgres::Error) -> Self {
        let error = failed(what, e);
        if is_contention(e) {
            Self::Contention(error)
        } else if is_lost(e) {
            Self::Lost(error)
        } else {
            Self::Refused(error)
        }
    }

    /// In a statement that commits.
    pub(crate) fn committing(what: &str, e: &tokio_postgres::Error) -> Self {
        if is_ambiguous(e) { Self::unknown(failed(what, e)) } else { Self::before(what, e) }
    }

    pub(crate) fn unknown(e: Error) -> Self {
        let hint = "it may have been done: read the record before you write it again";
        Self::Unknown(e.with_retry(Retry::UnknownOutcome).with_hint(hint))
    }

    pub(crate) fn into_error(self) -> Error {
        let (Self::Contention(e) | Self::Lost(e) | Self::Refused(e) | Self::Unknown(e)) = self;
        e
    }
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Self::Refused(e)
    }
}

/// What the beginning of a transaction found.
pub(crate) struct Begun {
    space: Space,
    restoring: bool,
}

/// Begins, locks and reads every id and name that the units mention.
pub(crate) async fn begin(
    client: &Client,
    texts: &Statements,
    isolation: Isolation,
    namespace: &Namespace,
    units: &[&Unit],
) -> std::result::Result<Begun, Failure> {
    const WHAT: &str = "read what the write touches";
    let (mut ids, mut names) = (Vec::new(), Vec::new());
    for write in units.iter().flat_map(|u| &u.unit.writes) {
        ids.push(write.id().to_string());
        names.extend(write.name().map(|name| name.to_string()));
    }
    for list in [&mut ids, &mut names] {
        list.sort_unstable();
        list.dedup();
    }
    let before = |e| Failure::before(WHAT, &e);
    let load = client.prepare_cached(&texts.load).await.map_err(before)?;
    let marked = client.prepare_cached(&texts.is_restoring).await.map_err(before)?;
    let params: [Param; 3] = [Box::new(namespace.as_str().to_owned()), Box::new(ids), Box::new(names)];
    let params = borrowed(&params);
    // Under a snapshot that lasts, the lock must come first: the mark of a restore is made under a stronger one.
    let first =
        if isolation == Isolation::ReadCommitted { "BEGIN".to_owned() } else { format!("BEGIN; {}", texts.lock) };
    // The mark is read after the rows, and so under the lock that reading them took on the table.
    let (begun, rows, marked) = join3(
        client.batch_execute(&first),
        client.query(&load, &params),
        client.query_one(&marked, params.get(..1).unwrap_or_default()),
    )
    .await;
    begun.map_err(before)?;
    let (rows, marked) = (rows.map_err(before)?, marked.map_err(before)?);
    let restoring = marked.try_get(0).map_err(|e| damaged(format!("the mark of a restore cannot be read: {e}")))?;
    let mut space = Space::default();
    for row in &rows {
        if let Some(record) = decode(row)? {
            space.load(record);
        }
    }
    Ok(Begun { space, restoring })
}

/// Plans the units in order, each as if it were alone. One answer a unit, and what is to be written.
pub(crate) fn plan(begun: Begun, units: &[&Unit]) -> (Vec<Result<Applied>>, Changes) {
    let Begun { mut space, restoring } = begun;
    let mut answers = Vec::with_capacity(units.len());
    for unit in units {
        answers.push(if restoring && !unit.restoring {
            Err(Error::being_restored())
        } else {
            Ok(space.plan(&unit.unit))
        });
    }
    (answers, Changes::of(space))
}

/// Writes it all and commits, in one go.
pub(crate) async fn commit(
    client: &Client,
    texts: &Statements,
    namespace: &Namespace,
    changes: &Changes,
) -> std::result::Result<(), Failure> {
    const WHAT: &str = "write the records";
    let mut ready = Vec::new();
    for (text, params) in changes.statements(texts, namespace) {
        let statement = client.prepare_cached(text).await.map_err(|e| Failure::before(WHAT, &e))?;
        ready.push((statement, params));
    }
    let writes = ready.iter().map(|(statement, params)| async move {
        let params = borrowed(params);
        client.execute(statement, &params).await
    });
    let (written, committed) = join(join_all(writes), client.batch_execute("COMMIT")).await;
    for result in written {
        if let Err(e) = result {
            // An answer that says no: the commit behind it rolled back. No answer: the commit may have been heard.
            return Err(if e.code().is_some() { Failure::before(WHAT, &e) } else { Failure::committing(WHAT, &e) });
        }
    }
    committed.map_err(|e| Failure::committing("commit", &e))
}

/// Ends a transaction in which nothing was written, or that failed.
pub(crate) async fn rollback(client: &Client) -> Result<()> {
    client.batch_execute("ROLLBACK").await.map_err(|e| failed("end the transaction", &e))
}

/// A unit had no answer, which cannot be.
pub(crate) fn no_answer() -> Error {
    Error::new(ErrorKind::Internal, "a unit had no answer")
}

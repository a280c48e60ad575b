//! One transaction for a group of units: read, plan, write, commit. All of them are durable together or none is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proximadb_meta_core::driver::{Applied, Prepared, Space};
use proximadb_meta_core::{Error, ErrorKind, Namespace, Result, Retry};
use sqlx::sqlite::SqliteConnection;

use crate::apply::{Changes, load};
use crate::error::{failed, is_busy, is_full};
use crate::row::Stored;

/// A unit and where it belongs.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) namespace: Namespace,
    pub(crate) unit: Prepared,
    /// It comes from the restore of the namespace.
    pub(crate) restoring: bool,
}

/// Why a transaction failed.
pub(crate) enum Failure {
    /// Nothing was done.
    Before(Error),
    /// At the commit: it may have been done.
    Commit(Error),
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Self::Before(e)
    }
}

/// Applies the units in order, each as if it were alone. One answer a unit.
pub(crate) async fn apply(
    connection: &mut SqliteConnection,
    units: &[&Unit],
    patience: Duration,
) -> std::result::Result<Vec<Result<Applied>>, Failure> {
    let (answers, changes) = plan(connection, units, Instant::now() + patience).await?;
    if changes.is_empty() {
        // Nothing was written: what was read is told as of this moment.
        end(connection, "ROLLBACK").await?;
        return Ok(answers);
    }
    changes.commit(connection).await?;
    Ok(answers)
}

/// Begins the transaction, reads what the units touch, and finds out what is to be written.
async fn plan(
    connection: &mut SqliteConnection,
    units: &[&Unit],
    deadline: Instant,
) -> Result<(Vec<Result<Applied>>, Changes)> {
    let mut by_namespace: BTreeMap<Namespace, Vec<&Prepared>> = BTreeMap::new();
    for unit in units {
        by_namespace.entry(unit.namespace.clone()).or_default().push(&unit.unit);
    }
    let mut last_row = 0;
    let mut begin = Some(deadline);
    let mut spaces: BTreeMap<Namespace, (Space<Stored>, bool)> = BTreeMap::new();
    for (namespace, units) in by_namespace {
        let loaded = load(connection, begin.take(), &namespace, units.into_iter()).await?;
        last_row = loaded.last_row;
        spaces.insert(namespace, (loaded.space, loaded.restoring));
    }
    let mut answers = Vec::with_capacity(units.len());
    for unit in units {
        let Some((space, restoring)) = spaces.get_mut(&unit.namespace) else {
            return Err(Error::new(ErrorKind::Internal, "a unit's namespace was not read"));
        };
        answers.push(if *restoring && !unit.restoring {
            Err(Error::being_restored())
        } else {
            Ok(space.plan(&unit.unit))
        });
    }
    let spaces = spaces.into_iter().map(|(namespace, (space, _))| (namespace, space)).collect();
    Ok((answers, Changes::of(spaces, last_row)))
}

pub(crate) async fn end(connection: &mut SqliteConnection, how: &'static str) -> Result<()> {
    sqlx::query(how).execute(connection).await.map(drop).map_err(|e| failed("end the transaction", e))
}

/// Commits, synced. Where the answer is not known the error says so.
pub(crate) async fn commit(connection: &mut SqliteConnection) -> std::result::Result<(), Failure> {
    sqlx::query("COMMIT").execute(connection).await.map(drop).map_err(uncommitted)
}

/// What the error of a commit means.
pub(crate) fn uncommitted(e: sqlx::Error) -> Failure {
    // A commit that found no space, or somebody in the way, has not taken place: its last frame was not written.
    if is_full(&e) || is_busy(&e) {
        return Failure::Before(failed("commit", e));
    }
    let error = failed("commit", e).with_retry(Retry::UnknownOutcome);
    Failure::Commit(error.with_hint("open the catalog again and read before you write"))
}

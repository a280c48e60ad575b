//! Housekeeping: the mark of a restore, and the removal of what expired.

use proximadb_meta_core::{Error, ErrorKind, Namespace, Result, Retry, Timestamp};

use crate::error::{failed, is_ambiguous};
use crate::pool::{Lent, Pool, discard, silent};
use crate::statements::Statements;
use crate::types::Instant;

/// Records that are removed by one statement: other writers wait for no more than that.
const REAPED_AT_ONCE: i64 = 500;

/// Does work that must end whatever becomes of its caller.
pub(crate) async fn detached<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    tokio::spawn(work).await.map_err(|_| {
        Error::new(ErrorKind::Unavailable, "the runtime ended before the work was done")
            .with_retry(Retry::UnknownOutcome)
    })?
}

/// Marks or unmarks a namespace as being restored. Waits for the writes that are under way: those that begin later see it.
pub(crate) async fn mark(pool: &Pool, texts: &Statements, namespace: &Namespace, on: bool) -> Result<()> {
    let prefix = &texts.prefix;
    let statement = if on {
        format!("INSERT INTO {prefix}restoring (namespace) VALUES ($1) ON CONFLICT (namespace) DO NOTHING")
    } else {
        format!("DELETE FROM {prefix}restoring WHERE namespace = $1")
    };
    let lock = format!("BEGIN; LOCK TABLE {prefix}collections IN EXCLUSIVE MODE");
    let client = pool.get().await?;
    let work = async {
        client.batch_execute(&lock).await?;
        client.execute(&statement, &[&namespace.as_str()]).await.map(drop)
    };
    let done = match pool.in_time(work).await {
        Some(Ok(())) => match pool.in_time(client.batch_execute("COMMIT")).await {
            Some(Ok(())) => return Ok(()),
            Some(Err(e)) if is_ambiguous(&e) => Err(failed("mark the namespace", &e).with_retry(Retry::UnknownOutcome)),
            Some(Err(e)) => Err(failed("mark the namespace", &e)),
            None => Err(silent("mark the namespace")),
        },
        Some(Err(e)) => Err(failed("mark the namespace", &e)),
        None => Err(silent("mark the namespace")),
    };
    // What it left open ends with the connection.
    discard(client);
    done
}

/// Removes what expired and counts the table anew, and says in words what was done.
pub(crate) async fn run(pool: &Pool, texts: &Statements, now: Timestamp) -> Result<String> {
    let prefix = &texts.prefix;
    let reap = format!(
        "DELETE FROM {prefix}collections WHERE (namespace, id) IN (SELECT namespace, id FROM {prefix}collections \
         WHERE expires_at <= $1 AND namespace NOT IN (SELECT namespace FROM {prefix}restoring) \
         LIMIT {REAPED_AT_ONCE} FOR UPDATE SKIP LOCKED)"
    );
    let lent = Lent::by(pool).await?;
    let client = lent.client()?;
    let mut reaped = 0;
    loop {
        let gone = pool.in_time(client.execute(&reap, &[&Instant(now)])).await;
        let gone = gone.ok_or_else(|| silent("remove what expired"))?.map_err(|e| failed("remove what expired", &e))?;
        reaped += gone;
        if gone == 0 {
            break;
        }
    }
    let analyze = format!("ANALYZE {prefix}collections");
    let done = pool.in_time(client.batch_execute(&analyze)).await;
    done.ok_or_else(|| silent("analyze the table"))?.map_err(|e| failed("analyze the table", &e))?;
    // After a failure it does not go back: the statement may still be under way on it.
    lent.give_back();
    Ok(format!("removed {reaped} expired records, analyzed the table; vacuuming is the server's own business"))
}

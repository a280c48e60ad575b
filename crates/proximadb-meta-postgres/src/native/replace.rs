//! A namespace is filled from a dump: its rows go through a table of our own into place, in one transaction.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use deadpool_postgres::ClientWrapper;
use futures_util::SinkExt as _;
use proximadb_meta_core::{Error, ErrorKind, Namespace, Result, Retry, Timestamp};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use super::tool::Tool;
use crate::attend::Session;
use crate::error::{damaged, failed, is_ambiguous};
use crate::pool::{Pool, silent};
use crate::row::WRITTEN;
use crate::statements::Statements;
use crate::types::Instant;

/// Longest line of a dump: a record of 256 KiB, twice with escapes, and its keywords.
const MAX_LINE: u64 = 16 * 1024 * 1024;
/// Bytes that are sent at once.
const CHUNK: usize = 256 * 1024;

/// What is tried until the commit.
const RESTORE: &str = "restore the namespace";
const COMMIT: &str = "commit the restored namespace";

pub(super) struct Replacement {
    pub(super) pool: Arc<Pool>,
    pub(super) texts: Arc<Statements>,
    pub(super) namespace: Namespace,
    pub(super) now: Timestamp,
    pub(super) replace: bool,
    pub(super) tool: Tool,
    pub(super) dump: PathBuf,
    /// Rows that the manifest promises.
    pub(super) rows: u64,
}

impl Replacement {
    /// How many live records were there before.
    pub(super) async fn run(&self) -> Result<u64> {
        // Taken out of the pool: what fails in the middle is rolled back with the connection.
        let client = deadpool_postgres::Client::take(self.pool.get().await?);
        let session = Session::of(&self.pool, &client).await?;
        let done = self.replace(&client, &session).await;
        if done.as_ref().is_err_and(|e| e.kind() == ErrorKind::Unavailable) {
            // The server may not have heard that the connection is gone, and holds the lock until it does.
            drop(client);
            session.end(&self.pool).await;
        }
        done
    }

    /// What the server gives, as long as it takes while it is at it.
    async fn attended<T>(
        &self,
        session: &Session,
        work: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        let done = session.attended(&self.pool, work).await;
        done.ok_or_else(|| silent(RESTORE).with_retry(Retry::Safe))?.map_err(|e| failed(RESTORE, &e))
    }

    async fn replace(&self, client: &ClientWrapper, session: &Session) -> Result<u64> {
        let prefix = &self.texts.prefix;
        let columns: Vec<&str> = std::iter::once("namespace").chain(WRITTEN.iter().map(|(name, ..)| *name)).collect();
        let columns = columns.join(", ");
        let begin = format!(
            "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; BEGIN; \
             LOCK TABLE {prefix}collections IN EXCLUSIVE MODE; \
             CREATE TEMPORARY TABLE proximadb_restored ON COMMIT DROP AS SELECT {columns} FROM {prefix}collections LIMIT 0"
        );
        self.attended(session, client.batch_execute(&begin)).await?;
        let present = format!(
            "SELECT count(*) FROM {prefix}collections WHERE namespace = $1 AND (expires_at IS NULL OR expires_at > $2)"
        );
        let namespace = self.namespace.as_str();
        let row = self.attended(session, client.query_one(&present, &[&namespace, &Instant(self.now)])).await?;
        let present: i64 = row.try_get(0).map_err(|e| failed(RESTORE, &e))?;
        if present > 0 && !self.replace {
            let what = format!("the namespace {namespace:?} holds {present} collections");
            return Err(Error::new(ErrorKind::AlreadyExists, what)
                .with_hint("restore into an empty namespace, or ask for replace"));
        }
        self.fill(client, session).await?;
        // A life of its own for each: nobody who read the old one may take the restored one for it.
        let named: Vec<&str> = WRITTEN.iter().map(|(name, ..)| *name).collect();
        let values = columns.replace(", incarnation,", ", 1 + floor(random() * 9007199254740990)::int8,");
        let gone = format!("DELETE FROM {prefix}collections WHERE namespace = $1");
        let unmarked = format!("DELETE FROM {prefix}restoring WHERE namespace = $1");
        let put = format!(
            "INSERT INTO {prefix}collections (namespace, {}) SELECT {values} FROM proximadb_restored WHERE namespace = $1",
            named.join(", ")
        );
        self.attended(session, client.execute(&gone, &[&namespace])).await?;
        self.attended(session, client.execute(&unmarked, &[&namespace])).await?;
        let restored = self.attended(session, client.execute(&put, &[&namespace])).await?;
        if restored != self.rows {
            let what = format!("the dump holds {restored} records of the namespace; its manifest says {}", self.rows);
            return Err(damaged(what).with_hint("take another backup; nothing was changed"));
        }
        let committed = session.attended(&self.pool, client.batch_execute("COMMIT")).await;
        committed.ok_or_else(|| silent(COMMIT))?.map_err(|e| {
            let error = failed(COMMIT, &e);
            if is_ambiguous(&e) { error.with_retry(Retry::UnknownOutcome) } else { error }
        })?;
        Ok(present.unsigned_abs())
    }

    /// Copies the dump's rows into the table of our own, as `pg_restore` writes them.
    async fn fill(&self, client: &ClientWrapper, session: &Session) -> Result<()> {
        let mut command = self.tool.command();
        command.args(["--data-only", "--no-owner", "--table=collections", "--file=-"]).arg(&self.dump);
        let mut child = command.spawn().map_err(|e| Error::io("run pg_restore on", &self.dump, e))?;
        let (Some(out), Some(mut err)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(Error::new(ErrorKind::Internal, "pg_restore has no output"));
        };
        let said = tokio::spawn(async move {
            let mut said = Vec::new();
            // Best effort: it is for the text of an error alone.
            let _ = (&mut err).take(64 * 1024).read_to_end(&mut said).await;
            said
        });
        let copied = self.copy(client, session, BufReader::new(out)).await;
        let status = child.wait().await.map_err(|e| Error::io("run pg_restore on", &self.dump, e))?;
        let said = said.await.unwrap_or_default();
        if copied.as_ref().is_err_and(|e| e.kind() != ErrorKind::Corruption) {
            // What the server said, or that it said nothing: the program only met a reader that went away.
            return copied;
        }
        if !status.success() {
            return Err(self.tool.failed(&said));
        }
        copied
    }

    async fn copy(
        &self,
        client: &ClientWrapper,
        session: &Session,
        mut out: impl tokio::io::AsyncBufRead + Unpin,
    ) -> Result<()> {
        let bad = |why: &str| damaged(format!("{}: {why}", self.dump.display())).with_hint("take another backup");
        let mut line = Vec::new();
        let columns = loop {
            if next_line(&mut out, &mut line).await.map_err(|e| Error::io("read", &self.dump, e))? == 0 {
                return Err(bad("it holds no table of collections"));
            }
            if let Some(columns) = copied_columns(&line) {
                break columns.ok_or_else(|| bad("its table has columns that this release does not know"))?;
            }
        };
        let into = format!("COPY proximadb_restored ({columns}) FROM STDIN");
        let sink = self.attended(session, client.copy_in::<_, Bytes>(&into)).await?;
        let mut sink = pin!(sink);
        let mut chunk = Vec::with_capacity(CHUNK);
        loop {
            if next_line(&mut out, &mut line).await.map_err(|e| Error::io("read", &self.dump, e))? == 0 {
                return Err(bad("it ends in the middle of the table"));
            }
            let is_last = line == b"\\.\n";
            if !is_last {
                chunk.extend_from_slice(&line);
            }
            if is_last || chunk.len() >= CHUNK {
                self.attended(session, sink.send(Bytes::from(std::mem::take(&mut chunk)))).await?;
            }
            if is_last {
                break;
            }
        }
        self.attended(session, sink.finish()).await?;
        // What follows settles sequences and the like: it is read so that the program can end.
        while next_line(&mut out, &mut line).await.map_err(|e| Error::io("read", &self.dump, e))? > 0 {}
        Ok(())
    }
}

async fn next_line(out: &mut (impl tokio::io::AsyncBufRead + Unpin), line: &mut Vec<u8>) -> std::io::Result<usize> {
    line.clear();
    out.take(MAX_LINE).read_until(b'\n', line).await
}

/// The columns of `COPY schema.collections (a, b) FROM stdin;`, all of them ours; `None` for another line, `Some(None)` where
/// they are not ours.
fn copied_columns(line: &[u8]) -> Option<Option<String>> {
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let (_, rest) = line.strip_prefix("COPY ")?.split_once(".collections (")?;
    let list = rest.strip_suffix(") FROM stdin;")?;
    let ours = |name: &str| name == "namespace" || WRITTEN.iter().any(|(known, ..)| *known == name);
    let all: Vec<&str> = list.split(", ").collect();
    let whole = all.len() == WRITTEN.len() + 1 && all.iter().all(|name| ours(name));
    Some(whole.then(|| all.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_columns_are_copied() {
        let all: Vec<&str> = std::iter::once("namespace").chain(WRITTEN.iter().map(|(n, ..)| *n)).collect();
        let good = format!("COPY s.collections ({}) FROM stdin;\n", all.join(", "));
        assert_eq!(copied_columns(good.as_bytes()), Some(Some(all.join(", "))));
        let hostile = good.replace("description", "x) FROM PROGRAM 'id'; --");
        assert_eq!(copied_columns(hostile.as_bytes()), Some(None));
        assert_eq!(copied_columns(good.replace(", extra", "").as_bytes()), Some(None));
        assert_eq!(copied_columns(b"SET x = 1;\n"), None);
    }
}

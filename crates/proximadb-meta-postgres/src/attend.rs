//! Work that may take as long as it takes, on a connection that may lead nowhere any more.
//!
//! From here the two look alike: nothing comes. The system finds out about a machine that is gone, by keepalives; what stands in
//! between (a proxy, a pooler) goes on to answer those when the server behind it is gone. So the server is asked, over another
//! connection, whether it is still at the work: a statement that takes hours goes on, one that nobody works at is given up.

use std::path::PathBuf;
use std::pin::pin;
use std::time::{Duration, Instant};

use deadpool_postgres::ClientWrapper;
use futures_util::future::{Either, select};
use proximadb_meta_core::{ErrorKind, Result, Retry};
use tokio_postgres::Client;

use crate::error::failed;
use crate::pool::{Ask, Pool, silent};

/// Looks in a row that find nobody at work, or no server, before the work is given up.
const MOST: u32 = 3;

/// A session of the server, as another one sees it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Which rows of `pg_stat_activity` are of it.
    condition: String,
    /// What grows while it is at work.
    output: Option<PathBuf>,
    /// Before this instant it need not be there.
    since: Instant,
}

impl Session {
    /// That of a connection.
    pub(crate) async fn of(pool: &Pool, client: &Client) -> Result<Self> {
        const ASK: &str = "ask the server for the session";
        let text = "SELECT pg_backend_pid(), extract(epoch FROM pg_postmaster_start_time())::text";
        // No work for the server: a statement's time may be hours.
        let row = tokio::time::timeout(pool.patience(), client.query_one(text, &[])).await;
        let row = row.map_err(|_| silent(ASK).with_retry(Retry::Safe))?.map_err(|e| failed(ASK, &e))?;
        let of = |e| failed(ASK, &e);
        let (pid, started): (i32, &str) = (row.try_get(0).map_err(of)?, row.try_get(1).map_err(of)?);
        // Of several hosts another one may answer.
        let condition = format!("pid = {pid} AND extract(epoch FROM pg_postmaster_start_time())::text = '{started}'");
        Ok(Self { condition, output: None, since: Instant::now() })
    }

    /// That of a program which calls itself so, and writes a file. Nothing is concluded before it has had the time to connect.
    pub(crate) fn called(name: &str, output: PathBuf, connects: Duration) -> Self {
        let condition = format!("application_name = '{}'", name.replace('\'', "''"));
        Self { condition, output: Some(output), since: Instant::now() + connects }
    }

    /// What the work gives; nothing when the server is not at it, or does not say so, three looks in a row. What is left of the
    /// session is ended then: it may hold a lock.
    pub(crate) async fn attended<T>(&self, pool: &Pool, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let (mut witness, mut written, mut vain) = (Witness::default(), None, 0);
        while vain < MOST {
            let look = pin!(async {
                tokio::time::sleep(pool.silence()).await;
                let grown = std::mem::replace(&mut written, self.written().await) != written;
                grown || witness.sees(pool, self).await || Instant::now() < self.since
            });
            match select(work.as_mut(), look).await {
                Either::Left((done, _)) => return Some(done),
                Either::Right((true, _)) => vain = 0,
                Either::Right((false, _)) => vain += 1,
            }
        }
        self.end(pool).await;
        None
    }

    async fn written(&self) -> Option<u64> {
        Some(tokio::fs::metadata(self.output.as_ref()?).await.ok()?.len())
    }

    /// Whether it works, or did so since the last look. One that waits for its client does not, also in the middle of a `COPY`.
    fn question(&self, silence: Duration) -> String {
        format!(
            "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE {} AND \
             (coalesce(state, 'disabled') NOT LIKE 'idle%' AND wait_event_type IS DISTINCT FROM 'Client' \
             OR state_change > clock_timestamp() - interval '{} milliseconds'))",
            self.condition,
            silence.as_millis()
        )
    }

    /// Ends it, if the server can be reached; otherwise the server finds out by itself.
    pub(crate) async fn end(&self, pool: &Pool) {
        let text = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {}", self.condition);
        let _ = Witness::default().ask(pool, &text).await;
    }
}

/// A connection beside those of the pool: they may all be in use, by calls that wait for the very work that is attended.
#[derive(Default)]
struct Witness(Option<ClientWrapper>);

impl Witness {
    async fn sees(&mut self, pool: &Pool, session: &Session) -> bool {
        match self.ask(pool, &session.question(pool.silence())).await {
            Ok(is_at_work) => is_at_work,
            // A server without room for another connection is there.
            Err(e) => e.kind() == ErrorKind::Throttled,
        }
    }

    /// A question whose answer is yes or no; no answer is none.
    async fn ask(&mut self, pool: &Pool, text: &str) -> Result<bool> {
        const ASK: &str = "ask the server whether it is at work";
        let client = match self.0.take() {
            Some(client) => client,
            None => pool.beside().await?,
        };
        let rows = tokio::time::timeout(pool.patience(), Ask::Typed(text, &[]).run(&client)).await;
        let rows = rows.map_err(|_| silent(ASK))?.map_err(|e| failed(ASK, &e))?;
        self.0 = Some(client);
        Ok(rows.first().and_then(|row| row.try_get(0).ok()).unwrap_or(false))
    }
}

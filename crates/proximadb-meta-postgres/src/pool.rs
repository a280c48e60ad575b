//! The pool of connections: limits of number, age and patience, and statements with an end.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use deadpool_postgres::{
    Client, ClientWrapper, Connect, Hook, HookError, Manager, ManagerConfig, Pool as Deadpool, QueueMode,
    RecyclingMethod, Runtime, Timeouts,
};
use proximadb_meta_core::{Error, ErrorKind, Result, Retry};
use rand::seq::SliceRandom as _;
use tokio::task::JoinHandle;
use tokio_postgres::config::LoadBalanceHosts;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Config, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::{PostgresOptions, Target};
use crate::contention::{MAX_CONFLICTS, pause};
use crate::error::{failed, is_contention, is_lost, no_connection};
use crate::hosts::each_host;
use crate::row::{Param, borrowed};

/// How much longer than the server we wait for a statement before the connection is given up, at most: whoever gives a connection
/// less time to come about is as impatient here.
const GRACE: Duration = Duration::from_secs(5);
/// How often a read is tried on another connection when one turns out to be broken.
const MAX_BROKEN: usize = 3;

/// Connections to one server.
pub(crate) struct Pool {
    inner: Deadpool,
    connector: Connector,
    config: Config,
    options: Arc<PostgresOptions>,
    /// Where it leads, without credentials.
    pub(crate) place: String,
    /// A replica's share of the reads.
    pub(crate) weight: u16,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("place", &self.place).field("status", &self.inner.status()).finish_non_exhaustive()
    }
}

/// How busy a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    /// Calls that have a connection, or are making one.
    pub(crate) active: usize,
    /// Connections that nobody uses.
    pub(crate) idle: usize,
    /// Calls for which there is none: the pool is full.
    pub(crate) waiting: usize,
}

/// Connects, and sets what holds for the whole session.
#[derive(Clone)]
struct Connector {
    tls: MakeRustlsConnect,
    session: String,
    /// At least one. The time for a connection is what one of them has of it.
    hosts: Vec<Config>,
}

type Connection = std::result::Result<(tokio_postgres::Client, JoinHandle<()>), tokio_postgres::Error>;
type Connected<'a> = std::pin::Pin<Box<dyn Future<Output = Connection> + Send + 'a>>;

impl Connector {
    async fn one(&self, host: &Config) -> Connection {
        let (client, connection) = host.connect(self.tls.clone()).await?;
        // Its end is seen by the client; what ended it is told to the call that met it.
        let task = tokio::spawn(async move { drop(connection.await) });
        client.batch_execute(&self.session).await?;
        Ok((client, task))
    }
}

impl Connect for Connector {
    fn connect(&self, config: &Config) -> Connected<'_> {
        let config = config.clone();
        let mut hosts: Vec<&Config> = self.hosts.iter().collect();
        if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
            hosts.shuffle(&mut rand::rng());
        }
        Box::pin(async move {
            let Some((last, others)) = hosts.split_last() else { return self.one(&config).await };
            for host in others {
                // One that hangs or fails leaves it to the next; the last has the time that is left, and the last word.
                let share = host.get_connect_timeout().copied().unwrap_or(Duration::MAX);
                if let Ok(Ok(connected)) = tokio::time::timeout(share, self.one(host)).await {
                    return Ok(connected);
                }
            }
            self.one(last).await
        })
    }
}

/// Settings of a session. A server that does not sync what it acknowledges is told to.
fn session(options: &PostgresOptions) -> String {
    let timeout = options.statement_timeout.as_millis().min(i32::MAX as u128);
    format!(
        "SELECT set_config('statement_timeout', '{timeout}', false), \
         set_config('idle_in_transaction_session_timeout', '{timeout}', false), \
         set_config('default_transaction_isolation', '{}', false), \
         CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END",
        options.isolation.sql()
    )
}

impl Pool {
    /// A pool without a connection yet.
    pub(crate) fn new(target: &Target, tls: MakeRustlsConnect, options: Arc<PostgresOptions>) -> Result<Self> {
        let connector = Connector { tls, session: session(&options), hosts: each_host(&target.config) };
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let config = target.config.clone();
        let manager = Manager::from_connect(config.clone(), connector.clone(), manager);
        let (idle, lifetime) = (options.idle_timeout, options.max_lifetime);
        let inner = Deadpool::builder(manager)
            .max_size(options.pool_size)
            // In turn, a few calls would keep every connection of a burst from ever being idle.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(options.pool_timeout),
                create: Some(options.connect_timeout),
                recycle: Some(options.connect_timeout),
            })
            .pre_recycle(Hook::sync_fn(move |_, metrics| {
                if metrics.age() > lifetime || metrics.last_used() > idle {
                    return Err(HookError::message("too old"));
                }
                Ok(())
            }))
            .build()
            .map_err(|_| Error::new(ErrorKind::Internal, "the pool cannot be made"))?;
        Ok(Self { inner, connector, config, options, place: target.shown.clone(), weight: target.weight })
    }

    /// Opens the connections that are to stay open, and closes those that nobody uses. Ends with the pool.
    pub(crate) fn keep(this: &Arc<Self>) {
        let weak: Weak<Self> = Arc::downgrade(this);
        let pause = (this.options.idle_timeout.min(this.options.max_lifetime) / 2).max(Duration::from_millis(100));
        tokio::spawn(async move {
            loop {
                let Some(pool) = weak.upgrade().filter(|p| !p.is_closed()) else { return };
                pool.tend().await;
                drop(pool);
                tokio::time::sleep(pause).await;
            }
        });
    }

    async fn tend(&self) {
        let (idle, lifetime, least) =
            (self.options.idle_timeout, self.options.max_lifetime, self.options.pool_min_idle);
        let mut surplus = self.inner.status().available.saturating_sub(least);
        self.inner.retain(|_, metrics| {
            if metrics.age() > lifetime {
                return false;
            }
            let stays = metrics.last_used() <= idle || surplus == 0;
            surplus -= usize::from(!stays);
            stays
        });
        let mut held = Vec::new();
        while self.inner.status().size < least {
            match self.inner.get().await {
                Ok(client) => held.push(client),
                // A call that needs a connection says what is wrong.
                Err(_) => return,
            }
        }
    }

    /// A connection on loan.
    pub(crate) async fn get(&self) -> Result<Client> {
        self.inner.get().await.map_err(|e| no_connection(&e, self.options.pool_timeout))
    }

    /// A connection that is none of the pool's, for who must not wait until one is free.
    pub(crate) async fn beside(&self) -> Result<ClientWrapper> {
        let made = tokio::time::timeout(self.options.connect_timeout, self.connector.connect(&self.config)).await;
        let (client, task) = made.map_err(|_| silent("connect"))?.map_err(|e| failed("connect", &e))?;
        Ok(ClientWrapper::new(client, task))
    }

    /// What is asked of it now.
    pub(crate) fn status(&self) -> Status {
        let s = self.inner.status();
        // To the pool itself, whoever makes a connection waits: there is one less than there are calls.
        let calls = s.size.saturating_sub(s.available) + s.waiting;
        let active = calls.min(s.max_size);
        Status { active, idle: s.available, waiting: calls - active }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// Refuses whoever comes, lets go of what is idle; what is on loan is closed when it comes back.
    pub(crate) fn close(&self) {
        self.inner.close();
    }

    /// The rows that a read gives; on another connection when one turns out to be broken, and again where a serializable one met
    /// a writer.
    pub(crate) async fn rows(&self, what: &str, ask: Ask<'_>) -> Result<Vec<Row>> {
        let (mut broken, mut conflicts) = (0, 0);
        loop {
            let lent = Lent::by(self).await?;
            let client = lent.client()?;
            match self.in_time(ask.run(client)).await {
                Some(Ok(rows)) => {
                    lent.give_back();
                    return Ok(rows);
                }
                Some(Err(e)) if is_contention(&e) && conflicts < MAX_CONFLICTS => {
                    lent.give_back();
                    conflicts += 1;
                    pause(conflicts).await;
                }
                Some(Err(e)) => {
                    broken += 1;
                    if !is_lost(&e) {
                        lent.give_back();
                    } else if broken < MAX_BROKEN {
                        continue;
                    }
                    return Err(failed(what, &e));
                }
                None => return Err(silent(what).with_retry(Retry::Safe)),
            }
        }
    }

    /// How long one is waited for who is not the only one to ask, so that there is time left to ask another.
    pub(crate) fn patience(&self) -> Duration {
        self.options.connect_timeout.min(self.options.statement_timeout / 2)
    }

    /// After so much silence it is asked whether somebody is there.
    pub(crate) fn silence(&self) -> Duration {
        self.options.keepalive_idle
    }

    /// The answer of a statement that can be asked for again.
    pub(crate) async fn answer<T>(
        &self,
        what: &str,
        work: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        let done = self.in_time(work).await.ok_or_else(|| silent(what).with_retry(Retry::Safe))?;
        done.map_err(|e| failed(what, &e))
    }

    /// The answer of a statement; nothing when the server stays silent for longer than it may take.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let most = self.options.statement_timeout + GRACE.min(self.options.connect_timeout);
        tokio::time::timeout(most, work).await.ok()
    }
}

/// A connection that does not go back of itself. Whoever goes away in the middle leaves a statement under way on it: the next
/// one would wait for that.
pub(crate) struct Lent(Option<Client>);

impl Lent {
    pub(crate) async fn by(pool: &Pool) -> Result<Self> {
        Ok(Self(Some(pool.get().await?)))
    }

    pub(crate) fn client(&self) -> Result<&Client> {
        self.0.as_ref().ok_or_else(|| Error::new(ErrorKind::Internal, "a connection is gone"))
    }

    pub(crate) fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            discard(client);
        }
    }
}

/// A connection whose state is not known does not go back.
pub(crate) fn discard(client: Client) {
    drop(Client::take(client));
}

/// The server did not answer.
pub(crate) fn silent(what: &str) -> Error {
    Error::new(ErrorKind::Timeout, format!("cannot {what}: the server does not answer"))
        .with_hint("look at the server and at the network; read before you write again")
}

/// A statement that reads.
#[derive(Clone, Copy)]
pub(crate) enum Ask<'a> {
    /// One of a few texts: prepared once a connection, planned once for all values.
    Prepared(&'a str, &'a [Param]),
    /// One of many: planned for these values, in the same round trip.
    Typed(&'a str, &'a [(Param, Type)]),
}

impl Ask<'_> {
    pub(crate) async fn run(self, client: &ClientWrapper) -> std::result::Result<Vec<Row>, tokio_postgres::Error> {
        match self {
            Self::Prepared(text, params) => {
                let statement = client.prepare_cached(text).await?;
                client.query(&statement, &borrowed(params)).await
            }
            Self::Typed(text, params) => {
                let params: Vec<_> = params.iter().map(|(p, t)| (&**p as &(dyn ToSql + Sync), t.clone())).collect();
                client.query_typed(text, &params).await
            }
        }
    }
}

//! A backend across a network: its calls travel as numbers over TCP, and are done by a server on a store in memory.

use std::any::Any;
use std::collections::HashMap;
use std::io::ErrorKind::WouldBlock;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use proximadb_meta_core::driver::{Applied, Driver, Key, Prepared, Scan, Scanned};
use proximadb_meta_core::report::{BackendStats, Descriptor, Health};
use proximadb_meta_core::{
    BatchLimits, Call, Capabilities, Clock, CollectionMetadata, Contract, Durability, Error, ErrorKind,
    MetadataBackend, MetadataBackendType, Result, Retry,
};
use proximadb_meta_memory::MemoryDriver;
use proximadb_meta_testkit::bugs::{Bug, Buggy};
use proximadb_meta_testkit::{Fixture, Opened};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::timeout;

type Reply = Box<dyn Any + Send>;
type Job = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// The server: what is asked for by number is taken from the desk, done once, and answered by number.
pub(crate) struct Desk {
    store: Arc<MemoryDriver>,
    jobs: Mutex<HashMap<u64, Job>>,
    replies: Mutex<HashMap<u64, Reply>>,
    next: AtomicU64,
}

/// The running server.
pub(crate) struct Server {
    pub(crate) desk: Arc<Desk>,
    pub(crate) address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (jobs, replies, next) = Default::default();
        let desk = Arc::new(Desk { store: Arc::default(), jobs, replies, next });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = desk.clone();
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, accepting.clone()));
            }
        });
        Self { desk, address, _runtime: runtime }
    }
}

async fn serve(stream: TcpStream, desk: Arc<Desk>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    // Only a whole line is a request.
    while stream.read_line(&mut line).await.is_ok() && line.ends_with('\n') {
        let number: u64 = line.trim_end().parse().unwrap();
        let job = desk.jobs.lock().unwrap().remove(&number).unwrap();
        let reply = job.await;
        desk.replies.lock().unwrap().insert(number, reply);
        if stream.write_all(line.as_bytes()).await.is_err() {
            return;
        }
        line.clear();
    }
}

/// The client.
struct RemoteDriver {
    descriptor: Descriptor,
    desk: Arc<Desk>,
    address: SocketAddr,
    pool: Mutex<Vec<BufReader<TcpStream>>>,
    /// The mistake of a careless retry: what may have been done is asked for again.
    sends_again: bool,
    /// What does not answer within this is given up.
    patience: Duration,
}

impl RemoteDriver {
    async fn connection(&self) -> Result<BufReader<TcpStream>> {
        loop {
            let pooled = self.pool.lock().unwrap().pop();
            match pooled {
                // A pooled connection that has something to say is cut.
                Some(c) if matches!(c.get_ref().try_read(&mut [0]), Err(e) if e.kind() == WouldBlock) => return Ok(c),
                Some(_) => {}
                None => {
                    let stream = timeout(self.patience, TcpStream::connect(self.address)).await;
                    let refused = |what: String| Error::new(ErrorKind::Unavailable, what);
                    let stream = stream.map_err(|_| refused("no connection in time".to_owned()))?;
                    return stream.map(BufReader::new).map_err(|e| refused(format!("no connection: {e}")));
                }
            }
        }
    }

    /// Sends one job. Once it is sent, an error leaves open whether it is done.
    async fn send<T: Send + 'static>(&self, job: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        let mut connection = self.connection().await?;
        let number = self.desk.next.fetch_add(1, Ordering::SeqCst);
        let job: Job = Box::pin(async move { Box::new(job.await) as Reply });
        self.desk.jobs.lock().unwrap().insert(number, job);
        let (line, mut answer) = (format!("{number}\n"), String::new());
        let asked = timeout(self.patience, async {
            connection.write_all(line.as_bytes()).await?;
            connection.read_line(&mut answer).await
        });
        let why = match asked.await {
            Ok(Ok(_)) if answer == line => {
                self.pool.lock().unwrap().push(connection);
                let reply = self.desk.replies.lock().unwrap().remove(&number).unwrap();
                return *reply.downcast::<Result<T>>().unwrap();
            }
            Ok(Ok(_)) => "the connection ended".to_owned(),
            Ok(Err(e)) => e.to_string(),
            Err(_) => return Err(Error::new(ErrorKind::Timeout, "no answer in time")),
        };
        Err(Error::new(ErrorKind::Unavailable, why).with_retry(Retry::UnknownOutcome))
    }
}

impl Driver for RemoteDriver {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::mandatory(BatchLimits { ops: 50, items: 50, bytes: 1024 * 1024 }, Durability::Process)
    }

    async fn get(&self, call: &Call, key: Key<'_>) -> Result<Option<Arc<CollectionMetadata>>> {
        let (store, call) = (self.desk.store.clone(), call.clone());
        let (is_id, text) = match key {
            Key::Id(id) => (true, id.to_owned()),
            Key::Name(name) => (false, name.to_owned()),
        };
        let read = async move { store.get(&call, if is_id { Key::Id(&text) } else { Key::Name(&text) }).await };
        // A read that failed did nothing.
        self.send(read).await.map_err(|e| e.with_retry(Retry::Safe))
    }

    async fn apply(&self, call: &Call, unit: Prepared) -> Result<Applied> {
        let write = || {
            let (store, call, unit) = (self.desk.store.clone(), call.clone(), unit.clone());
            async move { store.apply(&call, unit).await }
        };
        match self.send(write()).await {
            Err(e) if self.sends_again && e.retry() == Retry::UnknownOutcome => self.send(write()).await,
            done => done,
        }
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Scanned> {
        self.desk.store.scan(call, scan).await
    }

    async fn mark_restoring(&self, _call: &Call, _on: bool) -> Result<()> {
        Err(Error::unsupported("no restore"))
    }

    async fn stats(&self, call: &Call) -> Result<BackendStats> {
        self.desk.store.stats(call).await
    }

    async fn health(&self, call: &Call) -> Result<Health> {
        self.desk.store.health(call).await
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// The backend, reached at an address: that of the server, or of a proxy before it.
pub(crate) struct Remote {
    pub(crate) desk: Arc<Desk>,
    pub(crate) address: SocketAddr,
    pub(crate) sends_again: bool,
    pub(crate) patience: Duration,
    pub(crate) bug: Option<Bug>,
}

impl Remote {
    pub(crate) fn new(server: &Server, address: SocketAddr) -> Self {
        Self { desk: server.desk.clone(), address, sends_again: false, patience: Duration::from_millis(300), bug: None }
    }
}

#[async_trait]
impl Fixture for Remote {
    fn name(&self) -> &str {
        "remote"
    }

    async fn open(&self, clock: Arc<dyn Clock>) -> Result<Opened> {
        let driver = RemoteDriver {
            descriptor: Descriptor::new(MetadataBackendType::new("remote"), "remote", "remote://"),
            desk: self.desk.clone(),
            address: self.address,
            pool: Mutex::default(),
            sends_again: self.sends_again,
            patience: self.patience,
        };
        let backend: Arc<dyn MetadataBackend> = Contract::new(driver).with_clock(clock.clone()).into_backend();
        let backend = match self.bug {
            Some(bug) => Buggy::wrap(backend, bug, clock),
            None => backend,
        };
        Ok(Opened::new(backend, ()))
    }
}

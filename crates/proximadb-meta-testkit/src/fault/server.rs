//! A server of a test: started, killed without warning, started again.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io::{Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use proximadb_meta_core::{Error, ErrorKind, Result};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{socket, tree};

type Probe = Box<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// How long to wait before asking again whether the server is ready.
const AGAIN: Duration = Duration::from_millis(5);
/// Most of the log that is told in an error, in bytes.
const TOLD: u64 = 2048;

/// A server process that a test starts, kills and starts again with the same command.
///
/// It is killed, with what it started, when this is dropped; also when the test fails. Only a test process that is itself
/// killed leaves it behind. Choose a port below the system's range for outgoing connections (32768 on Linux): a client could
/// hold one of those while the server is away.
///
/// ```no_run
/// use std::process::Command;
/// use std::time::Duration;
/// use proximadb_meta_testkit::fault::ServerProcess;
/// # async fn example() -> proximadb_meta_core::Result<()> {
/// let mut command = Command::new("/usr/lib/postgresql/15/bin/postgres");
/// command.args(["-D", "data"]);
/// let mut server = ServerProcess::new(command, ([127, 0, 0, 1], 15432).into(), "server.log");
/// server.start().await?;
/// server.kill()?;
/// server.restart().await?;
/// # Ok(())
/// # }
/// ```
pub struct ServerProcess {
    command: Command,
    address: SocketAddr,
    log: PathBuf,
    within: Duration,
    probe: Option<Probe>,
    child: Option<Child>,
    kills: u64,
}

impl ServerProcess {
    /// A server that is not started yet. It is ready when it accepts connections at `address`; what it prints is added to the
    /// file `log`. It must run in the foreground, and has no standard input.
    #[must_use]
    pub fn new(mut command: Command, address: SocketAddr, log: impl Into<PathBuf>) -> Self {
        command.stdin(Stdio::null());
        let (log, within) = (log.into(), Duration::from_secs(30));
        Self { command, address, log, within, probe: None, child: None, kills: 0 }
    }

    /// How long a start may take, instead of 30 seconds.
    #[must_use]
    pub fn with_limit(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Asks this too, again and again, before the server counts as ready: some accept connections before they serve them, while
    /// they recover from a kill.
    #[must_use]
    pub fn with_probe<P, R>(mut self, probe: P) -> Self
    where
        P: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = bool> + Send + 'static,
    {
        self.probe = Some(Box::new(move || Box::pin(probe())));
        self
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process, while it was started and not killed.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// How often it was killed while it ran.
    #[must_use]
    pub fn kills(&self) -> u64 {
        self.kills
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// `Config` when it was started already, when something else answers at its address, or when the command or the log cannot
    /// be opened; `Unavailable` with the end of the log when it ends before it is ready; `Timeout` when it takes too long, and
    /// then it is killed.
    pub async fn start(&mut self) -> Result<()> {
        if self.child.is_some() {
            return Err(self.config("runs already").with_hint("kill it first, or restart it"));
        }
        if matches!(timeout(self.within, socket::connect(self.address)).await, Ok(Ok(_))) {
            let e = self.config("is not started, and something answers at its address");
            return Err(e.with_hint("choose another port, or end what listens there"));
        }
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.and_then(|log| Ok((log.try_clone()?, log)));
        let (out, err) = log.map_err(|e| self.config("has a log that cannot be opened").with_source(e))?;
        let child = self.command.stdout(out).stderr(err).spawn();
        self.child = Some(child.map_err(|e| self.config("cannot be started").with_source(e))?);
        let ready = self.ready().await;
        if ready.is_err() {
            self.end()?;
        }
        ready
    }

    async fn ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + self.within;
        loop {
            let ended = self.child.as_mut().map(Child::try_wait).transpose().map(Option::flatten);
            if let Some(status) = ended.map_err(|e| self.config("cannot be watched").with_source(e))? {
                let text =
                    format!("{} ended before it was ready ({status}); its log ends: {}", self, self.last_words());
                return Err(Error::new(ErrorKind::Unavailable, text));
            }
            let asked = async {
                socket::connect(self.address).await.is_ok()
                    && match &self.probe {
                        Some(probe) => probe().await,
                        None => true,
                    }
            };
            match timeout_at(deadline, asked).await {
                Ok(true) => return Ok(()),
                Ok(false) if Instant::now() < deadline => sleep(AGAIN).await,
                _ => {
                    let text =
                        format!("{self} is not ready within {:?}; its log ends: {}", self.within, self.last_words());
                    return Err(Error::new(ErrorKind::Timeout, text));
                }
            }
        }
    }

    /// Kills it with what it started, as `kill -9` does, and returns when all are gone. One that is not running stays so.
    ///
    /// # Errors
    /// `PermissionDenied` when it runs as somebody whom we may not kill; `Internal` when the system cannot.
    pub fn kill(&mut self) -> Result<()> {
        self.kills += u64::from(self.child.is_some());
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        tree::kill(&mut child).map_err(|e| {
            self.child = Some(child);
            let denied = e.kind() == std::io::ErrorKind::PermissionDenied;
            let kind = if denied { ErrorKind::PermissionDenied } else { ErrorKind::Internal };
            Error::new(kind, format!("{self} cannot be killed")).with_source(e)
        })
    }

    /// [`kill`](Self::kill), where it runs, and [`start`](Self::start).
    ///
    /// # Errors
    /// As of both.
    pub async fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.start().await
    }

    fn config(&self, what: &str) -> Error {
        Error::new(ErrorKind::Config, format!("{self} {what}"))
    }

    /// The end of the log.
    fn last_words(&self) -> String {
        let read = || {
            let mut file = File::open(&self.log)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(TOLD)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).trim().to_owned())
        };
        read().unwrap_or_else(|e| format!("(cannot be read: {e})"))
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Nobody is left to tell; what cannot be killed belongs to somebody else.
        let _ = self.end();
    }
}

/// Its program and address; arguments may hold secrets.
impl fmt::Display for ServerProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server {:?} at {}", self.command.get_program(), self.address)
    }
}

impl fmt::Debug for ServerProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({:?})", self.pid())
    }
}

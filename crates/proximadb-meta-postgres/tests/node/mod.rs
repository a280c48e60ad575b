//! PostgreSQL servers of a test's own: made, killed, stopped, copied, promoted, and gone with the test.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use proximadb_meta_core::{Error, ErrorKind, Result};
use proximadb_meta_testkit::fault::ServerProcess;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// As whom it runs where the test is root's: PostgreSQL refuses to be.
const OTHER: &str = "postgres";
pub(crate) const USER: &str = "app";
/// Loopback only, and gone with the test.
const PASSWORD: &str = "of-a-throw-away-server";

fn failed(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Unavailable, format!("a server of the test's own: {what}"))
}

/// The directory of the programs: `PXMETA_TEST_POSTGRES_BIN`, or one of the path.
fn programs() -> Result<PathBuf> {
    let named = std::env::var_os("PXMETA_TEST_POSTGRES_BIN").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let needed = ["initdb", "pg_basebackup", "postgres"];
    let mut candidates = named.into_iter().chain(std::env::split_paths(&path));
    candidates.find(|bin| needed.iter().all(|program| bin.join(program).is_file())).ok_or_else(|| {
        failed("PXMETA_TEST_POSTGRES_BIN names no directory with initdb, pg_basebackup and postgres")
            .with_hint("eval \"$(cargo xtask servers up postgres)\", or name the directory")
    })
}

/// A port that nobody holds, below those of outgoing connections: a client could take one of those while the server is away.
fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 10_000 + u16::try_from(std::process::id() % 1_000).unwrap_or(0) * 20;
    let mut ports = (0..20_000).map(|_| start.saturating_add(NEXT.fetch_add(1, Ordering::SeqCst)));
    ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).ok_or_else(|| failed("no free port"))
}

/// Where servers of one test live. Removed when dropped: after them.
pub(crate) struct Place {
    dir: TempDir,
    bin: PathBuf,
    is_root: bool,
}

impl Place {
    pub(crate) fn new() -> Result<Self> {
        let dir = tempfile::tempdir().map_err(failed)?;
        let is_root = dir.path().metadata().map_err(failed)?.uid() == 0;
        let place = Self { dir, bin: programs()?, is_root };
        place.give(place.dir.path())?;
        Ok(place)
    }

    /// Makes what is there the servers' own.
    fn give(&self, path: &Path) -> Result<()> {
        if self.is_root {
            run(Command::new("chown").args(["-R", &format!("{OTHER}:{OTHER}")]).arg(path))?;
        }
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = if self.is_root {
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={OTHER}"), &format!("--regid={OTHER}"), "--init-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.dir.path()).env("HOME", self.dir.path()).env("PGPASSWORD", PASSWORD);
        command
    }

    /// A new server with an empty database.
    pub(crate) fn node(&self, name: &str, settings: &str) -> Result<Node> {
        let node = self.at(name, free_port()?);
        let secret = self.dir.path().join("password");
        std::fs::write(&secret, PASSWORD).map_err(failed)?;
        self.give(&secret)?;
        let mut made = self.command("initdb");
        made.arg("-D").arg(&node.data).args(["-U", USER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
        // The password in the clear: nobody listens on a loopback, and a connection costs nothing.
        run(made.args(["--auth-host=password", "--auth-local=reject", "--pwfile"]).arg(&secret))?;
        node.configure(&format!("{SETTINGS}{settings}"))?;
        Ok(node)
    }

    /// A file among the data of a server, for nobody else's eyes.
    pub(crate) fn write(&self, node: &Node, name: &str, text: &str) -> Result<()> {
        let path = node.data.join(name);
        std::fs::write(&path, text).map_err(failed)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        self.give(&path)
    }

    /// A standby of a running server, a copy of it as it is now.
    pub(crate) fn standby_of(&self, primary: &Node, name: &str) -> Result<Node> {
        self.standby_at(primary, name, free_port()?)
    }

    /// The same at a port that nobody uses any more.
    pub(crate) fn standby_at(&self, primary: &Node, name: &str, port: u16) -> Result<Node> {
        let node = self.at(name, port);
        let mut copy = self.command("pg_basebackup");
        copy.args([
            "-h",
            "127.0.0.1",
            "-p",
            &primary.port.to_string(),
            "-U",
            USER,
            "-R",
            "-c",
            "fast",
            "--no-sync",
            "-D",
        ]);
        run(copy.arg(&node.data))?;
        node.configure("")?;
        Ok(node)
    }

    fn at(&self, name: &str, port: u16) -> Node {
        let data = self.dir.path().join(name);
        let mut command = self.command("postgres");
        command.arg("-D").arg(&data);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let url = format!("postgresql://{USER}:{PASSWORD}@{address}/postgres");
        let probe = url.clone();
        let server = ServerProcess::new(command, address, self.dir.path().join(format!("{name}.log")));
        let server = server.with_limit(Duration::from_secs(60)).with_probe(move || {
            let url = probe.clone();
            async move { connect(&url).await.is_ok() }
        });
        Node { server, data, port, url }
    }
}

/// What is killed keeps what it gave to the system, synced or not: these tests kill processes, and cut no power.
const SETTINGS: &str = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\nwal_level = replica\n\
    hot_standby = on\nmax_wal_senders = 8\nwal_keep_size = 256MB\nmax_connections = 100\nwal_retrieve_retry_interval = 100ms\n";

/// One server.
pub(crate) struct Node {
    pub(crate) server: ServerProcess,
    data: PathBuf,
    pub(crate) port: u16,
    url: String,
}

impl Node {
    /// Adds to its settings. What stands later counts.
    fn configure(&self, settings: &str) -> Result<()> {
        let path = self.data.join("postgresql.conf");
        let before = std::fs::read_to_string(&path).map_err(failed)?;
        // Into the file that is there, so that it keeps its owner.
        std::fs::write(&path, format!("{before}\n{settings}port = {}\n", self.port)).map_err(failed)
    }

    /// As the backend takes it.
    pub(crate) fn address(&self) -> String {
        address(&[self.server.address()])
    }

    /// A connection past the catalog.
    pub(crate) async fn raw(&self) -> Result<Client> {
        connect(&self.url).await
    }

    /// Runs statements, past the catalog.
    pub(crate) async fn execute(&self, statements: &str) -> Result<()> {
        let done = self.raw().await?.batch_execute(statements).await;
        done.map_err(|e| failed(format!("{statements}: {e:?}")))
    }

    /// Asks until the answer is true.
    pub(crate) async fn until(&self, question: &str) -> Result<()> {
        let client = self.raw().await?;
        let asked = async {
            loop {
                let row = client.query_one(question, &[]).await.map_err(|e| failed(format!("{question}: {e:?}")))?;
                if row.try_get::<_, Option<bool>>(0).map_err(failed)? == Some(true) {
                    return Ok(());
                }
                tokio::task::yield_now().await;
            }
        };
        let asked = tokio::time::timeout(Duration::from_secs(60), asked).await;
        asked.map_err(|_| failed(format!("{question}: not within a minute")))?
    }

    /// Makes a standby the primary, and returns when it takes writes.
    pub(crate) async fn promote(&self) -> Result<()> {
        self.until("SELECT pg_promote(true, 60)").await?;
        self.until("SELECT NOT pg_is_in_recovery()").await
    }

    /// The standby at the end of this server's log: it has replayed all that was written before the call.
    pub(crate) async fn replayed_by(&self, standby: &Node) -> Result<()> {
        let row = self.raw().await?.query_one("SELECT pg_current_wal_insert_lsn()::text", &[]).await.map_err(failed)?;
        let at: String = row.try_get(0).map_err(failed)?;
        standby.until(&format!("SELECT pg_last_wal_replay_lsn() >= '{at}'")).await
    }

    /// Removes its files. It must not run.
    pub(crate) fn remove(self) -> Result<()> {
        std::fs::remove_dir_all(&self.data).map_err(failed)
    }

    /// Stops it with all its sessions (`SIGSTOP`), or lets it go on: it keeps its connections and answers nothing. The system
    /// goes on to accept new ones in its name.
    pub(crate) fn signal(&self, signal: &str) -> Result<()> {
        let root = self.server.pid().ok_or_else(|| failed("it does not run"))?;
        let listed =
            run(Command::new("ps").args(["-o", "pid=", "--pid", &root.to_string(), "--ppid", &root.to_string()]))?;
        run(Command::new("kill").arg(signal).args(listed.split_whitespace())).map(drop)
    }
}

/// An address with these hosts.
pub(crate) fn address(hosts: &[SocketAddr]) -> String {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    format!("{USER}:{PASSWORD}@{}/postgres", hosts.join(","))
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(failed)?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// Runs a command to its end; its output, or what it said.
fn run(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|e| failed(format!("{:?}: {e}", command.get_program())))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(failed(format!("{:?} ended with {}: {said}", command.get_program(), output.status)))
}

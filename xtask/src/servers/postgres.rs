//! PostgreSQL: a primary and a streaming standby, with TLS of a throw-away authority and SCRAM; loopback alone.

mod certificates;
mod install;
mod owner;

use std::path::{Path, PathBuf};
use std::process::Command;

use self::install::Programs;
use self::owner::Owner;
use super::process::{Process, free_port, output, private_directory, ready};
use super::{Place, Started};
use crate::repo::write;

/// `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require&sslrootcert=FILE`, the primary; a user who may make schemas.
pub(super) const VARIABLE: &str = "PXMETA_TEST_POSTGRES_URL";
/// The same of a standby of it.
const REPLICA: &str = "PXMETA_TEST_POSTGRES_REPLICA_URL";
/// The directory of PostgreSQL's programs, for tests that start and kill servers of their own.
const PROGRAMS: &str = "PXMETA_TEST_POSTGRES_BIN";
/// With what has to be quoted in a URL.
const PASSWORD: &str = "s3cret-pa55/@:word";
const PASSWORD_IN_URL: &str = "s3cret-pa55%2F%40%3Aword";
const USER: &str = "app";

pub(super) fn start(place: &Place) -> Result<Started, String> {
    let programs = install::programs()?;
    let owner = Owner::new()?;
    // PostgreSQL refuses to run as root, and whom it runs as must reach its files: those of root's own directories are closed.
    let home = owner.home(&place.dir)?;
    let started = start_in(&home, &programs, &owner, place);
    if started.is_err() && home != place.dir {
        // The error that matters is the first.
        let _ = std::fs::remove_dir_all(&home);
    }
    started
}

fn start_in(home: &Path, programs: &Programs, owner: &Owner, place: &Place) -> Result<Started, String> {
    let tls = home.join("tls");
    private_directory(&tls)?;
    certificates::make(&tls)?;
    owner.give(&tls)?;
    let secret = home.join("password");
    write(&secret, PASSWORD)?;
    owner.give(&secret)?;

    let (primary, standby) = (Node::new(home, "primary")?, Node::new(home, "standby")?);
    for node in [&primary, &standby] {
        private_directory(&node.data)?;
        owner.give(&node.data)?;
    }
    let mut initdb = owner.run(&programs.bin.join("initdb"));
    initdb.arg("-D").arg(&primary.data).args(["-U", USER]).arg("--pwfile").arg(&secret);
    initdb.args(["--auth-host=scram-sha-256", "--auth-local=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"]);
    output(initdb.arg("--data-checksums"))?;
    primary.configure(&settings(&tls, &primary))?;
    write(&primary.data.join("pg_hba.conf"), HBA)?;
    let first = primary.start(programs, owner, place)?;
    let second = follow(&primary, &standby, programs, owner, place).map_err(|e| match first.end() {
        Ok(()) => e,
        Err(left) => format!("{e}; and {left}"),
    })?;
    let root = tls.join("ca.crt");
    let url = |node: &Node| {
        format!(
            "postgresql://{USER}:{PASSWORD_IN_URL}@localhost:{}/postgres?sslmode=require&sslrootcert={}",
            node.port,
            root.display()
        )
    };
    Ok(Started {
        processes: vec![first, second],
        exports: vec![
            (VARIABLE.to_owned(), url(&primary)),
            (REPLICA.to_owned(), url(&standby)),
            (PROGRAMS.to_owned(), programs.bin.display().to_string()),
        ],
        version: format!("{} at localhost:{}, standby at {}", programs.version, primary.port, standby.port),
        directories: if home == place.dir { Vec::new() } else { vec![home.to_owned()] },
    })
}

/// Makes the standby a copy of the primary, and starts it.
fn follow(
    primary: &Node,
    standby: &Node,
    programs: &Programs,
    owner: &Owner,
    place: &Place,
) -> Result<Process, String> {
    let mut copy = owner.run(&programs.bin.join("pg_basebackup"));
    copy.args(["-h", "localhost", "-p", &primary.port.to_string(), "-U", USER, "-D"]).arg(&standby.data);
    copy.args(["-R", "-X", "stream", "-C", "-S", "standby", "-c", "fast"]).env("PGPASSWORD", PASSWORD);
    output(&mut copy)?;
    standby.configure(&format!("port = {}\n", standby.port))?;
    standby.start(programs, owner, place)
}

/// One of the two.
struct Node {
    data: PathBuf,
    port: u16,
}

impl Node {
    fn new(home: &Path, name: &str) -> Result<Self, String> {
        Ok(Self { data: home.join(name), port: free_port()? })
    }

    /// Adds to its settings. What stands later counts.
    fn configure(&self, settings: &str) -> Result<(), String> {
        let path = self.data.join("postgresql.conf");
        let before = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        // Into the file that is there, so that it keeps its owner.
        std::fs::write(&path, before + settings).map_err(|e| format!("{}: {e}", path.display()))
    }

    fn start(&self, programs: &Programs, owner: &Owner, place: &Place) -> Result<Process, String> {
        let mut server = owner.run(&programs.bin.join("postgres"));
        server.arg("-D").arg(&self.data).current_dir(&self.data);
        let process = Process::start(&mut server, self.data.display().to_string(), place)?;
        let mut asked = Command::new(programs.bin.join("pg_isready"));
        asked.args(["-q", "-h", "localhost", "-p", &self.port.to_string()]);
        ready(&process, place, || asked.status().is_ok_and(|s| s.success()))?;
        Ok(process)
    }
}

fn settings(tls: &Path, node: &Node) -> String {
    let tls = tls.display();
    format!(
        "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\nssl = on\nssl_cert_file = '{tls}/server.crt'\n\
         ssl_key_file = '{tls}/server.key'\nssl_ca_file = '{tls}/ca.crt'\nwal_level = logical\nhot_standby = on\n\
         max_wal_senders = 8\nmax_replication_slots = 8\nwal_keep_size = 64MB\nmax_connections = 200\n",
        node.port
    )
}

/// TLS and a password, for everything.
const HBA: &str = "hostssl all all 127.0.0.1/32 scram-sha-256\nhostssl replication all 127.0.0.1/32 scram-sha-256\n\
                   hostnossl all all 127.0.0.1/32 reject\n";

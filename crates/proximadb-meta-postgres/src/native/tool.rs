//! `pg_dump` and `pg_restore`: found before anything begins, told where the server is by their environment, never by arguments
//! that everybody on the machine can read.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use proximadb_meta_core::{Error, ErrorKind, Result};
use tokio::process::Command;
use tokio_postgres::config::{Host, SslMode};

use crate::config::{PostgresOptions, Target};
use crate::tls::Verify;

/// The first release whose tools trust the system's authorities by name.
const KNOWS_SYSTEM: u32 = 16;

/// What its system asks on a connection that is silent, as ours does: without that it waits for hours. The address and the login are
/// in the environment.
pub(super) fn keepalives(target: &Target) -> String {
    let config = &target.config;
    let mut text = format!("--dbname=keepalives_idle={}", config.get_keepalives_idle().as_secs());
    let seconds = config.get_keepalives_interval().map(|d| ("keepalives_interval", u128::from(d.as_secs())));
    let count = config.get_keepalives_retries().map(|n| ("keepalives_count", u128::from(n)));
    let millis = config.get_tcp_user_timeout().map(|d| ("tcp_user_timeout", d.as_millis()));
    for (name, value) in [seconds, count, millis].into_iter().flatten() {
        text.push_str(&format!(" {name}={}", value.min(i32::MAX as u128)));
    }
    text
}

/// How long it tries at each host: it takes whole seconds, at least two.
fn connects(options: &PostgresOptions) -> Duration {
    Duration::from_secs(options.connect_timeout.as_secs().max(2))
}

/// A tool that is there.
#[derive(Debug)]
pub(super) struct Tool {
    path: PathBuf,
    name: &'static str,
    /// What it says of itself.
    pub(super) version: String,
}

impl Tool {
    pub(super) async fn find(name: &'static str, options: &PostgresOptions) -> Result<Self> {
        let path = options.tools.as_ref().map_or_else(|| PathBuf::from(name), |dir| dir.join(name));
        let hint = "install PostgreSQL's client programs, or name their directory as postgres_tools; nothing was begun";
        let missing =
            |why: String| Error::new(ErrorKind::Config, format!("{name} cannot be run: {why}")).with_hint(hint);
        let said = Command::new(&path).arg("--version").stdin(Stdio::null()).kill_on_drop(true).output().await;
        let said = said.map_err(|e| missing(e.to_string()))?;
        let version = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        if !said.status.success() || !version.starts_with(name) {
            return Err(missing("it does not tell its version".to_owned()));
        }
        Ok(Self { path, name, version })
    }

    /// `pg_dump (PostgreSQL) 15.18` is of 15.
    fn major(&self) -> u32 {
        let number = self.version.split_whitespace().find(|w| w.starts_with(|c: char| c.is_ascii_digit()));
        number.and_then(|n| n.split('.').next()?.parse().ok()).unwrap_or(0)
    }

    /// The command, without what this process's environment says of servers.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Tells it where the server is.
    pub(super) fn connect(&self, command: &mut Command, target: &Target, options: &PostgresOptions) -> Result<()> {
        let config = &target.config;
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        });
        let ports: Vec<String> = config.get_ports().iter().map(ToString::to_string).collect();
        let mode = match (config.get_ssl_mode(), target.verify) {
            (SslMode::Disable, _) => "disable",
            (SslMode::Prefer, _) => "prefer",
            (_, Verify::Nothing) => "require",
            (_, Verify::Chain) => "verify-ca",
            (_, Verify::ChainAndHost) => "verify-full",
        };
        command.env("PGHOST", hosts.collect::<Vec<_>>().join(",")).env("PGSSLMODE", mode);
        if !ports.is_empty() {
            command.env("PGPORT", ports.join(","));
        }
        command.env("PGCONNECT_TIMEOUT", connects(options).as_secs().to_string());
        if config.get_hosts().len() > 1 {
            command.env("PGTARGETSESSIONATTRS", "read-write");
        }
        // A file that is not there: what lies in the home directory is not meant.
        let none = PathBuf::from("/nonexistent");
        command.env("PGPASSFILE", &none).env("PGSSLCERT", options.client_certificate.as_ref().unwrap_or(&none));
        command.env("PGSSLKEY", options.client_key.as_ref().unwrap_or(&none));
        match (&options.root_certificate, mode) {
            (Some(path), _) => command.env("PGSSLROOTCERT", path),
            (None, "verify-ca" | "verify-full") if self.major() >= KNOWS_SYSTEM => {
                command.env("PGSSLROOTCERT", "system")
            }
            (None, "verify-ca" | "verify-full") => {
                let what = format!("{} is too old to trust the authorities of the system", self.version);
                return Err(Error::new(ErrorKind::Config, what)
                    .with_hint("give the authority's certificate as sslrootcert; nothing was begun"));
            }
            (None, _) => command.env("PGSSLROOTCERT", &none),
        };
        if let Some(user) = config.get_user() {
            command.env("PGUSER", user);
        }
        if let Some(database) = config.get_dbname() {
            command.env("PGDATABASE", database);
        }
        if let Some(password) = config.get_password() {
            command.env("PGPASSWORD", String::from_utf8_lossy(password).as_ref());
        }
        Ok(())
    }

    /// When it has a connection, or ended without one.
    pub(super) fn connects_within(&self, target: &Target, options: &PostgresOptions) -> Duration {
        let hosts = u32::try_from(target.config.get_hosts().len()).unwrap_or(u32::MAX);
        connects(options).saturating_mul(hosts.max(1))
    }

    /// What a tool that failed said.
    pub(super) fn failed(&self, stderr: &[u8]) -> Error {
        let said = String::from_utf8_lossy(stderr);
        let last = said.lines().map(str::trim).rfind(|l| !l.is_empty()).unwrap_or("it said nothing").to_owned();
        let kind = if said.contains("permission denied") {
            ErrorKind::PermissionDenied
        } else if said.contains("No space left") {
            ErrorKind::StorageFull
        } else {
            ErrorKind::Unavailable
        };
        Error::new(kind, format!("{} failed: {last}", self.name))
            .with_hint("its version must be at least the server's, and the role must be able to read every table")
    }
}

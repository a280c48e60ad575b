//! How a server is reached and used: settings, and what is made of them for the driver and its pool.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use proximadb_meta_core::suggest::did_you_mean;
use proximadb_meta_core::{Error, ErrorKind, Result, Secret};
use tokio_postgres::config::{ChannelBinding, Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};

use crate::endpoint::Endpoint;
use crate::hosts::copy_login;
use crate::tls::Verify;

/// Longest name of a schema: PostgreSQL cuts longer ones.
const MAX_SCHEMA_BYTES: usize = 63;

/// How often the system asks whether the server is there, when it was silent for long enough, and how often in vain.
const PROBE_EVERY: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;

/// How much TLS is asked for, in the words of PostgreSQL's own clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsMode {
    /// None: everything goes over the wire in the clear.
    Disable,
    /// TLS where the server offers it, otherwise in the clear.
    Prefer,
    /// TLS. The certificate is verified like `VerifyFull`, except on loopback without a root certificate.
    Require,
    /// TLS, and the certificate is of a trusted authority.
    VerifyCa,
    /// As `VerifyCa`, and it is of the host that was asked for.
    VerifyFull,
}

impl TlsMode {
    pub(crate) const NAMES: [(&str, Self); 5] = [
        ("disable", Self::Disable),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-ca", Self::VerifyCa),
        ("verify-full", Self::VerifyFull),
    ];

    /// Reads the word of a connection string.
    ///
    /// # Errors
    /// `Config` with the words there are.
    pub fn parse(text: &str) -> Result<Self> {
        choose("sslmode", text, &Self::NAMES)
    }
}

/// The isolation level of transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isolation {
    /// The default. Every write states what it expects of the record, so nothing more is needed.
    #[default]
    ReadCommitted,
    /// More refusals to retry inside, the same answers.
    RepeatableRead,
    /// Yet more refusals to retry inside, the same answers.
    Serializable,
}

impl Isolation {
    pub(crate) const NAMES: [(&str, Self); 3] = [
        ("read_committed", Self::ReadCommitted),
        ("repeatable_read", Self::RepeatableRead),
        ("serializable", Self::Serializable),
    ];

    /// As SQL has it.
    pub(crate) const fn sql(self) -> &'static str {
        match self {
            Self::ReadCommitted => "read committed",
            Self::RepeatableRead => "repeatable read",
            Self::Serializable => "serializable",
        }
    }
}

/// One of some words.
pub(crate) fn choose<T: Copy>(option: &str, text: &str, names: &[(&str, T)]) -> Result<T> {
    names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
        Error::new(ErrorKind::Config, format!("{option} cannot be {text:?}"))
            .with_hint(did_you_mean(text, names.iter().map(|(name, _)| *name)))
    })
}

/// Settings of an open catalog.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PostgresOptions {
    /// The schema that holds the tables: small letters, digits and `_`, beginning with a letter or `_`. `proximadb_meta`.
    pub schema: String,
    /// Whether opening makes and updates the tables. True.
    pub auto_migrate: bool,
    /// The password, where it is not in the address.
    pub password: Option<Secret>,
    /// How the server lists the connections. `proximadb-meta`.
    pub application_name: String,
    /// How much TLS; `None`: `VerifyFull` off loopback, `Prefer` on it.
    pub tls: Option<TlsMode>,
    /// PEM file with the certificates of trusted authorities; `None`: those of the system.
    pub root_certificate: Option<PathBuf>,
    /// PEM file with our certificate chain.
    pub client_certificate: Option<PathBuf>,
    /// PEM file with its key.
    pub client_key: Option<PathBuf>,
    /// Takes any certificate. Whoever sits in between reads and changes everything; a warning is logged.
    pub accept_invalid_certificates: bool,
    /// Most connections, `1..=1000`. 10.
    pub pool_size: usize,
    /// Connections that stay open though nobody uses them, at most `pool_size`. 0.
    pub pool_min_idle: usize,
    /// How long a call waits for a connection before it is `Throttled`. 10 s.
    pub pool_timeout: Duration,
    /// Unused for this long, a connection is closed. 10 min.
    pub idle_timeout: Duration,
    /// This old, a connection is closed when it is free. 1 h.
    pub max_lifetime: Duration,
    /// How long making a connection may take; each of several hosts has its share. An answer is waited for so much longer than
    /// `statement_timeout`, 5 s at most. A replica has this long to answer a read, and at most half of `statement_timeout`; then the
    /// primary is asked. 10 s.
    pub connect_timeout: Duration,
    /// How long a statement may take. 30 s.
    pub statement_timeout: Duration,
    /// Silence on a connection after which the system asks whether the server is there, three times in ten seconds each. So often,
    /// and three times too, the server is asked over another connection whether it is still at a restore, a dump or a change of the
    /// tables. 30 s.
    pub keepalive_idle: Duration,
    /// Which of several hosts will do; `None`: the first that answers.
    pub target_session_attrs: Option<TargetSessionAttrs>,
    /// Whether the authentication is bound to the TLS session; `None`: where both sides can.
    pub channel_binding: Option<ChannelBinding>,
    /// Whether several hosts are tried at random.
    pub load_balance_hosts: bool,
    /// Groups of writes that are under way at the same time, `1..=64`. 2: the fewer they are, the more of what waits goes together.
    pub write_lanes: usize,
    /// The isolation level.
    pub isolation: Isolation,
    /// Replicas that reads of a scope with staleness may go to: `host:port` each, or `host:port?weight=3` for one that takes three
    /// times the reads of one without a weight, `1..=256`. Each has a pool of its own, of the same size as the primary's.
    pub replicas: Vec<String>,
    /// Where `pg_dump` and `pg_restore` are; `None`: on the path.
    pub tools: Option<PathBuf>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            schema: "proximadb_meta".to_owned(),
            auto_migrate: true,
            password: None,
            application_name: "proximadb-meta".to_owned(),
            tls: None,
            root_certificate: None,
            client_certificate: None,
            client_key: None,
            accept_invalid_certificates: false,
            pool_size: 10,
            pool_min_idle: 0,
            pool_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(600),
            max_lifetime: Duration::from_secs(3600),
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            keepalive_idle: Duration::from_secs(30),
            target_session_attrs: None,
            channel_binding: None,
            load_balance_hosts: false,
            write_lanes: 2,
            isolation: Isolation::default(),
            replicas: Vec::new(),
            tools: None,
        }
    }
}

/// The server, as the driver connects to it. No `Debug`: it holds the password.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) verify: Verify,
    /// Where it is, without credentials.
    pub(crate) shown: String,
    /// A replica's share of the reads; 1 for others.
    pub(crate) weight: u16,
}

impl PostgresOptions {
    /// Checks what cannot be as it is.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |what: &str, hint: &str| Err(Error::new(ErrorKind::Config, what).with_hint(hint));
        let letters = self.schema.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        let begins = self.schema.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        if !letters || !begins || self.schema.len() > MAX_SCHEMA_BYTES || self.schema.starts_with("pg_") {
            let hint = "small letters, digits and _, at most 63, not beginning with a digit or pg_";
            return wrong(&format!("the schema cannot be called {:?}", self.schema), hint);
        }
        if self.client_certificate.is_some() != self.client_key.is_some() {
            return wrong("sslcert and sslkey go together, and one is missing", "give both, or none");
        }
        if self.tls == Some(TlsMode::Disable) && (self.root_certificate.is_some() || self.client_certificate.is_some())
        {
            return wrong("certificates are given, but TLS is off", "leave them out, or ask for sslmode=verify-full");
        }
        if self.pool_size == 0 || self.pool_size > 1000 || self.write_lanes == 0 || self.write_lanes > 64 {
            return wrong("the pool needs 1 to 1000 connections, and 1 to 64 lanes", "set pool_size and write_lanes");
        }
        if self.pool_min_idle > self.pool_size {
            return wrong("pool_min_idle is more than pool_size", "lower the one, or raise the other");
        }
        Endpoint::all(&self.replicas).map(drop)
    }

    /// What is made of an address: `user:password@host:port/database`, several hosts joined by commas.
    pub(crate) fn target(&self, address: &str) -> Result<Target> {
        let text = format!("postgresql://{address}");
        // The driver's parser says what is wrong without the text.
        let mut config: tokio_postgres::Config = text.parse().map_err(|e: tokio_postgres::Error| {
            let cause = std::error::Error::source(&e).map(ToString::to_string).unwrap_or_default();
            Error::new(ErrorKind::Config, format!("the address is not valid: {}", scrub(&cause))).with_hint(
                "write it as postgresql://user:password@host:5432/database; percent-encode what is special in it",
            )
        })?;
        let is_nameless = |host: &Host| matches!(host, Host::Tcp(name) if name.is_empty());
        if config.get_hosts().is_empty() || config.get_hosts().iter().any(is_nameless) {
            return Err(Error::new(ErrorKind::Config, "the address names no host")
                .with_hint("write it as postgresql://user:password@host:5432/database"));
        }
        if let Some(password) = &self.password {
            config.password(password.expose());
        }
        // One host that does not answer must leave time for the others.
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(u32::MAX).max(1);
        config
            .application_name(&self.application_name)
            .connect_timeout(self.connect_timeout / hosts)
            .tcp_user_timeout(self.statement_timeout + self.connect_timeout)
            // Whole seconds, and none is no number for the system.
            .keepalives_idle(self.keepalive_idle.max(Duration::from_secs(1)));
        // The systems' own are minutes: nobody notices before that that a machine is gone, where all we do is wait.
        if config.get_keepalives_interval().is_none() {
            config.keepalives_interval(PROBE_EVERY);
        }
        if config.get_keepalives_retries().is_none() {
            config.keepalives_retries(PROBES);
        }
        if let Some(attrs) = self.target_session_attrs {
            config.target_session_attrs(attrs);
        } else if config.get_hosts().len() > 1 {
            // Of several hosts the primary is meant: a write is never decided by a standby.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if let Some(binding) = self.channel_binding {
            config.channel_binding(binding);
        }
        if self.load_balance_hosts {
            config.load_balance_hosts(LoadBalanceHosts::Random);
        }
        let local = config.get_hosts().iter().all(is_loopback);
        let verify = self.verification(local);
        config.ssl_mode(match self.mode(local) {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            _ => SslMode::Require,
        });
        let shown = shown(&config);
        self.warn(local, &shown);
        Ok(Target { config, verify, shown, weight: 1 })
    }

    /// The same database and user on another host.
    pub(crate) fn replica(&self, primary: &Target, endpoint: &str) -> Result<Target> {
        let Endpoint { address, weight, .. } = Endpoint::parse(endpoint)?;
        let mut target = self.target(&address)?;
        copy_login(&primary.config, &mut target.config);
        target.config.target_session_attrs(TargetSessionAttrs::Any);
        Ok(Target { shown: address, weight, ..target })
    }

    fn mode(&self, local: bool) -> TlsMode {
        self.tls.unwrap_or(match (local, self.root_certificate.is_some()) {
            (true, false) => TlsMode::Prefer,
            _ => TlsMode::VerifyFull,
        })
    }

    fn verification(&self, local: bool) -> Verify {
        match self.mode(local) {
            _ if self.accept_invalid_certificates => Verify::Nothing,
            TlsMode::VerifyCa => Verify::Chain,
            TlsMode::VerifyFull => Verify::ChainAndHost,
            // On loopback nobody sits in between, and certificates are seldom of an authority.
            _ if local && self.root_certificate.is_none() => Verify::Nothing,
            _ => Verify::ChainAndHost,
        }
    }

    /// A connection that others can read or change is only ever asked for, and told of.
    fn warn(&self, local: bool, shown: &str) {
        if local {
            return;
        }
        if self.accept_invalid_certificates {
            tracing::warn!(
                location = shown,
                "any certificate is taken: the connection can be read and changed on its way"
            );
        }
        match self.mode(local) {
            TlsMode::Disable => tracing::warn!(location = shown, "TLS is off: the connection can be read on its way"),
            TlsMode::Prefer => {
                tracing::warn!(location = shown, "TLS is only preferred: the connection may go in the clear");
            }
            _ => {}
        }
    }
}

/// The parser's cause can quote a parameter's value: only words before a quotation mark stay.
fn scrub(cause: &str) -> &str {
    cause.split(['`', '"', '\'']).next().unwrap_or_default().trim_end()
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// `postgresql://user@host:port,host:port/database`.
fn shown(config: &tokio_postgres::Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(i, host)| {
        let port = ports.get(i).or_else(|| ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            #[cfg(unix)]
            Host::Unix(path) => format!("{}:{port}", path.display()),
        }
    });
    let user = config.get_user().map(|u| format!("{u}@")).unwrap_or_default();
    let database = config.get_dbname().map(|d| format!("/{d}")).unwrap_or_default();
    format!("postgresql://{user}{}{database}", hosts.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(address: &str, options: &PostgresOptions) -> Target {
        options.target(address).unwrap()
    }

    #[test]
    fn off_loopback_everything_is_verified_unless_it_is_asked_otherwise() {
        let with = |mode: Option<&str>| PostgresOptions {
            tls: mode.map(|m| TlsMode::parse(m).unwrap()),
            ..PostgresOptions::default()
        };
        for (address, mode, ssl, verify) in [
            ("u:p@db.example/x", None, SslMode::Require, Verify::ChainAndHost),
            ("u:p@localhost,db.example/x", None, SslMode::Require, Verify::ChainAndHost),
            ("u:p@db.example/x", Some("require"), SslMode::Require, Verify::ChainAndHost),
            ("u:p@db.example/x", Some("prefer"), SslMode::Prefer, Verify::ChainAndHost),
            ("u:p@db.example/x", Some("verify-ca"), SslMode::Require, Verify::Chain),
            ("u:p@db.example/x", Some("disable"), SslMode::Disable, Verify::ChainAndHost),
            ("u:p@localhost/x", None, SslMode::Prefer, Verify::Nothing),
            ("u:p@127.0.0.1,[::1]/x", Some("require"), SslMode::Require, Verify::Nothing),
            ("u:p@localhost/x", Some("verify-full"), SslMode::Require, Verify::ChainAndHost),
            ("u:p@%2Fvar%2Frun/x", None, SslMode::Prefer, Verify::Nothing),
        ] {
            let t = target(address, &with(mode));
            assert_eq!((t.config.get_ssl_mode(), t.verify), (ssl, verify), "{address} {mode:?}");
        }
        let mut lax = with(None);
        lax.accept_invalid_certificates = true;
        assert_eq!(target("u@db.example/x", &lax).verify, Verify::Nothing);
    }

    thread_local! {
        static WARNED: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
    }

    /// Keeps the words of warnings, by thread: tests run at the same time.
    struct Listener;

    impl tracing::Subscriber for Listener {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            *metadata.level() == tracing::Level::WARN
        }

        fn event(&self, event: &tracing::Event<'_>) {
            struct Words(String);
            impl tracing::field::Visit for Words {
                fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                    self.0.push_str(&format!("{field}={value:?} "));
                }
            }
            let mut words = Words(String::new());
            event.record(&mut words);
            WARNED.with_borrow_mut(|all| all.push(words.0));
        }

        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }

        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

        fn enter(&self, _: &tracing::span::Id) {}

        fn exit(&self, _: &tracing::span::Id) {}
    }

    #[test]
    fn whoever_asks_for_less_than_all_is_warned() {
        tracing::subscriber::set_global_default(Listener).unwrap();
        let warned = |address: &str, mode: Option<&str>, lax: bool| {
            WARNED.with_borrow_mut(Vec::clear);
            let tls = mode.map(|m| TlsMode::parse(m).unwrap());
            target(address, &PostgresOptions { tls, accept_invalid_certificates: lax, ..PostgresOptions::default() });
            WARNED.take()
        };
        for (mode, lax, words) in [
            (Some("disable"), false, "TLS is off"),
            (Some("prefer"), false, "may go in the clear"),
            (None, true, "any certificate is taken"),
        ] {
            let told = warned("u:hunter2@db.example/x", mode, lax);
            assert!(matches!(&told[..], [one] if one.contains(words) && one.contains("db.example")), "{told:?}");
            assert!(!told[0].contains("hunter2"), "{told:?}");
            assert_eq!(warned("u@localhost/x", mode, lax), [""; 0]);
        }
        for mode in [None, Some("require"), Some("verify-ca"), Some("verify-full")] {
            assert_eq!(warned("u@db.example/x", mode, false), [""; 0], "{mode:?}");
        }
    }

    #[test]
    fn nothing_shows_a_password() {
        let options = PostgresOptions { password: Some("hunter2".into()), ..PostgresOptions::default() };
        let shown = target("u:hunter2@h1:1,h2:2/db", &options).shown;
        assert_eq!(shown, "postgresql://u@h1:1,h2:2/db");
        assert!(!format!("{options:?}").contains("hunter2"));
        for bad in ["u:hunter2@h:hunter2/db", "u:hunter2@/db", "u:hunter2@h/db?hunter2=hunter2"] {
            let e = match options.target(bad) {
                Err(e) => e,
                Ok(t) => unreachable!("{bad} is taken as {}", t.shown),
            };
            assert_eq!(e.kind(), ErrorKind::Config);
            assert!(!format!("{e:?}").contains("hunter2"), "{e:?}");
        }
    }

    #[test]
    fn a_host_has_a_name() {
        for bad in ["", "u@", "u@/db", "u@:5432/db", "u@h1,,h2/db"] {
            let refused = PostgresOptions::default().target(bad).map(|t| t.shown);
            let e = refused.expect_err(bad);
            assert!(e.kind() == ErrorKind::Config && e.to_string().contains("names no host"), "{bad}: {e:?}");
        }
    }

    #[test]
    fn a_replica_is_asked_as_the_primary_is_and_where_it_says() {
        let options = PostgresOptions { replicas: vec!["two:7?weight=3".to_owned()], ..PostgresOptions::default() };
        let primary = target("u:hunter2@one:5,other:6/db", &options);
        let replica = options.replica(&primary, &options.replicas[0]).unwrap();
        assert_eq!((&*replica.shown, replica.weight), ("two:7", 3));
        assert_eq!(replica.config.get_hosts(), [Host::Tcp("two".to_owned())]);
        assert_eq!((replica.config.get_user(), replica.config.get_dbname()), (Some("u"), Some("db")));
        assert_eq!(replica.config.get_password(), Some(&b"hunter2"[..]));
        assert_eq!(replica.config.get_target_session_attrs(), TargetSessionAttrs::Any);
        // Verified by where the replica is, not the primary.
        assert_eq!(replica.verify, Verify::ChainAndHost);
        for bad in [&["two:port"][..], &["two?weight=0"], &["two", "two:5432"]] {
            let options = PostgresOptions {
                replicas: bad.iter().map(|t| (*t).to_owned()).collect(),
                ..PostgresOptions::default()
            };
            assert_eq!(options.check().unwrap_err().kind(), ErrorKind::Config, "{bad:?}");
        }
    }

    #[test]
    fn the_system_asks_soon_whether_a_server_is_there() {
        let mut options = PostgresOptions { keepalive_idle: Duration::from_millis(5), ..PostgresOptions::default() };
        let of = |address: &str, options: &PostgresOptions| {
            let config = target(address, options).config;
            let every = config.get_keepalives_interval().map(|d| d.as_secs());
            (config.get_keepalives(), config.get_keepalives_idle().as_secs(), every, config.get_keepalives_retries())
        };
        assert_eq!(of("u@h/d", &options), (true, 1, Some(10), Some(3)));
        options.keepalive_idle = Duration::from_secs(30);
        assert_eq!(of("u@h/d", &options), (true, 30, Some(10), Some(3)));
        assert_eq!(of("u@h/d?keepalives_interval=7&keepalives_retries=2", &options), (true, 30, Some(7), Some(2)));
    }

    #[test]
    fn a_schema_is_a_plain_word() {
        for bad in ["", "1a", "a-b", "A", "a\"b", "pg_x", &"a".repeat(64)] {
            let options = PostgresOptions { schema: bad.to_owned(), ..PostgresOptions::default() };
            assert_eq!(options.check().unwrap_err().kind(), ErrorKind::Config, "{bad}");
        }
        assert!(PostgresOptions::default().check().is_ok());
    }
}

//! What tests of PostgreSQL share: a schema on the server that the environment names, dropped when the test ends, and servers
//! with [certificates](certificate).

pub mod certificate;

use std::sync::Arc;

use proximadb_meta_core::{Error, ErrorKind, Result};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_postgres::Client;

/// `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE&sslrootcert=FILE`, whose user may make schemas.
pub const VARIABLE: &str = "PXMETA_TEST_POSTGRES_URL";

/// The URL of the server. Without it there is nothing to test, which is a failure.
///
/// # Errors
/// `Unavailable` with what to do.
pub fn url() -> Result<String> {
    std::env::var(VARIABLE).map_err(|_| {
        Error::new(ErrorKind::Unavailable, format!("{VARIABLE} names no server"))
            .with_hint("eval \"$(cargo xtask servers up postgres)\", or name a server of your own")
    })
}

/// A name of a schema that no other test has.
#[must_use]
pub fn fresh_schema() -> String {
    format!("pxmeta_test_{}", uuid::Uuid::now_v7().simple())
}

/// The name of a schema, which is dropped with this.
#[derive(Debug)]
pub struct Schema(pub String);

impl Schema {
    /// A name; the schema itself is made by whoever opens a catalog in it.
    #[must_use]
    pub fn fresh() -> Self {
        Self(fresh_schema())
    }

    /// The connection string of a catalog in the schema.
    ///
    /// # Errors
    /// As [`url`].
    pub fn uri(&self) -> Result<String> {
        let url = url()?;
        let before = if url.contains('?') { '&' } else { '?' };
        Ok(format!("{url}{before}schema={}", self.0))
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        // A connection of the test that its runtime has not yet closed would be waited for by a runtime that waits for us.
        let statement = format!(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation \
             JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = '{0}' AND l.pid <> pg_backend_pid(); \
             DROP SCHEMA IF EXISTS \"{0}\" CASCADE",
            self.0
        );
        // On a thread of its own: the test's runtime may be gone.
        let done = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
            runtime.block_on(execute(&statement)).map_err(|e| e.to_string())
        });
        match done.join() {
            Ok(Ok(())) => {}
            other => eprintln!("a schema of a test stays behind: {other:?}"),
        }
    }
}

/// A connection of its own to the server, past the catalog.
///
/// # Errors
/// `Unavailable` when there is none.
pub async fn raw() -> Result<Client> {
    connect(&url()?).await
}

/// A connection to the server of a URL, past the catalog.
///
/// # Errors
/// `Unavailable` when there is none.
pub async fn connect(url: &str) -> Result<Client> {
    let wrong =
        |e: &dyn std::fmt::Display| Error::new(ErrorKind::Unavailable, format!("no connection past the catalog: {e}"));
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let mut roots = RootCertStore::empty();
    let of = |pair: &str| pair.strip_prefix("sslrootcert=").map(str::to_owned);
    if let Some(path) = query.split('&').find_map(of) {
        for certificate in CertificateDer::pem_file_iter(path).map_err(|e| wrong(&e))?.flatten() {
            roots.add(certificate).map_err(|e| wrong(&e))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(&e))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config: tokio_postgres::Config = address.parse().map_err(|e| wrong(&e))?;
    let tls = tokio_postgres_rustls::MakeRustlsConnect::new(tls);
    let (client, connection) = config.connect(tls).await.map_err(|e| wrong(&e))?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// Runs statements on the server, past the catalog.
///
/// # Errors
/// `Internal` with what the server says.
pub async fn execute(statements: &str) -> Result<()> {
    let done = raw().await?.batch_execute(statements).await;
    done.map_err(|e| Error::new(ErrorKind::Internal, format!("{statements}: {e:?}")))
}

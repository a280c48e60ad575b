//! The HTTP client for buckets: TLS with a provider chosen by name, verified by the certificates of the system.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::client::{HttpClient, HttpConnector};
use object_store::{ClientConfigKey, ClientOptions, Error, Result};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;

/// For how long a connection is tried.
const CONNECT: Duration = Duration::from_secs(5);
/// For how long nothing may come.
const READ: Duration = Duration::from_secs(30);

/// Makes clients. The one of the crate takes whichever provider the process has, and panics where there is none.
#[derive(Debug)]
pub(super) struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        if flag(options, ClientConfigKey::AllowInvalidCertificates)? {
            return Err(refused("certificates are always verified"));
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(refused)?;
        let tls = builder.with_platform_verifier().map_err(refused)?.with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(!flag(options, ClientConfigKey::AllowHttp)?)
            .connect_timeout(CONNECT)
            .read_timeout(READ)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("proximadb-meta/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(refused)?;
        Ok(HttpClient::new(client))
    }
}

fn flag(options: &ClientOptions, key: ClientConfigKey) -> Result<bool> {
    options.get_config_value(&key).map_or(Ok(false), |text| bool::from_str(&text).map_err(refused))
}

fn refused(why: impl Display) -> Error {
    Error::Generic { store: "S3", source: why.to_string().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_verified_whatever_is_asked() {
        assert!(Connector.connect(&ClientOptions::new()).is_ok());
        assert!(Connector.connect(&ClientOptions::new().with_allow_http(true)).is_ok());
        let e = Connector.connect(&ClientOptions::new().with_allow_invalid_certificates(true)).unwrap_err();
        assert!(e.to_string().contains("always verified"), "{e}");
    }
}

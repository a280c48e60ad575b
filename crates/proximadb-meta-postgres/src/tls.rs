//! TLS for the driver: which certificates are trusted, and what of the server's is checked.

use std::path::Path;
use std::sync::Arc;

use proximadb_meta_core::{Error, ErrorKind, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::PostgresOptions;

/// What of the server's certificate is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verify {
    /// That it is of a trusted authority, and of the host that was asked for.
    ChainAndHost,
    /// That it is of a trusted authority.
    Chain,
    /// Nothing.
    Nothing,
}

/// Makes the connector. Reads files: not for an async thread.
pub(crate) fn connector(options: &PostgresOptions, verify: Verify) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::new(ErrorKind::Internal, "no TLS version is on").with_source(e))?;
    let builder = if verify == Verify::Nothing {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Lenient { provider, chain: None }))
    } else {
        let roots = Arc::new(roots(options.root_certificate.as_deref())?);
        if verify == Verify::Chain {
            let chain = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
                .build()
                .map_err(|e| Error::new(ErrorKind::Config, "no authority is trusted").with_source(e))?;
            let verifier = Lenient { provider, chain: Some(chain) };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        } else {
            builder.with_root_certificates(roots)
        }
    };
    let config = match (&options.client_certificate, &options.client_key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate, "sslcert")?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|e| unreadable("sslkey", key, e))?;
            builder.with_client_auth_cert(chain, key).map_err(|e| {
                Error::new(ErrorKind::Config, "sslcert and sslkey do not fit together")
                    .with_source(e)
                    .with_hint("give the key that belongs to the first certificate of the file")
            })?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

fn unreadable(option: &str, path: &Path, e: rustls::pki_types::pem::Error) -> Error {
    Error::new(ErrorKind::Config, format!("{option} {} cannot be read: {e}", path.display()))
        .with_hint("it is a PEM file; it must exist and be readable")
}

fn certificates(path: &Path, option: &str) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).map_err(|e| unreadable(option, path, e))?;
    let all: std::result::Result<Vec<_>, _> = read.collect();
    let all = all.map_err(|e| unreadable(option, path, e))?;
    if all.is_empty() {
        let what = format!("{option} {} holds no certificate", path.display());
        return Err(Error::new(ErrorKind::Config, what).with_hint("it is a PEM file with BEGIN CERTIFICATE in it"));
    }
    Ok(all)
}

fn roots(file: Option<&Path>) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    if let Some(path) = file {
        for certificate in certificates(path, "sslrootcert")? {
            store.add(certificate).map_err(|e| {
                Error::new(ErrorKind::Config, format!("sslrootcert {} holds no authority", path.display()))
                    .with_source(e)
            })?;
        }
        return Ok(store);
    }
    let found = rustls_native_certs::load_native_certs();
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        return Err(Error::new(ErrorKind::Config, "this system trusts no certificate authority")
            .with_hint("install its ca-certificates, or give the authority's certificate as sslrootcert"));
    }
    Ok(store)
}

/// Checks less than all, but always the signatures: whoever has a certificate has its key.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    /// Checks the chain and then the host, whose name may be another one; without it any certificate will do.
    chain: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        // The name is looked at last, after dates and chain.
        match chain.verify_server_cert(certificate, intermediates, host, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

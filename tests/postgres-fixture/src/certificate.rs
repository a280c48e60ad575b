//! Authorities, and servers that show certificates of theirs and go no further than the handshake.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// An authority, and the file that holds its certificate.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    /// Its certificate, as PEM.
    pub file: PathBuf,
}

impl Authority {
    /// A new one, whose certificate is put into the directory.
    #[must_use]
    pub fn new(dir: &Path, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let file = dir.join(format!("{name}.crt"));
        std::fs::write(&file, certificate.pem()).unwrap();
        Self { certificate: certificate.der().clone(), issuer: Issuer::new(params, key), file }
    }

    /// A certificate for somebody, and its key, as files in the directory.
    #[must_use]
    pub fn sign(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = (dir.join(format!("{name}.crt")), dir.join(format!("{name}.key")));
        std::fs::write(&files.0, certificate.pem()).unwrap();
        std::fs::write(&files.1, key.serialize_pem()).unwrap();
        files
    }

    /// A server with a certificate for `host`, valid in these years, that tells whoever comes through that the password is wrong.
    /// Where it listens, as `localhost:PORT`, until the process ends.
    #[must_use]
    pub fn server(&self, host: &str, from: i32, until: i32) -> String {
        self.server_for(None, host, from, until)
    }

    /// The same; clients must have a certificate of `clients`.
    #[must_use]
    pub fn server_for(&self, clients: Option<&Self>, host: &str, from: i32, until: i32) -> String {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.certificate.clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        listen(TlsAcceptor::from(Arc::new(config)))
    }
}

/// On a thread of its own: not every test has a runtime.
fn listen(acceptor: TlsAcceptor) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move { drop(shake_hands(stream, acceptor).await) });
            }
        });
    });
    format!("localhost:{port}")
}

/// Says yes to TLS, and to whoever comes through that the password is wrong.
async fn shake_hands(mut stream: TcpStream, acceptor: TlsAcceptor) -> std::io::Result<()> {
    let mut request = [0; 8];
    stream.read_exact(&mut request).await?;
    stream.write_all(b"S").await?;
    let mut stream = match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => stream,
        Err((e, mut stream)) => {
            // Not closed before the client read why: a reset could come first.
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            return Err(e);
        }
    };
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut rest).await?;
    let fields = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0";
    stream.write_all(b"E").await?;
    stream.write_all(&(fields.len() as u32 + 4).to_be_bytes()).await?;
    stream.write_all(fields).await?;
    stream.shutdown().await
}

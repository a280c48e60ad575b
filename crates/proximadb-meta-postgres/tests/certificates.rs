//! Certificates that do not do: a server that shows them, and goes no further than the handshake.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proximadb_meta_core::{Error, ErrorKind, Retry};
use proximadb_meta_postgres::{PostgresOptions, TlsMode};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// An authority, and the file that holds its certificate.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

fn authority(dir: &Path, name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("the test can go on");
    let certificate = params.self_signed(&key).expect("the test can go on");
    let file = dir.join(format!("{name}.crt"));
    std::fs::write(&file, certificate.pem()).expect("the test can go on");
    Authority { issuer: Issuer::new(params, key), file }
}

/// A server with a certificate of `authority` for `host`, valid in these years; where it listens.
async fn server(authority: &Authority, host: &str, from: i32, until: i32) -> String {
    let mut params = CertificateParams::new([host.to_owned()]).expect("the test can go on");
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
    let key = KeyPair::generate().expect("the test can go on");
    let certificate = params.signed_by(&key, &authority.issuer).expect("the test can go on");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the test can go on")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("the test can go on");
    let (listener, acceptor) =
        (TcpListener::bind("127.0.0.1:0").await.expect("the test can go on"), TlsAcceptor::from(Arc::new(config)));
    let port = listener.local_addr().expect("the test can go on").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move { drop(shake_hands(stream, acceptor).await) });
        }
    });
    format!("user:hunter2@localhost:{port}/database")
}

/// Says yes to TLS, and to whoever comes through that the password is wrong.
async fn shake_hands(mut stream: TcpStream, acceptor: TlsAcceptor) -> std::io::Result<()> {
    let mut request = [0; 8];
    stream.read_exact(&mut request).await?;
    stream.write_all(b"S").await?;
    let mut stream = acceptor.accept(stream).await?;
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

async fn refused(address: &str, mode: Option<TlsMode>, root: Option<&Path>, lax: bool) -> Error {
    let mut options = PostgresOptions::default();
    options.tls = mode;
    options.root_certificate = root.map(Into::into);
    options.accept_invalid_certificates = lax;
    options.connect_timeout = Duration::from_secs(10);
    let e = proximadb_meta_postgres::open_with(address, options).await.expect_err("nobody gets in");
    assert!(!format!("{e:?}").contains("hunter2"), "{e:?}");
    assert_ne!(e.retry(), Retry::UnknownOutcome, "{e:?}");
    e
}

#[tokio::test]
async fn each_certificate_that_does_not_do_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, other) = (authority(dir.path(), "ours"), authority(dir.path(), "other"));
    let good = server(&ours, "localhost", 2020, 2090).await;
    let expired = server(&ours, "localhost", 2020, 2021).await;
    let early = server(&ours, "localhost", 2089, 2090).await;
    let elsewhere = server(&ours, "db.example", 2020, 2090).await;
    let (full, chain) = (Some(TlsMode::VerifyFull), Some(TlsMode::VerifyCa));
    let (root, wrong) = (Some(&*ours.file), Some(&*other.file));
    for (address, mode, root, hint) in [
        (&expired, full, root, "has expired"),
        (&expired, chain, root, "has expired"),
        (&early, full, root, "not valid yet"),
        (&elsewhere, full, root, "of another host"),
        (&elsewhere, None, root, "of another host"),
        (&elsewhere, Some(TlsMode::Require), root, "of another host"),
        (&elsewhere, Some(TlsMode::Prefer), root, "of another host"),
        (&good, full, wrong, "sslrootcert"),
        (&good, chain, wrong, "sslrootcert"),
    ] {
        let e = refused(address, mode, root, false).await;
        assert_eq!(e.kind(), ErrorKind::Config, "{mode:?} {e:?}");
        assert!(e.hint().is_some_and(|h| h.contains(hint)), "{hint:?} in {e:?}");
    }
    // Who comes through is told of the password.
    for (address, mode, root, lax) in [
        (&good, full, root, false),
        (&good, None, root, false),
        (&elsewhere, chain, root, false),
        (&elsewhere, full, root, true),
        (&expired, Some(TlsMode::Require), wrong, true),
        // On loopback nothing is verified that was not asked for.
        (&expired, None, None, false),
    ] {
        let e = refused(address, mode, root, lax).await;
        assert_eq!(e.kind(), ErrorKind::Unauthenticated, "{mode:?} {e:?}");
    }
}

//! Certificates: a server that shows those that do not do, and goes no further than the handshake; and one that wants ours, also
//! PostgreSQL itself.

mod node;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proximadb_meta_core::{Error, ErrorKind, Retry};
use proximadb_meta_postgres::{PostgresOptions, TlsMode};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// An authority, and the file that holds its certificate.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
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
    Authority { certificate: certificate.der().clone(), issuer: Issuer::new(params, key), file }
}

/// A certificate of `authority` for somebody, and its key, as files.
fn signed(dir: &Path, authority: &Authority, name: &str) -> (PathBuf, PathBuf) {
    let mut params = CertificateParams::new([name.to_owned()]).expect("the test can go on");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("the test can go on");
    let certificate = params.signed_by(&key, &authority.issuer).expect("the test can go on");
    let files = (dir.join(format!("{name}.crt")), dir.join(format!("{name}.key")));
    std::fs::write(&files.0, certificate.pem()).expect("the test can go on");
    std::fs::write(&files.1, key.serialize_pem()).expect("the test can go on");
    files
}

/// A server with a certificate of `authority` for `host`, valid in these years; where it listens.
async fn server(authority: &Authority, host: &str, from: i32, until: i32) -> String {
    server_for(None, authority, host, from, until).await
}

/// The same; clients must have a certificate of `clients`.
async fn server_for(clients: Option<&Authority>, authority: &Authority, host: &str, from: i32, until: i32) -> String {
    let mut params = CertificateParams::new([host.to_owned()]).expect("the test can go on");
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
    let key = KeyPair::generate().expect("the test can go on");
    let certificate = params.signed_by(&key, &authority.issuer).expect("the test can go on");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("the test can go on");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.certificate.clone()).expect("the test can go on");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("the test can go on"))
        }
    };
    let config = builder.with_single_cert(vec![certificate.der().clone()], key).expect("the test can go on");
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

#[tokio::test]
async fn a_certificate_of_ours_is_shown_and_one_that_does_not_do_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, other) = (authority(dir.path(), "ours"), authority(dir.path(), "other"));
    let strict = server_for(Some(&ours), &ours, "localhost", 2020, 2090).await;
    let open = server(&ours, "localhost", 2020, 2090).await;
    let (good, theirs) = (signed(dir.path(), &ours, "app"), signed(dir.path(), &other, "stranger"));
    let refused = async |address: &str, files: Option<(&PathBuf, &PathBuf)>| {
        let mut options = PostgresOptions::default();
        options.tls = Some(TlsMode::VerifyFull);
        options.root_certificate = Some(ours.file.clone());
        (options.client_certificate, options.client_key) = files.map(|(c, k)| (c.clone(), k.clone())).unzip();
        proximadb_meta_postgres::open_with(address, options).await.expect_err("nobody gets in")
    };
    let missing = dir.path().join("missing.key");
    for (address, files, kind, words, hint) in [
        // Who comes through is told of the password.
        (&strict, Some((&good.0, &good.1)), ErrorKind::Unauthenticated, "password authentication", "user and password"),
        (
            &open,
            Some((&theirs.0, &theirs.1)),
            ErrorKind::Unauthenticated,
            "password authentication",
            "user and password",
        ),
        (&strict, None, ErrorKind::Unauthenticated, "CertificateRequired", "sslcert and sslkey"),
        (&strict, Some((&theirs.0, &theirs.1)), ErrorKind::Unauthenticated, "UnknownCA", "ssl_ca_file"),
        (&strict, Some((&good.0, &theirs.1)), ErrorKind::Config, "do not fit together", "belongs to the first"),
        (&strict, Some((&good.0, &missing)), ErrorKind::Config, "sslkey", "PEM file"),
        (&strict, Some((&good.0, &good.0)), ErrorKind::Config, "sslkey", "PEM file"),
        (&strict, Some((&good.1, &good.1)), ErrorKind::Config, "holds no certificate", "BEGIN CERTIFICATE"),
    ] {
        let e = refused(address, files).await;
        assert_eq!(e.kind(), kind, "{words}: {e:?}");
        assert!(format!("{e:?}").contains(words), "{words}: {e:?}");
        assert!(e.hint().is_some_and(|h| h.contains(hint)), "{hint}: {e:?}");
        assert_ne!(e.retry(), Retry::UnknownOutcome, "{e:?}");
    }
}

/// PostgreSQL lets in who has a certificate of the user's name, without a password; and verifies what it is asked to.
#[tokio::test]
async fn postgresql_takes_our_certificate_for_a_password() {
    let (place, dir) = (node::Place::new().unwrap(), tempfile::tempdir().unwrap());
    let ours = authority(dir.path(), "ours");
    let (of_server, of_app) = (signed(dir.path(), &ours, "localhost"), signed(dir.path(), &ours, node::USER));
    let of_stranger = signed(dir.path(), &ours, "stranger");
    let tls = "ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\nssl_ca_file = 'ca.crt'\n";
    let mut node = place.node("strict", tls).unwrap();
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    // The node's own probe comes without TLS.
    let hba = "hostssl all all 127.0.0.1/32 cert\nhostnossl all all 127.0.0.1/32 password\n";
    for (name, text) in [
        ("server.crt", read(&of_server.0)),
        ("server.key", read(&of_server.1)),
        ("ca.crt", read(&ours.file)),
        ("pg_hba.conf", hba.to_owned()),
    ] {
        place.write(&node, name, &text).unwrap();
    }
    node.server.start().await.unwrap();
    let address = format!("{}@localhost:{}/postgres", node::USER, node.port);
    let open = async |files: Option<&(PathBuf, PathBuf)>| {
        let mut options = PostgresOptions::default();
        options.tls = Some(TlsMode::VerifyFull);
        options.root_certificate = Some(ours.file.clone());
        (options.client_certificate, options.client_key) = files.cloned().unzip();
        proximadb_meta_postgres::open_with(&address, options).await
    };
    let catalog = open(Some(&of_app)).await.unwrap().into_backend();
    assert_eq!(catalog.count_collections(None).await.unwrap(), 0);
    let findings = catalog.diagnose().await.unwrap();
    let tls = findings.iter().find(|f| f.subject == "tls").unwrap();
    assert!(tls.found.starts_with("TLSv1.3"), "{tls:?}");
    catalog.close().await.unwrap();
    for (files, words, hint) in [
        (None, "valid client certificate", "client certificate"),
        (Some(&of_stranger), "certificate authentication failed", "pg_hba.conf"),
    ] {
        let e = open(files).await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Unauthenticated, "{e:?}");
        assert!(format!("{e:?}").contains(words), "{words}: {e:?}");
        assert!(e.hint().is_some_and(|h| h.contains(hint)), "{hint}: {e:?}");
    }
}

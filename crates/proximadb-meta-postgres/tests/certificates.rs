//! Certificates: a server that shows those that do not do, and goes no further than the handshake; and one that wants ours, also
//! PostgreSQL itself.

mod node;

use std::path::{Path, PathBuf};
use std::time::Duration;

use postgres_fixture::certificate::Authority;
use proximadb_meta_core::{Error, ErrorKind, Retry};
use proximadb_meta_postgres::{PostgresOptions, TlsMode};

/// The address of a server that knows no password.
fn address(place: &str) -> String {
    format!("user:hunter2@{place}/database")
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
    let (ours, other) = (Authority::new(dir.path(), "ours"), Authority::new(dir.path(), "other"));
    let good = address(&ours.server("localhost", 2020, 2090));
    let expired = address(&ours.server("localhost", 2020, 2021));
    let early = address(&ours.server("localhost", 2089, 2090));
    let elsewhere = address(&ours.server("db.example", 2020, 2090));
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
    let (ours, other) = (Authority::new(dir.path(), "ours"), Authority::new(dir.path(), "other"));
    let strict = address(&ours.server_for(Some(&ours), "localhost", 2020, 2090));
    let open = address(&ours.server("localhost", 2020, 2090));
    let (good, theirs) = (ours.sign(dir.path(), "app"), other.sign(dir.path(), "stranger"));
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
    let ours = Authority::new(dir.path(), "ours");
    let (of_server, of_app) = (ours.sign(dir.path(), "localhost"), ours.sign(dir.path(), node::USER));
    let of_stranger = ours.sign(dir.path(), "stranger");
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

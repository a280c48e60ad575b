//! What goes wrong between us and the server: each told apart by kind and hint, and never with a password in it.

mod fixture;

use std::time::{Duration, Instant};

use proximadb_meta_core::report::SchemaAction;
use proximadb_meta_core::{BackendRegistry, Error, ErrorKind, MetadataBackendConfig, Retry};
use proximadb_meta_postgres::{PostgresOptions, TlsMode};
use proximadb_meta_testkit::fault::{Direction, Fault, FaultProxy, Script};
use tokio::net::TcpListener;

/// The error of an open that must fail, within its time.
async fn refused(address: &str, options: PostgresOptions) -> Error {
    let patience = options.connect_timeout + options.pool_timeout + Duration::from_secs(20);
    let begun = Instant::now();
    let e = proximadb_meta_postgres::open_with(address, options).await.expect_err("it is refused");
    assert!(begun.elapsed() < patience, "{e} after {:?}", begun.elapsed());
    assert!(!format!("{e:?}").contains("hunter2") && !e.to_string().contains("hunter2"), "{e:?}");
    e
}

fn check(e: &Error, kind: ErrorKind, words: &str, hint: &str) {
    assert_eq!(e.kind(), kind, "{e:?}");
    assert!(format!("{e:?}").contains(words), "{words:?} in {e:?}");
    assert!(e.hint().is_some_and(|h| h.contains(hint)), "{hint:?} in {e:?}");
    assert_ne!(e.retry(), Retry::UnknownOutcome, "nothing was sent: {e:?}");
}

/// `user`, `password`, `host`, `port` and `database` of the test server.
struct Parts {
    user: String,
    host: String,
    database: String,
}

fn parts() -> (Parts, String, PostgresOptions) {
    let (address, mut options) = fixture::server().expect("the test can go on");
    options.schema = fixture::fresh_schema();
    options.connect_timeout = Duration::from_secs(5);
    let (credentials, rest) = address.rsplit_once('@').expect("the test can go on");
    let (host, database) = rest.split_once('/').expect("the test can go on");
    let user = credentials.split(':').next().expect("the test can go on").to_owned();
    (Parts { user, host: host.to_owned(), database: database.to_owned() }, address, options)
}

#[tokio::test]
async fn what_is_wrong_with_the_address_is_told() {
    let (p, address, options) = parts();
    let Parts { user, host, database } = &p;
    let e = refused(&format!("{user}:hunter2@{host}/{database}"), options.clone()).await;
    check(&e, ErrorKind::Unauthenticated, "password authentication failed", "check user and password");
    let e = refused(&format!("{user}@{host}/{database}"), options.clone()).await;
    check(&e, ErrorKind::Config, "password missing", "password=env:NAME");
    let (rest, _) = address.rsplit_once('/').unwrap();
    let e = refused(&format!("{rest}/no_such_database"), options.clone()).await;
    check(&e, ErrorKind::Config, "no_such_database", "create the database");
    let e = refused(&format!("{user}:hunter2@no-such-host.invalid/{database}"), options.clone()).await;
    check(&e, ErrorKind::Unavailable, "lookup", "host name");
    // A port on which nobody listens any more.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let e = refused(&format!("{user}:hunter2@{closed}/{database}"), options.clone()).await;
    check(&e, ErrorKind::Unavailable, "refused", "nothing listens there");
    // Somebody who accepts, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut impatient = options.clone();
    impatient.connect_timeout = Duration::from_millis(300);
    let e = refused(&format!("{user}:hunter2@{}/{database}", silent.local_addr().unwrap()), impatient).await;
    check(&e, ErrorKind::Timeout, "no connection was made in time", "connect_timeout");
    // Somebody who is no PostgreSQL.
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = other.local_addr().unwrap();
    let rude = tokio::spawn(async move {
        loop {
            drop(other.accept().await);
        }
    });
    let e = refused(&format!("{user}:hunter2@{at}/{database}"), options).await;
    assert!(matches!(e.kind(), ErrorKind::Unavailable | ErrorKind::Config), "{e:?}");
    rude.abort();
}

/// A server, or what stands before it, that falls silent in the middle of an answer.
#[tokio::test]
async fn an_open_that_is_half_answered_ends() {
    let (_, address, mut options) = parts();
    let _guard = fixture::Schema(options.schema.clone());
    proximadb_meta_postgres::open_with(&address, options.clone()).await.unwrap();
    options.connect_timeout = Duration::from_millis(300);
    options.statement_timeout = Duration::from_millis(300);
    let proxy = FaultProxy::start(fixture::resolved(&address), Script::clean()).unwrap();
    let through = fixture::via(&address, proxy.address());
    let mut after = 0;
    let opened = loop {
        proxy.set_script(Fault::HalfOpen { direction: Direction::Down, after });
        let patience = Duration::from_secs(60);
        match tokio::time::timeout(patience, proximadb_meta_postgres::open_with(&through, options.clone())).await {
            Ok(Ok(_)) => break after,
            Ok(Err(e)) => assert_eq!((e.kind(), e.retry()), (ErrorKind::Timeout, Retry::Safe), "after {after}: {e:?}"),
            Err(_) => unreachable!("after {after} bytes it waits for ever"),
        }
        after += 500;
    };
    assert!(opened >= 1500, "TLS alone takes more than {opened} bytes");
    assert_eq!(proxy.counts().accepted, 1 + opened / 500);
}

/// The same for who looks before anything is opened: doctor, and what the layout is.
#[tokio::test]
async fn a_look_that_is_half_answered_ends() {
    let (_, address, options) = parts();
    let _guard = fixture::Schema(options.schema.clone());
    proximadb_meta_postgres::open_with(&address, options.clone()).await.unwrap();
    let registry = BackendRegistry::new();
    proximadb_meta_postgres::register(&registry).unwrap();
    let proxy = FaultProxy::start(fixture::resolved(&address), Script::clean()).unwrap();
    let through = fixture::via(&address, proxy.address());
    let root = options.root_certificate.clone().map(|p| format!("&sslrootcert={}", p.display())).unwrap_or_default();
    let uri = format!(
        "postgresql://{through}?schema={}&sslmode=prefer&connect_timeout=0.3&timeout_seconds=0.3{root}",
        options.schema
    );
    // The certificate is of the name.
    let uri = uri.replace("127.0.0.1", "localhost");
    let config = MetadataBackendConfig::from_uri(&uri, &registry).unwrap();
    let (mut silent, patience) = (0, Duration::from_secs(60));
    for after in (0..).step_by(1000) {
        proxy.set_script(Fault::HalfOpen { direction: Direction::Down, after });
        let report = tokio::time::timeout(patience, registry.schema(&config, SchemaAction::Status)).await;
        let report = report.expect("it ends");
        let looked = tokio::time::timeout(patience, registry.examine(&config)).await.expect("it ends").unwrap();
        if let Err(e) = &report {
            silent += 1;
            assert_eq!((e.kind(), e.retry()), (ErrorKind::Timeout, Retry::Safe), "after {after}: {e:?}");
        }
        if report.is_ok() && looked.len() > 1 {
            break;
        }
    }
    assert!(silent > 1, "{silent}");
}

#[tokio::test]
async fn what_is_wrong_with_certificates_is_told() {
    let (p, address, options) = parts();
    let with = |mode, root: Option<&std::path::Path>| {
        let mut o = options.clone();
        o.tls = Some(mode);
        o.root_certificate = root.map(Into::into);
        o
    };
    // The authorities of the system did not sign the server's.
    let dir = tempfile::tempdir().unwrap();
    let e = refused(&address, with(TlsMode::VerifyFull, None)).await;
    assert_eq!(e.kind(), ErrorKind::Config, "{e:?}");
    assert!(e.hint().is_some_and(|h| h.contains("sslrootcert")), "{e:?}");
    // Files that are not there, or no certificates.
    let missing = dir.path().join("missing.crt");
    let e = refused(&address, with(TlsMode::VerifyFull, Some(&missing))).await;
    check(&e, ErrorKind::Config, "missing.crt", "PEM");
    let empty = dir.path().join("empty.crt");
    std::fs::write(&empty, "nothing").unwrap();
    let e = refused(&address, with(TlsMode::VerifyFull, Some(&empty))).await;
    check(&e, ErrorKind::Config, "holds no certificate", "PEM");
    // A server without TLS, where TLS is asked for.
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = plain.local_addr().unwrap();
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((mut stream, _)) = plain.accept().await {
            let mut request = [0; 8];
            let _ = stream.read_exact(&mut request).await;
            // What a server without TLS answers to the question for it.
            let _ = stream.write_all(b"N").await;
        }
    });
    let e = refused(&format!("{}:hunter2@{at}/{}", p.user, p.database), with(TlsMode::Require, None)).await;
    check(&e, ErrorKind::Config, "does not support TLS", "sslmode=disable");
    server.abort();
    // In the clear, where the server wants TLS: the test server may allow it.
    let mut bad = options.clone();
    bad.client_certificate = Some(missing);
    let e = refused(&address, bad).await;
    check(&e, ErrorKind::Config, "sslkey", "give both");
}

#[tokio::test]
async fn tables_of_others_and_newer_ones_are_left_as_they_are() {
    let (_, address, options) = parts();
    let name = options.schema.clone();
    let _guard = fixture::Schema(name.clone());
    fixture::execute(&format!("CREATE SCHEMA {name}; CREATE TABLE {name}.collections (a int)")).await.unwrap();
    let e = refused(&address, options.clone()).await;
    check(&e, ErrorKind::Config, "another program", "nothing was changed");
    let four =
        "CREATE TABLE s.store (x int); CREATE TABLE s.restoring (x int); CREATE TABLE s.schema_migrations (x int)";
    fixture::execute(&four.replace("s.", &format!("{name}."))).await.unwrap();
    let e = refused(&address, options.clone()).await;
    check(&e, ErrorKind::Config, "another program", "nothing was changed");
    fixture::execute(&format!("DROP SCHEMA {name} CASCADE")).await.unwrap();
    let mut careful = options.clone();
    careful.auto_migrate = false;
    let e = refused(&address, careful.clone()).await;
    check(&e, ErrorKind::Config, "not up to date", "pxmeta schema apply");
    proximadb_meta_postgres::open_with(&address, options.clone()).await.unwrap();
    proximadb_meta_postgres::open_with(&address, careful).await.unwrap();
    for (statement, kind, words) in [
        ("UPDATE s.store SET value = '2' WHERE key = 'min_reader'", ErrorKind::Unsupported, "min_reader 2"),
        ("UPDATE s.store SET value = 'x' WHERE key = 'min_reader'", ErrorKind::Corruption, "min_reader"),
        (
            "UPDATE s.store SET value = '1' WHERE key = 'min_reader'; UPDATE s.store SET value = '9' WHERE key = 'min_writer'",
            ErrorKind::Unsupported,
            "min_writer 9",
        ),
        (
            "UPDATE s.store SET value = '1' WHERE key = 'min_writer'; UPDATE s.schema_migrations SET checksum = 'x'",
            ErrorKind::Corruption,
            "another text",
        ),
    ] {
        fixture::execute(&statement.replace("s.", &format!("{name}."))).await.unwrap();
        check(&refused(&address, options.clone()).await, kind, words, "");
    }
}

#[tokio::test]
async fn rights_that_are_missing_are_told() {
    let (p, address, options) = parts();
    let (name, role) = (options.schema.clone(), format!("{}_role", options.schema));
    let _guard = fixture::Schema(name.clone());
    fixture::execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'hunter2'")).await.unwrap();
    let theirs = format!("{role}:hunter2@{}/{}", p.host, p.database);
    // It may not make a schema.
    let e = refused(&theirs, options.clone()).await;
    check(&e, ErrorKind::PermissionDenied, "permission denied", "grant");
    // It may not look into one.
    let catalog = proximadb_meta_postgres::open_with(&address, options.clone()).await.unwrap();
    let e = refused(&theirs, options.clone()).await;
    check(&e, ErrorKind::PermissionDenied, "permission denied", "grant");
    // It may read, and not write.
    let grant =
        format!("GRANT USAGE ON SCHEMA {name} TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {role}");
    fixture::execute(&grant).await.unwrap();
    let reader = proximadb_meta_postgres::open_with(&theirs, options).await.unwrap().into_backend();
    assert_eq!(reader.count_collections(None).await.unwrap(), 0);
    let record = proximadb_meta_core::CollectionMetadata::new("a", 8, proximadb_meta_core::DistanceMetric::COSINE);
    let e = reader.create_collection(record).await.unwrap_err();
    check(&e, ErrorKind::PermissionDenied, "permission denied", "grant");
    reader.close().await.unwrap();
    catalog.into_backend().close().await.unwrap();
    fixture::execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}

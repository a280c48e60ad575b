//! The same commands over `postgresql://`: what goes wrong with a server by exit code, kind and hint; its layout; two catalogs on
//! it. Needs the server that `PXMETA_TEST_POSTGRES_URL` names.

mod common;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};

use common::Place;
use postgres_fixture::Schema;
use postgres_fixture::certificate::Authority;
use proximadb_meta_testkit::fault::{FaultProxy, Script};
use serde_json::{Value, json};

/// The server under test, and a schema of the test's own.
struct Server {
    credentials: String,
    host: String,
    database: String,
    query: String,
    schema: Schema,
}

impl Server {
    fn new() -> Self {
        let url = postgres_fixture::url().expect("a server");
        let (_, rest) = url.split_once("://").expect("a URL");
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (credentials, rest) = address.rsplit_once('@').expect("credentials");
        let (host, database) = rest.split_once('/').expect("a database");
        let [credentials, host, database, query] = [credentials, host, database, query].map(str::to_owned);
        Self { credentials, host, database, query, schema: Schema::fresh() }
    }

    fn user(&self) -> &str {
        self.credentials.split(':').next().unwrap_or_default()
    }

    /// As another user, elsewhere, with other options.
    fn uri_as(&self, credentials: &str, host: &str, options: &str) -> String {
        format!("postgresql://{credentials}@{host}/{}?schema={}&{options}", self.database, self.schema.0)
    }

    fn uri_with(&self, options: &str) -> String {
        self.uri_as(&self.credentials, &self.host, &format!("{}{options}", self.query))
    }

    fn uri(&self) -> String {
        self.schema.uri().expect("a server")
    }

    /// Where it listens.
    fn address(&self) -> SocketAddr {
        self.host.to_socket_addrs().expect("its name is known").find(SocketAddr::is_ipv4).expect("an address")
    }

    /// Runs statements past the catalog; `@.` stands for the schema.
    fn sql(&self, statements: &str) {
        let statements = statements.replace("@.", &format!("{}.", self.schema.0));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(postgres_fixture::execute(&statements)).expect("the server does it");
    }
}

/// What it says of an error: exit code, kind and hint; never the password.
fn refused(place: &Place, uri: &str) -> (Option<i32>, String, String) {
    let said = place.run(&["ls", "-o", "json", "--uri", uri]);
    for secret in ["hunter2", "s3cret"] {
        assert!(!said.err.contains(secret) && !said.out.contains(secret), "{}", said.err);
    }
    let line = said.err.lines().find(|l| l.starts_with('{')).unwrap_or_else(|| unreachable!("{uri}: {}", said.err));
    let told: Value = common::json(line);
    assert_eq!(told["exit_code"].as_i64(), said.code.map(i64::from), "{told}");
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    (said.code, text("kind"), format!("{} | {}", text("error"), text("hint")))
}

#[test]
fn each_thing_that_is_wrong_with_a_server_has_its_exit_code() {
    let (place, server) = (Place::new(), Server::new());
    let (user, host, query) = (server.user(), &*server.host, &*server.query);
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("a port").to_string();
    let plain = without_tls();
    for (uri, code, kind, words) in [
        (server.uri_as(&format!("{user}:hunter2"), host, query), 6, "Unauthenticated", "check user and password"),
        (server.uri_as(user, host, query), 2, "Config", "password=env:NAME"),
        (server.uri_as(user, "no-such-host.invalid:5432", query), 5, "Unavailable", "host name is not known"),
        (server.uri_as(user, &closed, query), 5, "Unavailable", "nothing listens there"),
        (server.uri_as(user, &plain, "sslmode=require"), 2, "Config", "the server has no TLS"),
        (server.uri_with("&pool_size=0"), 2, "Config", "pool_size"),
        (server.uri_with("&enable_read_replicas=true&read_replica_endpoints=a:port"), 2, "Config", "not an address"),
        (server.uri_with("&enable_read_replicas=true&read_replica_endpoints=a:1?weight=0"), 2, "Config", "1 to 256"),
        (server.uri_with("&read_replica_endpoints=a:1"), 2, "Config", "enable_read_replicas=true"),
        (server.uri_with("&auto_migrate=false"), 2, "Config", "pxmeta schema apply"),
    ] {
        let (found, named, said) = refused(&place, &uri);
        assert_eq!((found, &*named), (Some(code), kind), "{words}: {said}");
        assert!(said.contains(words), "{words}: {said}");
    }
    // Somebody who accepts, and says nothing: within the time that was given.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("a port").to_string();
    let (code, kind, said) = refused(&place, &server.uri_as(user, &address, "connect_timeout=0.3"));
    assert_eq!((code, &*kind), (Some(5), "Timeout"), "{said}");
}

#[test]
fn each_certificate_that_does_not_do_is_exit_code_2() {
    let (place, server) = (Place::new(), Server::new());
    let (ours, other) = (Authority::new(place.path(), "ours"), Authority::new(place.path(), "other"));
    for (address, root, words) in [
        (ours.server("localhost", 2020, 2021), &ours, "has expired"),
        (ours.server("db.example", 2020, 2090), &ours, "of another host"),
        (ours.server("localhost", 2020, 2090), &other, "sslrootcert"),
    ] {
        let options = format!("sslmode=verify-full&sslrootcert={}", root.file.display());
        let (code, kind, said) = refused(&place, &server.uri_as("user:hunter2", &address, &options));
        assert_eq!((code, &*kind), (Some(2), "Config"), "{said}");
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn tables_and_rights_that_do_not_do_have_their_exit_codes() {
    let (place, server) = (Place::new(), Server::new());
    let role = format!("{}_role", server.schema.0);
    let theirs = server.uri_as(&format!("{role}:hunter2"), &server.host, &server.query);
    server.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'hunter2'"));
    let check = |uri: &str, code: i32, kind: &str, words: &str| {
        let (found, named, said) = refused(&place, uri);
        assert_eq!((found, &*named), (Some(code), kind), "{words}: {said}");
        assert!(said.contains(words), "{words}: {said}");
    };
    check(&theirs, 6, "PermissionDenied", "grant the role");
    // No connection is left for it.
    server.sql(&format!("ALTER ROLE {role} CONNECTION LIMIT 0"));
    check(&theirs, 5, "Throttled", "lower pool_size");
    server.sql(&format!("DROP ROLE {role}; CREATE SCHEMA {}; CREATE TABLE @.collections (a int)", server.schema.0));
    check(&server.uri(), 2, "Config", "nothing was changed");
    server.sql("DROP TABLE @.collections");
    place.ok(&["create", "x", "--dimension", "1", "--uri", &server.uri()]);
    server.sql("UPDATE @.store SET value = '2' WHERE key = 'min_reader'");
    check(&server.uri(), 9, "Unsupported", "the release that wrote it");
    server.sql("UPDATE @.store SET value = 'x' WHERE key = 'min_reader'");
    check(&server.uri(), 7, "Corruption", "min_reader");
}

#[test]
fn a_server_that_goes_away_in_an_import_is_exit_code_5() {
    let (place, server) = (Place::new(), Server::new());
    let proxy = FaultProxy::start(server.address(), Script::clean()).expect("a proxy");
    // The certificate is of the name.
    let host = format!("localhost:{}", proxy.address().port());
    let uri = server.uri_as(&server.credentials, &host, &format!("{}&connect_timeout=5", server.query));
    let mut import = place.spawn(&["import", "-", "--ack", "--batch", "10", "--uri", &uri]);
    let lines = place.demo(30);
    let (first, second) = lines.split_at(lines.match_indices('\n').nth(9).map_or(0, |(at, _)| at + 1));
    import.write(first);
    for n in 0..10 {
        assert_eq!(import.line(), format!("demo-{n:07}"));
    }
    drop(proxy);
    import.write(second);
    let said = import.end();
    assert_eq!(said.code, Some(5), "{}{}", said.out, said.err);
    assert!(said.err.contains("hint: nothing listens there"), "{}", said.err);
    assert_eq!(place.ok(&["count", "--uri", &server.uri()]), "10\n");
}

#[test]
fn the_layout_is_planned_and_made_by_itself() {
    let (place, server) = (Place::new(), Server::new());
    let at = |args: &[&str]| place.json(&[args, &["-o", "json", "--uri", &server.uri()]].concat());
    let plan = at(&["schema", "plan"]);
    assert!(plan["pending"][0]["steps"].as_array().is_some_and(|s| s.len() > 10), "{plan}");
    assert_eq!(at(&["schema", "status"])["applied"], json!([]), "a plan makes nothing");
    let applied = at(&["schema", "apply", "--yes"]);
    assert_eq!((&applied["ran"], &applied["pending"]), (&json!([1]), &json!([])), "{applied}");
    assert_eq!(at(&["schema", "apply", "--yes"])["ran"], json!([]));
    place.ok(&["create", "x", "--dimension", "1", "--uri", &server.uri_with("&auto_migrate=false")]);
    place.ok(&["doctor", "--uri", &server.uri()]);
}

#[test]
fn two_schemas_of_one_server_are_two_catalogs() {
    let (place, servers) = (Place::new(), [Server::new(), Server::new()]);
    let [first, second] = servers.each_ref().map(Server::uri);
    let done = place.feed(place.demo(20), &["import", "-", "-q", "--uri", &first]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    place.ok(&["copy", &first, &second]);
    place.ok(&["diff", &second, &first]);
    // Also where the namespaces are not the same.
    place.ok(&["copy", &first, &second, "--to-namespace", "tenant"]);
    place.ok(&["diff", &first, &second, "--to-namespace", "tenant"]);
    assert_eq!(place.ok(&["count", "--namespace", "tenant", "--uri", &first]), "0\n");
    // And one by two names is one.
    for (a, b) in [(&*first, &*first), ("postgresql://u@h/d", "postgres://u@h/d?schema=proximadb_meta")] {
        let said = place.run(&["copy", a, b]);
        assert!(said.code == Some(2) && said.err.contains("name one catalog"), "{}", said.err);
    }
}

/// Answers the question for TLS as a server without it; where.
fn without_tls() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("a port").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read_exact(&mut [0; 8]);
            let _ = stream.write_all(b"N");
        }
    });
    address
}

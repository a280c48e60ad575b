//! Backups in a bucket through the binary: the one that `PXMETA_TEST_S3_URL` names, as `cargo xtask servers up s3` prints it.

mod common;

use std::process::Command;

use common::{Place, Said, said};

/// `http://KEY:SECRET@HOST:PORT/BUCKET`, in its parts.
struct Bucket {
    endpoint: String,
    key: String,
    secret: String,
    name: String,
}

fn bucket() -> Bucket {
    let url = std::env::var("PXMETA_TEST_S3_URL").expect("it is set by: eval \"$(cargo xtask servers up s3)\"");
    let parts = || {
        let (scheme, rest) = url.split_once("://")?;
        let (credentials, place) = rest.rsplit_once('@')?;
        let (key, secret) = credentials.split_once(':')?;
        let (host, name) = place.split_once('/')?;
        Some((format!("{scheme}://{host}"), key, secret, name))
    };
    let (endpoint, key, secret, name) = parts().expect("http://KEY:SECRET@HOST:PORT/BUCKET");
    Bucket { endpoint, key: key.to_owned(), secret: secret.to_owned(), name: name.to_owned() }
}

/// Runs the binary with the settings of a bucket.
fn run(place: &Place, bucket: &Bucket, args: &[&str]) -> Said {
    let mut command: Command = place.command();
    command.env("AWS_ENDPOINT_URL", &bucket.endpoint).env("AWS_ALLOW_HTTP", "true");
    command.env("AWS_ACCESS_KEY_ID", &bucket.key).env("AWS_SECRET_ACCESS_KEY", &bucket.secret);
    said(command.args(args).output().expect("the binary runs"))
}

#[test]
fn a_backup_goes_to_a_bucket_and_comes_back() {
    let (place, bucket) = (Place::new(), bucket());
    place.feed(place.demo(200).as_bytes(), &["import", "-"]);
    let location = format!("s3://{}/cli/{}", bucket.name, std::process::id());
    let ok = |args: &[&str]| {
        let done = run(&place, &bucket, args);
        assert_eq!(done.code, Some(0), "{args:?}: {}", done.err);
        done.out
    };
    let id = ok(&["backup", &location, "-q"]);
    let id = id.trim();
    let found = common::json(&ok(&["verify", &format!("{location}/{id}"), "-o", "json", "-q"]));
    assert_eq!((&found["records"], &found["id"]), (&200.into(), &id.into()));
    ok(&["restore", id, &location, "--uri", "file://./copy"]);
    assert_eq!(place.ok(&["export"]), place.ok(&["export", "--uri", "file://./copy"]));
    let nothing = run(&place, &bucket, &["verify", &location, "01930000-0000-7000-8000-000000000000"]);
    assert_eq!(nothing.code, Some(3), "{}", nothing.err);
    let no_bucket = run(&place, &bucket, &["backup", "s3://pxmeta-no-such-bucket/x"]);
    assert_eq!(no_bucket.code, Some(3), "{}", no_bucket.err);
}

#[test]
fn what_goes_wrong_has_its_exit_code_and_tells_no_secret() {
    let place = Place::new();
    place.feed(place.demo(1).as_bytes(), &["import", "-"]);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let nobody = Bucket {
        endpoint: format!("http://{closed}"),
        key: "key".to_owned(),
        secret: "hunter2".to_owned(),
        name: String::new(),
    };
    for (code, location) in [(5, "s3://bucket/x"), (2, "s3://key:hunter2@bucket/x"), (2, "s3://"), (2, "s3://b/../c")] {
        let failed = run(&place, &nobody, &["backup", location, "-vvv"]);
        assert_eq!(failed.code, Some(code), "{location}: {}", failed.err);
        assert!(failed.err.contains("error: ") && !failed.err.contains("hunter2"), "{}", failed.err);
    }
}

//! A log directory looked at from outside: sound, open elsewhere, damaged, salvaged.

mod common;

use common::Place;

const LOG: &str = "data/metadata/wal-0000000001.log";

/// Three records, each in an entry of its own.
fn three() -> Place {
    let place = Place::new();
    for id in ["a", "b", "c"] {
        place.ok(&["create", &format!("name-{id}"), "--id", id, "--dimension", "8"]);
    }
    place
}

#[test]
fn a_sound_directory_is_listed_and_verified_and_not_touched() {
    let place = three();
    let before = common::files(place.path());
    assert!(place.ok(&["wal", "verify", "data/metadata"]).starts_with("verdict    sealed\n"));
    let v = place.json(&["wal", "verify", "file://./data/metadata", "-o", "json"]);
    assert_eq!((&v["records"], &v["doubtful"], &v["lost"]), (&3.into(), &0.into(), &serde_json::json!([])));
    assert!(place.ok(&["wal", "inspect", "data/metadata"]).contains("wal-0000000001.log"));
    let files = place.json(&["wal", "inspect", "data/metadata", "-o", "json"])["files"].clone();
    assert!(files.as_array().is_some_and(|f| f.len() >= 3), "{files}");
    assert_eq!(common::files(place.path()), before);
    place.fails(3, &["wal", "verify", "nowhere"]);
    place.fails(2, &["wal", "verify", "memory://"]);
    place.fails(2, &["wal", "inspect", "data/metadata", "-o", "csv"]);
}

#[test]
fn a_damaged_directory_is_refused_told_and_salvaged() {
    let place = three();
    let path = place.at(LOG);
    let mut bytes = std::fs::read(&path).expect("the log is read");
    let at = 64 + 32 + 10;
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).expect("the log is damaged");
    place.fails(7, &["ls"]);
    let before = common::files(place.path());
    let said = place.run(&["wal", "verify", "data/metadata"]);
    assert_eq!(said.code, Some(7), "{}", said.err);
    assert!(
        said.out.contains("verdict    damaged") && said.out.contains("wal-0000000001.log, byte 64"),
        "{}",
        said.out
    );
    let saved = place.run(&["wal", "salvage", "data/metadata", "--to", "saved", "-o", "json"]);
    assert_eq!(saved.code, Some(10), "{}", saved.err);
    let report = common::json(&saved.out);
    assert_eq!((&report["complete"], &report["written"]), (&false.into(), &2.into()), "{report}");
    assert_eq!(place.ok(&["ls", "-o", "name", "--uri", "file://./saved"]), "b\nc\n");
    place.fails(4, &["wal", "salvage", "data/metadata", "--to", "saved"]);
    let after: Vec<_> =
        common::files(place.path()).into_iter().filter(|(p, _)| !p.starts_with(place.at("saved"))).collect();
    assert_eq!(after, before, "the damaged directory is never changed");
}

#[test]
fn a_directory_that_is_open_is_looked_at_and_not_salvaged() {
    let place = three();
    let mut importing = place.spawn(&["import", "-", "--ack"]);
    importing.write(&place.demo(501));
    let first = importing.line();
    assert_eq!(first, "demo-0000000", "the catalog is open now");
    let before = common::files(&place.at("data/metadata"));
    let verdict = place.json(&["wal", "verify", "data/metadata", "-o", "json"]);
    assert_eq!((&verdict["in_use"], &verdict["lost"]), (&"yes".into(), &serde_json::json!([])));
    assert!(place.ok(&["wal", "inspect", "data/metadata"]).contains("another process has it open"));
    assert!(place.fails(5, &["wal", "salvage", "data/metadata", "--to", "saved"]).contains("backup"));
    assert_eq!(common::files(&place.at("data/metadata")), before);
    importing.stop_reading();
    importing.end();
    assert!(!place.at("saved").exists());
}

#[test]
fn a_torn_tail_opens_and_is_told() {
    let place = three();
    let path = place.at("data/metadata/wal-0000000003.log");
    let mut bytes = std::fs::read(&path).expect("the log is read");
    bytes.truncate(bytes.len() - 5);
    std::fs::write(&path, &bytes).expect("the log is cut");
    let said = place.ok(&["wal", "verify", "data/metadata"]);
    assert!(said.contains("verdict    torn_tail") && said.contains("torn tail  wal-0000000003.log"), "{said}");
    let report = place.json(&["wal", "salvage", "data/metadata", "--to", "saved", "-o", "json"]);
    assert_eq!((&report["complete"], &report["written"]), (&true.into(), &3.into()), "{report}");
    assert_eq!(place.ok(&["count"]), "3\n");
}

#[test]
fn stale_records_are_kept_where_that_is_asked_for() {
    let place = three();
    let path = place.at("data/metadata/wal-0000000003.log");
    let mut bytes = std::fs::read(&path).expect("the log is read");
    bytes[64 + 32] ^= 1;
    std::fs::write(&path, &bytes).expect("the log is damaged");
    let few = place.run(&["wal", "salvage", "data/metadata", "--to", "few"]);
    assert_eq!(few.code, Some(10), "{}", few.err);
    assert!(few.out.contains("doubtful   /a as of entry 1: left_out"), "{}", few.out);
    assert_eq!(place.ok(&["count", "--uri", "file://./few"]), "0\n");
    let many = place.run(&["wal", "salvage", "data/metadata", "--to", "many", "--include-stale", "-o", "json"]);
    assert_eq!(many.code, Some(10), "{}", many.err);
    let report = common::json(&many.out);
    assert_eq!(report["doubtful"][0]["fate"], "kept", "{report}");
    assert_eq!(place.ok(&["ls", "-o", "name", "--uri", "file://./many"]), "a\nb\n");
}

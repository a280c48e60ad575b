//! copy, diff, digest and backups between a directory, a database file and the server that `PXMETA_TEST_POSTGRES_URL` names, each way.
//!
//! 1,300 records are copied; `PXMETA_SOAK_RECORDS` raises the number.

mod common;

use common::{Place, json, rounds};
use postgres_fixture::Schema;
use serde_json::json;

/// Three connection strings that nobody has used, and what drops the schema of the third.
fn fresh(name: &str) -> ([String; 3], Schema) {
    let schema = Schema::fresh();
    let server = schema.uri().expect("a server");
    ([format!("file://./{name}"), format!("sqlite://./{name}.db"), server], schema)
}

/// Every one to each other one.
fn pairs() -> impl Iterator<Item = (usize, usize)> {
    (0..3).flat_map(|a| (0..3).map(move |b| (a, b))).filter(|(a, b)| a != b)
}

#[test]
fn a_copy_between_any_two_stores_is_byte_equal() {
    let place = Place::new();
    let (sources, _schema) = fresh("source");
    let records = rounds("PXMETA_SOAK_RECORDS", 1300);
    let demo = place.demo(records);
    for uri in &sources {
        let done = place.feed(&demo, &["import", "-", "-q", "--uri", uri]);
        assert_eq!(done.code, Some(0), "{}", done.err);
    }
    let digest = |uri: &str| place.json(&["digest", "--uri", uri, "-o", "json"]);
    for (from, to) in pairs() {
        let what = format!("{from} to {to}");
        let (destinations, _schema) = fresh(&format!("destination-{from}-{to}"));
        let (a, b) = (&*sources[from], &*destinations[to]);
        let done = place.run(&["copy", a, b, "-o", "json"]);
        assert_eq!(done.code, Some(0), "{what}: {}", done.err);
        let report = json(&done.out);
        assert_eq!((&report["created"], &report["left"]), (&json!(records), &json!(0)), "{what}: {report}");
        assert!(place.ok(&["export", "--uri", a]) == place.ok(&["export", "--uri", b]), "{what}: the exports differ");
        assert!(digest(a) == digest(b) && digest(b)["digest"] == report["digest"], "{what}");
        assert_eq!(place.ok(&["diff", a, b]), "", "{what}");
        let again = json(&place.ok(&["copy", a, b, "-o", "json"]));
        assert_eq!((&again["created"], &again["unchanged"]), (&json!(0), &json!(records)), "{what}: {again}");
    }
}

#[test]
fn what_differs_between_two_stores_is_told_and_copied() {
    let place = Place::new();
    let demo = place.demo(300);
    for (from, to) in pairs() {
        let what = format!("{from} to {to}");
        let name = format!("differs-{from}-{to}");
        let ((sources, _a), (destinations, _b)) = (fresh(&format!("a-{name}")), fresh(&format!("b-{name}")));
        let (a, b) = (&*sources[from], &*destinations[to]);
        for uri in [a, b] {
            place.feed(&demo, &["import", "-", "-q", "--uri", uri]);
        }
        place.ok(&["set", "demo-0000003", "owner=there", "--uri", b]);
        place.ok(&["rm", "demo-0000005", "--uri", b]);
        place.ok(&["create", "new", "--dimension", "3", "--id", "new", "--uri", a]);
        let said = place.run(&["diff", a, b, "-o", "ndjson"]);
        let signs: Vec<String> =
            said.out.lines().map(json).map(|d| format!("{}{}", d["sign"], d["id"]).replace('"', "")).collect();
        assert_eq!((said.code, signs.join(" ")), (Some(8), "*demo-0000003 +demo-0000005 +new".to_owned()), "{what}");
        let back = place.run(&["diff", b, a]);
        assert_eq!(back.code, Some(8), "{what}: {}", back.err);
        assert!(back.err.contains("298 collections the same, 0 only in A, 2 only in B, 1 changed"), "{}", back.err);
        let done = place.run(&["copy", a, b, "--on-conflict", "overwrite", "-o", "json"]);
        let report = json(&done.out);
        assert_eq!((done.code, &report["created"], &report["overwritten"]), (Some(0), &json!(2), &json!(1)), "{what}");
        assert_eq!(place.ok(&["diff", a, b]), "", "{what}");
    }
}

#[test]
fn killed_while_it_writes_to_the_server_a_copy_ends_as_if_it_was_not() {
    let place = Place::new();
    let ([from, ..], _a) = fresh("source");
    let ([.., to], _b) = fresh("destination");
    place.feed(place.demo(20_000), &["import", "-", "-q", "--uri", &from]);
    common::kill_and_resume(&place, &from, &to, 20_000);
}

#[test]
fn a_backup_of_any_store_is_restored_into_any() {
    let place = Place::new();
    let (sources, _schema) = fresh("backed-up");
    let demo = place.demo(300);
    for (from, a) in sources.iter().enumerate() {
        place.feed(&demo, &["import", "-", "-q", "--uri", a]);
        let report = place.json(&["backup", "backups", "-o", "json", "--uri", a]);
        let id = report["id"].as_str().expect("an id").to_owned();
        place.ok(&["verify", &format!("backups/{id}")]);
        let (destinations, _schema) = fresh(&format!("restored-{from}"));
        for b in &destinations {
            place.ok(&["restore", &id, "backups", "-q", "--uri", b]);
            assert!(place.ok(&["export", "--uri", b]) == place.ok(&["export", "--uri", a]), "{from}");
            assert_eq!(place.ok(&["diff", a, b]), "", "{from}");
        }
    }
}

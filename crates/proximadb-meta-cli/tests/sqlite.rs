//! The same commands over `sqlite://`: a catalog in a database, made by several processes at once, killed and found whole.
//!
//! kill -9 is tried 10 times; `PXMETA_SOAK_ROUNDS` raises the number.

mod common;

use std::collections::HashSet;
use std::io::Write as _;

use common::{Place, rounds};
use serde_json::json;

const URI: [&str; 2] = ["--uri", "sqlite://./catalog.db"];

fn at<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, &URI].concat()
}

#[test]
fn a_catalog_in_a_database_says_and_keeps_what_another_does() {
    let place = Place::new();
    let lines = place.demo(3000);
    for uri in ["sqlite://./catalog.db", "file://./data/metadata"] {
        let done = place.feed(&lines, &["import", "-", "--uri", uri]);
        assert_eq!(done.code, Some(0), "{}", done.err);
    }
    for args in [&["export"][..], &["count"], &["digest"], &["ls", "--filter", "access_pattern = hot", "-o", "name"]] {
        assert_eq!(place.ok(&at(args)), place.ok(args), "{args:?}");
    }
    let explained = place.json(&at(&["explain", "--filter", "tags:prod", "-o", "json"]));
    assert_eq!(explained["residual"], json!(null));
    assert!(explained["access"].as_str().is_some_and(|a| a.contains("collection_tags")), "{explained}");
    assert!(place.ok(&at(&["maintain"])).contains("found no damage"));
    let layout = place.json(&at(&["schema", "status", "-o", "json"]));
    assert_eq!(layout["pending"], json!([]), "{layout}");
    place.ok(&at(&["doctor"]));
}

#[test]
fn a_plan_of_the_layout_makes_no_file() {
    let place = Place::new();
    let plan = place.json(&at(&["schema", "plan", "-o", "json"]));
    assert!(plan["pending"][0]["steps"].as_array().is_some_and(|s| s.len() > 5), "{plan}");
    assert_eq!(common::files(place.path()).len(), 0);
    place.fails(2, &["create", "x", "--dimension", "1", "--uri", "sqlite://./catalog.db?auto_migrate=false"]);
    assert_eq!(common::files(place.path()).len(), 0);
    place.ok(&at(&["schema", "apply", "--yes"]));
    place.ok(&["create", "x", "--dimension", "1", "--uri", "sqlite://./catalog.db?auto_migrate=false"]);
}

#[test]
fn a_portable_backup_goes_from_one_store_to_the_other() {
    let place = Place::new();
    place.feed(place.demo(500), &at(&["import", "-"]));
    let report = place.json(&at(&["backup", "backups", "-o", "json"]));
    let id = report["id"].as_str().expect("an id");
    place.ok(&["restore", id, "backups", "--uri", "file://./data/metadata"]);
    place.ok(&["restore", id, "backups", "--uri", "sqlite://./second.db"]);
    let exported = place.ok(&at(&["export"]));
    assert_eq!(place.ok(&["export"]), exported);
    assert_eq!(place.ok(&["export", "--uri", "sqlite://./second.db"]), exported);
}

#[test]
fn a_native_backup_is_restored_into_a_new_database_and_nowhere_else() {
    let place = Place::new();
    place.feed(place.demo(500), &at(&["import", "-"]));
    let report = place.json(&at(&["backup", "backups", "--native", "-o", "json"]));
    let id = report["id"].as_str().expect("an id");
    place.ok(&["restore", id, "backups", "--uri", "sqlite://./second.db"]);
    assert_eq!(place.ok(&["export", "--uri", "sqlite://./second.db"]), place.ok(&at(&["export"])));
    let before = common::files(place.path());
    let missing = "01900000-0000-7000-8000-000000000000";
    for args in [[id, "backups", "--uri", "file://./log"], [missing, "backups", "--uri", "sqlite://./third.db"]] {
        place.fails(3, &[&["restore"], &args[..]].concat());
        assert_eq!(common::files(place.path()), before);
    }
    place.ok(&["create", "x", "--dimension", "1", "--uri", "file://./log"]);
    let refused = place.fails(9, &["backup", "b", "--native", "--uri", "file://./log"]);
    assert!(refused.contains("no native backup"), "{refused}");
}

#[test]
fn eight_imports_at_once_share_the_file() {
    let place = Place::new();
    let lines = place.demo(4000);
    let lines: Vec<&str> = lines.split_inclusive('\n').collect();
    let children: Vec<_> = lines
        .chunks(500)
        .map(|part| {
            let mut child = place.spawn(&at(&["import", "-", "-q", "--batch", "50"]));
            let mut input = child.child.stdin.take().expect("stdin");
            let part = part.concat();
            (child, std::thread::spawn(move || input.write_all(part.as_bytes())))
        })
        .collect();
    assert_eq!(children.len(), 8);
    for (child, feeder) in children {
        let said = child.end_by_itself();
        assert_eq!(said.code, Some(0), "{}", said.err);
        feeder.join().expect("the feeder ends").expect("all was read");
    }
    assert_eq!(place.ok(&at(&["count"])), "4000\n");
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    for round in 0..rounds("PXMETA_SOAK_ROUNDS", 10) {
        let place = Place::new();
        let demo = place.demo(4000);
        let mut child = place.spawn(&at(&["import", "-", "--ack", "-q"]));
        let mut input = child.child.stdin.take().expect("stdin");
        // The child dies in the middle of its input; the broken pipe is the point.
        let feeder = std::thread::spawn(move || drop(input.write_all(demo.as_bytes())));
        let mut acknowledged = HashSet::new();
        for _ in 0..1 + round * 390 % 3500 {
            acknowledged.insert(child.line());
        }
        child.child.kill().expect("kill -9");
        let said = child.end_by_itself();
        acknowledged.extend(said.out.lines().map(str::to_owned));
        feeder.join().expect("the feeder ends");
        let there: HashSet<String> = place.ok(&at(&["ls", "-o", "name"])).lines().map(str::to_owned).collect();
        // A pipe may be cut within a line: the last id printed may be a stump.
        let lost: Vec<_> = acknowledged.difference(&there).filter(|id| id.len() == "demo-0000000".len()).collect();
        assert!(lost.is_empty(), "round {round}: lost {lost:?}");
        assert!(there.len().is_multiple_of(500), "round {round}: {} records, batches are of 500", there.len());
        assert!(place.ok(&at(&["maintain"])).contains("found no damage"));
    }
}

//! copy: from one catalog to another, in every way it can end.

mod common;

use std::io::{BufRead as _, BufReader, Read as _};

use common::{Place, Said, json};
use rustix::process::Signal;
use serde_json::json;

const A: &str = "file://./a";
const B: &str = "file://./b";

/// A catalog of so many records at `A`.
fn filled(records: usize) -> Place {
    let place = Place::new();
    place.feed(place.demo(records), &["import", "-", "--uri", A, "-q"]);
    place
}

fn counts(said: &Said) -> serde_json::Value {
    let all = json(&said.out);
    json!([all["created"], all["overwritten"], all["unchanged"], all["skipped"], all["removed"], all["conflicts"]])
}

#[test]
fn a_copy_is_equal_byte_for_byte_and_was_planned_so() {
    let place = filled(1300);
    let planned = place.run(&["copy", A, B, "--dry-run", "-o", "json"]);
    assert_eq!((planned.code, counts(&planned)), (Some(0), json!([1300, 0, 0, 0, 0, 0])));
    assert!(planned.err.contains("would have created 1300,") && !place.at("b").exists(), "{}", planned.err);
    let done = place.run(&["copy", A, B, "-o", "json"]);
    assert_eq!((done.code, counts(&done)), (Some(0), counts(&planned)), "{}", done.err);
    let report = json(&done.out);
    assert_eq!((&report["end"], &report["dry_run"], &report["left"]), (&json!("complete"), &json!(false), &json!(0)));
    assert_eq!(report["digest"], place.json(&["digest", "--uri", B, "-o", "json"])["digest"]);
    assert!(place.ok(&["export", "--uri", A]) == place.ok(&["export", "--uri", B]));
    place.ok(&["diff", A, B]);
    let again = place.run(&["copy", A, B]);
    assert_eq!((again.code, &*again.out), (Some(0), ""));
    assert!(again.err.contains("created 0, overwrote 0, left 1300 unchanged, skipped 0\n"), "{}", again.err);
    assert!(again.err.contains("proved: both have the digest "), "{}", again.err);
    let left = common::files(&place.at("state"));
    assert!(left.is_empty(), "journals of complete copies: {left:?}");
}

#[test]
fn conflicts_are_told_before_anything_is_written() {
    let place = filled(40);
    place.ok(&["copy", A, B, "-q"]);
    place.ok(&["set", "demo-0000003", "owner=there", "--uri", B]);
    place.ok(&["rm", "demo-0000005", "--uri", B]);
    let name = place.json(&["get", "demo-0000005", "--uri", A, "-o", "json"])["name"].clone();
    place.ok(&["create", name.as_str().expect("a name"), "--dimension", "3", "--id", "holder", "--uri", B]);
    let before = place.ok(&["export", "--uri", B]);
    for extra in [&["--dry-run"] as &[_], &[]] {
        let said = place.run(&[&["copy", A, B, "-o", "json"], extra].concat());
        assert_eq!((said.code, counts(&said)), (Some(4), json!([0, 0, 38, 0, 0, 2])), "{}", said.err);
        assert_eq!(json(&said.out)["end"], "refused");
        assert!(
            said.err.contains("conflict: demo-0000003: the destination has another record of this id"),
            "{}",
            said.err
        );
        assert!(said.err.contains("belongs to holder in the destination"), "{}", said.err);
        assert!(said.err.contains("2 collections in the way; nothing was written"), "{}", said.err);
    }
    assert!(place.ok(&["export", "--uri", B]) == before);
    assert!(common::files(&place.at("state")).is_empty(), "there is nothing to resume");
    let skipped = place.run(&["copy", A, B, "--on-conflict", "skip", "-o", "json"]);
    assert_eq!((skipped.code, counts(&skipped)), (Some(0), json!([0, 0, 38, 2, 0, 0])), "{}", skipped.err);
    let newer = place.run(&["copy", A, B, "--on-conflict", "newer", "--dry-run", "-o", "json"]);
    assert_eq!(counts(&newer), json!([0, 0, 38, 2, 0, 0]), "both were written last in the destination");
    let all = place.run(&["copy", A, B, "--on-conflict", "overwrite", "-o", "json"]);
    assert_eq!((all.code, counts(&all)), (Some(0), json!([0, 2, 38, 0, 1, 0])), "{}", all.err);
    assert!(place.ok(&["export", "--uri", A]) == place.ok(&["export", "--uri", B]));
}

#[test]
fn a_part_goes_into_another_namespace_of_the_same_store() {
    let place = filled(60);
    let filter = ["--filter", "tags:prod"];
    let said = place.run(&[&["copy", A, A, "--to-namespace", "tenant", "-o", "json"] as &[_], &filter].concat());
    let n = place.json(&[&["count", "--uri", A, "-o", "json"] as &[_], &filter].concat())["count"].clone();
    assert_eq!((said.code, counts(&said)), (Some(0), json!([n, 0, 0, 0, 0, 0])), "{}", said.err);
    assert!(said.err.contains("proved: record by record"), "{}", said.err);
    assert_eq!(place.ok(&["count", "--uri", A, "--namespace", "tenant"]), format!("{n}\n"));
    assert_eq!(place.ok(&["count", "--uri", A]), "60\n");
    place.fails(2, &["copy", A, A]);
    place.fails(2, &["copy", A, B, "--uri", A]);
    place.fails(2, &["copy", A, B, "--jobs", "0"]);
    place.fails(3, &["copy", "file://./nowhere", B]);
    place.fails(2, &["copy", A, "nonsense://x"]);
    assert!(!place.at("b").exists(), "a copy of nothing makes nothing");
    // One server by two schemes is one catalog, as far as its address tells; nothing is connected to find out.
    let err = place.fails(2, &["copy", "postgres://u@host.invalid/db", "postgresql://u@host.invalid/db"]);
    assert!(err.contains("one catalog in one namespace"), "{err}");
    let into_memory = place.run(&["copy", A, "memory://"]);
    assert!(into_memory.code == Some(0) && into_memory.err.contains("memory:// is forgotten"), "{}", into_memory.err);
}

#[test]
fn killed_and_resumed_it_ends_as_if_it_was_not() {
    common::kill_and_resume(&filled(40_000), A, B, 40_000);
}

#[test]
fn killed_while_it_writes_to_a_database_it_ends_as_if_it_was_not() {
    common::kill_and_resume(&filled(20_000), A, "sqlite://./b.db", 20_000);
}

#[test]
fn ctrl_c_completes_what_is_in_flight() {
    let place = filled(40_000);
    let mut child = place.spawn(&["copy", A, B, "-o", "json", "--journal", "notes"]);
    let mut talk = BufReader::new(child.child.stderr.take().expect("stderr"));
    let mut said = String::new();
    while !said.contains("copied 10000 so far") {
        assert!(talk.read_line(&mut said).expect("talk") > 0, "it says how far it is");
    }
    child.signal(Signal::INT);
    let mut rest = String::new();
    talk.read_to_string(&mut rest).expect("talk");
    let mut out = String::new();
    child.output.read_to_string(&mut out).expect("the report");
    assert_eq!(child.child.wait().expect("the child ends").code(), Some(130), "{rest}");
    let report = json(&out);
    let created = report["created"].as_u64().expect("a number");
    assert!(report["end"] == "stopped" && created < 40_000 && rest.contains("--resume goes on"), "{report} {rest}");
    assert_eq!(place.ok(&["count", "--uri", B]), format!("{created}\n"), "what it says is there, and no more");
    let begun_anew = place.run(&["copy", A, B, "--journal", "notes", "--dry-run"]);
    assert_eq!(begun_anew.code, Some(2), "a plan notes nothing");
    let other = place.run(&["copy", A, "file://./c", "--journal", "notes", "--resume"]);
    assert!(other.code == Some(2) && other.err.contains("journal of another copy"), "{}", other.err);
    let done = place.run(&["copy", A, B, "--journal", "notes", "--resume", "-o", "json"]);
    assert_eq!((done.code, counts(&done)), (Some(0), json!([40_000, 0, 0, 0, 0, 0])), "{}", done.err);
    assert!(!place.at("notes").exists());
}

#[test]
fn without_a_place_for_a_journal_it_copies_and_says_so() {
    let place = filled(20);
    let bare = |args: &[&str]| {
        let mut command = place.command();
        command.env_remove("XDG_STATE_HOME").env_remove("HOME").args(args);
        common::said(command.stdin(std::process::Stdio::null()).output().expect("the binary runs"))
    };
    let refused = bare(&["copy", A, B, "--resume"]);
    assert!(refused.code == Some(2) && refused.err.contains("--journal FILE"), "{}", refused.err);
    let said = bare(&["copy", A, B]);
    assert!(said.code == Some(0) && said.err.contains("cannot be resumed"), "{}", said.err);
}

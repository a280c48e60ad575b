//! create, get, set, rm: single records.

mod common;

use common::Place;
use serde_json::json;

fn one() -> Place {
    let place = Place::new();
    assert_eq!(place.ok(&["create", "docs", "--dimension", "8", "--id", "d", "--tag", "a", "--owner", "me"]), "d\n");
    place
}

#[test]
fn create_sets_every_field_it_has_an_option_for() {
    let place = Place::new();
    let args = [
        "create",
        "docs",
        "--dimension",
        "8",
        "--metric",
        "mine",
        "--index",
        "flat",
        "--owner",
        "böb",
        "--description",
        "two\nlines",
        "--tag",
        "b",
        "--tag",
        "a,c",
        "--access-pattern",
        "cold",
        "--config",
        "{\"m\": 16}",
        "--retain-days",
        "30",
        "--auto-delete",
        "--id",
        "i",
        "-o",
        "json",
    ];
    let made = place.json(&args);
    let expected = json!({
        "id": "i", "name": "docs", "dimension": 8, "distance_metric": "mine", "indexing_algorithm": "flat",
        "owner": "böb", "description": "two\nlines", "tags": ["a,c", "b"], "access_pattern": "cold",
        "config": {"m": 16}, "retention": {"auto_delete": true, "retain_days": 30}, "version": 1, "vector_count": 0,
        "total_size_bytes": 0, "created_at": made["created_at"], "updated_at": made["created_at"],
        "expires_at": made["expires_at"],
    });
    assert_eq!(made, expected);
    assert!(made["expires_at"].is_string(), "auto-delete fills the expiry");
    assert_eq!(place.json(&["get", "i", "-o", "json"]), made);
    assert_eq!(place.json(&["get", "--name", "docs", "-o", "ndjson"]), made);
    let made = place.json(&["create", "x", "--dimension", "1", "--expires-at", "2999-01-01", "-o", "json"]);
    assert_eq!(made["expires_at"], "2999-01-01T00:00:00.000000Z");
}

#[test]
fn create_refuses_what_cannot_be() {
    let place = one();
    for (code, args) in [
        (4, &["create", "docs", "--dimension", "8"] as &[_]),
        (4, &["create", "x", "--dimension", "8", "--id", "d"]),
        (2, &["create", "x"]),
        (2, &["create", "x", "--dimension", "0"]),
        (2, &["create", "x", "--dimension", "-1"]),
        (2, &["create", "x", "--dimension", "8", "--access-pattern", "warm"]),
        (2, &["create", "x", "--dimension", "8", "--config", "[]"]),
        (2, &["create", "x", "--dimension", "8", "--auto-delete"]),
        (2, &["create", "x", "--dimension", "8", "--retain-days", "0"]),
        (2, &["create", "x", "--dimension", "8", "--expires-at", "2001-01-01"]),
        (2, &["create", "x", "--dimension", "8", "--expires-at", "soon"]),
        (2, &["create", "", "--dimension", "8"]),
    ] {
        let err = place.fails(code, args);
        assert!(err.contains("error: "), "{args:?}: {err}");
    }
    assert_eq!(place.ok(&["count"]), "1\n");
}

#[test]
fn get_shows_a_record_in_every_format() {
    let place = one();
    place.ok(&["set", "d", "description=a\tb\nc"]);
    let card = place.ok(&["get", "d"]);
    assert!(card.contains("name                docs\n") && card.contains("description         a\\tb\\nc\n"), "{card}");
    assert!(card.contains("expires_at          -\n"), "{card}");
    assert_eq!(card.lines().count(), 17);
    assert_eq!(place.ok(&["get", "d", "-o", "name"]), "d\n");
    let csv = place.ok(&["get", "d", "-o", "csv"]);
    assert!(csv.starts_with("id,name,dimension,") && csv.contains("d,docs,8,cosine,hnsw,"), "{csv}");
    assert!(place.fails(3, &["get", "nothing"]).contains("nothing"));
    assert!(place.fails(3, &["get", "--name", "nothing"]).contains("nothing"));
    place.fails(2, &["get"]);
    place.fails(2, &["get", "d", "--name", "docs"]);
}

#[test]
fn set_changes_every_settable_field_as_one_step() {
    let place = one();
    let changes = [
        "name=new",
        "dimension=9",
        "distance_metric=l1",
        "indexing_algorithm=flat",
        "access_pattern=hot",
        "retention=30d",
        "expires_at=2999-01-01",
        "config={\"b\":1}",
        "description=x=y",
        "owner=",
        "tags=p,q",
    ];
    let after = place.json(&[&["set", "d", "-o", "json"], &changes as &[_]].concat());
    let expected = json!({
        "id": "d", "name": "new", "dimension": 9, "distance_metric": "l1", "indexing_algorithm": "flat",
        "access_pattern": "hot", "retention": {"auto_delete": false, "retain_days": 30},
        "expires_at": "2999-01-01T00:00:00.000000Z", "config": {"b": 1}, "description": "x=y", "tags": ["p", "q"],
        "version": 2, "vector_count": 0, "total_size_bytes": 0, "created_at": after["created_at"],
        "updated_at": after["updated_at"],
    });
    assert_eq!(after, expected);
    let after =
        place.json(&["set", "d", "tags+=r,p", "tags-=q,zz", "retention=", "expires_at=", "config=", "-o", "json"]);
    assert_eq!((&after["tags"], &after["config"]), (&json!(["p", "r"]), &json!({})));
    assert_eq!((after.get("retention"), after.get("expires_at")), (None, None));
    let after = place.json(&["set", "d", "retention=2d:auto-delete", "-o", "json"]);
    assert_eq!(after["retention"], json!({"auto_delete": true, "retain_days": 2}));
    assert!(after["expires_at"].is_string());
    assert_eq!(place.run(&["set", "d", "owner=o"]).err, "d is at version 5\n");
}

#[test]
fn set_refuses_what_cannot_be_set() {
    let place = one();
    for (change, says) in [
        ("id=x", "cannot be set"),
        ("version=9", "cannot be set"),
        ("created_at=2001-01-01", "cannot be set"),
        ("updated_at=2001-01-01", "cannot be set"),
        ("vector_count=1", "the database"),
        ("total_size_bytes=1", "the database"),
        ("onwer=x", "did you mean \"owner\"?"),
        ("owner", "KEY=VALUE"),
        ("dimension=many", "whole number"),
        ("retention=30", "30d:auto-delete"),
        ("retention=d", "30d:auto-delete"),
        ("retention=1d:delete", "30d:auto-delete"),
        ("expires_at=soon", "not a time"),
        ("config={", "not valid JSON"),
        ("access_pattern=warm", "hot, normal, cold, archive"),
        ("name=", "name is empty"),
    ] {
        let err = place.fails(2, &["set", "d", "tags=changed", change]);
        assert!(err.contains(says), "{change}: {err}");
    }
    assert!(place.fails(2, &["set", "d", "owner=a", "owner=b"]).contains("twice"));
    assert!(place.fails(3, &["set", "nothing", "owner=a"]).contains("nothing"));
    let record = place.json(&["get", "d", "-o", "json"]);
    assert_eq!((&record["version"], &record["tags"]), (&json!(1), &json!(["a"])), "nothing was changed");
}

#[test]
fn set_compares_the_version() {
    let place = one();
    place.ok(&["set", "d", "owner=a", "--if-version", "1"]);
    let err = place.fails(4, &["set", "d", "owner=b", "--if-version", "1"]);
    assert!(err.contains("is at version 2, not 1") && err.contains("hint: "), "{err}");
    assert_eq!(place.json(&["get", "d", "-o", "json"])["owner"], "a");
}

#[test]
fn rm_tells_what_was_not_there() {
    let place = Place::new();
    place.feed(place.demo(10), &["import", "-"]);
    place.ok(&["rm", "demo-0000000"]);
    assert!(place.fails(3, &["rm", "demo-0000000"]).contains("not there: demo-0000000"));
    let said = place.run(&["rm", "demo-0000001", "x", "demo-0000002", "-o", "json"]);
    assert_eq!((said.code, common::json(&said.out)), (Some(10), json!({"deleted": 2, "missing": ["x"]})));
    assert_eq!(place.ok(&["rm", "demo-0000003", "-o", "name"]), "demo-0000003\n");
    assert_eq!(place.ids().len(), 6);
    place.fails(2, &["rm"]);
}

#[test]
fn rm_by_filter_wants_a_yes() {
    let place = Place::new();
    place.feed(place.demo(1200), &["import", "-"]);
    for args in [&["rm", "--filter", "owner:*"] as &[_], &["rm", "--filter", "owner:*", "--no-input"]] {
        let err = place.fails(2, args);
        assert!(err.contains("needs --yes") && err.contains("hint: "), "{err}");
    }
    place.fails(2, &["rm", "demo-0000000", "--filter", "owner:*", "--yes"]);
    place.fails(2, &["rm", "--filter", "onwer:*", "--yes"]);
    assert_eq!(place.ok(&["count"]), "1200\n");
    let n: u64 = place.ok(&["count", "--filter", "owner:*"]).trim().parse().expect("a number");
    assert!((600..1200).contains(&n), "{n}");
    let said = place.run(&["rm", "--filter", "owner:*", "--yes", "-o", "json"]);
    assert_eq!((said.code, common::json(&said.out)["deleted"].as_u64()), (Some(0), Some(n)));
    assert_eq!(said.err, format!("deleted {n} collections\n"));
    assert_eq!(place.ok(&["count"]), format!("{}\n", 1200 - n));
    assert_eq!(place.run(&["rm", "--filter", "owner:*", "--yes"]).err, "deleted 0 collections\n");
}

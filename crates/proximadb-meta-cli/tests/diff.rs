//! diff and digest: what two catalogs differ in, in every format, by exit code.

mod common;

use common::Place;
use serde_json::{Value, json};

const A: &str = "file://./a";
const B: &str = "file://./b";

/// Two catalogs of 50 records that differ in four.
fn two() -> Place {
    let place = Place::new();
    let demo = place.demo(50);
    for uri in [A, B] {
        place.feed(&demo, &["import", "-", "--uri", uri, "-q"]);
    }
    place.ok(&["create", "left", "--dimension", "3", "--id", "left", "--uri", A]);
    place.ok(&["rm", "demo-0000007", "--uri", A]);
    place.ok(&["set", "demo-0000003", "owner=me", "description=", "--uri", A]);
    place.ok(&["set", "demo-0000003", "owner=you", "--uri", B]);
    place.ok(&["set", "demo-0000004", "tags=x", "--uri", B]);
    place
}

#[test]
fn equal_catalogs_have_one_digest_and_no_difference() {
    let place = Place::new();
    let demo = place.demo(50);
    for uri in [A, B] {
        place.feed(&demo, &["import", "-", "--uri", uri]);
    }
    let digest = place.json(&["digest", "--uri", A, "-o", "json"]);
    assert_eq!(digest, place.json(&["digest", "--uri", B, "-o", "json"]));
    let root = digest["digest"].as_str().expect("a text");
    assert!(root.len() == 64 && digest["count"] == 50, "{digest}");
    assert_eq!(place.ok(&["digest", "--uri", A]), format!("digest  {root}\ncount   50\n"));
    assert_eq!(place.ok(&["diff", A, B]), "");
    let none = json!({"differences": [], "same": 50, "only_in_a": 0, "only_in_b": 0, "changed": 0});
    assert_eq!(place.json(&["diff", A, B, "-o", "json"]), none);
    assert_eq!(place.ok(&["diff", A, B, "--same"]).lines().filter(|l| l.starts_with("= demo-")).count(), 50);
    let deep = place.json(&["digest", "--depth", "4", "--uri", A, "-o", "json"]);
    assert_eq!((&deep["digest"], &deep["depth"]), (&digest["digest"], &json!(4)));
    let nodes = deep["nodes"].as_object().expect("an object");
    assert!((45..=50).contains(&nodes.len()) && nodes.keys().all(|k| k.len() == 4), "{nodes:?}");
    assert_eq!(place.ok(&["digest", "--depth", "1", "--uri", A]).lines().count(), 2 + 16);
}

#[test]
fn differences_are_told_with_their_fields() {
    let place = two();
    let said = place.run(&["diff", A, B]);
    assert_eq!(said.code, Some(8), "{}", said.err);
    let lines: Vec<&str> = said.out.lines().filter(|l| !l.contains("_at: ") && !l.contains("description")).collect();
    let expected = [
        "* demo-0000003",
        "    owner: \"me\" -> \"you\"",
        "* demo-0000004",
        "    tags: [",
        "    version: ",
        "- demo-0000007",
        "+ left",
    ];
    assert!(lines.len() == expected.len() && lines.iter().zip(expected).all(|(l, e)| l.starts_with(e)), "{lines:?}");
    assert!(said.err.contains("47 collections the same, 1 only in A, 1 only in B, 2 changed"), "{}", said.err);
    let all = place.run(&["diff", A, B, "-o", "json"]);
    let all: Value = common::json(&all.out);
    assert_eq!(
        (&all["same"], &all["only_in_a"], &all["only_in_b"], &all["changed"]),
        (&json!(47), &json!(1), &json!(1), &json!(2))
    );
    assert_eq!(all["differences"][0]["fields"]["owner"], json!({"a": "me", "b": "you"}));
    let yaml = place.run(&["diff", A, B, "-o", "yaml"]);
    assert_eq!((yaml.code, yaml_serde::from_str::<Value>(&yaml.out).expect("YAML")), (Some(8), all.clone()));
    let none = place.ok(&["diff", A, B, "--fields", "dimension", "--filter", "id = \"demo-0000003\"", "-o", "yaml"]);
    let none = yaml_serde::from_str::<Value>(&none).expect("YAML");
    assert_eq!(none, json!({"differences": [], "same": 1, "only_in_a": 0, "only_in_b": 0, "changed": 0}));
    let left = &all["differences"][3];
    assert_eq!(left, &json!({"sign": "+", "id": "left", "name": "left"}));
    let lines = place.run(&["diff", A, B, "-o", "ndjson"]).out;
    assert_eq!(lines.lines().map(|l| common::json(l)["sign"].clone()).collect::<Vec<_>>(), ["*", "*", "-", "+"]);
}

#[test]
fn a_part_can_be_compared() {
    let place = two();
    let only_tags = place.run(&["diff", A, B, "--fields", "tags", "-o", "ndjson"]);
    assert_eq!(only_tags.code, Some(8));
    let changed: Vec<Value> = only_tags.out.lines().map(common::json).filter(|d| d["sign"] == "*").collect();
    assert!(changed.len() == 1 && changed[0]["fields"].as_object().is_some_and(|f| f.len() == 1), "{changed:?}");
    // A record that matches on one side alone is compared, not missed.
    let by_owner = place.run(&["diff", A, B, "--filter", "owner = me"]);
    assert!(by_owner.out.starts_with("* demo-0000003\n"), "{}", by_owner.out);
    let one = place.run(&["diff", A, B, "--filter", "id = \"demo-0000001\"", "--fields", "name,owner", "--same"]);
    assert_eq!((one.code, &*one.out), (Some(0), "= demo-0000001\n"));
    let err = place.fails(2, &["diff", A, B, "--fields", "onwer"]);
    assert!(err.contains("owner"), "{err}");
}

#[test]
fn namespaces_of_one_store_are_compared_and_what_makes_no_sense_is_refused() {
    let place = Place::new();
    let demo = place.demo(9);
    place.feed(&demo, &["import", "-", "--uri", A, "--namespace", "one"]);
    place.feed(&demo, &["import", "-", "--uri", A, "--namespace", "two"]);
    place.ok(&["diff", A, "file://a", "--namespace", "one", "--to-namespace", "two"]);
    place.fails(8, &["diff", A, A, "--namespace", "one", "--to-namespace", "three"]);
    place.fails(2, &["diff", A, A]);
    place.fails(2, &["diff", A, B, "--uri", A]);
    place.fails(3, &["diff", A, B]);
    assert!(!place.at("b").exists(), "a comparison makes nothing");
}

//! The main job: sample data in, filters answered, the same bytes out.
//!
//! 10,000 records; `PXMETA_SOAK_RECORDS` raises the number (the issue's own is 100,000).

mod common;

use common::{Place, rounds};
use serde_json::Value;

type Test = fn(&Value) -> bool;

/// Twelve filters, each with the same question asked of the JSON by other means.
const FILTERS: [(&str, Test); 12] = [
    ("owner = search", |r| r["owner"] == "search"),
    ("owner != search", |r| r["owner"].is_string() && r["owner"] != "search"),
    ("NOT owner = search", |r| r["owner"] != "search"),
    ("owner = \"böb\"", |r| r["owner"] == "böb"),
    ("dimension >= 768 AND dimension < 1536", |r| (768..1536).contains(&r["dimension"].as_u64().unwrap_or(0))),
    ("tags:prod", |r| r["tags"].as_array().is_some_and(|a| a.iter().any(|t| t == "prod"))),
    ("NOT tags:*", |r| r["tags"].as_array().is_some_and(Vec::is_empty)),
    ("config.index.m >= 32", |r| r["config"]["index"]["m"].as_u64() >= Some(32)),
    ("config.compressed = true", |r| r["config"]["compressed"] == true),
    ("startsWith(name, \"images-\")", |r| r["name"].as_str().is_some_and(|n| n.starts_with("images-"))),
    ("description:* AND (access_pattern = hot OR access_pattern = cold)", |r| {
        r["description"].is_string() && (r["access_pattern"] == "hot" || r["access_pattern"] == "cold")
    }),
    ("created_at < 2026-01-01T00:10:00Z", |r| r["created_at"].as_str() < Some("2026-01-01T00:10:00.000000Z")),
];

#[test]
fn export_gives_back_the_import_byte_for_byte_and_filters_agree() {
    let place = Place::new();
    let count = rounds("PXMETA_SOAK_RECORDS", 10_000);
    let demo = place.ok(&["demo", "--count", &count.to_string(), "--seed", "7"]);
    let done = place.feed(&demo, &["import", "-", "-o", "json", "-q"]);
    assert_eq!(done.out, format!("{{\"created\":{count},\"failed\":0,\"overwritten\":0,\"skipped\":0}}\n"));
    assert_eq!((done.code, &*done.err), (Some(0), ""));
    assert!(place.ok(&["export", "-q"]) == demo, "export equals import");
    let records: Vec<Value> = demo.lines().map(common::json).collect();
    for (filter, test) in FILTERS {
        let expected: Vec<&str> = records.iter().filter(|r| test(r)).filter_map(|r| r["id"].as_str()).collect();
        assert!(!expected.is_empty() && expected.len() < records.len(), "{filter} selects {}", expected.len());
        let got = place.ok(&["ls", "--filter", filter, "-o", "name"]);
        assert!(got.lines().eq(expected.iter().copied()), "{filter}");
    }
    let n = place.json(&["count", "--filter", "owner = search", "-o", "json"]);
    let expected = records.iter().filter(|r| r["owner"] == "search").count();
    assert_eq!(n, serde_json::json!({"count": expected, "filter": "owner = \"search\""}));
}

#[test]
fn the_real_catalogs_import_and_stay_what_they_are() {
    let place = Place::new();
    for (catalog, records) in [("ann-benchmarks", 120), ("embedding-models", 498)] {
        let input = place.ok(&["demo", "--catalog", catalog]);
        let done = place.feed(&input, &["import", "-", "-o", "json", "--on-conflict", "skip"]);
        assert_eq!(common::json(&done.out)["created"], records, "{catalog}: {}", done.err);
        let again = place.feed(&input, &["import", "-", "-o", "json", "--on-conflict", "skip"]);
        assert_eq!(common::json(&again.out)["skipped"], records, "{catalog}: {}", again.err);
    }
    assert_eq!(place.ok(&["count"]), "618\n");
    assert_eq!(place.ok(&["count", "--filter", "owner = INRIA AND distance_metric = euclidean"]).trim().parse(), Ok(7));
}

#[test]
fn an_export_to_a_file_is_whole_or_not_there() {
    let place = Place::new();
    let demo = place.demo(1200);
    place.feed(&demo, &["import", "-"]);
    place.ok(&["export", "out.ndjson"]);
    assert!(std::fs::read_to_string(place.at("out.ndjson")).expect("the export") == demo);
    place.write("out.ndjson", "mine");
    let err = place.fails(4, &["export", "out.ndjson"]);
    assert!(err.contains("exists") && err.contains("--force"), "{err}");
    assert_eq!(std::fs::read_to_string(place.at("out.ndjson")).expect("the file"), "mine");
    place.ok(&["export", "--force", "out.ndjson"]);
    assert!(std::fs::read_to_string(place.at("out.ndjson")).expect("the export") == demo);
    place.fails(2, &["export", "--force", "data"]);
    place.fails(3, &["export", "no/such/directory/out"]);
    let names: Vec<_> = common::files(place.path()).into_iter().map(|(path, _)| path).collect();
    assert_eq!(names.iter().filter(|p| p.parent() == Some(place.path())).count(), 1, "nothing is left over: {names:?}");
}

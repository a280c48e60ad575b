//! search: ranked where the store ranks, refused with the portable way where it does not.

mod common;

use common::{Place, json};

const DB: [&str; 2] = ["--uri", "sqlite://./catalog.db"];

fn at<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, &DB].concat()
}

/// In a database and in a log.
fn place() -> Place {
    let place = Place::new();
    let line = |id: &str, description: &str, tag: &str| {
        format!(
            r#"{{"id":"{id}","name":"n-{id}","dimension":8,"distance_metric":"cosine","description":"{description}","tags":["{tag}"]}}"#
        )
    };
    let lines = [
        line("both", "red green", "x"),
        line("red", "red apples and many other words besides", "x"),
        line("green", "green", "y"),
        line("none", "blue", "y"),
    ];
    for uri in [DB[1], "file://./data/metadata"] {
        let done = place.feed(lines.join("\n"), &["import", "-", "--uri", uri]);
        assert_eq!(done.code, Some(0), "{}", done.err);
    }
    place
}

#[test]
fn the_best_comes_first_in_every_format() {
    let place = place();
    let ids = place.ok(&at(&["search", "red GREEN", "-o", "name"]));
    let ids: Vec<&str> = ids.lines().collect();
    assert_eq!((ids.len(), ids.first()), (3, Some(&"both")), "{ids:?}");
    let found = place.json(&at(&["search", "red green", "-o", "json"]));
    let lines: Vec<_> = place.ok(&at(&["search", "red green", "-o", "ndjson"])).lines().map(json).collect();
    assert_eq!(found, serde_json::json!({"found": lines}));
    let scores: Vec<f64> = lines.iter().map(|l| l["score"].as_f64().expect("a number")).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    assert_eq!(lines[0]["collection"], place.json(&at(&["get", "both", "-o", "json"])));
    let yaml: serde_json::Value =
        yaml_serde::from_str(&place.ok(&at(&["search", "red green", "-o", "yaml"]))).expect("YAML");
    assert_eq!(yaml, found);
    assert_eq!(place.ok(&at(&["search", "red green", "-o", "csv"])).lines().count(), 4);
    let table = place.run(&at(&["search", "red green"]));
    assert_eq!((table.code, table.out.lines().count(), &*table.err), (Some(0), 4, "3 collections\n"));
    assert!(table.out.contains("SCORE") && table.out.contains("METRIC"), "{}", table.out);
}

#[test]
fn a_filter_and_a_limit_hold() {
    let place = place();
    let names = |args: &[&str]| place.ok(&at(&[&["search", "-o", "name"], args].concat()));
    assert_eq!(names(&["red green", "--limit", "1"]), "both\n");
    assert_eq!(names(&["red green", "--filter", "tags:y"]), "green\n");
    assert_eq!(names(&["nowhere"]), "");
    for wrong in
        [&["red", "--limit", "0"] as &[_], &["red", "--limit", "1001"], &["red", "--limit", "x"], &["..."], &[]]
    {
        place.fails(2, &at(&[&["search"], wrong].concat()));
    }
    assert!(place.fails(2, &at(&["search", "red", "--filter", "onwer = x"])).contains("did you mean"));
    place.fails(3, &["search", "red", "--uri", "sqlite://./none.db"]);
    assert!(!place.at("none.db").exists());
}

#[test]
fn without_a_ranking_the_hint_is_the_portable_way() {
    let place = place();
    for uri in ["memory://", "file://./data/metadata"] {
        let err = place.fails(9, &["search", "red green", "--filter", "tags:x", "--uri", uri]);
        assert!(err.contains("no ranked search"), "{err}");
        assert!(err.contains(r#"hint: "#) && err.contains(r#"ls --filter 'text("red green") AND tags:"x"'"#), "{err}");
    }
    // What it says to do works there.
    assert_eq!(place.ok(&["ls", "--filter", r#"text("red green") AND tags:"x""#, "-o", "name"]), "both\n");
    let told = json(&place.fails(9, &["search", "red", "-o", "json"]));
    assert_eq!((&told["kind"], &told["exit_code"]), (&serde_json::json!("Unsupported"), &serde_json::json!(9)));
}

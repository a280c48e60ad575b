//! import: what stops it, what does not, what it counts, what it keeps.

mod common;

use common::{Place, Said, json};
use serde_json::{Value, json};

const SMALL: &str = r#"{"name":"NAME","dimension":3,"distance_metric":"cosine"}"#;

fn small(name: &str) -> String {
    SMALL.replace("NAME", name)
}

fn with(name: &str, more: &str) -> String {
    small(name).replace('}', &format!(",{more}}}"))
}

fn import(place: &Place, lines: &[String], args: &[&str]) -> Said {
    place.feed(lines.join("\n").as_bytes(), &[&["import", "-", "-o", "json"], args].concat())
}

fn counts(said: &Said) -> [u64; 4] {
    let last = json(said.out.lines().last().expect("a summary"));
    ["created", "overwritten", "skipped", "failed"].map(|k| last[k].as_u64().expect("a number"))
}

fn get(place: &Place, name: &str) -> Value {
    place.json(&["get", "--name", name, "-o", "json"])
}

#[test]
fn broken_input_keeps_what_came_before_and_says_where() {
    let place = Place::new();
    let demo = place.demo(10_000);
    let mut lines: Vec<&str> = demo.lines().collect();
    lines[4710] = r#"{"name":"x","dimension":}"#;
    place.write("in.ndjson", lines.join("\n"));
    let said = place.run(&["import", "in.ndjson", "-o", "json"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("line 4711") && said.err.contains("column 25"), "{}", said.err);
    assert_eq!(counts(&said), [4710, 0, 0, 1]);
    let there = place.ids();
    assert_eq!(there.len(), 4710);
    assert_eq!(there.last().map(String::as_str), Some("demo-0004709"));
}

#[test]
fn every_kind_of_bad_line_is_refused_with_its_number() {
    let long = format!("{}{}", small("long"), " ".repeat(1_572_864));
    for (bad, says) in [
        (b"\xff".to_vec(), "no UTF-8 at column 1"),
        (b"[]".to_vec(), "not valid JSON"),
        (b"{\"name\":\"x\"".to_vec(), "column 11"),
        (small("x").replace("3", "\"3\"").into_bytes(), "dimension should be a whole number"),
        (small("x").replace("3", "0").into_bytes(), "dimension is 0"),
        (small(&"x".repeat(256)).into_bytes(), "name has 256 bytes; the limit is 255"),
        (with("x", r#""name":"y""#).into_bytes(), "twice"),
        (with("x", r#""id":"""#).into_bytes(), "id is empty"),
        (with("x", r#""access_pattern":"warm""#).into_bytes(), "warm"),
        (long.into_bytes(), "longer than 1572864 bytes"),
    ] {
        let place = Place::new();
        let input = [small("a").as_bytes(), b"\n\n", &bad, b"\n", small("b").as_bytes()].concat();
        let said = place.feed(&input, &["import", "-", "-o", "json"]);
        assert_eq!(said.code, Some(2), "{says}: {}", said.err);
        assert!(said.err.contains("line 3") && said.err.contains(says), "{says}: {}", said.err);
        assert_eq!(counts(&said), [1, 0, 0, 1], "{says}");
        assert_eq!(place.ok(&["count"]), "1\n", "{says}");
    }
}

#[test]
fn what_a_line_says_is_kept_and_what_it_does_not_say_is_made() {
    let place = Place::new();
    let said = r#"{"id":"i","name":"said","dimension":3,"distance_metric":"my metric","indexing_algorithm":"mine","created_at":"2001-01-01T00:00:00.000000Z","updated_at":"2002-01-01T00:00:00.000000Z","vector_count":5,"total_size_bytes":60,"access_pattern":"cold","retention":{"auto_delete":false,"retain_days":9},"config":{"a":1},"description":"d","owner":"o","tags":["t"],"version":7,"of_tomorrow":[1]}"#;
    // A byte order mark, blank lines, Windows line ends, no line feed at the end: all are common, none is an error.
    let input = format!("\u{feff}{said}\r\n\r\n   \n{}", small("made"));
    let done = place.feed(&input, &["import", "-", "-o", "json"]);
    assert_eq!(counts(&done), [2, 0, 0, 0], "{}", done.err);
    assert_eq!(place.ok(&["get", "i", "-o", "json"]).trim(), said);
    let made = get(&place, "made");
    assert_eq!((made["version"].as_u64(), made["vector_count"].as_u64()), (Some(1), Some(0)));
    assert_eq!(made["created_at"], made["updated_at"]);
    assert_eq!(made["id"].as_str().map(str::len), Some(36));
}

#[test]
fn conflicts_fail_skip_or_overwrite() {
    let place = Place::new();
    let demo = place.demo(12);
    let lines: Vec<String> = demo.lines().map(str::to_owned).collect();
    assert_eq!(counts(&import(&place, &lines[2..12], &[])), [10, 0, 0, 0]);
    let said = import(&place, &lines, &[]);
    assert_eq!((said.code, counts(&said)), (Some(4), [2, 0, 0, 1]));
    assert!(said.err.contains("line 3") && said.err.contains("demo-0000002"), "{}", said.err);
    let said = import(&place, &lines, &["--on-conflict", "skip"]);
    assert_eq!((said.code, counts(&said)), (Some(0), [0, 0, 12, 0]));
    let said = import(&place, &lines, &["--on-conflict", "overwrite"]);
    assert_eq!((said.code, counts(&said)), (Some(0), [0, 12, 0, 0]));
    assert!(place.ok(&["export"]) == demo);
}

#[test]
fn a_line_without_id_is_known_by_its_name() {
    let place = Place::new();
    import(&place, &[with("n", r#""id":"the-id","owner":"first","vector_count":5"#)], &[]);
    let said = import(&place, &[small("n"), small("m")], &["--on-conflict", "skip", "--ack"]);
    assert_eq!(counts(&said), [1, 0, 1, 0]);
    assert_eq!(said.out.lines().count(), 2, "one id and the summary: {}", said.out);
    assert_eq!(get(&place, "n")["owner"], "first");

    let before = get(&place, "n");
    let said = import(&place, &[with("n", r#""owner":"second""#)], &["--on-conflict", "overwrite", "--ack"]);
    assert_eq!((counts(&said), said.out.lines().next()), ([0, 1, 0, 0], Some("the-id")));
    let after = get(&place, "n");
    assert_eq!((&after["id"], &after["owner"]), (&json!("the-id"), &json!("second")));
    // An update: what the line does not say of these stays, and the version grows.
    assert_eq!(after["created_at"], before["created_at"]);
    assert_eq!((&after["vector_count"], &after["version"]), (&json!(5), &json!(2)));

    let said = import(&place, &[with("n", r#""vector_count":9"#)], &["--on-conflict", "overwrite"]);
    assert_eq!(counts(&said), [0, 1, 0, 0]);
    let after = get(&place, "n");
    assert_eq!((&after["vector_count"], &after["version"]), (&json!(9), &json!(3)));
    assert_eq!(after.get("owner"), None, "overwrite replaces all fields");
}

#[test]
fn later_lines_see_what_earlier_ones_of_the_same_batch_did() {
    let place = Place::new();
    import(&place, &[with("n1", r#""id":"a""#), with("n2", r#""id":"b""#)], &[]);
    let lines = [
        with("free", r#""id":"a""#),
        with("n1", r#""id":"b""#),
        with("n1", r#""owner":"who has the name now""#),
        with("n2", r#""owner":"new""#),
        with("n2", r#""owner":"newer""#),
        with("last", r#""id":"a","version":40"#),
    ];
    let said = import(&place, &lines, &["--on-conflict", "overwrite"]);
    assert_eq!((said.code, counts(&said)), (Some(0), [1, 5, 0, 0]), "{}", said.err);
    assert_eq!(get(&place, "n1")["id"], "b");
    assert_eq!(get(&place, "n1")["owner"], "who has the name now");
    assert_eq!(get(&place, "n2")["owner"], "newer");
    assert_eq!(get(&place, "last")["version"], 40);
    assert_eq!(place.ok(&["count"]), "3\n");

    let said = import(&place, &[small("x"), small("x"), small("y")], &["--on-conflict", "skip"]);
    assert_eq!(counts(&said), [2, 0, 1, 0]);
    let said = import(&place, &[small("p"), small("q"), small("p"), small("r")], &[]);
    assert_eq!((said.code, counts(&said)), (Some(4), [2, 0, 0, 1]), "{}", said.err);
    assert!(said.err.contains("line 3"), "{}", said.err);
}

#[test]
fn overwrite_does_not_take_a_name_from_another_record() {
    let place = Place::new();
    import(&place, &[with("n1", r#""id":"a""#), with("n2", r#""id":"b""#)], &[]);
    let lines = [with("n3", r#""id":"c""#), with("n2", r#""id":"a""#), small("n4")];
    let said = import(&place, &lines, &["--on-conflict", "overwrite"]);
    assert_eq!((said.code, counts(&said)), (Some(4), [1, 0, 0, 1]));
    assert!(said.err.contains("line 2") && said.err.contains("n2"), "{}", said.err);
    assert_eq!(place.ids(), ["a", "b", "c"]);
}

#[test]
fn a_line_that_has_expired_is_skipped() {
    let place = Place::new();
    let lines = [small("a"), with("b", r#""id":"b","expires_at":"2020-01-01""#), small("c")];
    let said = import(&place, &lines, &["--on-conflict", "overwrite"]);
    assert_eq!(counts(&said), [2, 0, 1, 0]);
    assert!(said.err.contains("1 had expired"), "{}", said.err);
    assert_eq!(place.ok(&["count"]), "2\n");
}

#[test]
fn acknowledgements_come_in_the_order_of_the_lines() {
    let place = Place::new();
    let demo = place.demo(700);
    let mut lines: Vec<&str> = demo.lines().collect();
    lines.reverse();
    let said = place.feed(lines.join("\n").as_bytes(), &["import", "-", "--ack", "-q", "--batch", "64"]);
    let expected: Vec<String> = (0..700).rev().map(|i| format!("demo-{i:07}")).collect();
    assert!(said.out.lines().eq(expected.iter().map(String::as_str)));
    assert_eq!((said.code, &*said.err), (Some(0), ""));
}

#[test]
fn batches_at_the_same_time_are_told_in_the_order_of_the_lines() {
    let place = Place::new();
    let demo = place.demo(700);
    let at_once = ["--ack", "--batch", "16", "--jobs", "8"];
    for (uri, how) in [("sqlite://a.db", "fail"), ("file://b", "skip"), ("sqlite://a.db", "skip")] {
        let args = [&["import", "-", "-q", "--uri", uri, "--on-conflict", how], &at_once[..]].concat();
        let said = place.feed(&demo, &args);
        assert_eq!((said.code, &*said.err), (Some(0), ""), "{uri} {how}");
        let expected = if (uri, how) == ("sqlite://a.db", "skip") { 0 } else { 700 };
        let expected: Vec<String> = (0..expected).map(|i| format!("demo-{i:07}")).collect();
        assert!(said.out.lines().eq(expected.iter().map(String::as_str)), "{uri} {how}");
    }
    assert_eq!(place.ok(&["export", "--uri", "sqlite://a.db"]), place.ok(&["export", "--uri", "file://b"]));
}

#[test]
fn a_record_is_acknowledged_though_the_next_batch_never_comes() {
    let place = Place::new();
    let mut import = place.spawn(&["import", "-", "--ack", "--batch", "2", "--jobs", "4"]);
    for n in 0..3 {
        let names = [format!("n{n}"), format!("m{n}")];
        for name in &names {
            import.write(&format!("{}\n", with(name, &format!(r#""id":"{name}""#))));
        }
        assert_eq!([import.line(), import.line()], names);
    }
    let said = import.end();
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn behind_a_failure_only_what_was_under_way_is_written() {
    let place = Place::new();
    let demo = place.demo(1000);
    let lines: Vec<String> = demo.lines().map(str::to_owned).collect();
    import(&place, &[lines[500].clone()], &[]);
    let said = import(&place, &lines, &["--batch", "10", "--jobs", "4"]);
    assert_eq!(said.code, Some(4), "{}", said.err);
    assert!(said.err.contains("line 501"), "{}", said.err);
    let [created, overwritten, skipped, failed] = counts(&said);
    assert_eq!([overwritten, skipped, failed], [0, 0, 1]);
    let ids = place.ids();
    assert_eq!(ids.len() as u64, created + 1, "what is counted is there");
    assert!((0..500).all(|n| ids.contains(&format!("demo-{n:07}"))), "every line before it");
    // Three batches of ten.
    assert!(ids.iter().all(|id| **id < *"demo-0000540"), "{:?}", ids.last());
}

#[test]
fn a_line_waits_for_those_before_it_that_are_about_the_same() {
    let same = [small("x"), small("y"), small("x"), with("z", r#""id":"i""#), with("w", r#""id":"i""#)];
    for _ in 0..20 {
        let place = Place::new();
        let said = import(&place, &same, &["--batch", "1", "--jobs", "5", "--on-conflict", "skip"]);
        assert_eq!((said.code, counts(&said)), (Some(0), [3, 0, 2, 0]), "{}", said.err);
        assert_eq!(get(&place, "z")["id"], "i", "the first");
        let place = Place::new();
        let said = import(&place, &same, &["--batch", "1", "--jobs", "5"]);
        assert_eq!(said.code, Some(4), "{}", said.err);
        assert!(said.err.contains("line 3,"), "{}", said.err);
    }
}

#[test]
fn acknowledgements_that_nobody_reads_end_the_import_as_partial() {
    let place = Place::new();
    place.write("in.ndjson", place.demo(2000));
    let said = place.unread(&["import", "in.ndjson", "--ack", "-o", "json"]);
    assert_eq!(said.code, Some(10), "{}", said.err);
    assert!(!said.err.contains("error"), "{}", said.err);
    assert_eq!(place.ids().len(), 500, "the batch that was to be acknowledged is there");
}

#[test]
fn a_batch_that_is_too_large_for_the_backend_is_cut() {
    let place = Place::new();
    // 200 records of about 200 KiB: over what the log takes as one unit, and over a batch's share of text.
    let text = "x".repeat(60_000);
    let line = |i: usize| with(&format!("n{i:03}"), &format!(r#""config":{{"a":"{text}"}},"x":"{text}""#));
    let lines: Vec<String> = (0..200).map(line).collect();
    let said = import(&place, &lines, &["--batch", "10000"]);
    assert_eq!((said.code, counts(&said)), (Some(0), [200, 0, 0, 0]), "{}", said.err);
}

#[test]
fn what_cannot_be_read_makes_no_catalog() {
    let place = Place::new();
    place.fails(3, &["import", "no-such-file"]);
    place.fails(2, &["import", "."]);
    place.fails(2, &["import", "-", "--batch", "0"]);
    place.fails(2, &["import", "-", "--on-conflict", "perhaps"]);
    place.fails(2, &["import", "-", "--jobs", "0"]);
    let said = place.fails(2, &["import", "-", "--jobs", "2", "--on-conflict", "overwrite"]);
    assert!(said.contains("order of the lines"), "{said}");
    assert!(!place.at("data").exists());
}

#[test]
fn off_a_terminal_progress_is_a_few_plain_lines() {
    let place = Place::new();
    let demo = place.demo(25_000);
    let said = place.feed(&demo, &["import", "-"]);
    assert_eq!(
        said.err.lines().collect::<Vec<_>>(),
        ["imported 10000 so far", "imported 20000 so far", "created 25000, overwrote 0, skipped 0, failed 0"]
    );
    assert_eq!(place.feed(b"", &["import", "-", "-q"]).err, "");
}

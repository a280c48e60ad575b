//! ls: formats, order, cursors, and texts that would command a terminal.

mod common;

use common::{Place, json};

fn ten() -> Place {
    let place = Place::new();
    place.feed(place.demo(10), &["import", "-"]);
    place
}

#[test]
fn pages_follow_each_other_in_any_order_and_format() {
    let place = Place::new();
    place.feed(place.demo(1300), &["import", "-"]);
    for order in ["id", "name:desc", "created_at", "updated_at:desc"] {
        let whole = place.ok(&["ls", "--order-by", order, "-o", "name"]);
        assert_eq!(whole.lines().count(), 1300, "{order}");
        let mut parts = String::new();
        let mut after: Option<String> = None;
        loop {
            let mut args = vec!["ls", "--order-by", order, "--limit", "501", "-o", "json"];
            if let Some(cursor) = &after {
                args.extend(["--after", cursor]);
            }
            let page = place.json(&args);
            for r in page["collections"].as_array().expect("an array") {
                parts += &format!("{}\n", r["id"].as_str().expect("an id"));
            }
            after = page["next"].as_str().map(str::to_owned);
            if after.is_none() {
                break;
            }
        }
        assert!(parts == whole, "{order}");
    }
}

#[test]
fn the_next_cursor_is_told_and_belongs_to_its_list() {
    let place = ten();
    let said = place.run(&["ls", "--limit", "4", "-o", "ndjson"]);
    assert_eq!(said.out.lines().count(), 4);
    let cursor = said.err.strip_prefix("next: ").expect("a cursor").trim_end().to_owned();
    let rest = place.run(&["ls", "--after", &cursor, "-o", "name"]);
    assert_eq!((rest.out.lines().next(), rest.out.lines().count()), (Some("demo-0000004"), 6));
    assert_eq!(rest.err, "", "the end has no cursor");
    assert!(place.fails(2, &["ls", "--after", &cursor, "--filter", "owner:*"]).contains("cursor"));
    assert!(place.fails(2, &["ls", "--after", &cursor, "--order-by", "name"]).contains("cursor"));
    assert!(place.fails(2, &["ls", "--after", "rubbish"]).contains("cursor"));
    assert!(place.fails(2, &["ls", "--after", &cursor, "--namespace", "other"]).contains("cursor"));
    assert!(place.fails(2, &["ls", "--limit", "0"]).contains("at least 1"));
    assert!(place.fails(2, &["ls", "--order-by", "owner"]).contains("hint: "));
    assert!(place.fails(2, &["ls", "--order-by", "id:down"]).contains("desc"));
    assert!(place.fails(2, &["ls", "--filter", "onwer = x"]).contains("did you mean \"owner\"?"));
    assert_eq!(place.run(&["ls", "--limit", "4", "-q"]).err, "");
}

#[test]
fn every_format_has_every_record() {
    let place = ten();
    let ndjson = place.ok(&["ls", "-o", "ndjson"]);
    assert!(ndjson == place.ok(&["export"]));
    let array = place.json(&["ls", "-o", "json"]);
    let lines: Vec<_> = ndjson.lines().map(json).collect();
    assert_eq!(array, serde_json::json!({"collections": lines, "next": null}));
    assert_eq!(place.ok(&["ls", "-o", "name"]).lines().count(), 10);
    let said = place.run(&["ls"]);
    assert_eq!((said.out.lines().count(), &*said.err), (11, "10 collections\n"));
    assert!(said.out.starts_with("ID            NAME"), "{}", said.out);
    let empty = |format| place.ok(&["ls", "--filter", "owner = nobody", "-o", format]);
    assert_eq!(empty("json"), "{\"collections\":[\n],\"next\":null}\n");
    assert_eq!((empty("ndjson"), empty("name"), empty("table")), Default::default());
    assert_eq!(empty("csv"), place.ok(&["ls", "-o", "csv"]).lines().next().expect("a header").to_owned() + "\n");
}

#[test]
fn csv_has_every_field_and_survives_quotes_commas_and_line_feeds() {
    let place = Place::new();
    let line = r#"{"id":"i","name":"a \"quoted\", name","dimension":3,"distance_metric":"c","description":"one\ntwo","config":{"k":"v,w"},"tags":["x,y","z"],"retention":{"retain_days":3},"of_tomorrow":true}"#;
    place.feed(line, &["import", "-"]);
    let text = place.ok(&["ls", "-o", "csv"]);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let row = reader.records().next().expect("a row").expect("CSV");
    let cell = |name: &str| row.get(header.iter().position(|h| h == name).expect("a column")).expect("a cell");
    assert_eq!((cell("name"), cell("description")), ("a \"quoted\", name", "one\ntwo"));
    assert_eq!((cell("tags"), cell("config")), (r#"["x,y","z"]"#, r#"{"k":"v,w"}"#));
    assert_eq!(
        (cell("retention"), cell("extra")),
        (r#"{"auto_delete":false,"retain_days":3}"#, r#"{"of_tomorrow":true}"#)
    );
    assert_eq!((cell("owner"), cell("expires_at"), cell("version")), ("", "", "1"));
    assert_eq!(header.len(), 18);
}

#[test]
fn a_table_is_aligned_and_commands_no_terminal() {
    let place = Place::new();
    // Names may hold what turns the direction of writing round; config and descriptions may hold more.
    for (id, name) in [("a", "画像検索"), ("b", "evil\u{202e}eman"), ("c", "plain")] {
        place.ok(&["create", name, "--dimension", "8", "--id", id, "--description", "x\r\ny"]);
    }
    let table = place.ok(&["ls"]);
    let expected = "\
ID  NAME              DIMENSION  METRIC  VECTORS  OWNER  TAGS
a   画像検索                  8  cosine        0  -      -
b   evil\\u{202e}eman          8  cosine        0  -      -
c   plain                     8  cosine        0  -      -
";
    assert_eq!(table, expected);
    let err = place.fails(2, &["create", "bell\u{7}\u{1b}[2J", "--dimension", "8"]);
    assert!(!err.contains('\u{1b}') && !err.contains('\u{7}'), "{err:?}");
    let err = place.fails(3, &["get", "\u{1b}[31mred\u{202e}"]);
    assert!(!err.contains('\u{1b}') && !err.contains('\u{202e}'), "{err:?}");
}

#[test]
fn a_reader_that_goes_away_is_a_quiet_end() {
    let place = Place::new();
    place.feed(place.demo(3000), &["import", "-"]);
    for args in
        [&["ls", "-o", "ndjson"] as &[_], &["ls"], &["export"], &["demo", "--count", "100000"], &["ls", "-o", "csv"]]
    {
        let mut child = place.spawn(args);
        assert!(!child.line().is_empty());
        child.stop_reading();
        let said = child.end();
        assert_eq!((said.code, &*said.err), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn ids_that_nobody_reads_end_a_deletion_as_partial() {
    let place = Place::new();
    place.feed(place.demo(1500), &["import", "-"]);
    let said = place.unread(&["rm", "--filter", "dimension > 0", "--yes", "-o", "name"]);
    assert_eq!((said.code, &*said.err), (Some(10), "deleted 500 collections\n"));
    assert_eq!(place.ids().len(), 1000, "it stopped after its first batch");
}

#[test]
fn namespaces_do_not_meet() {
    let place = ten();
    place.ok(&["create", "other", "--dimension", "8", "--namespace", "tenant"]);
    assert_eq!(place.ok(&["count", "--namespace", "tenant"]), "1\n");
    assert_eq!(place.ok(&["count"]), "10\n");
    assert!(place.fails(2, &["count", "--namespace", &"n".repeat(65)]).contains("namespace"));
}

//! The store as a whole: count, stats, health, explain, backup and restore, backends, version, the address, the formats.

mod common;

use common::Place;
use serde_json::json;

fn place(records: usize) -> Place {
    let place = Place::new();
    place.feed(place.demo(records).as_bytes(), &["import", "-"]);
    place
}

#[test]
fn numbers_are_those_of_the_catalog() {
    let place = place(50);
    assert_eq!(place.ok(&["count", "-o", "json"]), "{\"count\":50,\"filter\":null}\n");
    assert_eq!(place.ok(&["count", "-o", "csv", "--filter", "tags:gpu AND dimension > 1"]).lines().count(), 2);
    let stats = place.json(&["stats", "-o", "json"]);
    assert_eq!((&stats["collections"], &stats["namespaces"]), (&json!(50), &json!(1)));
    assert!(stats["memory_bytes"].as_u64().is_some_and(|n| n > 10_000), "{stats}");
    let table = place.ok(&["stats"]);
    assert!(table.starts_with("collections "), "{table}");
    assert!(place.ok(&["stats", "-o", "csv"]).starts_with("collections,namespaces,"));
}

#[test]
fn health_says_ready_or_down_and_why() {
    let place = place(1);
    let health = place.json(&["health", "-o", "json"]);
    assert_eq!((&health["status"], &health["cause"]), (&json!("ready"), &json!(null)));
    assert!(health["latency_us"].is_u64());
    place.write("file", "mine");
    for uri in ["file://./nothing", "file://./file", "file://./file/below"] {
        let said = place.run(&["health", "-o", "json", "--uri", uri]);
        assert_eq!(said.code, Some(5), "{uri}: {}", said.err);
        let health = common::json(&said.out);
        assert_eq!(health["status"], "down", "{uri}");
        assert!(health["cause"].as_str().is_some_and(|c| c.contains("./")), "{uri}: {health}");
    }
    assert!(place.run(&["health", "--uri", "file://./nothing"]).out.starts_with("status      down\n"));
    place.fails(2, &["health", "--uri", "mysql://x"]);
}

#[test]
fn explain_tells_what_the_store_answered_and_what_it_looked_at() {
    let place = place(400);
    let filter = "owner = search AND dimension >= 768";
    let x = place.json(&["explain", "--filter", filter, "-o", "json"]);
    let owned: u64 = place.ok(&["count", "--filter", "owner = search"]).trim().parse().expect("a number");
    let matched: u64 = place.ok(&["count", "--filter", filter]).trim().parse().expect("a number");
    assert_eq!(
        x,
        json!({"pushed": "owner = \"search\" AND dimension >= 768", "residual": null, "access": "index owner = \"search\"",
               "examined": owned, "matched": matched})
    );
    assert!(matched > 0 && matched < owned && owned < 400);
    assert!(place.ok(&["explain", "--filter", filter]).contains("residual  -\n"));
    assert!(place.fails(2, &["explain", "--filter", "owner = "]).contains("column"));
    place.fails(2, &["explain"]);
}

#[test]
fn a_backup_comes_back_verified() {
    let place = place(120);
    let before = place.ok(&["export"]);
    let id = place.ok(&["backup", "backups", "-o", "name", "-q"]);
    let id = id.trim();
    assert!(place.at("backups").join(id).join("manifest.json").exists());
    let err = place.fails(4, &["restore", id, "backups"]);
    assert!(err.contains("120 collections"), "{err}");
    assert!(place.fails(2, &["restore", id, "backups", "--replace"]).contains("needs --yes"));
    place.ok(&["rm", "demo-0000000"]);
    let done = place.json(&["restore", id, "backups", "--replace", "--yes", "-o", "json", "-q"]);
    assert_eq!(done, json!({"records": 120, "replaced": 119}));
    assert!(place.ok(&["export"]) == before);
    place.ok(&["restore", id, "backups", "--uri", "file://./second"]);
    assert!(place.ok(&["export", "--uri", "file://./second"]) == before);

    let report = place.json(&["backup", "backups", "-o", "json"]);
    assert_eq!((&report["records"], &report["snapshot"]), (&json!(120), &json!(true)));
    let payload = place.at("backups").join(report["id"].as_str().expect("an id")).join("records-00001.ndjson.zst");
    assert!(std::fs::metadata(&payload).expect("the payload").len() < report["bytes"].as_u64().expect("a number") / 4);
    std::fs::write(&payload, "not it").expect("the payload is damaged");
    let second = report["id"].as_str().expect("an id");
    place.fails(7, &["restore", second, "backups", "--replace", "--yes"]);
    assert!(place.ok(&["export"]) == before, "nothing was changed");
    place.fails(3, &["restore", "00000000-0000-7000-8000-000000000000", "backups", "--uri", "file://./second"]);
    place.fails(2, &["restore", "../x", "backups"]);
    place.fails(9, &["backup", "ftp://host/x"]);
}

#[test]
fn a_backup_is_verified_without_a_catalog_and_restored_in_part() {
    let place = place(40);
    let id = place.ok(&["backup", "backups", "-q"]);
    let id = id.trim();
    let gpu: u64 = place.ok(&["count", "--filter", "tags:gpu"]).trim().parse().expect("a number");
    let args = ["restore", id, "backups", "--filter", "tags:gpu", "--uri", "file://./part", "-o", "json", "-q"];
    assert_eq!(place.json(&args), json!({"records": gpu, "replaced": 0}));
    assert_eq!(place.ok(&["count", "--uri", "file://./part"]), format!("{gpu}\n"));
    place.fails(2, &["restore", id, "backups", "--filter", "tags:", "--uri", "file://./nothing"]);
    assert!(!place.at("nothing").exists(), "a bad filter is refused before a catalog is made");

    std::fs::remove_dir_all(place.at("data")).expect("the catalog is removed");
    let whole = place.at("backups").join(id).display().to_string();
    for args in [&["verify", &whole] as &[_], &["verify", "backups", id], &["verify", id, "file://backups"]] {
        let found = place.json(&[args, &["-o", "json", "-q"]].concat());
        assert_eq!((&found["id"], &found["records"], &found["format"]), (&json!(id), &json!(40), &json!(2)));
    }
    assert!(place.ok(&["verify", &whole, "-o", "csv"]).starts_with("id,location,format,"));
    assert!(!place.at("data").exists(), "verify needs no catalog and makes none");
    for args in [&["verify", "backups"] as &[_], &["verify", "backups", "x"], &["verify", ".."]] {
        assert!(place.fails(2, args).contains("LOCATION/ID"), "{args:?}");
    }
    place.fails(3, &["verify", "nowhere", id]);
    let part = place.at("backups").join(id).join("records-00001.ndjson.zst");
    std::fs::remove_file(&part).expect("a part is lost");
    let err = place.fails(7, &["verify", &whole]);
    assert!(err.contains("records-00001.ndjson.zst: it is missing"), "{err}");
}

#[test]
fn backends_and_version_say_what_this_program_is() {
    let place = Place::new();
    assert_eq!(place.ok(&["backends", "-o", "name"]), "memory\npostgresql\nsqlite\nwal\n");
    let backends = place.json(&["backends", "-o", "json"]);
    assert_eq!((&backends[3]["type"], &backends[3]["schemes"]), (&json!("wal"), &json!(["file"])));
    assert_eq!((&backends[3]["durability"], &backends[0]["durability"]), (&json!("synced"), &json!("volatile")));
    assert_eq!((&backends[3]["explain"], &backends[3]["watch"]), (&json!(true), &json!(false)));
    assert_eq!((&backends[1]["multi_process"], &backends[1]["ranked_text"]), (&json!(true), &json!(true)));
    let table = place.ok(&["backends"]);
    let head: Vec<&str> = table.split_whitespace().take(3).collect();
    assert_eq!(head, ["TYPE", "SCHEMES", "OPTIONS"]);
    assert_eq!(place.ok(&["backends", "-o", "csv"]).lines().count(), 5);
    assert_eq!(place.ok(&["backends", "-o", "ndjson"]).lines().count(), 4);
    assert_eq!(place.ok(&["version"]), format!("pxmeta {}\n", env!("CARGO_PKG_VERSION")));
    let version = place.json(&["version", "-o", "json"]);
    assert_eq!(version, json!({"version": env!("CARGO_PKG_VERSION"), "record_format": 1, "keywords_revision": 1}));
    assert_eq!(common::files(place.path()).len(), 0, "none of them made anything");
}

#[test]
fn the_address_is_the_option_then_the_variable_then_the_file_then_the_default() {
    let place = Place::new();
    let with = |uri: &str, args: &[&str]| {
        let output = place.command().env("PXMETA_URI", uri).args(args).output().expect("the binary runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let create = ["create", "x", "--dimension", "1"];
    with("file://./by-variable", &create);
    assert!(place.at("by-variable").exists() && !place.at("data").exists());
    with("file://./by-variable", &[&create as &[_], &["--uri", "file://./by-option"]].concat());
    assert!(place.at("by-option").exists());
    let file = "[metadata_storage]\nconnection_string = \"file://./by-file\"\nnamespace = \"tenant\"\n";
    std::fs::write(place.at("proximadb-meta.toml"), file).expect("the file is written");
    with("file://./by-variable", &["get", "--name", "x"]);
    place.ok(&["create", "y", "--dimension", "1"]);
    assert!(place.at("by-file").exists() && !place.at("data").exists());
    assert_eq!(place.ok(&["count"]), "1\n", "the file says which namespace");
    assert_eq!(place.ok(&["count", "--namespace", ""]), "0\n");
    let err = place.fails(2, &["ls", "--config-file", "nowhere.toml"]);
    assert!(err.contains("nowhere.toml"), "{err}");
    std::fs::write(place.at("proximadb-meta.toml"), "[metadata_storage]\nconection_string = \"x\"\n").expect("written");
    let err = place.fails(2, &["ls"]);
    assert!(err.contains("connection_string") && err.contains("proximadb-meta.toml"), "{err}");
    std::fs::remove_file(place.at("proximadb-meta.toml")).expect("the file is removed");
    place.ok(&create);
    assert!(place.at("data/metadata").exists());
    for uri in ["mysql://user:hunter2@host/db", "no-scheme", "file://", "memory://?limit=hunter2"] {
        let err = place.fails(2, &["ls", "--uri", uri]);
        assert!(!err.contains("hunter2"), "{err}");
    }
}

#[test]
fn memory_is_forgotten_and_says_so() {
    let place = Place::new();
    let said = place.run(&["create", "x", "--dimension", "1", "--uri", "memory://"]);
    assert_eq!((said.code, &*said.err), (Some(0), "memory:// is forgotten when this command ends\n"));
    assert_eq!(place.ok(&["count", "--uri", "memory://"]), "0\n");
}

#[test]
fn a_format_that_a_command_lacks_is_refused() {
    let place = place(1);
    let all = ["table", "json", "ndjson", "csv", "name"];
    // YAML is where JSON is; what it says has a test of its own.
    let commands: [(&[&str], &[&str]); 19] = [
        (&["ls"], &all),
        (&["get", "demo-0000000"], &all),
        (&["backends"], &all),
        (&["set", "demo-0000000", "owner=x"], &all),
        (&["backup", "b"], &all),
        (&["count"], &all[..4]),
        (&["stats"], &all[..4]),
        (&["health"], &all[..4]),
        (&["version"], &all[..4]),
        (&["explain", "--filter", "owner:*"], &all[..4]),
        (&["import", "/dev/null"], &all[..3]),
        (&["rm", "--filter", "owner = nobody", "--yes"], &["table", "json", "ndjson", "name"]),
        (&["doctor"], &all[..4]),
        (&["digest"], &all[..4]),
        (&["maintain"], &all[..4]),
        (&["schema", "status"], &all[..3]),
        (&["completions", "bash"], &all[..1]),
        (&["export"], &["ndjson"]),
        (&["demo", "--count", "1"], &["ndjson"]),
    ];
    for (command, formats) in commands {
        for format in all {
            let said = place.run(&[command, &["-o", format] as &[_]].concat());
            if formats.contains(&format) {
                assert_eq!(said.code, Some(0), "{command:?} -o {format}: {}", said.err);
            } else {
                assert_eq!((said.code, &*said.out), (Some(2), ""), "{command:?} -o {format}");
                assert!(
                    said.err.contains(&format!("has no format {format}")) || said.err.contains("\"hint\""),
                    "{}",
                    said.err
                );
            }
        }
    }
    place.fails(2, &["ls", "-o", "xml"]);
}

#[test]
fn errors_are_lines_or_one_object() {
    let place = place(1);
    let err = place.fails(2, &["ls", "--filter", "onwer = x"]);
    let lines: Vec<&str> = err.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("error: ") && lines[1].starts_with("hint: did you mean"), "{err}");
    for format in ["json", "ndjson", "yaml"] {
        let err = place.fails(2, &["ls", "--filter", "onwer = x", "-o", format]);
        let told = common::json(&err);
        assert_eq!((&told["kind"], &told["exit_code"]), (&json!("InvalidInput"), &json!(2)));
        assert!(told["error"].as_str().is_some_and(|e| e.contains("column 1")), "{told}");
        assert!(told["hint"].is_string() && told["causes"].is_array(), "{told}");
    }
    let err = place.fails(2, &["ls", "-q", "-v"]);
    assert!(err.contains("cannot be used with"), "{err}");
}

#[test]
fn traces_are_asked_for_and_go_to_stderr() {
    let place = place(1);
    assert_eq!(place.run(&["count"]).err, "");
    let info = place.run(&["count", "-v"]);
    assert!(info.err.contains("INFO") && !info.err.contains("DEBUG"), "{}", info.err);
    let debug = place.run(&["-vv", "ls"]);
    assert!(debug.err.contains("DEBUG") && debug.err.contains("file://./data/metadata"), "{}", debug.err);
    assert_eq!(info.out, "1\n");
}

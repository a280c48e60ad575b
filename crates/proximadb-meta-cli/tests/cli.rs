//! The real binary on real directories: round trip, exit codes, broken input, kill -9 while acknowledging.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn pxmeta(dir: &Path) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_pxmeta"));
    c.current_dir(dir).env_remove("PXMETA_URI");
    c
}

fn run(dir: &Path, args: &[&str]) -> Output {
    pxmeta(dir).args(args).output().expect("the binary runs")
}

fn stdout(o: &Output) -> String {
    String::from_utf8(o.stdout.clone()).expect("output is UTF-8")
}

fn code(dir: &Path, args: &[&str]) -> Option<i32> {
    run(dir, args).status.code()
}

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

#[test]
fn export_gives_back_the_import_byte_for_byte_and_filters_agree() {
    let dir = temp();
    let demo = run(dir.path(), &["demo", "--count", "3000", "--seed", "7"]).stdout;
    std::fs::write(dir.path().join("in.ndjson"), &demo).expect("the input is written");
    let done = run(dir.path(), &["import", "in.ndjson", "-o", "json", "-q"]);
    assert_eq!(stdout(&done), "{\"created\":3000,\"failed\":0,\"overwritten\":0,\"skipped\":0}\n");
    assert!(run(dir.path(), &["export", "-q"]).stdout == demo, "export equals import");
    let records: Vec<serde_json::Value> = demo
        .split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(|l| serde_json::from_slice(l).expect("JSON"))
        .collect();
    type Test = fn(&serde_json::Value) -> bool;
    let filters: [(&str, Test); 12] = [
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
    for (filter, test) in filters {
        let expected: Vec<&str> = records.iter().filter(|r| test(r)).filter_map(|r| r["id"].as_str()).collect();
        assert!(!expected.is_empty() && expected.len() < records.len(), "{filter} selects {}", expected.len());
        let got = stdout(&run(dir.path(), &["ls", "--filter", filter, "-o", "name"]));
        assert_eq!(got.lines().collect::<Vec<_>>(), expected, "{filter}");
        let n: serde_json::Value =
            serde_json::from_str(&stdout(&run(dir.path(), &["count", "--filter", filter, "-o", "json"])))
                .expect("JSON");
        assert_eq!(n["count"], expected.len(), "{filter}");
    }
}

#[test]
fn broken_input_keeps_what_came_before_and_says_where() {
    let dir = temp();
    let demo = String::from_utf8(run(dir.path(), &["demo", "--count", "1000"]).stdout).expect("UTF-8");
    let mut lines: Vec<&str> = demo.lines().collect();
    lines[710] = "{\"name\":\"x\",\"dimension\":}";
    std::fs::write(dir.path().join("in.ndjson"), lines.join("\n")).expect("the input is written");
    let o = run(dir.path(), &["import", "in.ndjson", "-o", "json"]);
    assert_eq!(o.status.code(), Some(2));
    let said = String::from_utf8_lossy(&o.stderr).into_owned();
    assert!(said.contains("line 711") && said.contains("column"), "{said}");
    assert_eq!(stdout(&o), "{\"created\":710,\"failed\":1,\"overwritten\":0,\"skipped\":0}\n");
    assert_eq!(stdout(&run(dir.path(), &["count"])).trim(), "710");
}

#[test]
fn conflicts_fail_skip_or_overwrite() {
    let dir = temp();
    for (n, file) in [("10", "ten"), ("12", "twelve")] {
        let demo = run(dir.path(), &["demo", "--count", n]).stdout;
        std::fs::write(dir.path().join(file), demo).expect("the input is written");
    }
    assert_eq!(code(dir.path(), &["import", "ten"]), Some(0));
    assert_eq!(code(dir.path(), &["import", "twelve"]), Some(4));
    let o = run(dir.path(), &["import", "twelve", "--on-conflict", "skip", "-o", "json"]);
    assert_eq!(stdout(&o), "{\"created\":2,\"failed\":0,\"overwritten\":0,\"skipped\":10}\n");
    let o = run(dir.path(), &["import", "twelve", "--on-conflict", "overwrite", "-o", "json"]);
    assert_eq!(stdout(&o), "{\"created\":0,\"failed\":0,\"overwritten\":12,\"skipped\":0}\n");
}

#[test]
fn exit_codes_tell_the_classes_apart() {
    let dir = temp();
    let d = dir.path();
    assert_eq!(code(d, &["ls"]), Some(3), "a reading command makes no store");
    assert!(!d.join("data").exists());
    assert_eq!(code(d, &["create", "docs", "--dimension", "8", "--id", "d"]), Some(0));
    assert_eq!(code(d, &["create", "docs", "--dimension", "8"]), Some(4));
    assert_eq!(code(d, &["get", "nothing"]), Some(3));
    assert_eq!(code(d, &["ls", "--filter", "onwer = x"]), Some(2));
    assert_eq!(code(d, &["ls", "--after", "rubbish"]), Some(2));
    assert_eq!(code(d, &["--uri", "mysql://x", "ls"]), Some(2));
    assert_eq!(code(d, &["no-such-command"]), Some(2));
    assert_eq!(code(d, &["set", "d", "owner=bob", "tags=a,b"]), Some(0));
    assert_eq!(code(d, &["health"]), Some(0));
    std::fs::create_dir(d.join("foreign")).expect("a directory");
    std::fs::write(d.join("foreign/file"), "mine").expect("a file");
    assert_eq!(code(d, &["--uri", "file://./foreign", "ls"]), Some(2));
    assert_eq!(code(d, &["--uri", "file://./foreign", "health"]), Some(5));

    let id = stdout(&run(d, &["backup", "b", "-o", "name", "-q"]));
    assert_eq!(code(d, &["restore", id.trim(), "b"]), Some(4));
    assert_eq!(code(d, &["restore", id.trim(), "b", "--replace"]), Some(0));
    assert_eq!(code(d, &["rm", "d"]), Some(0));
    assert_eq!(code(d, &["rm", "d"]), Some(3));
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    for round in 0..20 {
        let dir = temp();
        let demo = run(dir.path(), &["demo", "--count", "4000", "--seed", "3"]).stdout;
        let mut child = pxmeta(dir.path())
            .args(["import", "-", "--ack", "-q"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut input = child.stdin.take().expect("stdin");
        // The child dies in the middle of its input; the broken pipe is the point.
        let feeder = std::thread::spawn(move || drop(input.write_all(&demo)));
        let mut acknowledged = HashSet::new();
        let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        // Killed after another number of acknowledgements each round.
        for line in lines.by_ref().take(1 + round * 170) {
            acknowledged.insert(line.expect("a line"));
        }
        child.kill().expect("kill -9");
        child.wait().expect("the child ends");
        acknowledged.extend(lines.map_while(Result::ok));
        feeder.join().expect("the feeder ends");
        let there: HashSet<String> =
            stdout(&run(dir.path(), &["ls", "-o", "name"])).lines().map(str::to_owned).collect();
        // A pipe may be cut within a line: the last id printed may be a stump.
        let lost: Vec<_> = acknowledged.difference(&there).filter(|id| id.len() == "demo-0000000".len()).collect();
        assert!(lost.is_empty(), "round {round}: lost {lost:?}");
        assert!(there.len().is_multiple_of(500), "round {round}: {} records, batches are of 500", there.len());
    }
}

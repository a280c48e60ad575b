//! What an operator asks: doctor, schema, maintain, completions, YAML, traces of the library.
#![allow(clippy::panic, reason = "helpers of tests")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use common::Place;
use serde_json::{Value, json};

fn place(records: usize) -> Place {
    let place = Place::new();
    place.feed(place.demo(records), &["import", "-"]);
    place
}

/// What doctor found, its exit code beside it.
fn doctor(place: &Place, args: &[&str]) -> (Option<i32>, Vec<Value>) {
    let said = place.run(&[&["doctor", "-o", "json"], args].concat());
    let mut report = common::json(&said.out);
    let Value::Array(findings) = report["findings"].take() else { panic!("no findings: {}", said.out) };
    (said.code, findings)
}

fn finding<'a>(findings: &'a [Value], subject: &str) -> &'a Value {
    let found = findings.iter().find(|f| f["subject"] == subject);
    found.unwrap_or_else(|| panic!("nothing of {subject:?} in {findings:?}"))
}

fn severity<'a>(findings: &'a [Value], subject: &str) -> &'a str {
    finding(findings, subject)["severity"].as_str().expect("a severity")
}

#[test]
fn a_good_store_has_no_problem_and_nothing_changes() {
    let place = place(20);
    let before = common::files(place.path());
    let (code, findings) = doctor(&place, &[]);
    assert_eq!(code, Some(0), "{findings:?}");
    assert_eq!(common::files(place.path()), before);
    for subject in ["program", "address", "health", "durability", "batch limits", "clock", "release", "segment_bytes"] {
        assert_eq!(severity(&findings, subject), "ok", "{findings:?}");
    }
    for subject in ["directory", "files", "format", "log", "checkpoint", "memory"] {
        assert_eq!(severity(&findings, subject), "ok", "{findings:?}");
    }
    for f in &findings {
        assert_eq!(f["fix"].is_null(), f["severity"] == "ok", "{f}");
    }
    let free = &finding(&findings, "free space")["value"];
    assert!(free["number"].is_u64() && free["unit"] == "bytes", "{free}");
    assert_eq!(finding(&findings, "segment_bytes")["value"], json!({"number": 67_108_864, "unit": "bytes"}));
    assert!(finding(&findings, "address")["found"].as_str().is_some_and(|t| t.ends_with("the default")));
    assert_eq!(place.ok(&["doctor", "-o", "ndjson"]).lines().count(), findings.len());
    assert_eq!(place.ok(&["doctor", "-o", "csv"]).lines().count(), findings.len() + 1);
    let table = place.run(&["doctor"]);
    assert!(table.out.starts_with("LEVEL ") && table.err.contains("problems 0"), "{}{}", table.out, table.err);
    assert_eq!(place.run(&["doctor", "-q"]).err, "");
}

#[test]
fn a_store_that_others_can_read_is_a_warning_with_the_command_that_mends_it() {
    let place = place(1);
    let (dir, file) = (place.at("data/metadata"), place.at("data/metadata/FORMAT"));
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).expect("the mode is set");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("the mode is set");
    fs::write(dir.join("notes.txt"), "mine").expect("a file of somebody else");
    let (code, findings) = doctor(&place, &[]);
    assert_eq!(code, Some(0), "a warning is no problem: {findings:?}");
    assert_eq!(severity(&findings, "directory"), "warning");
    assert_eq!(finding(&findings, "directory")["fix"], "chmod 700 ./data/metadata");
    assert!(finding(&findings, "files")["found"].as_str().is_some_and(|t| t.contains("FORMAT")), "{findings:?}");
    assert_eq!(severity(&findings, "foreign files"), "note");
}

#[test]
fn memory_is_noted_as_volatile() {
    let place = Place::new();
    let (code, findings) = doctor(&place, &["--uri", "memory://"]);
    assert_eq!((code, severity(&findings, "durability")), (Some(0), "note"));
    assert_eq!(common::files(place.path()).len(), 0);
}

#[test]
fn a_store_that_does_not_open_is_looked_at_from_outside() {
    let place = Place::new();
    let (code, findings) = doctor(&place, &[]);
    assert_eq!((code, severity(&findings, "directory")), (Some(3), "problem"));
    assert!(finding(&findings, "opening")["fix"].as_str().is_some_and(|t| t.contains("import")), "{findings:?}");
    assert!(!place.at("data").exists(), "nothing was made");

    place.feed(place.demo(50), &["import", "-"]);
    let log = place.at("data/metadata/wal-0000000001.log");
    let good = fs::read(&log).expect("the log");
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 0x10;
    fs::write(&log, &bad).expect("the log is damaged");
    let before = common::files(place.path());
    let (code, findings) = doctor(&place, &[]);
    assert_eq!((code, severity(&findings, "opening"), severity(&findings, "format")), (Some(7), "problem", "ok"));
    assert!(finding(&findings, "opening")["fix"].as_str().is_some_and(|t| t.contains("pxmeta wal salvage")));
    assert_eq!(common::files(place.path()), before, "nothing was changed");

    fs::write(&log, &good).expect("the log is mended");
    place.write("data/metadata/FORMAT", "proximadb-meta-wal format 2\n");
    let (code, findings) = doctor(&place, &[]);
    assert_eq!((code, severity(&findings, "format")), (Some(9), "problem"));
    assert!(finding(&findings, "format")["found"].as_str().is_some_and(|t| t.contains("format 2")), "{findings:?}");

    fs::create_dir(place.at("theirs")).expect("a directory");
    place.write("theirs/file", "mine");
    let (code, findings) = doctor(&place, &["--uri", "file://./theirs"]);
    assert_eq!((code, severity(&findings, "format")), (Some(2), "problem"));
    let (code, findings) = doctor(&place, &["--uri", "file://./theirs/file"]);
    assert_eq!((code, severity(&findings, "directory")), (Some(2), "problem"));
    place.fails(2, &["doctor", "--uri", "mysql://x"]);
}

#[test]
fn a_store_in_use_is_looked_at_beside_its_user() {
    let place = Place::new();
    let mut holder = place.spawn(&["import", "-", "--ack", "--batch", "1"]);
    holder.write(&place.demo(1));
    assert_eq!(holder.line(), "demo-0000000", "the holder has it open");
    let (code, findings) = doctor(&place, &[]);
    assert_eq!((code, severity(&findings, "opening")), (Some(5), "problem"));
    assert_eq!((severity(&findings, "directory"), severity(&findings, "log")), ("ok", "ok"));
    assert_eq!(severity(&findings, "lock"), "note");
    assert_eq!(holder.end().code, Some(0));
}

#[test]
fn limits_of_the_process_are_found() {
    let place = place(3);
    let mut command = common::prepared(Command::new("sh"), place.path());
    command.args(["-c", "ulimit -n 20; ulimit -f 1000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_pxmeta")]);
    let said =
        common::said(command.args(["doctor", "-o", "json"]).stdin(Stdio::null()).output().expect("the shell runs"));
    assert_eq!(said.code, Some(0), "{}", said.err);
    let findings = common::json(&said.out)["findings"].as_array().expect("findings").clone();
    assert_eq!((severity(&findings, "open files"), severity(&findings, "file length")), ("warning", "warning"));
}

#[test]
fn the_schema_of_a_log_is_its_format() {
    let place = place(3);
    let format = json!({"format": 1, "min_reader": 1, "min_writer": 1});
    let nothing = json!({"format": format, "applied": [], "pending": [], "ran": []});
    for what in ["status", "plan", "apply"] {
        let before = common::files(place.path());
        assert_eq!(place.json(&["schema", what, "-o", "json"]), nothing, "{what}");
        assert_eq!(common::files(place.path()), before, "{what}");
        place.fails(9, &["schema", what, "--uri", "memory://"]);
        assert!(place.fails(3, &["schema", what, "--uri", "file://./none"]).contains("there is no catalog"));
    }
    assert!(!place.at("none").exists());
    assert_eq!(place.ok(&["schema", "plan"]), "nothing to apply\n");
    assert_eq!(place.run(&["schema", "apply"]).err, "nothing to apply\n");
    place.write("data/metadata/FORMAT", "proximadb-meta-wal format 2\n");
    assert!(place.fails(9, &["schema", "status"]).contains("format 2"));
    place.fails(2, &["schema"]);
}

#[test]
fn maintain_says_what_was_done() {
    let place = place(300);
    let log = |place: &Place| place.json(&["stats", "-o", "json"])["log_bytes"].as_u64().expect("a number");
    let before = log(&place);
    assert!(place.ok(&["maintain"]).contains("checkpoint"));
    assert!(log(&place) < before);
    assert!(place.json(&["maintain", "-o", "json"])["done"].is_string());
    assert_eq!(place.ok(&["count"]), "300\n");
    place.fails(9, &["maintain", "--uri", "memory://"]);
    place.fails(3, &["maintain", "--uri", "file://./none"]);
}

#[test]
fn every_format_of_json_is_also_one_of_yaml() {
    let place = place(4);
    let hostile = r#"{"id":"no","name":"1e3","dimension":3,"distance_metric":"null","description":"a: b\n- c\n","config":{"~":[" x","画像",1e300]}}"#;
    assert_eq!(place.feed(hostile, &["import", "-"]).code, Some(0));
    let yaml = |text: &str| -> Value { yaml_serde::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}")) };
    let commands: [&[&str]; 18] = [
        &["ls"],
        &["ls", "--limit", "2"],
        &["ls", "--filter", "id = nobody"],
        &["get", "no"],
        &["count", "--filter", "tags:gpu"],
        &["stats"],
        &["explain", "--filter", "owner:*"],
        &["backends"],
        &["version"],
        &["schema", "status"],
        &["schema", "plan"],
        &["wal", "inspect", "data/metadata"],
        &["wal", "verify", "data/metadata"],
        &["import", "/dev/null"],
        &["rm", "--filter", "owner = nobody", "--yes"],
        &["digest"],
        &["digest", "--depth", "1"],
        &["copy", "file://./data/metadata", "memory://"],
    ];
    for command in commands {
        let of = |format: &str| place.ok(&[command, &["-o", format] as &[_]].concat());
        let text = of("yaml");
        assert_eq!(yaml(&text), common::json(&of("json")), "{command:?}: {text}");
    }
    assert_eq!(yaml(&place.ok(&["set", "no", "owner=off", "-o", "yaml"]))["owner"], "off");
    assert_eq!(yaml(&place.ok(&["health", "-o", "yaml"]))["status"], "ready");
    assert_eq!(yaml(&place.ok(&["doctor", "-o", "yaml"]))["findings"][0]["subject"], "program");
    assert!(place.ok(&["get", "no", "-o", "yaml"]).starts_with("id: \"no\"\nname: \"1e3\"\ndimension: 3\n"));
    let e = yaml(&place.fails(3, &["get", "nobody", "-o", "yaml"]));
    assert_eq!((&e["kind"], &e["exit_code"]), (&json!("NotFound"), &json!(3)));
    for lacking in [&["export"] as &[_], &["demo"], &["completions", "bash"]] {
        place.fails(2, &[lacking, &["-o", "yaml"]].concat());
    }
}

#[test]
fn completions_are_scripts_that_complete() {
    let place = Place::new();
    let commands = ["import", "doctor", "schema", "completions", "backends"];
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.ok(&["completions", shell]);
        for command in commands {
            assert!(script.contains(command), "{shell} knows no {command}");
        }
        place.write(shell, script);
    }
    let run = |program: &str, args: &[&str]| {
        let said = common::prepared(Command::new(program), place.path()).args(args).stdin(Stdio::null()).output();
        said.map(common::said)
    };
    let ask = "source ./bash && COMP_WORDS=(pxmeta \"$0\" \"$1\") COMP_CWORD=2 COMP_LINE=\"pxmeta $0 $1\" COMP_POINT=99 && \
               _pxmeta pxmeta \"$1\" \"$0\" && echo \"${COMPREPLY[@]}\"";
    assert_eq!(run("bash", &["-n", "bash"]).expect("bash runs").err, "");
    for (before, word, completed) in [("schema", "ap", "apply"), ("doctor", "--names", "--namespace")] {
        let said = run("bash", &["-c", ask, before, word]).expect("bash runs");
        assert_eq!((said.code, said.out.trim_end()), (Some(0), completed), "{}", said.err);
    }
    // Where there are other shells, they read theirs as well; all have their commands above.
    for (shell, check) in [("zsh", "-n"), ("fish", "--no-execute")] {
        match run(shell, &[check, shell]) {
            Ok(said) => assert_eq!((said.code, &*said.err), (Some(0), ""), "{shell}"),
            Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::NotFound, "{shell}: {e}"),
        }
    }
    assert!(place.fails(2, &["completions", "tcsh"]).contains("tcsh"));
    assert_eq!(common::files(place.path()).len(), 5, "no catalog was made");
}

#[test]
fn a_restore_that_cannot_be_done_makes_no_catalog() {
    let place = place(5);
    let id = place.ok(&["backup", "backups", "-q"]);
    let id = id.trim();
    let fresh = ["--uri", "file://./some/where"];
    let unknown = "00000000-0000-7000-8000-000000000000";
    let err = place.fails(3, &[&["restore", unknown, "backups"] as &[_], &fresh].concat());
    assert!(err.starts_with("error: ") && err.contains(unknown) && err.contains("hint: "), "{err}");
    place.fails(2, &[&["restore", "../x", "backups"] as &[_], &fresh].concat());
    let whole = common::files(&place.at("backups"));
    for (path, bytes) in &whole {
        fs::write(path, &bytes[..bytes.len() / 2]).expect("it is cut short");
        place.fails(7, &[&["restore", id, "backups"] as &[_], &fresh].concat());
        fs::write(path, bytes).expect("it is mended");
    }
    assert!(!place.at("some").exists(), "nothing was made");
    place.ok(&[&["restore", id, "backups"] as &[_], &fresh].concat());
    assert_eq!(place.ok(&[&["count"] as &[_], &fresh].concat()), "5\n");
}

#[test]
fn traces_show_the_calls_and_what_the_library_does() {
    let place = place(2);
    let info = place.run(&["count", "-v"]).err;
    assert!(info.contains("metadata_call{operation=\"count_collections\" backend=\"wal\""), "{info}");
    assert!(info.contains("outcome=\"ok\"") && !info.contains("replayed"), "{info}");
    let failed = place.run(&["rm", "x", "-v", "--uri", "file://./data/metadata?enable_tracing=true"]).err;
    assert_eq!(failed.matches("operation=\"batch_operations\"").count(), 1, "one span a call: {failed}");
    let debug = place.run(&["maintain", "-vv"]).err;
    assert!(debug.contains("proximadb_meta_wal::log::open: replayed the log"), "{debug}");
    assert!(debug.contains("proximadb_meta_wal::writer: wrote a checkpoint"), "{debug}");
    place.ok(&["create", "more", "--dimension", "1"]);
    let logs = common::files(&place.at("data/metadata"))
        .into_iter()
        .filter(|(p, _)| p.extension().is_some_and(|x| x == "log"));
    let (newest, bytes) = logs.max().expect("a log");
    // The seal of the close goes, and a part of the group before it.
    fs::write(&newest, &bytes[..bytes.len() - 40]).expect("its end is torn off");
    let warned = place.run(&["count", "-v"]).err;
    assert!(warned.contains("WARN") && warned.contains("torn tail"), "{warned}");
}

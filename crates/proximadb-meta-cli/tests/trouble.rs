//! Directories that cannot be used: missing, not ours, locked, read-only, full, damaged. A clear message, the right exit
//! code, no panic, and never a new catalog beside or instead of the old one.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::Place;

/// Commands that only read, or change what is there.
const NOT_MAKING: [&[&str]; 16] = [
    &["ls"],
    &["search", "x"],
    &["get", "x"],
    &["count"],
    &["export"],
    &["export", "out"],
    &["stats"],
    &["explain", "--filter", "owner:*"],
    &["backup", "b"],
    &["set", "x", "owner=y"],
    &["rm", "x"],
    &["maintain"],
    &["schema", "status"],
    &["schema", "plan"],
    &["schema", "apply", "--yes"],
    &["rm", "--filter", "owner:*", "--yes"],
];

#[test]
fn what_does_not_make_a_catalog_leaves_none_behind() {
    for prepared in [&[] as &[&str], &["data/metadata"], &["data/metadata", "data/metadata/LOCK"]] {
        let place = Place::new();
        for path in prepared {
            if path.ends_with("LOCK") {
                place.write(path, "");
            } else {
                fs::create_dir_all(place.at(path)).expect("a directory");
            }
        }
        let before = common::files(place.path());
        for args in NOT_MAKING {
            let err = place.fails(3, args);
            assert!(
                err.contains("there is no catalog at ./data/metadata") && err.contains("hint: "),
                "{args:?}: {err}"
            );
        }
        place.fails(5, &["health", "-q"]);
        assert_eq!(common::files(place.path()), before);
        assert_eq!(place.at("data").exists(), !prepared.is_empty());
    }
}

#[test]
fn what_does_not_make_a_catalog_leaves_no_empty_database() {
    let place = Place::new();
    let before = common::files(place.path());
    // Its layout can be planned and made by itself.
    for args in NOT_MAKING.iter().filter(|args| args[0] != "schema") {
        let err = place.fails(3, &[args, &["--uri", "sqlite://./none.db"][..]].concat());
        assert!(err.contains("there is no catalog at ./none.db") && err.contains("hint: "), "{args:?}: {err}");
        assert_eq!(common::files(place.path()), before, "{args:?}");
    }
}

#[test]
fn a_directory_of_somebody_else_is_left_alone() {
    let place = Place::new();
    fs::create_dir(place.at("theirs")).expect("a directory");
    place.write("theirs/file", "mine");
    place.write("a-file", "mine");
    let before = common::files(place.path());
    for uri in ["file://./theirs", "file://./a-file", "file://./a-file/below"] {
        for args in [&["ls"] as &[_], &["create", "x", "--dimension", "1"], &["import", "/dev/null"]] {
            let err = place.fails(2, &[args, &["--uri", uri]].concat());
            assert!(err.contains("error: "), "{uri} {args:?}: {err}");
        }
    }
    assert!(place.fails(2, &["ls", "--uri", "file://./theirs"]).contains("not a catalog"));
    assert_eq!(common::files(place.path()), before);
}

#[test]
fn a_catalog_that_another_process_has_open_is_locked() {
    let place = Place::new();
    let mut holder = place.spawn(&["import", "-", "--ack", "--batch", "1"]);
    holder.write(&place.demo(1));
    assert_eq!(holder.line(), "demo-0000000", "the holder has it open");
    for args in [&["ls"] as &[_], &["create", "x", "--dimension", "1"], &["rm", "demo-0000000"]] {
        let err = place.fails(5, args);
        assert!(err.contains("another handle or process has ./data/metadata open") && err.contains("hint: "), "{err}");
    }
    let down = place.run(&["health", "-o", "json"]);
    assert_eq!((down.code, &common::json(&down.out)["status"]), (Some(5), &serde_json::json!("down")));
    assert_eq!(holder.end().code, Some(0));
    assert_eq!(place.ids(), ["demo-0000000"]);
}

/// A copy of the binary in a directory of everybody's, run as somebody without rights where the test runs as root, whom no
/// mode stops.
struct Unprivileged {
    place: Place,
    binary: PathBuf,
}

impl Unprivileged {
    fn new() -> Self {
        let place = Place::new();
        let binary = place.at("pxmeta");
        fs::copy(env!("CARGO_BIN_EXE_pxmeta"), &binary).expect("the binary is copied");
        mode(&binary, 0o755);
        mode(place.path(), 0o755);
        Self { place, binary }
    }

    fn run(&self, args: &[&str]) -> common::Said {
        let mut command = common::prepared(Command::new(&self.binary), self.place.path());
        if rustix::process::geteuid().is_root() {
            command.uid(65_534).gid(65_534);
        }
        common::said(command.args(args).stdin(Stdio::null()).output().expect("the binary runs"))
    }
}

fn mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode is set");
}

#[test]
fn what_is_not_permitted_is_exit_code_6() {
    let user = Unprivileged::new();
    let place = &user.place;
    place.feed(place.demo(3), &["import", "-", "-q"]);
    let metadata = place.at("data/metadata");
    // What is there can be read, but nothing can be written.
    for (path, _) in common::files(&metadata) {
        mode(&path, 0o444);
    }
    for path in ["data", "data/metadata"] {
        mode(&place.at(path), 0o555);
    }
    mode(place.path(), 0o555);
    let before = common::files(&metadata);
    for args in [
        &["ls"] as &[_],
        &["rm", "demo-0000000"],
        &["create", "x", "--dimension", "1"],
        &["create", "x", "--dimension", "1", "--uri", "file://./new"],
        &["import", "/dev/null", "--uri", "file://./data/new"],
    ] {
        let said = user.run(args);
        assert_eq!(said.code, Some(6), "{args:?}: {}", said.err);
        assert!(said.err.contains("error: ") && said.err.contains("ermission denied"), "{args:?}: {}", said.err);
    }
    let said = user.run(&["doctor", "-o", "ndjson"]);
    let access = said.out.lines().map(common::json).find(|f| f["subject"] == "access");
    assert_eq!(said.code, Some(6), "{}", said.out);
    assert_eq!(access.expect("it is looked at")["severity"], "problem", "{}", said.out);
    // The directory cannot even be looked into: that is no catalog that is missing.
    mode(&metadata, 0o000);
    let said = user.run(&["ls"]);
    assert_eq!(said.code, Some(6), "{}", said.err);
    let said = user.run(&["doctor"]);
    assert_eq!(said.code, Some(6), "{}", said.out);
    assert!(said.out.contains("problem  opening") && said.out.contains("files"), "{}", said.out);
    mode(&metadata, 0o700);
    mode(place.path(), 0o755);
    mode(&place.at("data"), 0o755);
    assert_eq!(common::files(&metadata), before);
    place.write("secret", "{}");
    mode(&place.at("secret"), 0o000);
    assert_eq!(user.run(&["import", "secret", "--uri", "memory://"]).code, Some(6));
}

/// A shell that lets no file grow over 64 KiB and does not die of it stands in for a full disk.
fn on_a_small_disk(place: &Place, args: &[&str], input: &str) -> common::Said {
    let mut command = common::prepared(Command::new("sh"), place.path());
    command.args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_pxmeta")]);
    let mut child = common::Running::start(command.args(args));
    child.write(input);
    child.end()
}

#[test]
fn a_full_disk_keeps_what_was_acknowledged() {
    let place = Place::new();
    let demo = place.demo(2000);
    let said = on_a_small_disk(&place, &["import", "-", "--ack", "--batch", "10"], &demo);
    assert_eq!(said.code, Some(5), "{}", said.err);
    assert!(said.err.contains("error: ") && said.err.contains("./data/metadata"), "{}", said.err);
    let acknowledged: Vec<&str> = said.out.lines().collect();
    assert!(acknowledged.len() >= 10 && acknowledged.len() < 2000, "{}", acknowledged.len());
    assert_eq!(place.ids(), acknowledged, "after a reopen with room");
    place.ok(&["create", "more", "--dimension", "1"]);

    let said = on_a_small_disk(&place, &["export", "out.ndjson", "--uri", "file://./data/metadata"], "");
    assert_eq!(said.code, Some(5), "{}", said.err);
    assert!(!place.at("out.ndjson").exists(), "no half export");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let said = common::said(place.command().args(["export", "-q"]).stdout(full).output().expect("the binary runs"));
    assert_eq!(said.code, Some(5), "{}", said.err);
    assert!(said.err.contains("cannot write the output"), "{}", said.err);
}

#[test]
fn a_flipped_bit_in_the_log_is_damage_and_is_located() {
    let place = Place::new();
    place.feed(place.demo(300), &["import", "-", "--batch", "50"]);
    let log = place.at("data/metadata/wal-0000000001.log");
    let good = fs::read(&log).expect("the log");
    for at in [0, 20, 80, good.len() / 3, good.len() / 2, good.len() - 200] {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        fs::write(&log, &bad).expect("the log is damaged");
        let before = common::files(place.path());
        for args in [&["ls"] as &[_], &["create", "x", "--dimension", "1"], &["import", "/dev/null"], &["count"]] {
            let err = place.fails(7, args);
            assert!(err.contains("wal-0000000001.log"), "{at}: {err}");
        }
        place.fails(5, &["health"]);
        assert_eq!(common::files(place.path()), before, "{at}: nothing was changed");
    }
    fs::write(&log, &good).expect("the log is mended");
    assert_eq!(place.ok(&["count"]), "300\n");
    fs::remove_file(place.at("data/metadata/FORMAT")).expect("the marker is removed");
    place.fails(7, &["ls"]);
    place.fails(7, &["create", "x", "--dimension", "1"]);
}

#[test]
fn what_a_newer_release_wrote_is_not_touched() {
    let place = Place::new();
    place.ok(&["create", "x", "--dimension", "1"]);
    place.write("data/metadata/FORMAT", "proximadb-meta-wal format 2\n");
    let before = common::files(place.path());
    let err = place.fails(9, &["ls"]);
    assert!(err.contains("format 2") && err.contains("or a newer one"), "{err}");
    assert_eq!(common::files(place.path()), before);
}

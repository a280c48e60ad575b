//! The console blocks of README.md are true: each command is run, what it prints is compared.
//!
//! `$ ` begins a command for the shell; what follows is its stdout and stderr, `[..]` stands for any text, `? N` for an exit
//! code other than 0.

mod common;

use std::process::{Command, Stdio};

use common::Place;

const README: &str = include_str!("../README.md");

struct Example<'a> {
    command: &'a str,
    shows: Vec<&'a str>,
    code: i32,
}

fn examples() -> Vec<Example<'static>> {
    let mut found: Vec<Example<'_>> = Vec::new();
    let mut inside = false;
    for line in README.lines() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match (line.strip_prefix("$ "), line.strip_prefix("? "), found.last_mut()) {
                (Some(command), ..) => found.push(Example { command, shows: Vec::new(), code: 0 }),
                (_, Some(code), Some(example)) => example.code = code.parse().expect("an exit code"),
                (_, _, Some(example)) => example.shows.push(line),
                (_, _, None) => assert!(line.is_empty(), "{line:?} belongs to no command"),
            },
            _ => {}
        }
    }
    found
}

/// Whether a line is what the pattern says: the parts between `[..]` in their order, the first and last at the ends.
fn matches(pattern: &str, line: &str) -> bool {
    let Some((start, rest)) = pattern.split_once("[..]") else { return pattern == line };
    let Some(mut left) = line.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split("[..]").collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    left.ends_with(last)
}

#[test]
fn the_examples_are_true() {
    let place = Place::new();
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_pxmeta")).parent().expect("a directory");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").expect("PATH"));
    let examples = examples();
    let mut commands = std::collections::BTreeSet::new();
    for Example { command, shows, code } in examples {
        let mut shell = common::prepared(Command::new("sh"), place.path());
        shell.args(["-c", &format!("{{ {command}\n}} 2>&1")]).env("PATH", &path).stdin(Stdio::null());
        let said = common::said(shell.output().expect("the shell runs"));
        let printed: Vec<&str> = said.out.lines().collect();
        let same = shows.len() == printed.len() && shows.iter().zip(&printed).all(|(p, l)| matches(p, l));
        assert!(same, "$ {command}\nREADME.md:\n{}\nprinted:\n{}", shows.join("\n"), said.out);
        assert_eq!(said.code, Some(code), "$ {command}");
        commands.extend(command.split("pxmeta ").skip(1).filter_map(|c| c.split(' ').next()).map(str::to_owned));
    }
    let all = [
        "backends",
        "backup",
        "completions",
        "copy",
        "count",
        "create",
        "demo",
        "diff",
        "digest",
        "doctor",
        "explain",
        "export",
        "get",
        "health",
        "import",
        "ls",
        "maintain",
        "restore",
        "rm",
        "schema",
        "search",
        "set",
        "stats",
        "verify",
        "version",
        "wal",
    ];
    assert!(commands.iter().eq(all.iter()), "every command has an example: {commands:?}");
}

#[test]
fn patterns_match_what_they_say() {
    assert!(matches("a [..] c [..]", "a b c d") && matches("[..]", "") && matches("x", "x"));
    assert!(!matches("a [..] c", "a b d") && !matches("a", "ab") && !matches("[..]b", "a"));
}

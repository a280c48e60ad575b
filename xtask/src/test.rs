//! Runs every test of the workspace in one build, with the servers they need, and closes with the counts.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use cargo_metadata::{Message, Metadata};

use crate::repo::{cargo, metadata};
use crate::servers::Servers;
use crate::tally::Tally;

/// A test binary that took longer is named at the end.
const SLOW_SECONDS: f64 = 1.0;

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if !arguments.is_empty() {
        return Err(format!("test takes no arguments, not {arguments:?}; it runs everything"));
    }
    let start = Instant::now();
    let binaries = build(&metadata()?, &["--workspace"])?;
    println!("== build: {} s", start.elapsed().as_secs());
    let start = Instant::now();
    let servers = Servers::up()?;
    println!("== servers: {} s", start.elapsed().as_secs());
    let start = Instant::now();
    let mut command = cargo();
    command.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    command.envs(servers.exports.iter().map(|(name, value)| (name, value)));
    let (tally, success) = watch(&mut command, &binaries)?;
    println!("== tests: {} s", start.elapsed().as_secs());
    drop(servers);
    report(&tally);
    match (success, tally.passed) {
        (true, 0) => Err("no test ran".to_owned()),
        (true, _) => Ok(()),
        (false, _) => Err("a test failed, or a test binary ended early; see above".to_owned()),
    }
}

/// What was slow, what was ignored and why, and the counts as the last line.
pub(crate) fn report(tally: &Tally) {
    for (binary, seconds) in tally.seconds.iter().filter(|(_, s)| *s >= SLOW_SECONDS) {
        println!("== {binary}: {seconds:.1} s");
    }
    for line in tally.ignored_lines() {
        println!("== skipped in {line}");
    }
    println!("{}", tally.closing_line());
}

/// Builds the tests; the words for each test binary by its file name.
pub(crate) fn build(metadata: &Metadata, arguments: &[&str]) -> Result<HashMap<String, String>, String> {
    let mut command = cargo();
    command.args(["test", "--locked", "--no-run", "--message-format", "json-render-diagnostics"]).args(arguments);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|e| format!("cannot run cargo: {e}"))?;
    let mut binaries = HashMap::new();
    if let Some(out) = child.stdout.take() {
        for message in Message::parse_stream(BufReader::new(out)) {
            let message = message.map_err(|e| format!("cannot read cargo's messages: {e}"))?;
            if let Message::CompilerArtifact(artifact) = message
                && let Some(file) = artifact.executable.as_ref().and_then(|p| p.file_name())
            {
                let package = metadata.packages.iter().find(|p| p.id == artifact.package_id);
                let package = package.map_or("", |p| p.name.as_str());
                let target = if artifact.target.is_test() { artifact.target.name.as_str() } else { "unit tests" };
                binaries.insert(file.to_owned(), format!("{package} {target}"));
            }
        }
    }
    let status = child.wait().map_err(|e| format!("cannot wait for cargo: {e}"))?;
    if status.success() { Ok(binaries) } else { Err("the tests do not compile".to_owned()) }
}

/// Runs a `cargo test`, passes on what it prints, and counts.
pub(crate) fn watch(command: &mut Command, binaries: &HashMap<String, String>) -> Result<(Tally, bool), String> {
    capture(command, binaries, |line| println!("{line}"))
}

/// Runs a `cargo test`, hands over each line, and counts; also whether it succeeded. Both streams go through one pipe: the
/// order is kept.
pub(crate) fn capture(
    command: &mut Command,
    binaries: &HashMap<String, String>,
    mut each: impl FnMut(&str),
) -> Result<(Tally, bool), String> {
    let piped = |e: std::io::Error| format!("cannot make a pipe: {e}");
    let (reader, writer) = std::io::pipe().map_err(piped)?;
    command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(piped)?).stderr(writer);
    let mut child = command.spawn().map_err(|e| format!("cannot run cargo: {e}"))?;
    // Our ends of the pipe must be closed, or reading would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut tally = Tally::default();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.map_err(|e| format!("cannot read cargo's output: {e}"))?;
        let line = String::from_utf8_lossy(&line);
        let name = |path: &str| binaries.get(path.rsplit(['/', '\\']).next()?).cloned();
        tally.line(&line, name);
        each(&line);
    }
    let status = child.wait().map_err(|e| format!("cannot wait for cargo: {e}"))?;
    Ok((tally, status.success()))
}

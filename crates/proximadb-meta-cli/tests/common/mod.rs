//! What the tests of the real binary share: running it in a directory of its own, and reading what it said.
#![allow(dead_code, missing_docs, reason = "each test binary uses its own part of this")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use rustix::process::Signal;
use serde_json::Value;

/// A directory of its own, with a catalog in `data/metadata` as soon as something makes one.
pub(crate) struct Place(tempfile::TempDir);

/// What a finished command said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.at(name), text).expect("the file is written");
    }

    /// The binary, to be run here, with nothing of the caller's environment that it would obey.
    pub(crate) fn command(&self) -> Command {
        prepared(Command::new(env!("CARGO_BIN_EXE_pxmeta")), self.path())
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        said(self.command().args(args).stdin(Stdio::null()).output().expect("the binary runs"))
    }

    /// Runs it and expects success; what it wrote to stdout.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.err);
        said.out
    }

    /// Runs it and expects this exit code; what it wrote to stderr.
    pub(crate) fn fails(&self, code: i32, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!(said.code, Some(code), "{args:?}: {}{}", said.out, said.err);
        assert!(!said.err.contains("panicked"), "{args:?}: {}", said.err);
        said.err
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        json(&self.ok(args))
    }

    /// The ids in the catalog.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.ok(&["ls", "-o", "name"]).lines().map(str::to_owned).collect()
    }

    /// Runs it with this input.
    pub(crate) fn feed(&self, input: impl AsRef<[u8]>, args: &[&str]) -> Said {
        let mut child = self.spawn(args);
        let (mut stdin, input) = (child.child.stdin.take().expect("stdin"), input.as_ref().to_owned());
        // On a thread of its own: a child whose output is not read stops reading. One that ended early takes no more.
        let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let said = child.end_by_itself();
        feeder.join().expect("the feeder ends");
        said
    }

    /// Runs it with a stdout that nobody reads.
    pub(crate) fn unread(&self, args: &[&str]) -> Said {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        said(self.command().args(args).stdin(Stdio::null()).stdout(writer).output().expect("the binary runs"))
    }

    /// Sample records, one JSON object a line.
    pub(crate) fn demo(&self, count: usize) -> String {
        self.ok(&["demo", "--count", &count.to_string(), "--seed", "3"])
    }

    /// Starts it with stdin, stdout and stderr as pipes.
    pub(crate) fn spawn(&self, args: &[&str]) -> Running {
        Running::start(self.command().args(args))
    }
}

/// A command that is still running.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) output: Pipe,
}

/// The reading end of a child's stdout.
pub(crate) type Pipe = BufReader<Box<dyn Read>>;

impl Running {
    /// Starts a command with pipes.
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let output = BufReader::new(Box::new(child.stdout.take().expect("stdout")) as Box<dyn Read>);
        Self { child, output }
    }

    /// Gives it input; it may have ended already, and then does not get it.
    pub(crate) fn write(&mut self, input: &str) {
        drop(self.child.stdin.as_mut().expect("stdin is open").write_all(input.as_bytes()));
    }

    /// The next line of its stdout.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// Closes the reading end of its stdout.
    pub(crate) fn stop_reading(&mut self) {
        self.output = BufReader::new(Box::new(std::io::empty()));
    }

    /// Sends a signal and waits until it says that it was heard. Its stderr is given back.
    pub(crate) fn interrupt(&mut self, signal: Signal) -> BufReader<ChildStderr> {
        self.signal(signal);
        let mut talk = BufReader::new(self.child.stderr.take().expect("stderr"));
        let mut line = String::new();
        talk.read_line(&mut line).expect("talk");
        assert!(line.contains("stopping"), "{line}");
        talk
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the signal is sent");
    }

    /// Closes stdin and waits.
    pub(crate) fn end(mut self) -> Said {
        drop(self.child.stdin.take());
        self.end_by_itself()
    }

    /// Waits with stdin as it is: where that is open, it must end without an end of its input.
    pub(crate) fn end_by_itself(mut self) -> Said {
        let input = self.child.stdin.take();
        // stderr on a thread of its own: neither pipe can fill up and block the child.
        let mut err = self.child.stderr.take();
        let talk = std::thread::spawn(move || {
            let mut text = String::new();
            err.as_mut().map(|e| e.read_to_string(&mut text)).transpose().expect("stderr is UTF-8");
            text
        });
        let mut out = String::new();
        self.output.read_to_string(&mut out).expect("stdout is UTF-8");
        let err = talk.join().expect("stderr is read");
        let code = self.child.wait().expect("the child ends").code();
        drop(input);
        Said { code, out, err }
    }
}

pub(crate) fn prepared(mut command: Command, directory: &Path) -> Command {
    // Journals of copies do not go where those of the person are who runs the tests.
    command.current_dir(directory).env("XDG_STATE_HOME", directory.join("state"));
    for name in ["PXMETA_URI", "NO_COLOR", "TERM"] {
        command.env_remove(name);
    }
    command
}

pub(crate) fn said(output: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Every file below a directory with its content, sorted.
pub(crate) fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("the directory is read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = fs::read(&path).expect("the file is read");
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

/// Kills a copy of so many records, more than 10,000, in the middle, and resumes it.
pub(crate) fn kill_and_resume(place: &Place, from: &str, to: &str, records: u64) {
    let mut child = place.spawn(&["copy", from, to]);
    let mut talk = BufReader::new(child.child.stderr.take().expect("stderr"));
    let mut line = String::new();
    while !line.contains("copied 10000 so far") {
        line.clear();
        assert!(talk.read_line(&mut line).expect("talk") > 0, "it says how far it is");
    }
    child.signal(Signal::KILL);
    assert_eq!(child.child.wait().expect("the child ends").code(), None, "it was killed in the middle");
    let there: u64 = place.ok(&["count", "--uri", to]).trim().parse().expect("a number");
    assert!((10_000..records).contains(&there) && there.is_multiple_of(500), "{there}");
    let done = place.run(&["copy", from, to, "--resume", "-o", "json"]);
    let report = json(&done.out);
    assert_eq!(
        (done.code, &report["created"], &report["end"]),
        (Some(0), &records.into(), &"complete".into()),
        "{}",
        done.err
    );
    for other in ["overwritten", "unchanged", "skipped", "removed", "conflicts", "left"] {
        assert_eq!(report[other], 0, "{report}");
    }
    place.ok(&["diff", from, to]);
    let again = place.run(&["copy", from, to, "--resume"]);
    let unchanged = format!("left {records} unchanged");
    assert!(again.err.contains("nothing to resume") && again.err.contains(&unchanged), "{}", again.err);
}

/// A number that a longer run raises through the environment.
pub(crate) fn rounds(variable: &str, default: usize) -> usize {
    match std::env::var(variable) {
        Ok(text) => text.parse().expect("a whole number"),
        Err(_) => default,
    }
}

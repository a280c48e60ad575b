//! On a terminal: questions, colour, one line of progress, nothing that commands it. The terminal is a real pseudo terminal.

mod common;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use common::Place;
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A child with a terminal, seen from the other side of it.
struct Terminal {
    child: Child,
    screen: File,
    shown: String,
}

/// Which of a child's streams are the terminal; the others are `/dev/null`.
#[derive(Clone, Copy)]
struct Streams {
    input: bool,
    output: bool,
}

const ALL: Streams = Streams { input: true, output: true };

impl Terminal {
    fn run(command: &mut Command, streams: Streams) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo terminal");
        grantpt(&screen).expect("it is ours");
        unlockpt(&screen).expect("it is unlocked");
        let name = ptsname(&screen, Vec::new()).expect("its name").into_string().expect("its name is UTF-8");
        let tty = || -> Stdio { File::options().read(true).write(true).open(&name).expect("the terminal").into() };
        command.stdin(if streams.input { tty() } else { Stdio::null() });
        command.stdout(if streams.output { tty() } else { Stdio::null() });
        let child = command.stderr(tty()).spawn().expect("the binary runs");
        // Ours must not hold the terminal open when the child has gone.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child, screen: File::from(screen), shown: String::new() }
    }

    /// Reads until this is shown.
    fn wait_for(&mut self, text: &str) {
        while !self.shown.contains(text) {
            assert!(self.read(), "{text:?} is not shown: {:?}", self.shown);
        }
    }

    /// Reads what there is; `false` when the child has gone.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.screen.read(&mut bytes) {
            Ok(n) if n > 0 => {
                self.shown.push_str(&String::from_utf8_lossy(&bytes[..n]));
                true
            }
            // Linux says EIO when the last one who had the terminal open has closed it.
            _ => false,
        }
    }

    fn answer(&mut self, text: &str) {
        self.screen.write_all(text.as_bytes()).expect("it is typed");
    }

    fn end(mut self) -> (Option<i32>, String) {
        while self.read() {}
        (self.child.wait().expect("the child ends").code(), self.shown)
    }
}

fn terminal(place: &Place, args: &[&str]) -> Terminal {
    Terminal::run(place.command().args(args), ALL)
}

fn filled(records: usize) -> Place {
    let place = Place::new();
    place.feed(place.demo(records), &["import", "-"]);
    place
}

#[test]
fn rm_by_filter_asks() {
    let place = filled(20);
    let n: usize = place.ok(&["count", "--filter", "owner:*"]).trim().parse().expect("a number");
    let question = format!("delete {n} collections that match owner:*? [y/N] ");
    for (answer, code) in [("n\n", 1), ("\n", 1), ("\x04", 1)] {
        let mut t = terminal(&place, &["rm", "--filter", "owner:*"]);
        t.wait_for(&question);
        t.answer(answer);
        let (ended, shown) = t.end();
        assert_eq!(ended, Some(code), "{shown}");
        assert!(shown.contains("nothing was deleted"), "{shown}");
    }
    let mut t = terminal(&place, &["rm", "--filter", "owner:*"]);
    t.wait_for(&question);
    let pid = rustix::process::Pid::from_child(&t.child);
    rustix::process::kill_process(pid, Signal::INT).expect("the signal is sent");
    assert_eq!(t.end().0, Some(130));
    assert_eq!(terminal(&place, &["rm", "--filter", "owner:*", "--no-input"]).end().0, Some(2));
    let no_stdin = Streams { input: false, output: true };
    assert_eq!(Terminal::run(place.command().args(["rm", "--filter", "owner:*"]), no_stdin).end().0, Some(2));
    assert_eq!(place.ids().len(), 20);
    let mut t = terminal(&place, &["rm", "--filter", "owner:*"]);
    t.wait_for(&question);
    t.answer("y\n");
    assert_eq!(t.end().0, Some(0));
    assert_eq!(place.ids().len(), 20 - n);
}

#[test]
fn restore_in_place_asks() {
    let place = filled(3);
    let id = place.ok(&["backup", "b", "-q"]);
    for (answer, code, left) in [("n\n", 1, 2), ("yes\n", 0, 3)] {
        place.run(&["rm", "demo-0000000"]);
        let mut t = terminal(&place, &["restore", id.trim(), "b", "--replace"]);
        t.wait_for("replace the namespace's 2 collections");
        t.wait_for("[y/N] ");
        t.answer(answer);
        let (ended, shown) = t.end();
        assert_eq!((ended, place.ids().len()), (Some(code), left), "{shown}");
    }
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let place = Place::new();
    let fails = ["ls", "--filter", "onwer = x"];
    let (code, shown) = terminal(&place, &fails).end();
    assert!(code == Some(2) && shown.contains("\x1b[1;31merror:\x1b[0m "), "{shown:?}");
    for (variable, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let (_, shown) = Terminal::run(place.command().args(fails).env(variable, value), ALL).end();
        assert!(shown.contains("error: ") && !shown.contains('\x1b'), "{variable}: {shown:?}");
    }
    let (_, shown) = terminal(&place, &[&fails as &[_], &["--no-color"]].concat()).end();
    assert!(shown.contains("error: ") && !shown.contains('\x1b'), "{shown:?}");
    let (_, shown) = Terminal::run(place.command().args(fails).env("NO_COLOR", ""), ALL).end();
    assert!(shown.contains('\x1b'), "an empty NO_COLOR is none");
    assert!(!place.fails(2, &fails).contains('\x1b'), "a pipe is no terminal");
}

#[test]
fn progress_is_one_line_that_goes_away() {
    let place = Place::new();
    place.write("in.ndjson", place.demo(3000));
    let (code, shown) = terminal(&place, &["import", "in.ndjson"]).end();
    assert_eq!(code, Some(0), "{shown}");
    let (progress, rest) = shown.rsplit_once("\r\x1b[K").expect("a line that is cleared");
    assert!(progress.starts_with("\r\x1b[Kimported 500 so far"), "{shown:?}");
    assert!(!progress.contains('\n'), "{shown:?}");
    assert_eq!(rest, "created 3000, overwrote 0, skipped 0, failed 0\r\n");
    let (_, shown) = terminal(&place, &["import", "in.ndjson", "-q", "--on-conflict", "skip"]).end();
    assert_eq!(shown, "");
    let no_output = Streams { input: true, output: false };
    let (_, shown) = Terminal::run(place.command().args(["export"]), no_output).end();
    assert!(
        shown.starts_with("\r\x1b[Kexported 500 so far") && shown.ends_with("exported 3000 collections\r\n"),
        "{shown:?}"
    );
}

#[test]
fn a_copy_draws_a_bar_that_goes_away() {
    let place = filled(3000);
    let copy = ["copy", "file://./data/metadata", "file://./copy"];
    let (code, shown) = terminal(&place, &copy).end();
    assert_eq!(code, Some(0), "{shown}");
    let (progress, rest) = shown.rsplit_once("\r\x1b[K").expect("a line that is cleared");
    assert!(progress.starts_with(&format!("\r\x1b[Kcopied [{}] 0/3000", "-".repeat(24))), "{shown:?}");
    assert!(!progress.contains('\n'), "{shown:?}");
    assert!(rest.starts_with("created 3000, overwrote 0, left 0 unchanged, skipped 0\r\nproved: "), "{shown:?}");
    let (_, again) = terminal(&place, &copy).end();
    assert!(
        again.contains("\r\x1b[Kplanned [####"),
        "a destination that holds something is looked at first: {again:?}"
    );
    let (_, shown) = terminal(&place, &[&copy as &[_], &["-q"]].concat()).end();
    assert_eq!(shown, "");
}

#[test]
fn no_format_commands_the_terminal() {
    let place = Place::new();
    let hostile =
        r#"{"id":"i","name":"n\u202e","dimension":3,"distance_metric":"c","config":{"k":"\u009b2J\u001b[2J"}}"#;
    place.feed(hostile, &["import", "-"]);
    for args in
        [&["ls"] as &[_], &["get", "i"], &["ls", "-o", "ndjson"], &["ls", "-o", "json"], &["get", "i", "-o", "csv"]]
    {
        let (code, shown) = terminal(&place, args).end();
        assert_eq!(code, Some(0), "{shown:?}");
        for bad in ['\x1b', '\u{9b}', '\u{202e}'] {
            assert!(!shown.contains(bad), "{args:?}: {shown:?}");
        }
    }
    let piped = place.ok(&["ls", "-o", "ndjson"]);
    assert!(piped.contains('\u{202e}') && piped.contains('\u{9b}'), "a pipe gets the canonical bytes");
}

//! Talk on stderr: what was done, how far it is, what is asked. Data never goes here.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use proximadb_meta::core::Error;
use tokio::sync::oneshot;

use crate::args::Global;
use crate::stop::Stop;
use crate::text::visible;

/// Off a terminal there is one line of progress every so many records.
const PLAIN_EVERY: u64 = 10_000;
/// On a terminal the line is drawn anew at most this often.
const REDRAW: Duration = Duration::from_millis(100);

/// Whether a line of progress stands on the terminal, which other talk has to replace.
static DRAWN: AtomicBool = AtomicBool::new(false);
const CLEAR_LINE: &str = "\r\x1b[K";

/// How to talk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    quiet: bool,
    color: bool,
    terminal: bool,
    asks: bool,
}

impl Talk {
    pub(crate) fn new(global: &Global) -> Self {
        let terminal = io::stderr().is_terminal();
        let unwanted = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        Self {
            quiet: global.quiet,
            color: terminal && !global.no_color && !unwanted("NO_COLOR") && !dumb,
            terminal,
            asks: terminal && !global.no_input && io::stdin().is_terminal(),
        }
    }

    /// A line of talk, unless it is not wanted. A stderr that cannot be written is nobody's business.
    pub(crate) fn say(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{}{}", clear_line(), visible(&text.to_string()));
        }
    }

    /// A line that is said even if talk is not wanted, with a word in front: `error: ...`.
    pub(crate) fn must_say(&self, word: &str, text: &str) {
        let text = visible(text);
        let _ = match (self.color, word) {
            (true, "error") => writeln!(io::stderr(), "\x1b[1;31m{word}:\x1b[0m {text}"),
            (true, _) => writeln!(io::stderr(), "\x1b[1m{word}:\x1b[0m {text}"),
            (false, _) => writeln!(io::stderr(), "{word}: {text}"),
        };
    }

    /// Refuses a destructive command that nobody can be asked about.
    pub(crate) fn require_consent(&self, yes: bool, what: &str, because: &str) -> Result<(), Error> {
        if yes || self.asks {
            return Ok(());
        }
        Err(Error::invalid(format!("{what} needs --yes: it {because}"))
            .with_hint("without --yes the question is asked where stdin and stderr are a terminal, unless --no-input"))
    }

    /// Asks. `None`: stopped by a signal instead.
    pub(crate) async fn ask(&self, question: &str, stop: &Stop) -> Option<bool> {
        let mut err = io::stderr();
        let _ = write!(err, "{} [y/N] ", visible(question)).and_then(|()| err.flush());
        let (reply, answer) = oneshot::channel();
        // A thread of its own: nothing waits for it when a signal comes first.
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = io::stdin().lock().read_line(&mut line);
            let _ = reply.send(read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes"));
        });
        tokio::select! {
            () = stop.requested() => None,
            yes = answer => Some(yes.unwrap_or(false)),
        }
    }

    /// Progress of a count: "imported 12000 so far".
    pub(crate) fn progress(&self, done: &'static str) -> Progress {
        self.progress_of(done, None)
    }

    /// Progress of a count of which the end is known: on a terminal a bar with rate and time left.
    pub(crate) fn progress_of(&self, done: &'static str, total: Option<u64>) -> Progress {
        Progress { talk: *self, done, total, first: None, last: 0, drawn: None, begun: Instant::now() }
    }

    /// Whether progress is drawn on a terminal.
    pub(crate) fn draws(&self) -> bool {
        self.terminal && !self.quiet
    }
}

/// One line that counts up on a terminal; a plain line now and then elsewhere.
pub(crate) struct Progress {
    talk: Talk,
    done: &'static str,
    total: Option<u64>,
    /// What was done when it began, which says nothing of the rate.
    first: Option<u64>,
    last: u64,
    drawn: Option<Instant>,
    begun: Instant,
}

impl Progress {
    pub(crate) fn at(&mut self, count: u64) {
        if self.talk.quiet {
            return;
        }
        let first = *self.first.get_or_insert(count);
        if self.talk.terminal {
            if self.drawn.is_none_or(|d| d.elapsed() >= REDRAW) {
                let mut err = io::stderr();
                let line = match self.total {
                    Some(total) => bar(self.done, count, total, count - first.min(count), self.begun.elapsed()),
                    None => format!("{} {count} so far", self.done),
                };
                let _ = write!(err, "{CLEAR_LINE}{line}").and_then(|()| err.flush());
                DRAWN.store(true, Ordering::SeqCst);
                self.drawn = Some(Instant::now());
            }
        } else if count / PLAIN_EVERY > self.last / PLAIN_EVERY {
            self.talk.say(format_args!("{} {count} so far", self.done));
        }
        self.last = count;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let _ = io::stderr().write_all(clear_line().as_bytes());
    }
}

/// What takes a line of progress away, where there is one.
fn clear_line() -> &'static str {
    if DRAWN.swap(false, Ordering::SeqCst) { CLEAR_LINE } else { "" }
}

/// "copied [#####-----] 500/1000, 250/s, 2 s left". The rate is that of the records `since` the beginning.
fn bar(done: &str, count: u64, total: u64, since: u64, elapsed: Duration) -> String {
    const WIDTH: u64 = 24;
    let filled = (count.min(total) * WIDTH).checked_div(total).unwrap_or(WIDTH);
    let bar: String = (0..WIDTH).map(|n| if n < filled { '#' } else { '-' }).collect();
    let mut line = format!("{done} [{bar}] {count}/{total}");
    let rate = since as f64 / elapsed.as_secs_f64().max(0.001);
    if rate >= 1.0 {
        let seconds = (total.saturating_sub(count) as f64 / rate).ceil() as u64;
        let left = match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
            (0, 0, s) => format!("{s} s"),
            (0, m, s) => format!("{m} min {s} s"),
            (h, m, _) => format!("{h} h {m} min"),
        };
        line.push_str(&format!(", {rate:.0}/s, {left} left"));
    }
    line
}

/// "1 collection", "7 collections".
pub(crate) fn collections(n: u64) -> String {
    format!("{n} collection{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_says_how_far_how_fast_and_how_long() {
        let at = |count, total, since, seconds| bar("copied", count, total, since, Duration::from_secs(seconds));
        assert_eq!(at(500, 1000, 500, 2), "copied [############------------] 500/1000, 250/s, 2 s left");
        assert_eq!(at(0, 1000, 0, 2), "copied [------------------------] 0/1000");
        assert_eq!(
            at(9000, 100_000, 1000, 10),
            "copied [##----------------------] 9000/100000, 100/s, 15 min 10 s left"
        );
        assert_eq!(at(10, 1_000_000, 10, 1), "copied [------------------------] 10/1000000, 10/s, 27 h 46 min left");
        assert_eq!(at(12, 10, 12, 1), "copied [########################] 12/10, 12/s, 0 s left");
        assert_eq!(at(0, 0, 0, 0), "copied [########################] 0/0");
    }
}

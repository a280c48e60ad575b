//! Parent and child talk: lines by the child's standard input and output.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Stdio};

use proximadb_meta_core::{Error, ErrorKind, Result};

use super::command;
use crate::case::{CaseResult, Failure};

/// A child that is talked to. Dropped before its end it is killed.
#[derive(Debug)]
pub struct Talk {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Talk {
    /// Starts a child with these arguments.
    ///
    /// # Errors
    /// When the system starts none.
    pub fn start(arguments: &[&str]) -> CaseResult<Self> {
        let mut child = command(arguments)?.stdin(Stdio::piped()).spawn()?;
        match child.stdout.take() {
            Some(out) => Ok(Self { lines: BufReader::new(out), child }),
            None => Err(Failure::new("a child without an output")),
        }
    }

    /// Starts so many children, each with its number behind the arguments.
    ///
    /// # Errors
    /// When the system starts none.
    pub fn start_each(count: u64, arguments: &[&str]) -> CaseResult<Vec<Self>> {
        (0..count).map(|n| Self::start(&[arguments, &[&n.to_string()]].concat())).collect()
    }

    /// The next line that it [says](say), without its end.
    ///
    /// # Errors
    /// When it ended instead, with what its standard error says.
    pub fn listen(&mut self) -> CaseResult<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        match line.strip_suffix('\n') {
            Some(line) => Ok(line.to_owned()),
            None => Err(self.why()),
        }
    }

    /// Says a line, which it [hears](hear). A child that is gone hears nothing; [`end`](Self::end) tells why it is.
    pub fn say(&mut self, line: &str) {
        let _ = self.child.stdin.as_mut().map(|input| writeln!(input, "{line}"));
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// When it failed, with what its standard error says.
    pub fn end(mut self) -> CaseResult {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest)?;
        match self.child.wait()?.success() {
            true => Ok(()),
            false => Err(self.why()),
        }
    }

    fn why(&mut self) -> Failure {
        let mut said = String::new();
        // What cannot be read is not said.
        let _ = self.child.stderr.take().map(|mut talk| talk.read_to_string(&mut said));
        Failure::new(format!("a child failed: {said}"))
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // One that has ended is not killed, and waited for once.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// In a child: says a line to the parent.
///
/// # Errors
/// `Internal` when the parent is gone.
pub fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(unheard)
}

/// In a child: waits for a line of the parent; an empty one when the parent says no more.
///
/// # Errors
/// `Internal` when the input cannot be read.
pub async fn hear() -> Result<String> {
    // Not on the thread that serves the catalog.
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line.trim_end().to_owned())
    });
    line.await.map_err(std::io::Error::other).flatten().map_err(unheard)
}

fn unheard(e: std::io::Error) -> Error {
    Error::new(ErrorKind::Internal, "a child cannot talk to its parent").with_source(e)
}

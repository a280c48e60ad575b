//! The writing process as its parent sees it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::child::Order;
use crate::failure::{At as _, Failure, Outcome};
use crate::tracks::Tracks;

/// A running process. Killed when dropped.
#[derive(Debug)]
pub struct Writing {
    child: Child,
    lines: BufReader<ChildStdout>,
    stops: Vec<String>,
    skipped: u64,
    reads: Option<String>,
    cut: Option<String>,
}

/// How a process ended that was not killed.
#[derive(Debug)]
pub struct Ended {
    /// The errors of its writers, or the one that kept it from beginning.
    pub stops: Vec<String>,
    /// `ok`, or what acknowledged records read as instead; `None` when it did not come to that.
    pub reads: Option<String>,
    /// What it was doing to a database, and how many writes were under way, when it cut the power.
    pub cut: Option<String>,
}

impl Writing {
    /// Starts one.
    ///
    /// # Errors
    /// What the system said.
    pub fn start(program: &Path, order: &Order) -> Outcome<Self> {
        let mut command = Command::new(program);
        command.arg("write").args(order.arguments()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().at(program.display())?;
        let out = child.stdout.take().ok_or_else(|| Failure::new("the process has no stdout"))?;
        Ok(Self { child, lines: BufReader::new(out), stops: Vec::new(), skipped: 0, reads: None, cut: None })
    }

    /// Waits for so many acknowledgements and notes them.
    ///
    /// # Errors
    /// The process could not go on before.
    pub fn acknowledged(&mut self, tracks: &mut Tracks, wanted: u64) -> Outcome {
        let goal = tracks.acknowledged() + wanted;
        while tracks.acknowledged() < goal {
            if !self.line(tracks)? || !self.stops.is_empty() {
                return Err(Failure::new(format!("the writing process cannot go on: {:?}", self.stops)));
            }
            ensure!(self.skipped == 0, "a checkpoint or a backup failed on a sound disk");
        }
        Ok(())
    }

    /// Kills it (SIGKILL), and notes what it had still said.
    ///
    /// # Errors
    /// What the system said.
    pub fn kill(mut self, tracks: &mut Tracks) -> Outcome {
        self.child.kill()?;
        while self.line(tracks)? {}
        self.child.wait()?;
        Ok(())
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// What the system said.
    pub fn end(mut self, tracks: &mut Tracks) -> Outcome<Ended> {
        while self.line(tracks)? {}
        self.child.wait()?;
        Ok(Ended { stops: std::mem::take(&mut self.stops), reads: self.reads.take(), cut: self.cut.take() })
    }

    /// Takes one line in; `false` at the end.
    fn line(&mut self, tracks: &mut Tracks) -> Outcome<bool> {
        let mut bytes = Vec::new();
        self.lines.read_until(b'\n', &mut bytes)?;
        // Cut off within a line: it was not said.
        let Some(line) = bytes.strip_suffix(b"\n") else { return Ok(false) };
        let line = std::str::from_utf8(line)?;
        match line.split_once('\t') {
            None if line == "cut" => tracks.cut(),
            Some(("cut", rest)) => {
                tracks.cut();
                self.cut = Some(rest.to_owned());
            }
            Some(("ack", rest)) => tracks.acknowledge(rest)?,
            Some(("skip", rest)) => {
                self.skipped += 1;
                tracks.skip(rest)?;
            }
            Some(("stop", rest)) => self.stops.push(rest.to_owned()),
            Some(("reads", rest)) => self.reads = Some(rest.to_owned()),
            _ => return Err(Failure::new(format!("the writing process said {line:?}"))),
        }
        Ok(true)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // It is gone already, unless a check failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

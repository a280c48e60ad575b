//! import: lines of NDJSON in atomic batches, each line's fate counted.

mod flight;
mod line;
mod plan;
mod read;
mod write;

use std::io::BufReader;
use std::ops::AddAssign;

use proximadb_meta::core::Error;

use super::session::Session;
use crate::args::{self, OnConflict};
use crate::exit::{Failure, PARTIAL, Result};
use crate::output::Report;
use crate::stop::STOPPED;
use flight::Flight;
use read::{Input, Piece};
use write::Target;

pub(crate) struct Import {
    input: Input,
    on_conflict: OnConflict,
    ack: bool,
    batch: usize,
    jobs: usize,
}

/// What became of the lines so far.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    created: u64,
    overwritten: u64,
    skipped: u64,
    /// Of those skipped: lines that had expired.
    expired: u64,
    failed: u64,
}

impl Totals {
    fn done(&self) -> u64 {
        self.created + self.overwritten + self.skipped
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.overwritten += other.overwritten;
        self.skipped += other.skipped;
        self.expired += other.expired;
        self.failed += other.failed;
    }
}

impl Import {
    /// Opens the file: one that is not there must not leave an empty catalog behind.
    pub(crate) fn new(x: &args::Import) -> Result<Self> {
        if x.jobs > 1 && x.on_conflict == OnConflict::Overwrite {
            // A name that one batch gives up may be what a later one takes.
            return Err(Error::invalid("--jobs goes with --on-conflict fail or skip")
                .with_hint("overwriting depends on the order of the lines: leave --jobs out")
                .into());
        }
        let input: Input = if x.file == "-" {
            Box::new(BufReader::with_capacity(1 << 16, std::io::stdin()))
        } else {
            let fail = |e| Failure::Io(format!("cannot open {}", x.file), e);
            let file = std::fs::File::open(&x.file).map_err(fail)?;
            if file.metadata().map_err(fail)?.is_dir() {
                return Err(fail(std::io::ErrorKind::IsADirectory.into()));
            }
            Box::new(BufReader::with_capacity(1 << 16, file))
        };
        Ok(Self { input, on_conflict: x.on_conflict, ack: x.ack, batch: x.batch.into(), jobs: x.jobs.into() })
    }

    pub(crate) async fn run(self, s: &Session) -> Result<u8> {
        let target = Target { catalog: s.catalog.clone(), how: self.on_conflict, most: usize::MAX };
        let mut flight = Flight::new(target, self.jobs, self.ack);
        let sent = all(s, &mut flight, self.input, self.batch).await;
        let landed = flight.land().await;
        let result = sent.and_then(|code| landed.map(|()| code));
        let t = flight.totals;
        let expired = if t.expired == 0 { String::new() } else { format!(" ({} had expired)", t.expired) };
        s.say(format_args!(
            "created {}, overwrote {}, skipped {}{expired}, failed {}",
            t.created, t.overwritten, t.skipped, t.failed
        ));
        if s.format.is_json() {
            let told = Report::new()
                .with("created", t.created)
                .with("overwritten", t.overwritten)
                .with("skipped", t.skipped)
                .with("failed", t.failed)
                .print(s.format);
            // The import's own end matters more than a summary that nobody reads.
            if result.is_ok() {
                told?;
            }
        }
        match result {
            // The rest of the input was not written, which must not look like success.
            Err(e) if e.is_broken_pipe() => Ok(PARTIAL),
            result => result,
        }
    }
}

async fn all(s: &Session, flight: &mut Flight, input: Input, batch: usize) -> Result<u8> {
    let mut pieces = read::spawn(input, batch)?;
    let mut progress = s.talk.progress("imported");
    loop {
        let piece = tokio::select! {
            biased;
            () = s.stop.requested() => return Ok(STOPPED),
            landed = flight.land_one(), if flight.is_under_way() => {
                landed?;
                progress.at(flight.totals.done());
                continue;
            }
            piece = pieces.recv() => piece,
        };
        match piece {
            None => return Ok(0),
            Some(Piece::Lines(lines)) => flight.send(lines).await?,
            // What comes before it in the input may be at fault as well: that is told first.
            Some(Piece::Refused(failure)) => {
                flight.land().await?;
                flight.totals.failed += 1;
                return Err(failure);
            }
            Some(Piece::Unreadable(failure)) => return flight.land().await.and(Err(failure)),
        }
        progress.at(flight.totals.done());
    }
}

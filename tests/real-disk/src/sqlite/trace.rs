//! What was done to a database's files, and what was acknowledged meanwhile, in the order in which it happened.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Mutex;

use super::{Act, Part};
use crate::failure::{Failure, Outcome};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Bytes were written.
    Write {
        /// To this file.
        part: Part,
        /// From here on.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// A file was cut to a length.
    Truncate(Part, u64),
    /// A file was made durable.
    Sync(Part),
    /// A file was removed.
    Delete(Part),
    /// A writer began a step that writes.
    Begin,
    /// It has its answer.
    End,
    /// A step was acknowledged; the line that says so.
    Acknowledged(String),
}

impl Event {
    /// The file it was done to.
    #[must_use]
    pub fn part(&self) -> Option<Part> {
        match self {
            Self::Write { part, .. } | Self::Truncate(part, _) | Self::Sync(part) | Self::Delete(part) => Some(*part),
            Self::Begin | Self::End | Self::Acknowledged(_) => None,
        }
    }
}

const WRITE: u8 = b'w';
const TRUNCATE: u8 = b't';
const SYNC: u8 = b's';
const DELETE: u8 = b'd';
const BEGIN: u8 = b'b';
const END: u8 = b'e';
const ACKNOWLEDGED: u8 = b'a';

/// Writes events down as they happen.
#[derive(Debug)]
pub struct Recorder(Mutex<BufWriter<File>>);

impl Recorder {
    /// Into a new file.
    ///
    /// # Errors
    /// What the system said.
    pub fn new(path: &Path) -> io::Result<Self> {
        Ok(Self(Mutex::new(BufWriter::new(File::create_new(path)?))))
    }

    pub(crate) fn note(&self, part: Part, act: &Act<'_>) {
        match act {
            Act::Write { offset, bytes } => self.event(WRITE, Some(part), *offset, bytes),
            Act::Truncate(length) => self.event(TRUNCATE, Some(part), *length, &[]),
            Act::Sync => self.event(SYNC, Some(part), 0, &[]),
            Act::Delete => self.event(DELETE, Some(part), 0, &[]),
        }
    }

    pub(crate) fn begin(&self) {
        self.event(BEGIN, None, 0, &[]);
    }

    pub(crate) fn end(&self) {
        self.event(END, None, 0, &[]);
    }

    pub(crate) fn acknowledged(&self, line: &str) {
        self.event(ACKNOWLEDGED, None, 0, line.as_bytes());
    }

    /// To be called when everything has happened.
    ///
    /// # Errors
    /// What the system said.
    pub fn finish(&self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).flush()
    }

    /// A record that cannot be written is worth nothing: the process ends.
    fn event(&self, kind: u8, part: Option<Part>, number: u64, bytes: &[u8]) {
        let mut out = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let part = part.map_or(u8::MAX, |part| part as u8);
        let head = [&[kind, part][..], &number.to_le_bytes(), &(bytes.len() as u64).to_le_bytes()].concat();
        if let Err(e) = out.write_all(&head).and_then(|()| out.write_all(bytes)) {
            eprintln!("error: the record cannot be written: {e}");
            std::process::exit(1);
        }
    }
}

/// Reads a record.
///
/// # Errors
/// One that was cut off, or is none.
pub fn read(path: &Path) -> Outcome<Vec<Event>> {
    let all = std::fs::read(path)?;
    let mut rest = &all[..];
    let mut events = Vec::new();
    while !rest.is_empty() {
        events.push(next(&mut rest).ok_or_else(|| Failure::new("the record was cut off"))?);
    }
    Ok(events)
}

fn next(rest: &mut &[u8]) -> Option<Event> {
    let (kind, part) = (*rest.split_off_first()?, *rest.split_off_first()?);
    let mut number = || rest.split_off(..8).and_then(|n| n.try_into().ok()).map(u64::from_le_bytes);
    let (number, length) = (number()?, usize::try_from(number()?).ok()?);
    let bytes = rest.split_off(..length)?.to_vec();
    let part = || Part::ALL.get(usize::from(part)).copied();
    Some(match kind {
        WRITE => Event::Write { part: part()?, offset: number, bytes },
        TRUNCATE => Event::Truncate(part()?, number),
        SYNC => Event::Sync(part()?),
        DELETE => Event::Delete(part()?),
        BEGIN => Event::Begin,
        END => Event::End,
        ACKNOWLEDGED => Event::Acknowledged(String::from_utf8(bytes).ok()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_in_order_and_a_record_that_was_cut_off_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let recorder = Recorder::new(&path).unwrap();
        recorder.begin();
        recorder.note(Part::Journal, &Act::Write { offset: 1 << 40, bytes: &[7; 300] });
        recorder.note(Part::Journal, &Act::Sync);
        recorder.end();
        recorder.acknowledged("0\t5\tü");
        recorder.note(Part::Database, &Act::Truncate(9));
        recorder.note(Part::Rollback, &Act::Delete);
        recorder.finish().unwrap();
        let expected = [
            Event::Begin,
            Event::Write { part: Part::Journal, offset: 1 << 40, bytes: vec![7; 300] },
            Event::Sync(Part::Journal),
            Event::End,
            Event::Acknowledged("0\t5\tü".to_owned()),
            Event::Truncate(Part::Database, 9),
            Event::Delete(Part::Rollback),
        ];
        assert_eq!(read(&path).unwrap(), expected);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("cut off"));
        assert!(Recorder::new(&path).is_err(), "another record is not overwritten");
    }
}

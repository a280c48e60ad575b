//! Reading the input on a thread of its own, so that a signal is heard while the input is silent.

use std::io::{BufRead, Read as _};

use proximadb_meta::core::Error;
use tokio::sync::mpsc;

use super::line::{Line, MAX_LINE_BYTES};
use crate::exit::{Failure, Result};

pub(super) type Input = Box<dyn BufRead + Send>;

/// A batch holds no more text than this, whatever its number of lines.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Batches read ahead of the one that is being written.
const READ_AHEAD: usize = 1;

/// A part of the input, in its order.
pub(super) enum Piece {
    /// The lines of one batch.
    Lines(Vec<Line>),
    /// A line that is no record. Nothing after it is read.
    Refused(Failure),
    /// The input itself failed.
    Unreadable(Failure),
}

/// Reads until the input ends, a line is refused, or nobody wants more.
pub(super) fn spawn(mut input: Input, batch: usize) -> Result<mpsc::Receiver<Piece>> {
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    let read = move || {
        let mut number = 0;
        loop {
            let (lines, end) = gather(&mut input, batch, &mut number);
            let full = end.is_none();
            let mut pieces = (!lines.is_empty()).then_some(Piece::Lines(lines)).into_iter().chain(end.flatten());
            if !pieces.all(|piece| sender.blocking_send(piece).is_ok()) || !full {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("pxmeta-input".to_owned())
        .spawn(read)
        .map_err(|e| Failure::Io("the thread that reads the input cannot be started".to_owned(), e))?;
    Ok(receiver)
}

/// The lines of a batch, and why there are no more: `Some(None)` is the end of the input.
fn gather(input: &mut Input, batch: usize, number: &mut u64) -> (Vec<Line>, Option<Option<Piece>>) {
    let mut lines = Vec::with_capacity(batch);
    let mut bytes = 0;
    let mut text = Vec::new();
    while lines.len() < batch && bytes < MAX_BATCH_BYTES {
        *number += 1;
        text.clear();
        // One byte more than allowed tells a line that is too long, and nothing of its rest is read.
        let most = MAX_LINE_BYTES as u64 + 1;
        match input.take(most).read_until(b'\n', &mut text) {
            Ok(0) => return (lines, Some(None)),
            Ok(_) => {}
            Err(e) => {
                let failure = Failure::Io(format!("cannot read line {number}"), e);
                return (lines, Some(Some(Piece::Unreadable(failure))));
            }
        }
        bytes += text.len();
        if text.last() == Some(&b'\n') {
            text.pop();
        }
        let parsed = if text.len() > MAX_LINE_BYTES {
            Err(Error::invalid(format!("line {number} is longer than {MAX_LINE_BYTES} bytes")))
        } else {
            Line::parse(*number, &text)
        };
        match parsed {
            Ok(line) => lines.extend(line),
            Err(e) => return (lines, Some(Some(Piece::Refused(e.into())))),
        }
    }
    (lines, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "{\"name\":\"n\",\"dimension\":3,\"distance_metric\":\"c\"}";

    fn pieces(input: String, batch: usize) -> Vec<String> {
        let mut receiver = spawn(Box::new(std::io::Cursor::new(input.into_bytes())), batch).unwrap();
        let mut seen = Vec::new();
        while let Some(piece) = receiver.blocking_recv() {
            seen.push(match piece {
                Piece::Lines(lines) => format!("{:?}", lines.iter().map(|l| l.number).collect::<Vec<_>>()),
                Piece::Refused(Failure::Catalog(e)) => e.to_string(),
                Piece::Refused(e) | Piece::Unreadable(e) => format!("{e:?}"),
            });
        }
        seen
    }

    #[test]
    fn batches_are_full_and_blank_lines_count() {
        let input = format!("{LINE}\n\n{LINE}\r\n  \n{LINE}");
        assert_eq!(pieces(input.clone(), 2), ["[1, 3]", "[5]"]);
        assert_eq!(pieces(input, 500), ["[1, 3, 5]"]);
        assert!(pieces(String::new(), 1).is_empty());
    }

    #[test]
    fn a_line_of_the_limit_is_read_and_one_byte_more_is_not() {
        let pad = |n: usize| format!("{LINE}{}", " ".repeat(n - LINE.len()));
        assert_eq!(pieces(format!("{}\n{LINE}", pad(MAX_LINE_BYTES)), 9), ["[1, 2]"]);
        let refused = pieces(format!("{LINE}\n{}\n{LINE}", pad(MAX_LINE_BYTES + 1)), 9);
        assert_eq!(refused, ["[1]", "line 2 is longer than 1572864 bytes"]);
    }
}

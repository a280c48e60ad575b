//! What one file holds, by itself.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::content::Unit;
use super::load::LoadedFile;
use super::replay::{check_mark, is_ahead};
use super::report::{FileReport, Frames, Header, Rest, Role};
use super::walk::{Found, Piece, Walk};
use crate::frame::{FILE_HEADER, FileHeader, FileKind, Frame, HeaderProblem, Kind, format_of, numbers_of, salt_of};
use crate::log::{MARKER_TEXT, NEW_TEXT, bad_marker};

/// Most namespaces that are listed.
const MOST: usize = 100;

/// Reports a file.
pub(super) fn report(file: &LoadedFile) -> FileReport {
    let mut report = FileReport {
        name: file.name.clone(),
        role: file.role,
        length: file.length,
        trouble: file.trouble.clone(),
        header: None,
        frames: None,
    };
    let kind = match file.role {
        Role::Segment => FileKind::Segment,
        Role::Checkpoint => FileKind::Checkpoint,
        Role::Marker if file.bytes != MARKER_TEXT && file.bytes != NEW_TEXT => {
            report.trouble.get_or_insert_with(|| bad_marker(&file.bytes).message().to_owned());
            return report;
        }
        _ => return report,
    };
    let Some(head) = file.bytes.get(..FILE_HEADER) else {
        report.trouble.get_or_insert_with(|| "the file header is cut short".to_owned());
        return report;
    };
    report.header = Some(header(head));
    let readable = match FileHeader::examine(&file.bytes, kind, file.number) {
        Ok(_) => true,
        Err(HeaderProblem::Damaged { what, .. }) => {
            report.trouble.get_or_insert_with(|| what.to_owned());
            true
        }
        Err(HeaderProblem::Newer { format, .. }) => {
            report
                .trouble
                .get_or_insert_with(|| format!("the file has format {format}, which this release does not know"));
            false
        }
    };
    report.frames = readable.then(|| frames(file, kind));
    report
}

fn header(head: &[u8]) -> Header {
    let (format, reader, writer) = format_of(head);
    let (number, seq) = numbers_of(head);
    let mut salt = String::with_capacity(32);
    for byte in salt_of(head) {
        let _ = write!(salt, "{byte:02x}");
    }
    Header { format, reader, writer, number, seq, salt }
}

/// What a frame is wrong about by itself, and what it adds to the summary.
fn take<'a>(
    frames: &mut Frames,
    namespaces: &mut BTreeSet<&'a str>,
    frame: &Frame<'a>,
    kind: FileKind,
) -> Result<(), String> {
    match (frame.kind, kind) {
        (Kind::Unit, _) => {
            let unit = Unit::check(frame.payload)?;
            frames.units += 1;
            frames.puts += unit.puts().count() as u64;
            frames.deletes += unit.deletes().count() as u64;
            frames.counters += unit.counts().count() as u64;
            namespaces.insert(unit.namespace);
        }
        (Kind::Restoring, _) => {
            check_mark(frame.payload, kind)?;
            frames.restoring += 1;
            namespaces.extend(frame.payload.get(1..).and_then(|n| std::str::from_utf8(n).ok()));
        }
        (Kind::Seal, FileKind::Segment) => frames.seals += 1,
        (Kind::Turn, FileKind::Segment) => frames.turns += 1,
        (Kind::End, FileKind::Checkpoint) => frames.ends += 1,
        (Kind::End, FileKind::Segment) => return Err("the end of a checkpoint in a log segment".to_owned()),
        (Kind::Seal | Kind::Turn, FileKind::Checkpoint) => {
            return Err("the checkpoint does not end where it says".to_owned());
        }
    }
    frames.first = Some(frames.first.map_or(frame.seq, |n| n.min(frame.seq)));
    frames.last = frames.last.max(Some(frame.seq));
    frames.durable_upto = frames.durable_upto.max(frame.durable_upto);
    Ok(())
}

fn frames(file: &LoadedFile, kind: FileKind) -> Frames {
    let bytes = &*file.bytes;
    let mut frames = Frames { good_end: FILE_HEADER as u64, ..Frames::default() };
    let mut namespaces = BTreeSet::new();
    let (mut next, mut ended) = (None, false);
    for Found { offset, length, piece } in Walk::new(bytes, salt_of(bytes), FILE_HEADER) {
        if kind == FileKind::Segment && frames.rest.is_none() && piece == Piece::Gap && is_ahead(bytes, offset) {
            frames.zeros = (bytes.len() - offset) as u64;
            break;
        }
        let wrong = match piece {
            Piece::Whole(frame) => match take(&mut frames, &mut namespaces, &frame, kind) {
                Ok(()) if ended => Some("bytes follow the last frame".to_owned()),
                Ok(()) if next.is_some_and(|n| n != frame.seq) => {
                    Some(format!("frame {} stands where {} belongs", frame.seq, next.unwrap_or_default()))
                }
                Ok(()) => {
                    next = frame.seq.checked_add(1);
                    ended = matches!(frame.kind, Kind::Seal | Kind::End | Kind::Turn);
                    None
                }
                Err(what) => Some(what),
            },
            Piece::Broken { what, .. } => Some(what.to_owned()),
            Piece::Gap if ended => Some("bytes follow the last frame".to_owned()),
            Piece::Gap => Some("no valid frame header".to_owned()),
        };
        match (&mut frames.rest, wrong) {
            (None, None) => frames.good_end = (offset + length) as u64,
            (None, Some(what)) => {
                let bytes = (bytes.len() - offset) as u64;
                frames.rest = Some(Rest { bytes, what, frames: 0, first: None, last: None });
            }
            (Some(_), _) => {}
        }
        if let (Some(rest), Piece::Whole(frame)) = (&mut frames.rest, piece) {
            rest.frames += 1;
            rest.first = Some(rest.first.map_or(frame.seq, |n| n.min(frame.seq)));
            rest.last = rest.last.max(Some(frame.seq));
        }
    }
    frames.more_namespaces = namespaces.len().saturating_sub(MOST) as u64;
    frames.namespaces = namespaces.into_iter().take(MOST).map(str::to_owned).collect();
    frames
}

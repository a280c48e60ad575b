//! Replay: what the files of a directory say, and where a torn tail begins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proximadb_meta_core::{CollectionMetadata, Namespace, Result};

use crate::catalog::Catalog;
use crate::codec;
use crate::decode::{Words, decode};
use crate::frame::{self, FILE_HEADER, FileHeader, FileKind, Kind, damaged};
use crate::in_order::{cores, in_order};
use crate::sabotage::{Sabotage, sabotaged};

/// Everything a log holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Records by namespace and id.
    pub records: BTreeMap<Namespace, BTreeMap<Arc<str>, Arc<CollectionMetadata>>>,
    /// Namespaces that are being restored.
    pub restoring: BTreeSet<Namespace>,
}

/// Bytes of units that are decoded together.
const PART_BYTES: usize = 128 * 1024;

/// The units of a file that were found, each with its offset, until they are decoded and applied.
struct Found<'a> {
    name: &'a str,
    parts: Vec<Vec<(usize, &'a [u8])>>,
    /// Bytes of the last part.
    bytes: usize,
}

impl<'a> Found<'a> {
    fn new(name: &'a str) -> Self {
        Self { name, parts: Vec::new(), bytes: PART_BYTES }
    }

    fn add(&mut self, at: usize, payload: &'a [u8]) {
        if self.bytes >= PART_BYTES {
            self.parts.push(Vec::new());
            self.bytes = 0;
        }
        self.bytes += payload.len();
        if let Some(last) = self.parts.last_mut() {
            last.push((at, payload));
        }
    }

    /// Decodes them on all cores and applies them in their order.
    fn apply(&self, catalog: &mut Catalog) -> Result<()> {
        let name = self.name;
        let decode_part = |part: &Vec<(usize, &[u8])>| -> Vec<_> {
            let mut words = Words::default();
            let unit = |(at, payload): &(usize, &[u8])| {
                (*at, decode(payload, &mut words).map_err(|e| e.context(format!("{name}, byte {at}"))))
            };
            part.iter().map(unit).collect()
        };
        in_order(&self.parts, cores(), decode_part, |units| {
            units.into_iter().try_for_each(|(at, unit)| catalog.apply(unit?).map_err(|what| damaged(name, at, what)))
        })
    }
}

/// What a file held.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// Its header.
    pub(crate) header: FileHeader,
    /// The last sequence number in it.
    pub(crate) last_seq: u64,
    /// Where the good part ends.
    pub(crate) end: usize,
    /// Where the last group begins: from here on nothing says that it was synced.
    pub(crate) suspect: usize,
    /// Whether its last frame says that the log was closed in good order.
    pub(crate) closed: bool,
    /// Whether its last frame says that the log goes on in the next segment.
    pub(crate) turned: bool,
}

/// Replays a segment into `catalog`. `first` is the sequence number it must begin with; `follower` that of the next segment, if
/// there is one: what stands behind the last frame before it is the rest of a turn that a crash cut off, and means nothing. In
/// the last segment a tail that was never known to be synced may be torn. Anything else that is wrong is damage.
///
/// # Errors
/// `Corruption` with file and offset, `Unsupported` for a newer format.
pub(crate) fn segment(
    catalog: &mut Catalog,
    bytes: &[u8],
    name: &str,
    number: u64,
    first: u64,
    follower: Option<u64>,
) -> Result<Replayed> {
    let mut found = Found::new(name);
    let frames = frames(&mut catalog.restoring, &mut found, bytes, number, first, follower);
    // What is wrong with an earlier unit is said before what is wrong with a later frame.
    found.apply(catalog)?;
    frames
}

/// Goes through the frames of a segment.
fn frames<'a>(
    restoring: &mut BTreeSet<Namespace>,
    units: &mut Found<'a>,
    bytes: &'a [u8],
    number: u64,
    first: u64,
    follower: Option<u64>,
) -> Result<Replayed> {
    let name = units.name;
    let header = FileHeader::decode(bytes, FileKind::Segment, number, name)?;
    if header.seq != first {
        return Err(damaged(name, 32, &format!("the segment begins with frame {}, not {first}", header.seq)));
    }
    let (mut at, mut next, mut closed, mut turned) = (FILE_HEADER, first, false, false);
    let mut suspect = FILE_HEADER;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        if closed || turned {
            // Zeros that were written ahead, and that a crash kept from being taken away.
            if rest.iter().all(|b| *b == 0) {
                break;
            }
            return Err(damaged(name, at, "bytes follow the last frame"));
        }
        match frame::read(rest, &header.salt) {
            Ok(found) if found.seq == next => {
                // Only the first frame of a group was written when everything before it was durable.
                if found.durable_upto.checked_add(1) == Some(found.seq) {
                    suspect = at;
                }
                match found.kind {
                    Kind::Unit => units.add(at, found.payload),
                    Kind::Restoring => {
                        let (namespace, on) = codec::decode_restoring(found.payload)
                            .map_err(|e| e.context(format!("{name}, byte {at}")))?;
                        if on {
                            restoring.insert(namespace)
                        } else {
                            restoring.remove(&namespace)
                        };
                    }
                    Kind::Seal => closed = true,
                    Kind::Turn => {
                        // It takes the number that the next segment begins with, and is no entry.
                        turned = true;
                        at += found.length();
                        continue;
                    }
                    Kind::End => return Err(damaged(name, at, "the end of a checkpoint in a log segment")),
                }
                at += found.length();
                next += 1;
            }
            Ok(found) => {
                return Err(damaged(name, at, &format!("frame {} stands where {next} belongs", found.seq)));
            }
            Err(what) => {
                let torn = match follower {
                    Some(follower) => follower == next,
                    None => !known_synced(rest, &header.salt, next),
                };
                if !torn && !sabotaged(Sabotage::DamageCut) {
                    return Err(damaged(name, at, what));
                }
                break;
            }
        }
    }
    if let Some(follower) = follower
        && follower != next
    {
        return Err(damaged(
            name,
            at,
            &format!("the segment ends before frame {next}; the next begins with {follower}"),
        ));
    }
    Ok(Replayed { header, last_seq: next - 1, end: at, suspect, closed, turned })
}

/// Whether a later frame says that frame `seq` was synced before it was written. Frames that merely follow do not prove it:
/// the pages of one unsynced group may reach the disk in any order.
pub(crate) fn known_synced(rest: &[u8], salt: &[u8; 16], seq: u64) -> bool {
    (1..rest.len()).any(|at| {
        rest.get(at..)
            .and_then(|b| frame::peek(b, salt))
            .is_some_and(|(_, found, durable_upto, _, _)| found > seq && durable_upto >= seq)
    })
}

/// Reads a checkpoint: every frame must be whole and the end frame must be the last.
///
/// # Errors
/// `Corruption` with file and offset, `Unsupported` for a newer format.
pub(crate) fn checkpoint(bytes: &[u8], name: &str, number: u64) -> Result<(Catalog, u64)> {
    let (mut catalog, mut found) = (Catalog::default(), Found::new(name));
    let seq = parts(&mut catalog.restoring, &mut found, bytes, number);
    found.apply(&mut catalog)?;
    Ok((catalog, seq?))
}

/// Goes through the frames of a checkpoint; the last entry that it covers.
fn parts<'a>(restoring: &mut BTreeSet<Namespace>, units: &mut Found<'a>, bytes: &'a [u8], number: u64) -> Result<u64> {
    let name = units.name;
    let header = FileHeader::decode(bytes, FileKind::Checkpoint, number, name)?;
    let (mut at, mut next) = (FILE_HEADER, 1);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let found = frame::read(rest, &header.salt).map_err(|what| damaged(name, at, what))?;
        if found.seq != next {
            return Err(damaged(name, at, &format!("frame {} stands where {next} belongs", found.seq)));
        }
        match found.kind {
            Kind::Unit => units.add(at, found.payload),
            Kind::Restoring => {
                let (namespace, on) =
                    codec::decode_restoring(found.payload).map_err(|e| e.context(format!("{name}, byte {at}")))?;
                if !on {
                    return Err(damaged(name, at, "a checkpoint marks a namespace as not being restored"));
                }
                restoring.insert(namespace);
            }
            Kind::End if at + found.length() == bytes.len() => return Ok(header.seq),
            Kind::End | Kind::Seal | Kind::Turn => {
                return Err(damaged(name, at, "the checkpoint does not end where it says"));
            }
        }
        at += found.length();
        next += 1;
    }
}

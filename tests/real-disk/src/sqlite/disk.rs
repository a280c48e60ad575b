//! A disk made of a record: what was synced is on it; of what was not, whatever a fate leaves.

use super::Part;
use super::trace::Event;
use crate::dice::Dice;

/// Bytes that reach a disk together or not at all.
const SECTOR: usize = 512;

/// What becomes of operations that were not synced when the power went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// None took place.
    Lost,
    /// All took place.
    Kept,
    /// The first ones, of each file, up to a drawn one.
    First,
    /// Each one or not, as drawn: later ones without earlier ones.
    Reordered,
    /// Each sector of each one or not, as drawn.
    Torn,
}

impl Fate {
    pub(crate) const ALL: [Self; 5] = [Self::Lost, Self::Kept, Self::First, Self::Reordered, Self::Torn];
}

/// The files of a database on a disk.
#[derive(Clone, Debug)]
pub(crate) struct Disk<'a> {
    files: [Contents<'a>; 3],
}

#[derive(Clone, Debug, Default)]
struct Contents<'a> {
    /// `None`: there is no such file.
    synced: Option<Vec<u8>>,
    /// What was done since.
    pending: Vec<&'a Event>,
}

impl Contents<'_> {
    /// Makes the first operations durable.
    fn settle(&mut self, count: usize) {
        for event in self.pending.drain(..count) {
            apply(&mut self.synced, event, &mut |_| true);
        }
    }
}

impl<'a> Disk<'a> {
    /// With an empty database: a file that was made and synced before SQLite opened it.
    pub(crate) fn new() -> Self {
        let mut files = [(); 3].map(|()| Contents::default());
        files[Part::Database as usize].synced = Some(Vec::new());
        Self { files }
    }

    pub(crate) fn take(&mut self, event: &'a Event) {
        let Some(part) = event.part() else { return };
        if !matches!(event, Event::Sync(_)) {
            self.files[part as usize].pending.push(event);
            return;
        }
        if self.files[part as usize].synced.is_none() {
            // SQLite syncs the directory with the first sync of a file that it made: what was removed stays so.
            for file in &mut self.files {
                let removed = file.pending.iter().rposition(|event| matches!(event, Event::Delete(_)));
                file.settle(removed.map_or(0, |last| last + 1));
            }
        }
        let file = &mut self.files[part as usize];
        file.settle(file.pending.len());
    }

    /// Whether anything was done to the file that is not synced.
    pub(crate) fn is_unsynced(&self, part: Part) -> bool {
        !self.files[part as usize].pending.is_empty()
    }

    /// What is there when the power is back: each file that is.
    pub(crate) fn left(&self, fate: Fate, dice: &mut Dice) -> Vec<(Part, Vec<u8>)> {
        let mut left = Vec::new();
        for (part, file) in Part::ALL.into_iter().zip(&self.files) {
            let mut contents = file.synced.clone();
            let count = match fate {
                Fate::Lost => 0,
                Fate::First => dice.place(file.pending.len() + 1),
                _ => file.pending.len(),
            };
            // From hardly anything to nearly everything.
            let of_eight = 1 + dice.below(7);
            for event in file.pending.iter().take(count) {
                let whole = fate != Fate::Reordered || dice.below(8) < of_eight;
                if whole {
                    apply(&mut contents, event, &mut |_| fate != Fate::Torn || dice.below(8) < of_eight);
                } else if matches!(event, Event::Delete(_)) {
                    // What is made later under the name is not there either: a directory is kept in order.
                    break;
                }
            }
            left.extend(contents.map(|contents| (part, contents)));
        }
        left
    }
}

/// Does to a file what was done to it, as far as each sector reached the disk.
fn apply(file: &mut Option<Vec<u8>>, event: &Event, reached: &mut dyn FnMut(usize) -> bool) {
    match event {
        Event::Delete(_) => *file = None,
        Event::Truncate(_, length) => {
            file.get_or_insert_default().resize(usize::try_from(*length).unwrap_or(usize::MAX), 0);
        }
        Event::Write { offset, bytes, .. } => {
            let file = file.get_or_insert_default();
            let mut at = usize::try_from(*offset).unwrap_or(usize::MAX);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
                if reached(at / SECTOR) {
                    file.resize(file.len().max(at + piece.len()), 0);
                    file[at..at + piece.len()].copy_from_slice(piece);
                }
                (at, rest) = (at + piece.len(), more);
            }
        }
        Event::Sync(_) | Event::Begin | Event::End | Event::Acknowledged(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOURNAL: Part = Part::Journal;

    fn write(offset: u64, byte: u8, length: usize) -> Event {
        Event::Write { part: JOURNAL, offset, bytes: vec![byte; length] }
    }

    fn journal(disk: &Disk<'_>, fate: Fate, seed: u64) -> Option<Vec<u8>> {
        let left = disk.left(fate, &mut Dice::of(&[seed]));
        left.into_iter().find(|(part, _)| *part == JOURNAL).map(|(_, contents)| contents)
    }

    #[test]
    fn what_was_synced_stays_and_the_rest_has_a_fate() {
        let events =
            [write(0, 1, 4), Event::Sync(JOURNAL), write(4, 2, 4), write(8, 3, 4), Event::Truncate(JOURNAL, 10)];
        let mut disk = Disk::new();
        assert_eq!(journal(&disk, Fate::Kept, 0), None, "nobody made it");
        assert_eq!(disk.left(Fate::Lost, &mut Dice::of(&[])), [(Part::Database, vec![])]);
        events.iter().for_each(|event| disk.take(event));
        assert!(disk.is_unsynced(JOURNAL) && !disk.is_unsynced(Part::Database));
        assert_eq!(journal(&disk, Fate::Lost, 0).unwrap(), [1; 4]);
        assert_eq!(journal(&disk, Fate::Kept, 0).unwrap(), [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]);
        let first: Vec<_> = (0..50).map(|seed| journal(&disk, Fate::First, seed).unwrap().len()).collect();
        assert!([4, 8, 12, 10].iter().all(|length| first.contains(length)) && !first.contains(&9), "{first:?}");
        let hole = vec![1, 1, 1, 1, 0, 0, 0, 0, 3, 3, 3, 3];
        assert!((0..200).any(|seed| journal(&disk, Fate::Reordered, seed).unwrap() == hole), "a later one alone");
    }

    #[test]
    fn a_write_is_torn_between_sectors() {
        let event = write(500, 7, 1000);
        let mut disk = Disk::new();
        disk.take(&event);
        let torn: Vec<_> = (0..200).filter_map(|seed| journal(&disk, Fate::Torn, seed)).collect();
        for contents in &torn {
            for sector in contents.chunks(SECTOR).skip(1) {
                assert!(sector.iter().all(|b| *b == sector[0]), "no sector is half written");
            }
        }
        assert!(torn.iter().any(|c| c.len() == 1500 && c[511] == 0), "the end without the beginning");
        assert!(torn.iter().any(|c| c.len() == 512 && c[511] == 7), "the beginning without the end");
    }

    #[test]
    fn a_file_that_is_removed_may_still_be_there_without_what_came_later() {
        let events = [write(0, 1, 4), Event::Sync(JOURNAL), Event::Delete(JOURNAL), write(0, 2, 2)];
        let mut disk = Disk::new();
        events.iter().for_each(|event| disk.take(event));
        let seen: Vec<_> = (0..100).map(|seed| journal(&disk, Fate::Reordered, seed)).collect();
        assert!(seen.iter().all(|c| [None, Some(vec![1; 4]), Some(vec![2; 2])].contains(c)), "{seen:?}");
        assert!(seen.contains(&None) && seen.contains(&Some(vec![1; 4])) && seen.contains(&Some(vec![2; 2])));
        // Another file that is new is synced with its directory.
        let other = [Event::Write { part: Part::Rollback, offset: 0, bytes: vec![3] }, Event::Sync(Part::Rollback)];
        other.iter().for_each(|event| disk.take(event));
        assert_eq!(journal(&disk, Fate::Lost, 0), None);
        assert_eq!(journal(&disk, Fate::Kept, 0).unwrap(), [2; 2]);
    }
}

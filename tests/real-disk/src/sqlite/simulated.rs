//! Power cuts of a database on a disk that keeps any part of what was not synced: in the middle of transactions of several
//! writers, in the middle of checkpoints, while it is made and while it is closed. Needs no rights.
//!
//! A process writes, and what it does to the files is recorded with what was acknowledged. A cut is a place in the record: what
//! was synced before it is on the disk, and of the rest what a fate leaves.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::Part;
use super::disk::{Disk, Fate};
use super::trace::{Event, read};
use super::trouble::Forgotten;
use crate::child::Order;
use crate::dice::Dice;
use crate::engine::Engine;
use crate::failure::{At as _, Failure, Outcome};
use crate::places::check_store;
use crate::process::Writing;
use crate::tracks::Tracks;

/// Writers of the process.
const WRITERS: usize = 8;
/// Steps of each.
const STEPS: u64 = 120;
/// A checkpoint that waits for readers and cuts the journal, and a backup, in so many steps of a writer.
const PACE: u64 = 40;
/// A checkpoint is due when the journal is longer: after some transactions, some hundred times. Where it is due after each it
/// syncs the journal for itself, and a commit that forgot to would not be found.
const JOURNAL_BYTES: u64 = 64 * 1024;
/// Cuts with each bug.
const CUTS_OF_A_BUG: u64 = 40;

/// Cuts the power at `cuts` places of a record.
///
/// # Errors
/// The place, and what was wrong after it; that there is no place of a kind.
pub fn cuts(program: &Path, seed: u64, cuts: u64) -> Outcome<String> {
    let recorded = Recorded::new(program, seed, None)?;
    let mut hit = [0u64; Moment::ALL.len()];
    for cut in 0..cuts {
        let cut = recorded.cut(cut)?;
        cut.checked?;
        hit[cut.moment as usize] += u64::from(cut.unsynced);
    }
    let said: Vec<String> = Moment::ALL.iter().zip(hit).map(|(m, n)| format!("{n} {}", m.words())).collect();
    for (moment, n) in Moment::ALL.iter().zip(hit) {
        ensure!(n > 0 || cuts < 20, "no cut fell {} and found something that was not synced", moment.words());
    }
    let operations = recorded.events.iter().filter(|e| e.part().is_some()).count();
    Ok(format!(
        "{cuts} power cuts of sqlite within {operations} file operations, none lost; with something that was not synced: {}",
        said.join(", ")
    ))
}

/// Proves the method: with syncs that are forgotten, acknowledged records are lost or the database is damaged, and that is found.
///
/// # Errors
/// That nobody notices one of them.
pub fn forgotten_syncs_are_found(program: &Path, seed: u64) -> Outcome<String> {
    let mut said = Vec::new();
    for forgotten in [Forgotten::All, Forgotten::Journal, Forgotten::Database] {
        let recorded = Recorded::new(program, seed, Some(forgotten))?;
        let mut found = 0;
        for cut in 0..CUTS_OF_A_BUG {
            found += u64::from(recorded.cut(cut)?.checked.is_err());
        }
        ensure!(found > 0, "forgotten syncs of {} came through {CUTS_OF_A_BUG} cuts unnoticed", forgotten.name());
        said.push(format!("{} by {found} of {CUTS_OF_A_BUG} cuts", forgotten.name()));
    }
    Ok(format!("forgotten syncs are found: {}", said.join(", ")))
}

/// When the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Before the first write: while the database is made.
    Making,
    /// The journal is written or synced for a transaction that more than one writer waits for.
    Transaction,
    /// The journal is copied into the database.
    Checkpoint,
    /// At any other operation: a journal that begins anew or is cut, the end.
    Other,
}

impl Moment {
    const ALL: [Self; 4] = [Self::Making, Self::Transaction, Self::Checkpoint, Self::Other];

    const fn words(self) -> &'static str {
        match self {
            Self::Making => "while it is made",
            Self::Transaction => "in transactions of several writers",
            Self::Checkpoint => "in checkpoints",
            Self::Other => "elsewhere",
        }
    }
}

/// What came of a cut.
struct Cut {
    moment: Moment,
    /// Something was not synced in the file that the moment is about.
    unsynced: bool,
    /// What the check of what was left said.
    checked: Outcome,
}

/// A run that was recorded.
struct Recorded {
    seed: u64,
    order: Order,
    events: Vec<Event>,
    /// The places of each [`Moment`].
    places: [Vec<usize>; Moment::ALL.len()],
}

impl Recorded {
    fn new(program: &Path, seed: u64, forgotten: Option<Forgotten>) -> Outcome<Self> {
        let home = fresh()?;
        let mut tracks = Tracks::new(seed, WRITERS, PACE);
        let mut order = Order::new(Engine::Sqlite, home.path(), seed, &tracks, JOURNAL_BYTES, PACE);
        let record = home.path().join("record");
        (order.forget_syncs, order.steps, order.record) = (forgotten, Some(STEPS), Some(record.clone()));
        let ended = Writing::start(program, &order)?.end(&mut tracks)?;
        ensure!(ended.stops.is_empty() && ended.reads.as_deref() == Some("ok"), "the writing process: {ended:?}");
        ensure!(
            tracks.acknowledged() == STEPS * WRITERS as u64,
            "only {} steps were acknowledged",
            tracks.acknowledged()
        );
        let events = read(&record)?;
        let mut places = [(); Moment::ALL.len()].map(|()| Vec::new());
        let (mut under_way, mut begun) = (0u64, false);
        for (place, event) in events.iter().enumerate() {
            let moment = match event {
                Event::Begin => {
                    (under_way, begun) = (under_way + 1, true);
                    continue;
                }
                Event::End => {
                    under_way = under_way.saturating_sub(1);
                    continue;
                }
                Event::Acknowledged(_) => continue,
                _ if !begun => Moment::Making,
                Event::Write { part: Part::Journal, .. } | Event::Sync(Part::Journal) if under_way > 1 => {
                    Moment::Transaction
                }
                Event::Write { part: Part::Database, .. } | Event::Sync(Part::Database) => Moment::Checkpoint,
                _ => Moment::Other,
            };
            places[moment as usize].push(place);
        }
        Ok(Self { seed, order, events, places })
    }

    fn cut(&self, cut: u64) -> Outcome<Cut> {
        let mut dice = Dice::of(&[self.seed, cut, 5]);
        let (moment, fate) = (drawn(&Moment::ALL, cut), drawn(&Fate::ALL, cut / Moment::ALL.len() as u64));
        let places = &self.places[moment as usize];
        let Some(place) = places.get(dice.place(places.len())).copied() else {
            return Err(Failure::new(format!("nothing was done {}", moment.words())));
        };
        let (mut disk, mut tracks) = (Disk::new(), Tracks::new(self.seed, WRITERS, PACE));
        for event in &self.events[..place] {
            disk.take(event);
            if let Event::Acknowledged(line) = event {
                tracks.acknowledge(line)?;
            }
        }
        let unsynced = match moment {
            Moment::Transaction => disk.is_unsynced(Part::Journal),
            Moment::Checkpoint => disk.is_unsynced(Part::Database),
            Moment::Making | Moment::Other => Part::ALL.into_iter().any(|part| disk.is_unsynced(part)),
        };
        let checked = self.check(&disk, fate, &mut dice, &mut tracks).at(format!(
            "seed {}, simulated cut {cut} {}, before operation {place} of the record, what was not synced: {fate:?}",
            self.seed,
            moment.words()
        ));
        Ok(Cut { moment, unsynced, checked })
    }

    fn check(&self, disk: &Disk<'_>, fate: Fate, dice: &mut Dice, tracks: &mut Tracks) -> Outcome {
        let home = fresh()?;
        for (part, contents) in disk.left(fate, dice) {
            fs::write(home.path().join(format!("catalog.db{}", part.suffix())), contents)?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.block_on(check_store(&self.order, home.path(), tracks))
    }
}

/// Each in its turn.
fn drawn<T: Copy>(all: &[T], turn: u64) -> T {
    all[usize::try_from(turn).unwrap_or(0) % all.len()]
}

/// A directory, in memory where the system offers that: what is synced is known from the record.
fn fresh() -> Outcome<TempDir> {
    let shared_memory = Path::new("/dev/shm");
    Ok(if shared_memory.is_dir() { tempfile::tempdir_in(shared_memory)? } else { tempfile::tempdir()? })
}

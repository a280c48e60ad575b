//! Power cuts on file systems of our own: what was acknowledged is there when the power is back.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use crate::child::Order;
use crate::dice::Dice;
use crate::engine::Engine;
use crate::failure::{At as _, Failure, Outcome};
use crate::mount::{FileSystem, Image, Mounts};
use crate::places::{Where, check};
use crate::process::{Ended, Writing};
use crate::sqlite::Part;
use crate::sqlite::trouble::Forgotten;
use crate::tracks::Tracks;

/// Writers of the writing process.
const WRITERS: usize = 8;

/// Cuts the power `cuts` times, each time after another number of acknowledgements, and checks what is left each time. One store
/// goes through most cuts; some get a new one, and are cut while it is made.
///
/// # Errors
/// The cut and what was wrong after it.
pub fn after_acknowledgements(
    right: Mounts,
    engine: Engine,
    kind: FileSystem,
    program: &Path,
    seed: u64,
    cuts: u64,
) -> Outcome<String> {
    let mut disk = Image::new(right, kind)?;
    let (mut acknowledged, mut tracks) = (0, Tracks::new(seed, WRITERS, PACE));
    let mut home = disk.path().join("0");
    for cut in 0..cuts {
        let mut dice = Dice::of(&[seed, cut, 1]);
        let new = cut % 4 == 3;
        if new {
            acknowledged += tracks.acknowledged();
            tracks = Tracks::new(seed, WRITERS, PACE);
            home = disk.path().join(cut.to_string());
        }
        make_home(&disk, &home)?;
        let wanted = if new { dice.below(4) } else { 1 + dice.below(1500) };
        let place = if dice.one_in(2) { Where::InPlace } else { Where::InACopy };
        let order = Order::new(engine, &home, seed, &tracks, 16 * 1024, PACE);
        let mut round = || {
            let mut child = Writing::start(program, &order)?;
            child.acknowledged(&mut tracks, wanted)?;
            tracks.cut();
            disk.cut()?;
            if dice.one_in(2) {
                child.kill(&mut tracks)?;
            } else {
                answered_as_after_a_cut(engine, &child.end(&mut tracks)?)?;
            }
            disk.restart()?;
            check(&order, &mut tracks, place)
        };
        round().at(format!(
            "seed {seed}, {} cut {cut}, after {wanted} acknowledgements, checked {place:?}",
            kind.name()
        ))?;
    }
    acknowledged += tracks.acknowledged();
    let (engine, kind) = (engine.name(), kind.name());
    Ok(format!("{cuts} power cuts of {engine} on {kind}, {acknowledged} acknowledged steps, none lost"))
}

/// A checkpoint and a backup in so many steps of a writer.
const PACE: u64 = 80;

/// Cuts the power exactly before one file operation of a new store, `cuts` times: while it is made, in its first appends,
/// rotations and checkpoints.
///
/// # Errors
/// The operation and what was wrong after it.
pub fn at_operations(right: Mounts, kind: FileSystem, program: &Path, seed: u64, cuts: u64) -> Outcome<String> {
    let mut disk = Image::new(right, kind)?;
    let mut acknowledged = 0;
    for cut in 0..cuts {
        let mut dice = Dice::of(&[seed, cut, 2]);
        // Half of them while the directory is made: that takes about twenty.
        let operation = if cut % 2 == 0 { 1 + dice.below(24) } else { 24 + dice.below(400) };
        let home = disk.path().join(cut.to_string());
        make_home(&disk, &home)?;
        let mut tracks = Tracks::new(seed + cut, 2, 10);
        let mut order = Order::new(Engine::Wal, &home, seed + cut, &tracks, 4 * 1024, 10);
        (order.cut_at, order.mount) = (Some(operation), Some(disk.path().to_owned()));
        let mut round = || {
            let ended = Writing::start(program, &order)?.end(&mut tracks)?;
            ensure!(!ended.stops.is_empty(), "nothing was cut");
            ensure!(ended.reads.as_deref().is_none_or(|r| r == "ok"), "after the cut: {:?}", ended.reads);
            disk.restart()?;
            check(&order, &mut tracks, Where::InPlace)
        };
        round().at(format!("seed {seed}, {} cut {cut}, before file operation {operation}", kind.name()))?;
        acknowledged += tracks.acknowledged();
    }
    Ok(format!("{cuts} power cuts on {} at file operations, {acknowledged} acknowledged steps", kind.name()))
}

/// The same of a database: every third cut while it is made, every third in its journal, every third in a checkpoint, which
/// is then due after every two pages.
///
/// # Errors
/// The operation and what was wrong after it; that no cut fell into a transaction of several writers, or into a checkpoint.
pub fn of_sqlite_at_operations(
    right: Mounts,
    kind: FileSystem,
    program: &Path,
    seed: u64,
    cuts: u64,
) -> Outcome<String> {
    let mut disk = Image::new(right, kind)?;
    let (mut acknowledged, mut transactions, mut checkpoints) = (0, 0, 0);
    for cut in 0..cuts {
        let mut dice = Dice::of(&[seed, cut, 4]);
        // Where the journal is copied after each commit it is synced for that as well: a commit that forgot to would not be found.
        let (part, operation, journal_bytes) = match cut % 3 {
            0 => (None, 1 + dice.below(MAKING), 8 * 1024),
            1 => (Some(Part::Journal), MAKING + dice.below(1500), 256 * 1024),
            _ => (Some(Part::Database), MAKING + dice.below(500), 8 * 1024),
        };
        let home = disk.path().join(cut.to_string());
        make_home(&disk, &home)?;
        let mut tracks = Tracks::new(seed + cut, WRITERS, PACE);
        let mut order = Order::new(Engine::Sqlite, &home, seed + cut, &tracks, journal_bytes, PACE);
        (order.cut_at, order.cut_in, order.mount) = (Some(operation), part, Some(disk.path().to_owned()));
        let place = if dice.one_in(2) { Where::InPlace } else { Where::InACopy };
        let mut round = || -> Outcome<String> {
            let ended = Writing::start(program, &order)?.end(&mut tracks)?;
            answered_as_after_a_cut(Engine::Sqlite, &ended)?;
            let cut = ended.cut.ok_or_else(|| Failure::new("nothing was cut"))?;
            disk.restart()?;
            check(&order, &mut tracks, place).at(&cut)?;
            Ok(cut)
        };
        let said = round().at(format!(
            "seed {seed}, {} cut {cut}, before operation {operation} on {}, checked {place:?}",
            kind.name(),
            part.map_or("any file", Part::name)
        ))?;
        let writers = said.rsplit('\t').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        transactions += u64::from(part == Some(Part::Journal) && writers > 1);
        checkpoints += u64::from(part == Some(Part::Database) && tracks.acknowledged() > 0);
        acknowledged += tracks.acknowledged();
    }
    ensure!(cuts < 3 || transactions > 0, "no cut fell into a transaction while several writers waited");
    ensure!(cuts < 3 || checkpoints > 0, "no cut fell into a checkpoint");
    Ok(format!(
        "{cuts} power cuts of sqlite on {}: {transactions} in transactions of several writers, {checkpoints} in checkpoints; \
         {acknowledged} acknowledged steps, none lost",
        kind.name()
    ))
}

/// File operations of a database while it is made.
const MAKING: u64 = 60;

/// What a process says that has no disk any more.
fn answered_as_after_a_cut(engine: Engine, ended: &Ended) -> Outcome {
    // The log reads from memory; a database needs its disk.
    let reads = engine == Engine::Sqlite || ended.reads.as_deref().is_none_or(|r| r == "ok");
    ensure!(reads, "after the cut: {:?}", ended.reads);
    // SQLite itself calls what it cannot read any more malformed; what is on the disk is checked below.
    let kinds: &[&str] = match engine {
        Engine::Wal => &["Poisoned", "Unavailable"],
        Engine::Sqlite => &["Poisoned", "Unavailable", "Corruption"],
    };
    let expected = |s: &String| kinds.iter().any(|k| s.ends_with(k)) || s.starts_with('-');
    ensure!(ended.stops.iter().all(expected), "after the cut writes answered {:?}", ended.stops);
    Ok(())
}

/// Proves the method: a cut loses what was not synced and keeps what was, and a log or a database that does not sync is found.
///
/// # Errors
/// The cut is none, or loses too much, or nobody notices.
pub fn is_real(right: Mounts, kind: FileSystem, program: &Path, seed: u64) -> Outcome<String> {
    let mut disk = Image::new(right, kind)?;
    let (synced, unsynced) = (disk.path().join("synced"), disk.path().join("unsynced"));
    let mut file = File::create_new(&synced)?;
    file.write_all(b"kept")?;
    file.sync_all()?;
    File::open(disk.path())?.sync_all()?;
    File::create_new(&unsynced)?.write_all(b"lost")?;
    disk.cut()?;
    drop(file);
    disk.restart()?;
    ensure!(fs::read(&synced)? == b"kept", "the cut lost what was synced");
    ensure!(fs::read(&unsynced).ok().as_deref() != Some(b"lost"), "the cut kept what was not synced");
    let mut said = Vec::new();
    for engine in [Engine::Wal, Engine::Sqlite] {
        let found = forgetful(&mut disk, engine, program, seed)?;
        let found = found.get(..120).unwrap_or(&found);
        said.push(format!("{} that never syncs on {}: {found}", engine.name(), kind.name()));
    }
    Ok(said.join("; "))
}

/// What the check says of a store that never synced.
fn forgetful(disk: &mut Image, engine: Engine, program: &Path, seed: u64) -> Outcome<String> {
    let home = disk.path().join(engine.name());
    make_home(disk, &home)?;
    let mut tracks = Tracks::new(seed, WRITERS, 0);
    let mut order = Order::new(engine, &home, seed, &tracks, 16 * 1024, 0);
    order.forget_syncs = Some(Forgotten::All);
    let mut child = Writing::start(program, &order)?;
    child.acknowledged(&mut tracks, 300)?;
    tracks.cut();
    disk.cut()?;
    child.kill(&mut tracks)?;
    disk.restart()?;
    match check(&order, &mut tracks, Where::InPlace) {
        Ok(()) => Err(Failure::new(format!("{} that never syncs came through a power cut unnoticed", engine.name()))),
        Err(found) => Ok(found.to_string()),
    }
}

/// A directory that outlives the power.
fn make_home(disk: &Image, home: &Path) -> Outcome {
    fs::create_dir_all(home)?;
    Ok(File::open(disk.path())?.sync_all()?)
}

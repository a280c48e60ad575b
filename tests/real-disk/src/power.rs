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
use crate::process::Writing;
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
        let order = Order { engine, ..order(&home, seed, &tracks, 16 * 1024, PACE) };
        let mut round = || {
            let mut child = Writing::start(program, &order)?;
            child.acknowledged(&mut tracks, wanted)?;
            tracks.cut();
            disk.cut()?;
            if dice.one_in(2) {
                child.kill(&mut tracks)?;
            } else {
                let ended = child.end(&mut tracks)?;
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
        let mut order = order(&home, seed + cut, &tracks, 4 * 1024, 10);
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

/// Proves the method: a cut loses what was not synced and keeps what was, and a log that does not sync is found.
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

    let home = disk.path().join("forgetful");
    make_home(&disk, &home)?;
    let mut tracks = Tracks::new(seed, WRITERS, 0);
    let mut order = order(&home, seed, &tracks, 16 * 1024, 0);
    order.forget_syncs = true;
    let mut child = Writing::start(program, &order)?;
    child.acknowledged(&mut tracks, 300)?;
    tracks.cut();
    disk.cut()?;
    child.kill(&mut tracks)?;
    disk.restart()?;
    match check(&order, &mut tracks, Where::InPlace) {
        Ok(()) => Err(Failure::new("a log that never syncs came through a power cut unnoticed")),
        Err(found) => {
            let found = found.to_string();
            Ok(format!("a log that never syncs on {}: {}", kind.name(), found.get(..120).unwrap_or(&found)))
        }
    }
}

/// A directory that outlives the power.
fn make_home(disk: &Image, home: &Path) -> Outcome {
    fs::create_dir_all(home)?;
    Ok(File::open(disk.path())?.sync_all()?)
}

fn order(home: &Path, seed: u64, tracks: &Tracks, segment_bytes: u64, pace: u64) -> Order {
    Order {
        engine: Engine::Wal,
        home: home.to_owned(),
        seed,
        at: tracks.positions(),
        segment_bytes,
        pace,
        forget_syncs: false,
        cut_at: None,
        mount: None,
    }
}

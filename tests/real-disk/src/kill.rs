//! kill -9 under load, again and again on the same store: what was acknowledged is there.

use std::path::Path;

use crate::child::Order;
use crate::dice::Dice;
use crate::engine::Engine;
use crate::failure::{At as _, Outcome};
use crate::places::{Where, check};
use crate::process::Writing;
use crate::tracks::Tracks;

/// Writers of the writing process.
const WRITERS: usize = 8;
/// A checkpoint and a backup in so many steps of a writer.
const PACE: u64 = 80;

/// Kills the writing process `rounds` times, each time after another number of acknowledgements.
///
/// # Errors
/// The round and what was wrong after it.
pub fn under_load(program: &Path, engine: Engine, seed: u64, rounds: u64) -> Outcome<String> {
    let mut home = tempfile::tempdir()?;
    let (mut acknowledged, mut tracks) = (0, Tracks::new(seed, WRITERS, PACE));
    for round in 0..rounds {
        let mut dice = Dice::of(&[seed, round, 3]);
        let new = round % 5 == 4;
        if new {
            acknowledged += tracks.acknowledged();
            tracks = Tracks::new(seed, WRITERS, PACE);
            home = tempfile::tempdir()?;
        }
        let wanted = if new { dice.below(4) } else { 1 + dice.below(1500) };
        let place = if dice.one_in(2) { Where::InPlace } else { Where::InACopy };
        let order = Order::new(engine, home.path(), seed, &tracks, 16 * 1024, PACE);
        let mut kill = || {
            let mut child = Writing::start(program, &order)?;
            child.acknowledged(&mut tracks, wanted)?;
            child.kill(&mut tracks)?;
            check(&order, &mut tracks, place)
        };
        kill().at(format!("seed {seed}, round {round}, after {wanted} acknowledgements, checked {place:?}"))?;
    }
    acknowledged += tracks.acknowledged();
    Ok(format!("{rounds} kills, {acknowledged} acknowledged steps, none lost"))
}

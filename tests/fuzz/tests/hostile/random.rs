//! Seeded mutations of every target's seeds: whatever comes out, what the target takes is bounded too.

use fuzz_targets::{Rng, TARGETS, mutate};

use crate::bounded;
use crate::counting::alone;

const ROUNDS: u64 = 300;

#[test]
fn mutations_are_bounded() {
    let _alone = alone();
    for target in TARGETS {
        let seeds = (target.seeds)();
        for seed in 0..ROUNDS {
            let mut rng = Rng::new(seed ^ 0x5eed);
            let (from, other) = (rng.pick(&seeds).unwrap().clone(), rng.pick(&seeds).unwrap().clone());
            let input = mutate(&mut rng, &from, &other, target.words);
            bounded(&format!("{} of seed {seed}", target.name), input.len(), || {
                (target.run)(&input);
            });
        }
    }
}

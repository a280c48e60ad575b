//! Whose turn it is: the least loaded for its weight, and of those that are alike each as often as its weight says.

/// Somebody who may have the next turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    /// Who it is.
    pub(crate) index: usize,
    /// What it has to do already.
    pub(crate) load: usize,
    /// At least 1.
    pub(crate) weight: u16,
}

/// Remembers who had a turn.
///
/// Load comes first, in whole turns of the lightest: beside one of weight 1, one of weight 3 is as busy with two reads as with
/// none, and a turn busier with three. Who is least busy by that shares the turns with its like in proportion to the weights
/// (the smooth weighted round robin of nginx). So weights hold for a single reader, who never meets any load, and for many;
/// and one that is slow is left behind as soon as its reads pile up.
#[derive(Debug)]
pub(crate) struct Turns {
    /// How far each is behind what its weight gives it. They sum up to 0.
    behind: Vec<i64>,
}

impl Turns {
    /// For `count` of them.
    pub(crate) fn new(count: usize) -> Self {
        Self { behind: vec![0; count] }
    }

    /// The index of one of the candidates; nothing where there is none.
    pub(crate) fn take(&mut self, candidates: &[Candidate]) -> Option<usize> {
        let lightest = candidates.iter().map(|c| u128::from(c.weight)).min()?;
        let rounds = |c: &Candidate| c.load as u128 * lightest / u128::from(c.weight.max(1));
        let least = candidates.iter().map(rounds).min()?;
        let (mut all, mut next) = (0, None);
        for c in candidates.iter().filter(|c| rounds(c) == least) {
            let Some(behind) = self.behind.get_mut(c.index) else { continue };
            let weight = i64::from(c.weight);
            *behind += weight;
            all += weight;
            if next.is_none_or(|(_, most)| *behind > most) {
                next = Some((c.index, *behind));
            }
        }
        let (index, _) = next?;
        if let Some(behind) = self.behind.get_mut(index) {
            *behind -= all;
        }
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    fn idle(weights: &[u16]) -> Vec<Candidate> {
        loaded(&weights.iter().map(|w| (0, *w)).collect::<Vec<_>>())
    }

    fn loaded(all: &[(usize, u16)]) -> Vec<Candidate> {
        all.iter()
            .enumerate()
            .map(|(index, (load, weight))| Candidate { index, load: *load, weight: *weight })
            .collect()
    }

    fn weights(dice: &mut StdRng) -> Vec<u16> {
        let count = dice.random_range(1..=6);
        let most = [1, 2, 9, 256][dice.random_range(0..4)];
        (0..count).map(|_| dice.random_range(1..=most)).collect()
    }

    #[test]
    fn shares_of_those_that_are_idle_are_as_the_weights() {
        let mut dice = StdRng::seed_from_u64(1);
        for _ in 0..500 {
            let weights = weights(&mut dice);
            let (candidates, mut turns) = (idle(&weights), Turns::new(weights.len()));
            for round in 1..=3 {
                let mut had = vec![0; weights.len()];
                for _ in 0..weights.iter().copied().map(usize::from).sum() {
                    had[turns.take(&candidates).unwrap()] += 1;
                }
                assert_eq!(had, weights, "round {round}");
            }
        }
    }

    #[test]
    fn turns_are_spread_and_not_taken_in_a_row() {
        let mut turns = Turns::new(2);
        let taken: Vec<usize> = (0..8).filter_map(|_| turns.take(&idle(&[3, 1]))).collect();
        assert_eq!(taken, [0, 0, 1, 0, 0, 0, 1, 0]);
        let mut turns = Turns::new(3);
        let taken: Vec<usize> = (0..6).filter_map(|_| turns.take(&idle(&[2, 2, 2]))).collect();
        assert_eq!(taken, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn nobody_has_a_turn_who_is_busier_for_its_weight() {
        let mut dice = StdRng::seed_from_u64(2);
        for _ in 0..500 {
            let weights = weights(&mut dice);
            let mut turns = Turns::new(weights.len());
            for _ in 0..50 {
                // Some of them only: the others are not fresh.
                let all: Vec<_> = weights.iter().map(|w| (dice.random_range(0..20), *w)).collect();
                let mut some = loaded(&all);
                some.retain(|_| dice.random_range(0..3) > 0);
                let Some(taken) = turns.take(&some) else {
                    assert!(some.is_empty());
                    continue;
                };
                let taken = some.iter().find(|c| c.index == taken).expect("one of those that may");
                for other in &some {
                    // Whole turns of the lightest: less than one makes no difference.
                    let (ours, theirs) =
                        (taken.load * usize::from(other.weight), other.load * usize::from(taken.weight));
                    let lightest = some.iter().map(|c| usize::from(c.weight)).min().unwrap();
                    let turn = usize::from(taken.weight) * usize::from(other.weight) / lightest + 1;
                    assert!(ours < theirs + turn, "{taken:?} {other:?}");
                    assert!(
                        taken.weight != other.weight || taken.weight as usize != lightest || taken.load <= other.load
                    );
                }
                assert_eq!(turns.behind.iter().sum::<i64>(), 0);
            }
        }
        assert_eq!(Turns::new(2).take(&loaded(&[(1, 1), (0, 1)])), Some(1));
        assert_eq!(Turns::new(2).take(&loaded(&[(9, 3), (2, 1)])), Some(1));
        assert_eq!(Turns::new(2).take(&loaded(&[(5, 3), (2, 1)])), Some(0));
        assert_eq!(Turns::new(2).take(&[]), None);
    }

    /// Readers that each have one read under way, of the same length on every replica: what ends first begins again.
    #[test]
    fn shares_of_many_readers_are_as_the_weights_too() {
        let weights = [5, 3, 1];
        for readers in [1usize, 2, 3, 4, 9, 18, 40] {
            let mut dice = StdRng::seed_from_u64(readers as u64);
            let (mut turns, mut load, mut had) = (Turns::new(3), [0usize; 3], [0usize; 3]);
            let mut under_way: Vec<usize> = Vec::new();
            let most = 9_000;
            for _ in 0..most {
                if under_way.len() == readers {
                    let done = under_way.swap_remove(dice.random_range(0..readers));
                    load[done] -= 1;
                }
                let now: Vec<_> = load.into_iter().zip(weights).collect();
                let taken = turns.take(&loaded(&now)).unwrap();
                load[taken] += 1;
                had[taken] += 1;
                under_way.push(taken);
            }
            for (had, weight) in had.into_iter().zip(weights) {
                let fair = most * usize::from(weight) / 9;
                assert!(had.abs_diff(fair) < fair / 4, "{readers} readers: {had}, not about {fair}");
            }
        }
    }

    /// One that answers nothing any more gets no more than the others have under way.
    #[test]
    fn one_that_hangs_is_left_behind() {
        let mut turns = Turns::new(2);
        let mut stuck = 0;
        for _ in 0..1000 {
            stuck += usize::from(turns.take(&loaded(&[(stuck, 3), (1, 1)])) == Some(0));
        }
        assert!(stuck <= 6, "{stuck} reads wait for it");
    }
}

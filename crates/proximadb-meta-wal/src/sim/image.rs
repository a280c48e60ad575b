//! What a crash can leave of a state: images, by kind, numbered, so that a failure names the one it needs.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::dice::Dice;
use super::disk::{DirOp, Inode, Names, SECTOR, State, sector};

/// What happens to dirty data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The process dies; the machine does not. Everything written is seen, and may still be lost later.
    Killed,
    /// Nothing that was not synced is there.
    LoseAll,
    /// Everything is there.
    KeepAll,
    /// Some sectors are there.
    Sectors,
    /// The length is there, the data is not.
    Zeros,
    /// The length is there, unsynced sectors hold anything.
    Garbage,
    /// What was cut off again before a sync is there after all.
    Ghost,
    /// Data as one of the above, and some changes of names are there while others are not.
    Names,
}

/// A crash image.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) kind: Kind,
    pub(crate) state: State,
}

impl Image {
    /// A number that two images share only if they are the same.
    pub(crate) fn hash(&self) -> u128 {
        let mut h = blake3::Hasher::new();
        let s = &self.state;
        let mut names = |names: &Names| {
            for (name, inode) in names {
                h.update(name.as_bytes());
                h.update(&[0]);
                let empty = Inode::default();
                let inode = s.inodes.get(*inode).unwrap_or(&empty);
                for bytes in [&inode.pages, &inode.durable] {
                    h.update(&(bytes.len() as u64).to_le_bytes());
                    h.update(bytes);
                }
            }
            h.update(&[1]);
        };
        names(&s.names);
        names(&s.durable_names);
        let mut out = [0; 16];
        out.copy_from_slice(&h.finalize().as_bytes()[..16]);
        u128::from_le_bytes(out)
    }
}

/// The images of a state: the plain ones, then `more` drawn at random, by the seed of state and number.
pub(crate) fn images(state: &State, seed: u64, more: usize) -> Vec<Image> {
    let dirty_sectors: Vec<Vec<usize>> = state.inodes.iter().map(Inode::dirty).collect();
    let sectors: usize = dirty_sectors.iter().map(Vec::len).sum();
    let dirty = sectors > 0;
    let ghosts = state.inodes.iter().any(|i| i.ghost.is_some());
    if !dirty && !ghosts && state.pending.is_empty() {
        // A crash finds what is there, whatever kind of crash it is.
        return vec![Image { kind: Kind::KeepAll, state: state.clone() }];
    }
    let all: Vec<bool> = vec![true; state.pending.len()];
    let none: Vec<bool> = vec![false; state.pending.len()];
    let image = |kind, keep: &[bool], data: &mut dyn FnMut(&Inode, &[usize]) -> Vec<u8>| Image {
        kind,
        state: crashed(state, &dirty_sectors, keep, data),
    };
    let mut out = vec![
        Image { kind: Kind::Killed, state: state.clone() },
        image(Kind::LoseAll, &none, &mut |i, _| i.durable.to_vec()),
        image(Kind::KeepAll, &all, &mut |i, _| i.pages.to_vec()),
        image(Kind::Zeros, &all, &mut |i, s| mixed(i, s, &mut |_, _| Choice::Zeros)),
    ];
    if ghosts {
        out.push(image(Kind::Ghost, &all, &mut |i, _| i.ghost.as_ref().unwrap_or(&i.pages).to_vec()));
    }
    // Every single change of names alone lost, and alone kept.
    for n in 0..state.pending.len() {
        for keep_one in [true, false] {
            let keep: Vec<bool> = (0..state.pending.len()).map(|i| (i == n) == keep_one).collect();
            out.push(image(Kind::Names, &keep, &mut |i, _| i.durable.to_vec()));
            out.push(image(Kind::Names, &keep, &mut |i, _| i.pages.to_vec()));
        }
    }
    // As many as there can be different ones, roughly.
    let kinds = 3_usize.saturating_pow(sectors.min(12) as u32).saturating_mul(1 << state.pending.len().min(6));
    for n in 0..more.min(kinds) {
        let mut dice = Dice::new(seed.wrapping_mul(1_000_003).wrapping_add(n as u64));
        let keep: Vec<bool> = state.pending.iter().map(|_| dice.one_in(2)).collect();
        let kind = if state.pending.is_empty() || !dirty { Kind::Sectors } else { Kind::Names };
        let kind = if dirty && dice.one_in(3) { Kind::Garbage } else { kind };
        let garbage = kind == Kind::Garbage;
        let keep = if kind == Kind::Names || dice.one_in(2) { keep } else { vec![true; keep.len()] };
        out.push(image(kind, &keep, &mut |i, s| {
            mixed(i, s, &mut |dice_sector, new| match dice.below(if garbage { 5 } else { 3 }) {
                0 => Choice::New,
                1 => Choice::Old,
                2 if new => Choice::Zeros,
                2 => Choice::Old,
                3 => Choice::Garbage(dice.next() ^ dice_sector as u64),
                _ => Choice::New,
            })
        }));
    }
    out
}

enum Choice {
    New,
    Old,
    Zeros,
    Garbage(u64),
}

/// A file of which each dirty sector is chosen: `choose(sector, whether the disk has nothing there yet)`. Its length is the new
/// one where any sector is not the old one.
fn mixed(inode: &Inode, dirty: &[usize], choose: &mut dyn FnMut(usize, bool) -> Choice) -> Vec<u8> {
    let (old, new) = (&inode.durable, &inode.pages);
    let mut out = old.to_vec();
    if dirty.is_empty() {
        return out;
    }
    let mut grown = false;
    if new.len() < old.len() {
        // A cut is there or it is not.
        if !matches!(choose(0, false), Choice::Old) {
            out.truncate(new.len());
        }
    }
    let old_len = out.len();
    out.resize(out.len().max(new.len()), 0);
    for &s in dirty {
        let fresh = s * SECTOR >= old.len();
        let choice = choose(s, fresh);
        let target = sector(new, s);
        let begin = s * SECTOR;
        let end = (begin + target.len()).min(out.len());
        let Some(place) = out.get_mut(begin.min(end)..end) else { continue };
        match choice {
            Choice::Old => continue,
            Choice::New => place.copy_from_slice(&target[..place.len()]),
            Choice::Zeros => {
                for (i, b) in place.iter_mut().enumerate() {
                    if begin + i >= old.len() {
                        *b = 0;
                    }
                }
            }
            Choice::Garbage(seed) => {
                let mut dice = Dice::new(seed);
                for (i, b) in place.iter_mut().enumerate() {
                    // What was durable in a sector that is written again stays: a sector is whole or as it was.
                    if begin + i >= old.len() {
                        *b = dice.next() as u8;
                    }
                }
            }
        }
        grown = true;
    }
    if !grown {
        out.truncate(old_len);
    }
    out
}

fn crashed(
    state: &State,
    dirty: &[Vec<usize>],
    keep: &[bool],
    data: &mut dyn FnMut(&Inode, &[usize]) -> Vec<u8>,
) -> State {
    let mut names = state.durable_names.clone();
    for (op, keep) in state.pending.iter().zip(keep) {
        if *keep {
            op.apply(&mut names);
        }
    }
    let used: BTreeSet<usize> = names.values().copied().collect();
    let inodes = state
        .inodes
        .iter()
        .enumerate()
        .map(|(n, inode)| {
            if !used.contains(&n) {
                return Inode::default();
            }
            let sectors = dirty.get(n).map(Vec::as_slice).unwrap_or_default();
            let clean = sectors.is_empty() && inode.pages.len() == inode.durable.len() && inode.ghost.is_none();
            let bytes = if clean { inode.pages.clone() } else { Arc::new(data(inode, sectors)) };
            Inode::settled(bytes)
        })
        .collect();
    State {
        inodes,
        durable_names: names.clone(),
        names,
        pending: Vec::<DirOp>::new(),
        allowed: state.allowed.clone(),
        acknowledged: state.acknowledged,
    }
}

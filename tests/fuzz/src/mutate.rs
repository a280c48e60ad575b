//! Seeded mutations that know what the formats are made of: bits, bytes, numbers of every width, words, and pieces of other
//! inputs. Checksums and hashes are made right by the targets.

use crate::rng::Rng;

/// Longest input that is made here, bytes.
const MAX_BYTES: usize = 8 * 1024;

/// Numbers at which decoders break.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0xffff,
    1 << 20,
    (1 << 26) + 1,
    i32::MAX as u64,
    u32::MAX as u64,
    1 << 40,
    (1 << 53) - 1,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// An input made from `input` by a few changes; `other` is where pieces are taken from.
#[must_use]
pub fn mutate(rng: &mut Rng, input: &[u8], other: &[u8], words: &[&str]) -> Vec<u8> {
    let mut out = input.to_vec();
    for _ in 0..=rng.below(4) {
        change(rng, &mut out, other, words);
        out.truncate(MAX_BYTES);
    }
    out
}

fn change(rng: &mut Rng, out: &mut Vec<u8>, other: &[u8], words: &[&str]) {
    let at = rng.below(out.len() + 1);
    let length = 1 + rng.below(16);
    match rng.below(10) {
        0 => {
            let bit = 1 << rng.below(8);
            if let Some(byte) = out.get_mut(at) {
                *byte ^= bit;
            }
        }
        1 => overwrite(out, at, &[rng.roll() as u8]),
        2 => {
            let number = number(rng);
            overwrite(out, at, &number);
        }
        3 => {
            let number = number(rng);
            insert(out, at, &number);
        }
        4 => {
            let word = rng.pick(words).copied().unwrap_or_default();
            insert(out, at, word.as_bytes());
        }
        5 => {
            let word = rng.pick(words).copied().unwrap_or_default();
            overwrite(out, at, word.as_bytes());
        }
        6 => drop(out.drain(at..(at + length).min(out.len()))),
        7 => {
            let piece = out.get(at..(at + length * 4).min(out.len())).unwrap_or_default().to_vec();
            let many = if rng.below(8) == 0 { 200 } else { 3 };
            let times = 1 + rng.below(many);
            let to = rng.below(out.len() + 1);
            insert(out, to, &piece.repeat(times));
        }
        8 => {
            let from = rng.below(other.len() + 1);
            let piece = other.get(from..(from + length * 8).min(other.len())).unwrap_or_default();
            insert(out, at, piece);
        }
        _ => out.truncate(at),
    }
}

/// A number in one of the ways the formats write them.
fn number(rng: &mut Rng) -> Vec<u8> {
    let n = rng.pick(&NUMBERS).copied().unwrap_or_default().wrapping_add((rng.below(3) as u64).wrapping_sub(1));
    match rng.below(5) {
        0 => vec![n as u8],
        1 => (n as u16).to_le_bytes().into(),
        2 => (n as u32).to_le_bytes().into(),
        3 => n.to_le_bytes().into(),
        _ => varint(if rng.below(2) == 0 { n } else { (n << 1) ^ (n >> 63) }),
    }
}

fn varint(mut n: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while n > 0x7f {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
    out
}

fn overwrite(out: &mut [u8], at: usize, bytes: &[u8]) {
    out.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = *from);
}

fn insert(out: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    out.splice(at..at, bytes.iter().copied());
}

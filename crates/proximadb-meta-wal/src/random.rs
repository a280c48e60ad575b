//! Where salts come from: the system, or a test's seed.

#[cfg(test)]
pub(crate) use seeded::{salt, seed_salts};

#[cfg(not(test))]
pub(crate) fn salt() -> [u8; 16] {
    rand::random()
}

#[cfg(test)]
mod seeded {
    use std::cell::Cell;

    thread_local! {
        static SEED: Cell<u64> = const { Cell::new(0) };
    }

    /// The salts of this thread follow from the seed from now on.
    pub(crate) fn seed_salts(seed: u64) {
        SEED.with(|s| s.set(seed));
    }

    pub(crate) fn salt() -> [u8; 16] {
        let next = SEED.with(|s| {
            s.set(s.get().wrapping_add(1));
            s.get()
        });
        let mut out = [0; 16];
        out.copy_from_slice(&blake3::hash(&next.to_le_bytes()).as_bytes()[..16]);
        out
    }
}

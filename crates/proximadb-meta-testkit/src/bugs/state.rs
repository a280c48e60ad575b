//! What the wrapper keeps of earlier calls, and of calls that are under way.

use std::collections::{HashMap, HashSet};
use std::sync::{MutexGuard, PoisonError};

use proximadb_meta_core::Digest;

use super::{Bug, Buggy, Record};

#[derive(Default)]
pub(super) struct Memory {
    pub(super) cached: HashMap<String, Option<Record>>,
    pub(super) shadow: HashMap<String, Record>,
    pub(super) ends: HashMap<String, Record>,
    pub(super) taken: HashSet<String>,
    pub(super) flying: HashMap<String, usize>,
    pub(super) doubles: usize,
    pub(super) previous: HashMap<String, Record>,
    pub(super) turns: usize,
    pub(super) digests: HashMap<String, Digest>,
}

impl Buggy {
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn key(&self, id: &str) -> String {
        format!("{}/{id}", self.space)
    }

    pub(super) fn is(&self, bug: Bug) -> bool {
        self.bug == bug
    }

    /// Whether the bug shows itself this time: once in `n` times.
    pub(super) fn strikes(&self, bug: Bug, n: usize) -> bool {
        if !self.is(bug) {
            return false;
        }
        let mut memory = self.memory();
        memory.turns += 1;
        memory.turns.is_multiple_of(n)
    }

    /// Enters a race; whether another is in it already.
    pub(super) fn take_off(&self, key: &str) -> bool {
        let mut memory = self.memory();
        let n = memory.flying.entry(key.to_owned()).or_default();
        *n += 1;
        *n > 1
    }

    pub(super) fn land(&self, key: &str) {
        if let Some(n) = self.memory().flying.get_mut(key) {
            *n = n.saturating_sub(1);
        }
    }
}

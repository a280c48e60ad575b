//! Which records are saved: certain ones, doubtful ones where asked, and of two with one name the later.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::report::NameConflict;
use crate::inspect::{Catalog, Key, Known, Loaded, Place};

/// Most conflicts that are listed.
const MOST: usize = 1000;

/// What is left out because of its name.
#[derive(Debug, Default)]
pub(super) struct GivesWay {
    pub(super) places: BTreeSet<Place>,
    pub(super) conflicts: Vec<NameConflict>,
    pub(super) more_conflicts: u64,
}

/// Finds the records that give way to another of the same name, among those that are candidates.
pub(super) fn give_way(loaded: &Loaded, catalog: &Catalog<'_>, candidate: impl Fn(&Known) -> bool) -> GivesWay {
    let mut found = GivesWay::default();
    let mut records = catalog.records.iter().peekable();
    let mut places: Vec<Place> = Vec::new();
    while let Some((key, _)) = records.peek() {
        let namespace = key.namespace;
        places.clear();
        while let Some((_, known)) = records.next_if(|(k, _)| k.namespace == namespace) {
            if candidate(known) {
                places.push(known.put);
            }
        }
        let name = |place: Place| place.put(loaded).map(|p| p.name);
        places.sort_unstable_by(|a, b| name(*a).cmp(&name(*b)));
        for same in places.chunk_by(|a, b| name(*a) == name(*b)).filter(|same| same.len() > 1) {
            found.settle(loaded, catalog, namespace, same);
        }
    }
    found
}

impl GivesWay {
    /// Of records with one name the one that was written last keeps it; among equals, which an honest log does not have, the
    /// one with the lowest id.
    fn settle(&mut self, loaded: &Loaded, catalog: &Catalog<'_>, namespace: u32, same: &[Place]) {
        let rank = |place: &Place| {
            let id = place.put(loaded)?.id;
            let seq = catalog.records.get(&Key { namespace, id })?.seq;
            Some((seq, Reverse(id)))
        };
        let Some(winner) = same.iter().max_by_key(|p| rank(p)) else { return };
        for loser in same.iter().filter(|p| *p != winner) {
            self.places.insert(*loser);
            let (Some(kept), Some(left_out)) = (winner.put(loaded), loser.put(loaded)) else { continue };
            if self.conflicts.len() >= MOST {
                self.more_conflicts += 1;
                continue;
            }
            self.conflicts.push(NameConflict {
                namespace: catalog.name(namespace).to_owned(),
                name: kept.name.to_owned(),
                kept: kept.id.to_owned(),
                left_out: left_out.id.to_owned(),
            });
        }
    }
}

//! Which records are saved: certain ones, doubtful ones where asked, and of two with one name the later.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::report::{Fate, NameConflict};
use crate::inspect::{Catalog, Loaded, Place};

/// Most conflicts that are listed.
const MOST: usize = 1000;

/// What is saved.
#[derive(Debug, Default)]
pub(super) struct Plan {
    include_stale: bool,
    /// Records that give way to another of the same name.
    pub(super) gives_way: BTreeSet<Place>,
    pub(super) conflicts: Vec<NameConflict>,
    pub(super) more_conflicts: u64,
}

impl Plan {
    pub(super) fn new(loaded: &Loaded, catalog: &Catalog<'_>, include_stale: bool) -> Self {
        let mut plan = Self { include_stale, ..Self::default() };
        let mut records = catalog.records.iter().peekable();
        let mut places: Vec<Place> = Vec::new();
        while let Some((key, _)) = records.peek() {
            let namespace = key.namespace;
            places.clear();
            while let Some((_, place)) = records.next_if(|(k, _)| k.namespace == namespace) {
                if include_stale || catalog.is_certain(*place) {
                    places.push(*place);
                }
            }
            let name = |place: Place| place.put(loaded).map(|p| p.name);
            places.sort_unstable_by(|a, b| name(*a).cmp(&name(*b)));
            for same in places.chunk_by(|a, b| name(*a) == name(*b)).filter(|same| same.len() > 1) {
                plan.settle(loaded, catalog, namespace, same);
            }
        }
        plan
    }

    /// What becomes of the record at a place, if it is doubtful.
    pub(super) fn fate(&self, catalog: &Catalog<'_>, place: Place) -> Option<Fate> {
        match (self.gives_way.contains(&place), catalog.is_certain(place), self.include_stale) {
            (true, ..) => Some(Fate::NameTaken),
            (false, true, _) => None,
            (false, false, true) => Some(Fate::Kept),
            (false, false, false) => Some(Fate::LeftOut),
        }
    }

    /// Of records with one name the one that was written last keeps it; among equals, which an honest log does not have, the
    /// one with the lowest id.
    fn settle(&mut self, loaded: &Loaded, catalog: &Catalog<'_>, namespace: u32, same: &[Place]) {
        let rank = |place: &Place| {
            let id = place.put(loaded)?.id;
            Some((catalog.seq(*place), Reverse(id)))
        };
        let Some(winner) = same.iter().max_by_key(|p| rank(p)) else { return };
        for loser in same.iter().filter(|p| *p != winner) {
            self.gives_way.insert(*loser);
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

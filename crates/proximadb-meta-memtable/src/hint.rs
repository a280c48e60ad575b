//! What the indexes know of a filter: the sets that all matches are in, and the parts that they do not answer.

use std::sync::Arc;

use proximadb_meta_core::filter::{Leaf, Literal, Normal, Op};
use proximadb_meta_core::{CollectionMetadata, Field};

use crate::bits::SlotSet;
use crate::space::Space;
use crate::sync::Pin;

/// The way to the matches.
pub(crate) enum Hint<'f> {
    /// The holder of an id or a name, if it matches.
    Point(Point<'f>),
    /// All matches are in all of the sets; without a set, anywhere.
    Sets(Sets<'f>),
}

/// One text that one record may have.
pub(crate) struct Point<'f> {
    pub(crate) field: Field,
    pub(crate) value: &'f str,
    pub(crate) shown: String,
}

/// Sets of slots that all matches are in.
#[derive(Default)]
pub(crate) struct Sets<'f> {
    /// The smallest first.
    pub(crate) sets: Vec<Arc<SlotSet>>,
    /// What they stand for.
    pub(crate) shown: Vec<String>,
    /// What else must hold.
    pub(crate) rest: Vec<&'f Normal>,
}

impl Sets<'_> {
    /// Whether a record of the sets, whose keys are exact, matches.
    pub(crate) fn rest_matches(&self, r: &CollectionMetadata) -> bool {
        self.rest.iter().all(|part| part.evaluate(r))
    }
}

/// Asks the indexes.
pub(crate) fn hint<'f>(space: &Space, filter: &'f Normal, pin: &Pin) -> Hint<'f> {
    let mut found = Sets::default();
    let parts = match filter {
        Normal::And(parts) => &**parts,
        one => std::slice::from_ref(one),
    };
    for part in parts {
        let Normal::Literal(literal) = part else {
            found.rest.push(part);
            continue;
        };
        if let Some(point) = point(literal) {
            return Hint::Point(point);
        }
        match set(space, literal, pin) {
            Some(set) => {
                found.sets.push(set.unwrap_or_default());
                found.shown.push(literal.leaf.to_string());
            }
            None => found.rest.push(part),
        }
    }
    found.sets.sort_by_key(|s| s.len());
    Hint::Sets(found)
}

fn point(literal: &Literal) -> Option<Point<'_>> {
    match &literal.leaf {
        Leaf::Text { field: field @ (Field::Id | Field::Name), op: Op::Eq, value } if !literal.negated => {
            Some(Point { field: *field, value, shown: literal.leaf.to_string() })
        }
        _ => None,
    }
}

/// The set of an indexed literal; the inner `None` is the empty one.
fn set(space: &Space, literal: &Literal, pin: &Pin) -> Option<Option<Arc<SlotSet>>> {
    if literal.negated {
        return None;
    }
    Some(match &literal.leaf {
        Leaf::HasTag(tag) => space.tags.get(tag, pin),
        Leaf::Text { field: Field::Owner, op: Op::Eq, value } => space.owners.get(value, pin),
        Leaf::Text { field: Field::AccessPattern, op: Op::Eq, value } => space.patterns.get(value, pin),
        _ => return None,
    })
}

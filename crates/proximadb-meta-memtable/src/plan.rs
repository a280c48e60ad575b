//! Checking a unit against the table and the units of the same group before it.

use std::collections::HashMap;
use std::sync::Arc;

use proximadb_meta_core::Namespace;
use proximadb_meta_core::driver::{Prepared, Refusal, RefusalCause, Step};

use crate::space::{Record, Space};

/// One change of the table.
#[derive(Clone, Debug)]
pub enum Effect {
    /// The record is stored, in place of `before`.
    Put {
        /// As it is afterwards.
        record: Record,
        /// As it was.
        before: Option<Record>,
    },
    /// The record goes.
    Delete {
        /// As it was.
        before: Record,
    },
}

/// A unit that passed: what it changes, and what its caller is told.
#[derive(Clone, Debug)]
pub struct Effects {
    /// Where.
    pub namespace: Namespace,
    /// The changes, at most one an id.
    pub changes: Vec<Effect>,
    /// One entry a net write: the record as stored, `None` for deletes and checks.
    pub results: Vec<Option<Record>>,
}

/// What the accepted units of a group change, before they are installed.
#[derive(Debug, Default)]
pub struct Overlay {
    ids: HashMap<(Namespace, Arc<str>), Option<Record>>,
    names: HashMap<(Namespace, Arc<str>), Option<Arc<str>>>,
}

impl Overlay {
    fn id(&self, ns: &Namespace, space: Option<&Space>, id: &Arc<str>) -> Option<Record> {
        match self.ids.get(&(ns.clone(), id.clone())) {
            Some(known) => known.clone(),
            None => space?.newest(id),
        }
    }

    fn holder(&self, ns: &Namespace, space: Option<&Space>, name: &Arc<str>) -> Option<Arc<str>> {
        match self.names.get(&(ns.clone(), name.clone())) {
            Some(known) => known.clone(),
            None => space?.newest_holder(name),
        }
    }

    fn remember(&mut self, ns: &Namespace, changes: &[Effect]) {
        // Names are released before they are taken.
        for change in changes {
            let (Effect::Put { before: Some(before), .. } | Effect::Delete { before }) = change else { continue };
            self.names.insert((ns.clone(), before.name.clone()), None);
            self.ids.insert((ns.clone(), before.id.clone()), None);
        }
        for change in changes {
            let Effect::Put { record, .. } = change else { continue };
            self.names.insert((ns.clone(), record.name.clone()), Some(record.id.clone()));
            self.ids.insert((ns.clone(), record.id.clone()), Some(record.clone()));
        }
    }
}

pub(crate) fn plan(
    space: Option<&Space>,
    overlay: &mut Overlay,
    ns: &Namespace,
    unit: &Prepared,
) -> Result<Effects, Refusal> {
    let mut changes = Vec::with_capacity(unit.writes.len());
    let mut results = Vec::with_capacity(unit.writes.len());
    for (write, net) in unit.writes.iter().enumerate() {
        let found = overlay.id(ns, space, net.id());
        match net.step(found.as_ref()).map_err(|cause| Refusal { write, cause })? {
            Step::Keep => results.push(None),
            Step::Remove => {
                changes.extend(found.map(|before| Effect::Delete { before }));
                results.push(None);
            }
            Step::Store(record) => {
                results.push(Some(record.clone()));
                changes.push(Effect::Put { record, before: found });
            }
        }
    }
    names_are_free(space, overlay, ns, unit, &changes)?;
    overlay.remember(ns, &changes);
    Ok(Effects { namespace: ns.clone(), changes, results })
}

/// Whether every name the unit takes is free when the unit is done.
fn names_are_free(
    space: Option<&Space>,
    overlay: &Overlay,
    ns: &Namespace,
    unit: &Prepared,
    changes: &[Effect],
) -> Result<(), Refusal> {
    let after: HashMap<&str, Option<&Record>> = changes
        .iter()
        .map(|c| match c {
            Effect::Put { record, .. } => (&*record.id, Some(record)),
            Effect::Delete { before } => (&*before.id, None),
        })
        .collect();
    let mut taken: HashMap<&str, &Record> = HashMap::new();
    for change in changes {
        let Effect::Put { record, before } = change else { continue };
        let position = || unit.writes.iter().position(|w| w.id() == &record.id).unwrap_or_default();
        if let Some(other) = taken.insert(&record.name, record) {
            return Err(Refusal { write: position(), cause: RefusalCause::NameTaken(other.clone()) });
        }
        if before.as_ref().is_some_and(|b| b.name == record.name) {
            continue;
        }
        let Some(holder) = overlay.holder(ns, space, &record.name).filter(|h| *h != record.id) else { continue };
        let keeps = match after.get(&*holder) {
            None => true,
            Some(None) => false,
            Some(Some(r)) => r.name == record.name,
        };
        if keeps && let Some(r) = overlay.id(ns, space, &holder) {
            return Err(Refusal { write: position(), cause: RefusalCause::NameTaken(r) });
        }
    }
    Ok(())
}

//! What the contract says of one name: free, or held by one id.

use std::collections::HashSet;
use std::sync::Arc;

use proximadb_meta_core::{Detail, ErrorKind};

use super::call::{Action, Answer, Call, Worth};
use super::search::Spec;

/// The meaning of one name.
#[derive(Debug)]
pub(super) struct NameSpec {
    name: Arc<str>,
    /// Every id that was ever meant to have the name, or seen with it.
    holders: HashSet<Arc<str>>,
}

impl NameSpec {
    pub(super) fn new(name: Arc<str>, calls: &[Call]) -> Self {
        let wanted = |c: &Call| c.action.id().filter(|_| c.action.name() == Some(&name)).cloned();
        let seen = |c: &Call| c.answer.as_ref()?.1.record().filter(|r| r.name == name).map(|r| r.id.clone());
        let holders = calls.iter().flat_map(|c| [wanted(c), seen(c)]).flatten().collect();
        Self { name, holders }
    }

    /// Whether the call says something about this name: it wants it, shows it, or may let it go.
    pub(super) fn concerns(&self, call: &Call) -> bool {
        let shows = call.answer.as_ref().and_then(|(_, a)| a.record()).is_some_and(|r| r.name == self.name);
        let wants = call.action.name() == Some(&self.name);
        let holder = call.action.id().is_some_and(|id| self.holders.contains(id));
        let lets_go = matches!(
            (&call.action, call.worth()),
            (Action::Update(_), Worth::Open | Worth::Answer(Answer::Stored(_)))
                | (Action::Delete { .. }, Worth::Open | Worth::Answer(Answer::Deleted(true)))
        );
        shows || (wants && self.tells(call)) || (holder && lets_go)
    }

    /// Whether a call that wants the name tells something of it. Refused for another reason it does not.
    fn tells(&self, call: &Call) -> bool {
        match call.worth() {
            Worth::Answer(Answer::Failed(e)) => {
                e.kind() == ErrorKind::AlreadyExists && matches!(e.detail(), Some(Detail::NameTaken(_)))
            }
            Worth::Answer(_) | Worth::Open => true,
            Worth::Nothing => false,
        }
    }
}

impl Spec for NameSpec {
    type State = Option<Arc<str>>;
    type Op = Call;

    fn start(&self) -> Self::State {
        None
    }

    fn step(&self, holder: &Self::State, call: &Call) -> Option<Self::State> {
        let id = call.action.id();
        let wants = call.action.name() == Some(&self.name);
        let is_holder = holder.is_some() && holder.as_ref() == id;
        let same = || holder.clone();
        match (&call.action, call.worth()) {
            (_, Worth::Nothing) => None,
            (Action::Create(_) | Action::Update(_), Worth::Open) if wants => holder.is_none().then(|| id.cloned()),
            (Action::Update(_) | Action::Delete { .. }, Worth::Open) => is_holder.then_some(None),
            (_, Worth::Open) => None,
            (Action::GetByName { .. }, Worth::Answer(Answer::Found(None))) => holder.is_none().then(same),
            (Action::GetByName { .. }, Worth::Answer(Answer::Found(Some(r)))) if wants => {
                (r.name == self.name && holder.as_ref() == Some(&r.id)).then(same)
            }
            (Action::Create(_), Worth::Answer(Answer::Stored(_))) if wants => holder.is_none().then(|| id.cloned()),
            (Action::Update(_), Worth::Answer(Answer::Stored(_))) if wants => {
                (holder.is_none() || is_holder).then(|| id.cloned())
            }
            (Action::Create(_) | Action::Update(_), Worth::Answer(Answer::Failed(e))) => {
                let this = matches!(e.detail(), Some(Detail::NameTaken(name)) if *name == self.name);
                (this && holder.is_some() && !is_holder).then(same)
            }
            (Action::Update(_), Worth::Answer(Answer::Stored(_)))
            | (Action::Delete { .. }, Worth::Answer(Answer::Deleted(_))) => Some(if is_holder { None } else { same() }),
            (_, Worth::Answer(answer)) => {
                let shown = answer.record().filter(|r| r.name == self.name)?;
                (holder.as_ref() == Some(&shown.id)).then(same)
            }
        }
    }
}

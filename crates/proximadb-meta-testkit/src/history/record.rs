//! What the contract says of one id: absent, or present with a version, a life, a content and two counters.

use std::collections::HashSet;
use std::sync::Arc;

use proximadb_meta_core::limits::MAX_SAFE_INTEGER;
use proximadb_meta_core::{Change, CollectionMetadata, Detail, Error, ErrorKind, Incarnation};

use super::call::{Action, Answer, Call, Worth};
use super::search::Spec;

/// A live record, as far as histories look at it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Present {
    version: u64,
    /// `None` for the record of a create without an answer, until somebody sees it.
    incarnation: Option<Incarnation>,
    name: Arc<str>,
    dimension: u32,
    owner: Option<Arc<str>>,
    vectors: u64,
    bytes: u64,
}

impl Present {
    fn created(r: &CollectionMetadata) -> Self {
        Self {
            version: 1,
            incarnation: None,
            name: r.name.clone(),
            dimension: r.dimension,
            owner: r.owner.clone(),
            vectors: r.vector_count,
            bytes: r.total_size_bytes,
        }
    }

    fn updated(&self, r: &CollectionMetadata) -> Self {
        Self {
            version: self.version + 1,
            incarnation: Some(r.incarnation),
            name: r.name.clone(),
            dimension: r.dimension,
            owner: r.owner.clone(),
            ..self.clone()
        }
    }

    fn set(&self, change: &Change) -> Self {
        let mut next = Self { version: self.version + 1, ..self.clone() };
        if let Change::Owner(owner) = change {
            next.owner = owner.clone();
        }
        next
    }

    /// `None`: a counter would leave its range.
    fn counted(&self, vectors: i64, bytes: i64) -> Option<Self> {
        let moved = |n: u64, by: i64| n.checked_add_signed(by).filter(|n| *n <= MAX_SAFE_INTEGER);
        Some(Self { vectors: moved(self.vectors, vectors)?, bytes: moved(self.bytes, bytes)?, ..self.clone() })
    }
}

/// What an operation must be answered.
enum Must {
    Find,
    Store,
    Delete(bool),
    Refuse(ErrorKind),
}

/// The meaning of one id. An operation is a call of the history; whether it counts as answered was decided before.
#[derive(Debug)]
pub(super) struct RecordSpec {
    id: Arc<str>,
    /// The lives of creates that were answered: no other create began one of them.
    lives: HashSet<Incarnation>,
}

impl RecordSpec {
    pub(super) fn new(id: Arc<str>, calls: &[Call]) -> Self {
        let created = calls.iter().filter(|c| matches!(c.action, Action::Create(_)));
        let lives = created.filter_map(|c| Some(c.answer.as_ref()?.1.record()?.incarnation)).collect();
        Self { id, lives }
    }

    /// Whether the call is about this id.
    pub(super) fn concerns(&self, call: &Call) -> bool {
        match call.action.id() {
            Some(id) => *id == self.id,
            None => call.answer.as_ref().and_then(|(_, a)| a.record()).is_some_and(|r| r.id == self.id),
        }
    }

    /// The state after somebody saw it as `seen`; `None` where it does not look like that.
    fn shown(&self, state: Present, seen: &CollectionMetadata, is_create: bool) -> Option<Present> {
        let life = match state.incarnation {
            Some(known) => known == seen.incarnation,
            None => is_create || !self.lives.contains(&seen.incarnation),
        };
        let same = life
            && *seen.id == *self.id
            && (seen.version, seen.dimension) == (state.version, state.dimension)
            && (&seen.name, &seen.owner) == (&state.name, &state.owner)
            && (seen.vector_count, seen.total_size_bytes) == (state.vectors, state.bytes);
        same.then_some(Present { incarnation: Some(seen.incarnation), ..state })
    }

    /// Whether the record is the one that an update was made from. One whose life nobody has seen yet may be, or not.
    fn is_base(&self, p: &Present, base: &CollectionMetadata, refused: bool) -> bool {
        let life = match p.incarnation {
            Some(known) => known == base.incarnation,
            None => !refused && !self.lives.contains(&base.incarnation),
        };
        life && p.version == base.version
    }
}

/// Whether a refusal says why truly. What it leaves out is not held against it.
fn says(e: &Error, kind: ErrorKind, state: Option<&Present>, action: &Action) -> bool {
    e.kind() == kind
        && match (e.detail(), action) {
            (Some(Detail::Version { expected, found }), Action::Update(base)) => {
                *expected == base.version && state.is_some_and(|p| p.version == *found)
            }
            (Some(Detail::IdTaken(id)), Action::Create(r)) => *id == r.id,
            (Some(Detail::NameTaken(_)), _) => false,
            _ => true,
        }
}

/// Whether a refusal may be for the name: then the record itself did not stand in the way.
fn may_be_the_name(e: &Error) -> bool {
    e.kind() == ErrorKind::AlreadyExists && !matches!(e.detail(), Some(Detail::IdTaken(_)))
}

impl Spec for RecordSpec {
    type State = Option<Present>;
    type Op = Call;

    fn start(&self) -> Self::State {
        None
    }

    fn step(&self, state: &Self::State, call: &Call) -> Option<Self::State> {
        let answer = match call.worth() {
            Worth::Answer(answer) => Some(answer),
            Worth::Open => None,
            Worth::Nothing => return None,
        };
        let conflict = matches!(answer, Some(Answer::Failed(e)) if e.kind() == ErrorKind::VersionConflict);
        let (must, next) = match (&call.action, state) {
            (Action::Get { .. } | Action::GetByName { .. }, _) => (Must::Find, state.clone()),
            (Action::Create(r), None) => (Must::Store, Some(Present::created(r))),
            (Action::Create(_), Some(_)) => (Must::Refuse(ErrorKind::AlreadyExists), state.clone()),
            (Action::Delete { .. }, _) => (Must::Delete(state.is_some()), None),
            (_, None) => (Must::Refuse(ErrorKind::NotFound), None),
            (Action::Update(r), Some(p)) if self.is_base(p, r, conflict) => (Must::Store, Some(p.updated(r))),
            (Action::Update(_), Some(_)) => (Must::Refuse(ErrorKind::VersionConflict), state.clone()),
            (Action::Set { change, .. }, Some(p)) => (Must::Store, Some(p.set(change))),
            (Action::RecordStats { delta, .. }, Some(p)) => match p.counted(delta.vectors, delta.bytes) {
                Some(p) => (Must::Store, Some(p)),
                None => (Must::Refuse(ErrorKind::OutOfRange), state.clone()),
            },
        };
        let takes_name = matches!(call.action, Action::Create(_) | Action::Update(_));
        match (must, answer) {
            (_, None) => (next != *state).then_some(next),
            (Must::Find, Some(Answer::Found(None))) => state.is_none().then_some(None),
            (Must::Find, Some(Answer::Found(Some(r)))) => self.shown(next?, r, false).map(Some),
            (Must::Store, Some(Answer::Stored(r))) => {
                self.shown(next?, r, matches!(call.action, Action::Create(_))).map(Some)
            }
            (Must::Store, Some(Answer::Failed(e))) => (takes_name && may_be_the_name(e)).then(|| state.clone()),
            (Must::Delete(was), Some(Answer::Deleted(said))) => (was == *said).then_some(None),
            (Must::Refuse(kind), Some(Answer::Failed(e))) => {
                says(e, kind, state.as_ref(), &call.action).then_some(next)
            }
            _ => None,
        }
    }
}

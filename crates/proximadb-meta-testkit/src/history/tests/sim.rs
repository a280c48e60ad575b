//! A simulated store and its clients: every call takes effect at one instant of its own, on the model, and so the history is
//! right by construction, whatever overlaps.

use std::collections::HashMap;
use std::sync::Arc;

use proximadb_meta_core::{
    Change, CollectionMetadata, DistanceMetric, Error, ErrorKind, Operation, Retry, StatsDelta, Timestamp,
};

use crate::history::{Action, Answer, Call, check};
use crate::model::{Did, Model};
use crate::rng::Rng;

const NOW: Timestamp = Timestamp::from_micros(1_000_000);

/// What a simulation is made of.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) clients: usize,
    pub(super) calls: usize,
    pub(super) ids: usize,
    pub(super) names: usize,
    /// One call in so many is never answered; 0: none.
    pub(super) open: usize,
}

/// A call under way.
struct Running {
    call: usize,
    action: Action,
    answer: Option<Answer>,
}

pub(super) struct Sim {
    pub(super) rng: Rng,
    pub(super) model: Model,
    pub(super) calls: Vec<Call>,
    size: Size,
    time: u64,
    running: Vec<Option<Running>>,
    /// Calls that nobody waits for any more, and that may still take effect.
    abandoned: Vec<Action>,
    known: HashMap<Arc<str>, CollectionMetadata>,
    serial: u32,
    deltas: u32,
}

impl Sim {
    pub(super) fn new(seed: u64, size: Size) -> Self {
        Self {
            rng: Rng::new(seed),
            model: Model::default(),
            calls: Vec::new(),
            size,
            time: 0,
            running: (0..size.clients).map(|_| None).collect(),
            abandoned: Vec::new(),
            known: HashMap::new(),
            serial: 0,
            deltas: 0,
        }
    }

    fn tick(&mut self) -> u64 {
        self.time += 1;
        self.time
    }

    pub(super) fn serial(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    pub(super) fn id(&mut self) -> Arc<str> {
        format!("id{}", self.rng.below(self.size.ids)).into()
    }

    fn name(&mut self) -> Arc<str> {
        format!("name{}", self.rng.below(self.size.names)).into()
    }

    /// A power of two that no other delta of the simulation is: the sum tells which of them are in it.
    pub(super) fn delta(&mut self) -> StatsDelta {
        self.deltas += 1;
        StatsDelta { vectors: 1 << (self.deltas - 1), bytes: 1 }
    }

    pub(super) fn record(&mut self, id: &str, name: &str) -> CollectionMetadata {
        let n = self.serial();
        let mut r = CollectionMetadata::new(name, n, DistanceMetric::COSINE);
        r.id = id.into();
        r.owner = Some(n.to_string().into());
        r
    }

    fn action(&mut self) -> Action {
        let (id, name) = (self.id(), self.name());
        match self.rng.below(9) {
            0 | 1 => Action::Get { id },
            2 => Action::GetByName { name },
            3 => Action::Create(self.record(&id, &name)),
            4 | 5 => match self.known.get(&id).cloned() {
                Some(base) => {
                    let wanted = if self.rng.one_in(2) { name } else { base.name.clone() };
                    let mut r = self.record(&id, &wanted);
                    (r.version, r.incarnation) = (base.version, base.incarnation);
                    Action::Update(r)
                }
                None => Action::Get { id },
            },
            6 => Action::Delete { id },
            7 if self.deltas < 50 => {
                let mut delta = self.delta();
                if self.rng.one_in(4) {
                    delta.bytes = -1;
                }
                Action::RecordStats { id, delta }
            }
            _ => {
                let owner = Change::Owner(Some(self.serial().to_string().into()));
                Action::Set { id, change: owner }
            }
        }
    }

    /// What the store does and answers.
    pub(super) fn execute(&mut self, action: &Action) -> Answer {
        let operation = match action.clone() {
            Action::Get { id } => return Answer::Found(self.model.get(&id).cloned().map(Arc::new)),
            Action::GetByName { name } => return Answer::Found(self.model.by_name(&name).cloned().map(Arc::new)),
            Action::Create(r) => Operation::Create(r),
            Action::Update(r) => Operation::Update(r),
            Action::Delete { id } => Operation::Delete { id },
            Action::RecordStats { id, delta } => Operation::RecordStats { id, delta },
            Action::Set { id, change } => Operation::Set { id, change },
        };
        let stored = self.model.get(operation.id()).cloned();
        match self.model.batch(&[operation], NOW) {
            Ok(done) => match done.into_iter().next().unwrap() {
                Did::Stored(r) => Answer::Stored(Arc::new(*r)),
                Did::Deleted(was) => Answer::Deleted(was),
            },
            Err((kind, _)) => Answer::Failed(match (kind, action, stored) {
                (ErrorKind::AlreadyExists, Action::Create(r), Some(_)) => Error::id_taken(&r.id),
                (ErrorKind::AlreadyExists, Action::Create(r) | Action::Update(r), _) => Error::name_taken(&r.name),
                (ErrorKind::VersionConflict, Action::Update(r), Some(s)) => {
                    Error::version_conflict(&r.id, r.version, s.version)
                }
                (kind, ..) => Error::new(kind, "refused"),
            }),
        }
    }

    pub(super) fn ask(&mut self, client: usize, action: Action) -> usize {
        let asked = self.tick();
        self.calls.push(Call { client, asked, action, answer: None });
        self.calls.len() - 1
    }

    pub(super) fn answer(&mut self, call: usize, answer: Answer) {
        if let Some(r) = answer.record() {
            self.known.insert(r.id.clone(), (**r).clone());
        }
        let at = self.tick();
        self.calls[call].answer = Some((at, answer));
    }

    /// Question, effect and answer with nothing of others in between: by a client of its own.
    pub(super) fn at_once(&mut self, action: Action) -> Answer {
        let call = self.ask(99, action.clone());
        let answer = self.execute(&action);
        self.answer(call, answer.clone());
        answer
    }

    /// One step of a random client: it asks, or its call takes effect, or it is answered; or it is left alone.
    pub(super) fn step(&mut self) {
        if self.rng.one_in(6) && !self.abandoned.is_empty() {
            let late = self.rng.below(self.abandoned.len());
            let action = self.abandoned.swap_remove(late);
            self.execute(&action);
        }
        let client = self.rng.below(self.size.clients);
        let leave = self.size.open > 0 && self.rng.one_in(self.size.open * 2);
        match self.running[client].take() {
            None => {
                let action = self.action();
                let call = self.ask(client, action.clone());
                self.running[client] = Some(Running { call, action, answer: None });
            }
            Some(running) if leave => self.leave(running),
            Some(Running { call, action, answer: None }) => {
                let answer = Some(self.execute(&action));
                self.running[client] = Some(Running { call, action, answer });
            }
            Some(Running { call, answer: Some(answer), .. }) => self.answer(call, answer),
        }
    }

    /// A call that will not be answered, or only with "unknown".
    fn leave(&mut self, running: Running) {
        if running.answer.is_none() {
            self.abandoned.push(running.action);
        }
        if self.rng.one_in(2) {
            let unknown = Error::new(ErrorKind::Timeout, "no answer").with_retry(Retry::UnknownOutcome);
            self.answer(running.call, Answer::Failed(unknown));
        }
    }

    /// Whether a call on this id is under way or was left.
    pub(super) fn is_open(&self, id: &str) -> bool {
        let settled = |c: &Call| c.settled().is_some() || c.action.is_read();
        self.calls.iter().any(|c| c.action.id().is_some_and(|i| **i == *id) && !settled(c))
    }

    /// Steps until so many calls were asked, then answers what is under way.
    pub(super) fn run(&mut self) {
        while self.calls.len() < self.size.calls {
            self.step();
        }
        for client in 0..self.size.clients {
            if let Some(Running { call, action, answer }) = self.running[client].take() {
                let answer = answer.unwrap_or_else(|| self.execute(&action));
                self.answer(call, answer);
            }
        }
    }
}

const USUAL: Size = Size { clients: 4, calls: 60, ids: 2, names: 3, open: 0 };

fn all_accepted(seeds: std::ops::Range<u64>, size: Size) {
    for seed in seeds {
        let mut sim = Sim::new(seed, size);
        sim.run();
        let verdict = check(&sim.calls);
        assert!(verdict.is_linearizable(), "seed {seed}: {verdict}");
    }
}

#[test]
fn what_is_right_by_construction_is_accepted() {
    all_accepted(0..2000, USUAL);
    all_accepted(10_000..11_000, Size { clients: 2, calls: 30, ids: 1, names: 1, open: 0 });
    all_accepted(20_000..21_000, Size { clients: 8, calls: 60, ids: 3, names: 2, open: 0 });
}

#[test]
fn calls_without_an_answer_may_have_taken_effect_or_not() {
    all_accepted(30_000..32_000, Size { open: 8, ..USUAL });
    all_accepted(40_000..41_000, Size { clients: 3, calls: 40, ids: 1, names: 2, open: 5 });
}

#[test]
fn two_hundred_calls_on_one_record_are_accepted() {
    all_accepted(50_000..50_050, Size { clients: 4, calls: 240, ids: 1, names: 1, open: 0 });
    all_accepted(60_000..60_050, Size { clients: 4, calls: 240, ids: 1, names: 2, open: 40 });
}

#[test]
fn two_hundred_calls_of_eight_clients_with_many_unknown_outcomes_are_accepted() {
    for open in [40, 20, 10, 5] {
        all_accepted(70_000..70_040, Size { clients: 8, calls: 200, ids: 3, names: 3, open });
    }
}

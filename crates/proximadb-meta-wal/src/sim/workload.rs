//! A seeded workload over the engine, and the model that says what the catalog is after each entry.

use std::collections::BTreeMap;
use std::sync::Arc;

use proximadb_meta_core::driver::{Applied, CounterDelta, CounterDeltas, Expect, Life, NetWrite, Prepared};
use proximadb_meta_core::{
    CollectionMetadata, ConfigJson, DistanceMetric, ErrorKind, Incarnation, Namespace, Timestamp,
};

use super::check::check_table;
use super::dice::Dice;
use super::disk::SimDisk;
use crate::engine::{CheckpointJob, Engine, Group};
use crate::log::Log;
use crate::recover::State;

/// Small, so that a workload turns over several segments.
pub(crate) const SEGMENT_BYTES: u64 = 3000;
const IDS: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "é", "h"];

/// What is to be done to one unit's namespace.
enum Step {
    Unit(Namespace, Vec<NetWrite>),
    Mark(Namespace, bool),
}

/// The catalog after each entry, the empty one first; how many were acknowledged.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) states: Vec<Arc<State>>,
    pub(crate) acknowledged: usize,
    dice: Dice,
    lives: u64,
    job: Option<CheckpointJob>,
    /// What went wrong beside the disk, if anything did.
    pub(crate) violation: Option<String>,
    /// How many entries there were when the last group began.
    pub(crate) before_last_group: usize,
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    /// A fault stopped it: the handle is poisoned, or the log could not be opened.
    Stopped,
}

fn namespaces() -> [Namespace; 2] {
    [Namespace::default(), Namespace::new("tenant").unwrap()]
}

impl Workload {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            states: vec![Arc::default()],
            acknowledged: 0,
            dice: Dice::new(seed),
            lives: 0,
            job: None,
            violation: None,
            before_last_group: 0,
        }
    }

    fn now(&self) -> &State {
        self.states.last().unwrap()
    }

    fn record(&mut self, id: &str, name: String) -> CollectionMetadata {
        let d = &mut self.dice;
        let mut r = CollectionMetadata::new(name, 1 + d.below(9) as u32, DistanceMetric::COSINE);
        r.id = id.into();
        r.version = 1 + d.below(3) as u64;
        self.lives += 1;
        r.incarnation = Incarnation(self.lives);
        r.owner = [None, Some("bob".into()), Some("eve".into())][d.below(3)].clone();
        r.tags = ["x", "y", "z"].into_iter().filter(|_| d.one_in(2)).collect();
        r.config = ConfigJson::parse(["{}", r#"{"m":16}"#][d.below(2)]).unwrap();
        r.created_at = Timestamp::from_micros(d.below(5) as i64);
        r.updated_at = Timestamp::from_micros(d.below(5) as i64);
        r.expires_at = d.one_in(4).then(|| Timestamp::from_micros(d.below(9) as i64));
        // Some records span several sectors.
        r.description = d.one_in(2).then(|| "long ".repeat(1 + d.below(300)).into());
        r
    }

    /// A name that nobody in the namespace holds.
    fn free_name(&mut self, held: &BTreeMap<Arc<str>, Arc<CollectionMetadata>>) -> String {
        loop {
            let name = format!("n{}", self.dice.below(20));
            if held.values().all(|r| *r.name != *name) {
                return name;
            }
        }
    }

    /// One unit over `table`, which is changed as the unit will change it.
    fn unit(&mut self, table: &mut BTreeMap<Arc<str>, Arc<CollectionMetadata>>) -> Vec<NetWrite> {
        let mut writes = Vec::new();
        let count = if self.dice.one_in(3) { 1 + self.dice.below(4) } else { 1 };
        let mut used: Vec<&str> = Vec::new();
        for _ in 0..count {
            let id = *self.dice.pick(&IDS);
            if used.contains(&id) {
                continue;
            }
            used.push(id);
            let found = table.get(id).cloned();
            let Some(before) = found else {
                let name = self.free_name(table);
                let record = Arc::new(self.record(id, name));
                table.insert(id.into(), record.clone());
                writes.push(NetWrite::Put { record, expect: Expect::Absent, before: None });
                continue;
            };
            let expect = Expect::exactly(&before);
            match self.dice.below(5) {
                0 => {
                    table.remove(id);
                    writes.push(NetWrite::Delete { expect, before });
                }
                1 | 2 => {
                    let delta = |n: usize| CounterDelta::default().then(n as i64).unwrap();
                    let deltas =
                        CounterDeltas { vectors: delta(self.dice.below(9)), bytes: delta(self.dice.below(99)) };
                    let mut record = (*before).clone();
                    (record.vector_count, record.total_size_bytes) = deltas.apply(&before).unwrap();
                    table.insert(id.into(), Arc::new(record));
                    writes.push(NetWrite::Count { id: id.into(), life: Life::Of(before.incarnation), deltas });
                }
                3 => {
                    let name = if self.dice.one_in(2) { self.free_name(table) } else { before.name.to_string() };
                    let mut record = self.record(id, name);
                    record.version = before.version + 1;
                    record.incarnation = before.incarnation;
                    (record.vector_count, record.total_size_bytes) = (before.vector_count, before.total_size_bytes);
                    let record = Arc::new(record);
                    table.insert(id.into(), record.clone());
                    writes.push(NetWrite::Update { record, expect, deltas: CounterDeltas::default(), before });
                }
                _ => {
                    // A new life of the id takes the place of the old one, its name with it: as when an expired one is reaped.
                    let record = Arc::new(self.record(id, before.name.to_string()));
                    table.insert(id.into(), record.clone());
                    writes.push(NetWrite::Put { record, expect, before: Some(before) });
                }
            }
        }
        writes
    }

    fn step(&mut self, state: &mut State) -> Step {
        let ns = self.dice.pick(&namespaces()).clone();
        if self.dice.one_in(25) {
            let on = !state.restoring.contains(&ns);
            if on {
                state.restoring.insert(ns.clone())
            } else {
                state.restoring.remove(&ns)
            };
            return Step::Mark(ns, on);
        }
        let mut table = state.records.remove(&ns).unwrap_or_default();
        let writes = self.unit(&mut table);
        if !table.is_empty() {
            state.records.insert(ns.clone(), table);
        }
        Step::Unit(ns, writes)
    }

    /// Runs `groups` groups on the disk: opens it, writes, takes checkpoints between, closes and opens again now and then.
    pub(crate) fn run(&mut self, disk: &SimDisk, groups: usize) -> End {
        let Ok(opened) = Log::open(Arc::new(disk.clone()), SEGMENT_BYTES) else { return End::Stopped };
        let mut engine = Engine::new(opened);
        for n in 0..groups {
            if self.group(&mut engine, disk) == End::Stopped {
                self.reads_go_on(&engine);
                return End::Stopped;
            }
            self.checkpoint(&mut engine);
            if n % 17 == 16 && self.job.is_none() {
                if engine.close().is_err() {
                    return End::Stopped;
                }
                let Ok(opened) = Log::open(Arc::new(disk.clone()), SEGMENT_BYTES) else { return End::Stopped };
                if opened.state() != *self.states[self.acknowledged] {
                    self.violation = Some("a clean close and opening changed the catalog".to_owned());
                }
                engine = Engine::new(opened);
            }
        }
        self.job = None;
        if engine.close().is_ok() { End::Done } else { End::Stopped }
    }

    /// Like [`run`](Self::run) on a faultless disk, without the openings between; left unsealed unless `close` is set.
    pub(crate) fn run_open(&mut self, disk: &SimDisk, groups: usize, close: bool, segment_bytes: u64) {
        let mut engine = Engine::new(Log::open(Arc::new(disk.clone()), segment_bytes).unwrap());
        for n in 0..groups {
            self.group(&mut engine, disk);
            if n == groups / 2 && groups > 5 {
                let mut job = engine.begin_checkpoint().unwrap();
                while job.step().unwrap().inspect(|c| engine.end_checkpoint(*c)).is_none() {}
            }
        }
        if close {
            engine.close().unwrap();
        }
    }

    /// Writes one group of one to four units.
    fn group(&mut self, engine: &mut Engine, disk: &SimDisk) -> End {
        let mut group: Group<()> = Group::default();
        let begun = self.states.len();
        self.before_last_group = begun - 1;
        for _ in 0..=self.dice.below(6) {
            let mut state = self.now().clone();
            match self.step(&mut state) {
                Step::Mark(ns, on) => {
                    if group.len() > 0 {
                        continue;
                    }
                    engine.gather_mark(&mut group, ns, on, ());
                    self.states.push(Arc::new(state));
                    break;
                }
                Step::Unit(ns, writes) => {
                    let changes = writes.iter().any(|w| !matches!(w, NetWrite::Check { .. }));
                    assert!(engine.gather(&mut group, &ns, &Prepared::new(writes), true, ()).is_none());
                    if changes {
                        self.states.push(Arc::new(state));
                    }
                }
            }
        }
        disk.progress(self.acknowledged, &self.states[self.acknowledged..]);
        let answers = engine.commit(&mut group);
        let mut refused = None;
        for (_, answer) in answers {
            match answer {
                Ok(Applied::Done(_)) => {}
                Ok(Applied::Refused(r)) => {
                    self.violation = Some(format!("the engine refuses what the model allows: {r:?}"));
                    return End::Stopped;
                }
                Err(e) => refused = Some(e),
            }
        }
        if let Some(e) = refused {
            if e.kind() == ErrorKind::StorageFull {
                // Nothing of the group was kept.
                self.states.truncate(begun);
                disk.progress(self.acknowledged, &self.states[self.acknowledged..]);
                return End::Done;
            }
            if e.kind() != ErrorKind::Poisoned {
                self.violation = Some(format!("a write failed as {e:?}"));
            }
            return End::Stopped;
        }
        self.acknowledged = self.states.len() - 1;
        disk.progress(self.acknowledged, &self.states[self.acknowledged..]);
        engine.late_sync();
        End::Done
    }

    /// Begins, goes on with or ends a checkpoint, by chance.
    fn checkpoint(&mut self, engine: &mut Engine) {
        match &mut self.job {
            None if self.dice.one_in(8) => self.job = engine.begin_checkpoint().ok(),
            None => {}
            Some(job) => {
                for _ in 0..=self.dice.below(3) {
                    match job.step() {
                        Ok(None) => {}
                        Ok(Some(covered)) => {
                            engine.end_checkpoint(covered);
                            self.job = None;
                            return;
                        }
                        Err(_) => {
                            self.job = None;
                            return;
                        }
                    }
                }
            }
        }
    }

    /// After a fault the acknowledged catalog is still read.
    fn reads_go_on(&mut self, engine: &Engine) {
        if self.violation.is_some() {
            return;
        }
        if let Err(what) = check_table(&engine.shared().table, &self.states[self.acknowledged]) {
            self.violation = Some(format!("reads after a fault: {what}"));
        }
    }
}

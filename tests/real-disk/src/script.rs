//! What a writer does, step by step: a function of seed, writer and step, and of nothing else. So the process that checks knows
//! what every record must hold after any number of steps, without being told.

use std::collections::BTreeMap;
use std::sync::Arc;

use proximadb_meta_core::{CollectionMetadata, Tags};

use crate::dice::Dice;

/// Ids of one writer. The catalog stays this small, however long a run is.
const SLOTS: usize = 24;
/// Names they share: more than ids, so that names become free and are taken again.
const NAMES: usize = 40;
/// Changes of a batch.
const BATCH: usize = 5;
/// The record on which all writers count.
pub const SHARED: &str = "shared";

/// What a script knows of a record: everything but what the backend stamps by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    name: Arc<str>,
    description: Arc<str>,
    owner: Option<Arc<str>>,
    tags: Tags,
    vectors: u64,
    bytes: u64,
    version: u64,
}

/// Records by id.
pub type Rows = BTreeMap<String, Row>;

impl Row {
    /// The row of a stored record.
    #[must_use]
    pub fn of(r: &CollectionMetadata) -> Self {
        Self {
            name: r.name.clone(),
            description: r.description.clone().unwrap_or_else(|| "".into()),
            owner: r.owner.clone(),
            tags: r.tags.clone(),
            vectors: r.vector_count,
            bytes: r.total_size_bytes,
            version: r.version,
        }
    }
}

/// One change of one record.
#[derive(Clone, Debug)]
pub enum Change {
    /// It is new.
    Create {
        /// Its name.
        name: Arc<str>,
        /// Its description.
        description: Arc<str>,
        /// Its tags.
        tags: Tags,
    },
    /// It gets another description and other tags.
    Update {
        /// The description.
        description: Arc<str>,
        /// The tags.
        tags: Tags,
    },
    /// It gets another name.
    Rename(Arc<str>),
    /// It gets another owner.
    Owner(Option<Arc<str>>),
    /// Its counters move.
    Count {
        /// By so many vectors.
        vectors: i64,
        /// By so many bytes.
        bytes: i64,
    },
    /// It goes.
    Delete,
}

/// A change and the id it works on.
#[derive(Clone, Debug)]
pub struct Act {
    /// Which record.
    pub id: String,
    /// What happens to it.
    pub change: Change,
}

/// One step of a writer. Acknowledged as a whole.
#[derive(Clone, Debug)]
pub enum Step {
    /// One change by a call of its own, or several as one batch.
    Acts(Vec<Act>),
    /// One vector, and a number of bytes that says which writer it was, on the record of all.
    Count,
    /// A checkpoint.
    Checkpoint,
    /// A backup.
    Backup,
}

impl Step {
    /// The ids it may change, apart from the shared one.
    #[must_use]
    pub fn ids(&self) -> Vec<&str> {
        match self {
            Self::Acts(acts) => acts.iter().map(|a| &*a.id).collect(),
            _ => Vec::new(),
        }
    }
}

/// A writer's script at a step.
#[derive(Clone, Debug)]
pub struct Script {
    seed: u64,
    writer: usize,
    /// One checkpoint and one backup in so many steps; 0: none.
    pace: u64,
    done: u64,
    rows: Rows,
    counted: u64,
}

impl Script {
    /// The beginning.
    #[must_use]
    pub fn new(seed: u64, writer: usize, pace: u64) -> Self {
        Self { seed, writer, pace, done: 0, rows: Rows::new(), counted: 0 }
    }

    /// As it is after so many steps.
    #[must_use]
    pub fn after(mut self, steps: u64) -> Self {
        while self.done < steps {
            self.advance();
        }
        self
    }

    /// Whose it is.
    #[must_use]
    pub fn writer(&self) -> usize {
        self.writer
    }

    /// Steps done.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done
    }

    /// The writer's own records after these steps.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// How often it counted on the record of all.
    #[must_use]
    pub fn counted(&self) -> u64 {
        self.counted
    }

    /// Bytes that this writer counts each time.
    #[must_use]
    pub fn weight(&self) -> u64 {
        1 << self.writer
    }

    /// Whose record an id is: `None` for the one of all, and for ids that no writer makes.
    #[must_use]
    pub fn writer_of(id: &str) -> Option<usize> {
        id.strip_prefix('w')?.split_once('-')?.0.parse().ok()
    }

    /// What comes next.
    #[must_use]
    pub fn next(&self) -> Step {
        if self.pace > 0 && self.done % self.pace == self.pace - 1 {
            return Step::Checkpoint;
        }
        if self.pace > 0 && self.done % self.pace == self.pace / 2 {
            return Step::Backup;
        }
        let mut dice = Dice::of(&[self.seed, self.writer as u64, self.done]);
        match dice.below(100) {
            0..8 => Step::Count,
            8..28 => {
                let first = dice.place(SLOTS);
                let mut rows = self.rows.clone();
                let mut acts = Vec::with_capacity(BATCH);
                for i in 0..BATCH {
                    // 7 and 24 have no common divisor: five different ids.
                    let act = self.act(&mut dice, &rows, (first + 7 * i) % SLOTS);
                    apply(&mut rows, &act);
                    acts.push(act);
                }
                Step::Acts(acts)
            }
            _ => {
                let slot = dice.place(SLOTS);
                Step::Acts(vec![self.act(&mut dice, &self.rows, slot)])
            }
        }
    }

    /// Does the next step.
    pub fn advance(&mut self) -> Step {
        let step = self.next();
        match &step {
            Step::Acts(acts) => acts.iter().for_each(|act| apply(&mut self.rows, act)),
            Step::Count => self.counted += 1,
            Step::Checkpoint | Step::Backup => {}
        }
        self.done += 1;
        step
    }

    /// Notes a count on the record of all that the script did not ask for.
    pub fn note_count(&mut self) {
        self.counted += 1;
    }

    fn act(&self, dice: &mut Dice, rows: &Rows, slot: usize) -> Act {
        let id = format!("w{:02}-{slot:02}", self.writer);
        let tags = |dice: &mut Dice| -> Tags { (0..dice.below(4)).map(|_| format!("t{}", dice.below(6))).collect() };
        let change = match rows.get(&id) {
            None => {
                let (name, description) = (self.free_name(dice, rows), self.text(dice));
                Change::Create { name, description, tags: tags(dice) }
            }
            Some(row) => match dice.below(10) {
                0..3 => Change::Update { description: self.text(dice), tags: tags(dice) },
                3 => Change::Rename(self.free_name(dice, rows)),
                4 => Change::Owner((!dice.one_in(3)).then(|| format!("o{}", dice.below(5)).into())),
                5..8 => {
                    let mut by = |stored: u64, most: u64| match dice.one_in(4) {
                        true => -(dice.below(stored.min(most) + 1).cast_signed()),
                        false => dice.below(most).cast_signed(),
                    };
                    Change::Count { vectors: by(row.vectors, 1000), bytes: by(row.bytes, 1_000_000) }
                }
                _ => Change::Delete,
            },
        };
        Act { id, change }
    }

    /// A name that none of the writer's records has.
    fn free_name(&self, dice: &mut Dice, rows: &Rows) -> Arc<str> {
        let first = dice.place(NAMES);
        let names = (0..NAMES).map(|i| format!("name-{:02}-{:02}", self.writer, (first + i) % NAMES));
        let mut free = names.filter(|n| rows.values().all(|r| *r.name != **n));
        free.next().unwrap_or_default().into()
    }

    /// Mostly short; at times several pages long, so that a write can be torn.
    fn text(&self, dice: &mut Dice) -> Arc<str> {
        let letter = char::from(b'a' + u8::try_from(dice.below(26)).unwrap_or(0));
        let length = if dice.one_in(25) { 4_000 + dice.place(12_000) } else { 20 + dice.place(400) };
        format!("{}.{} {}", self.writer, self.done, letter.to_string().repeat(length)).into()
    }
}

fn apply(rows: &mut Rows, act: &Act) {
    let id = &act.id;
    if let Change::Create { name, description, tags } = &act.change {
        let (name, description, tags) = (name.clone(), description.clone(), tags.clone());
        rows.insert(id.clone(), Row { name, description, owner: None, tags, vectors: 0, bytes: 0, version: 1 });
        return;
    }
    let Some(row) = rows.get_mut(id) else { return };
    row.version += 1;
    match &act.change {
        Change::Create { .. } => {}
        Change::Update { description, tags } => {
            row.description = description.clone();
            row.tags = tags.clone();
        }
        Change::Rename(name) => row.name = name.clone(),
        Change::Owner(owner) => row.owner = owner.clone(),
        Change::Count { vectors, bytes } => {
            row.version -= 1;
            row.vectors = row.vectors.saturating_add_signed(*vectors);
            row.bytes = row.bytes.saturating_add_signed(*bytes);
        }
        Change::Delete => drop(rows.remove(id)),
    }
}

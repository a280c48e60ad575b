//! The model: what the contract means, on a plain map, written without the adapter and without its filter evaluation.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use proximadb_meta_core::ErrorKind::{AlreadyExists, InvalidInput, NotFound, OutOfRange, VersionConflict};
use proximadb_meta_core::filter::{ConfigValue, Leaf, Op};
use proximadb_meta_core::{Change, CollectionMetadata, ErrorKind, Filter, Incarnation, Operation, PutIf, Timestamp};

/// What one operation did.
#[derive(Clone, Debug, PartialEq)]
pub enum Did {
    /// Stored this.
    Stored(Box<CollectionMetadata>),
    /// Whether there was something to delete.
    Deleted(bool),
}

/// Why a batch was refused, and at which operation.
pub type Refused = (ErrorKind, usize);

/// One namespace in sequence. Time is told, and must not go back.
#[derive(Clone, Debug, Default)]
pub struct Model {
    records: BTreeMap<String, CollectionMetadata>,
    lives: u64,
}

const LIMIT: i128 = (1 << 53) - 1;
const DAY: i64 = 86_400_000_000;

fn fill(r: &mut CollectionMetadata) {
    if let (None, Some(keep)) = (r.expires_at, r.retention)
        && keep.auto_delete
    {
        r.expires_at = Some(Timestamp::from_micros(r.created_at.as_micros() + i64::from(keep.retain_days) * DAY));
    }
}

fn past(r: &CollectionMetadata, now: Timestamp) -> bool {
    r.expires_at.is_some_and(|at| at <= now)
}

fn apply_change(r: &mut CollectionMetadata, change: &Change) {
    match change.clone() {
        Change::Tags(v) => r.tags = v,
        Change::Owner(v) => r.owner = v,
        Change::Description(v) => r.description = v,
        Change::AccessPattern(v) => r.access_pattern = v,
        Change::IndexingAlgorithm(v) => r.indexing_algorithm = v,
        Change::Retention(v) => r.retention = v,
        Change::ExpiresAt(v) => r.expires_at = v,
        Change::Config(v) => r.config = v,
        _ => {}
    }
}

impl Model {
    /// Forgets what expired.
    pub fn at(&mut self, now: Timestamp) {
        self.records.retain(|_, r| !past(r, now));
    }

    /// By id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&CollectionMetadata> {
        self.records.get(id)
    }

    /// By name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&CollectionMetadata> {
        self.records.values().find(|r| &*r.name == name)
    }

    /// What matches, by `key`, ties by id.
    #[must_use]
    pub fn list(
        &self,
        filter: Option<&Filter>,
        compare: impl Fn(&CollectionMetadata, &CollectionMetadata) -> Ordering,
    ) -> Vec<&CollectionMetadata> {
        let mut found: Vec<_> = self.records.values().filter(|r| filter.is_none_or(|f| matches(f, r))).collect();
        found.sort_by(|a, b| compare(a, b));
        found
    }

    /// Applies operations as one unit.
    ///
    /// # Errors
    /// The kind and the index of the refusal; nothing is done then.
    pub fn batch(&mut self, operations: &[Operation], now: Timestamp) -> Result<Vec<Did>, Refused> {
        self.at(now);
        for (i, op) in operations.iter().enumerate() {
            let bad = match op {
                Operation::Create(r) => {
                    let mut r = r.clone();
                    r.created_at = now;
                    fill(&mut r);
                    past(&r, now)
                }
                Operation::Update(r) => past(r, now),
                Operation::Set { change: Change::ExpiresAt(Some(at)), .. } => *at <= now,
                _ => false,
            };
            if bad {
                return Err((InvalidInput, i));
            }
        }
        let mut next = self.clone();
        let mut out = Vec::new();
        for (i, op) in operations.iter().enumerate() {
            out.push(next.step(op, now).map_err(|kind| (kind, i))?);
            next.at(now);
        }
        *self = next;
        Ok(out)
    }

    fn store(&mut self, r: CollectionMetadata) -> Result<Did, ErrorKind> {
        if self.by_name(&r.name).is_some_and(|other| other.id != r.id) {
            return Err(AlreadyExists);
        }
        self.records.insert(r.id.to_string(), r.clone());
        Ok(Did::Stored(Box::new(r)))
    }

    fn new_life(&mut self) -> Incarnation {
        self.lives += 1;
        Incarnation(self.lives)
    }

    fn changed(
        &mut self,
        mut new: CollectionMetadata,
        old: &CollectionMetadata,
        now: Timestamp,
    ) -> Result<Did, ErrorKind> {
        new.created_at = old.created_at;
        new.updated_at = old.updated_at.max(now);
        new.version = old.version + 1;
        new.vector_count = old.vector_count;
        new.total_size_bytes = old.total_size_bytes;
        new.incarnation = old.incarnation;
        fill(&mut new);
        if past(&new, now) {
            return Err(InvalidInput);
        }
        self.store(new)
    }

    fn step(&mut self, op: &Operation, now: Timestamp) -> Result<Did, ErrorKind> {
        let old = self.records.get(&**op.id()).cloned();
        match op {
            Operation::Create(r) => {
                if old.is_some() {
                    return Err(AlreadyExists);
                }
                let mut r = r.clone();
                (r.created_at, r.updated_at, r.version) = (now, now, 1);
                r.incarnation = self.new_life();
                fill(&mut r);
                self.store(r)
            }
            Operation::Put { record, when } => {
                match (when, &old) {
                    (PutIf::Absent, Some(_)) => return Err(AlreadyExists),
                    (PutIf::Version(_), None) => return Err(NotFound),
                    (PutIf::Version(v), Some(o)) if o.version != *v => return Err(VersionConflict),
                    _ => {}
                }
                let mut r = record.clone();
                r.version = r.version.max(1);
                r.incarnation = self.new_life();
                self.store(r)
            }
            Operation::Update(r) => {
                let old = old.ok_or(NotFound)?;
                if (old.version, old.incarnation) != (r.version, r.incarnation) {
                    return Err(VersionConflict);
                }
                self.changed(r.clone(), &old, now)
            }
            Operation::Set { change, .. } => {
                let old = old.ok_or(NotFound)?;
                let mut new = old.clone();
                apply_change(&mut new, change);
                self.changed(new, &old, now)
            }
            Operation::RecordStats { delta, .. } => {
                let mut r = old.ok_or(NotFound)?;
                let moved = |n: u64, by: i64| {
                    let sum = i128::from(n) + i128::from(by);
                    if (0..=LIMIT).contains(&sum) {
                        u64::try_from(sum).map_err(|_| OutOfRange)
                    } else {
                        Err(OutOfRange)
                    }
                };
                r.vector_count = moved(r.vector_count, delta.vectors)?;
                r.total_size_bytes = moved(r.total_size_bytes, delta.bytes)?;
                self.store(r)
            }
            Operation::Delete { id } => Ok(Did::Deleted(self.records.remove(&**id).is_some())),
            _ => Err(ErrorKind::Unsupported),
        }
    }
}

/// Whether a record matches, by the model's own reading of the rules.
#[must_use]
pub fn matches(filter: &Filter, r: &CollectionMetadata) -> bool {
    match filter {
        Filter::And(parts) => !parts.iter().any(|p| !matches(p, r)),
        Filter::Or(parts) => parts.iter().any(|p| matches(p, r)),
        Filter::Not(inner) => !matches(inner, r),
        Filter::Leaf(leaf) => leaf_matches(leaf, r),
    }
}

fn holds<T: PartialOrd>(op: Op, stored: T, given: T) -> bool {
    match op {
        Op::Eq => stored == given,
        Op::Ne => stored != given,
        Op::Lt => stored < given,
        Op::Le => stored <= given,
        Op::Gt => stored > given,
        Op::Ge => stored >= given,
    }
}

fn leaf_matches(leaf: &Leaf, r: &CollectionMetadata) -> bool {
    match leaf {
        Leaf::Text { field, op, value } => field.text_of(r).is_some_and(|v| holds(*op, v.as_bytes(), value.as_bytes())),
        Leaf::Number { field, op, value } => {
            field.number_of(r).is_some_and(|v| holds(*op, i128::from(v), i128::from(*value)))
        }
        Leaf::Time { field, op, value } => {
            field.time_of(r).is_some_and(|v| holds(*op, v.as_micros(), value.as_micros()))
        }
        Leaf::HasTag(tag) => r.tags.iter().any(|t| t == tag),
        Leaf::Present(field) => r.has(*field),
        Leaf::StartsWith { field, prefix } => {
            field.text_of(r).is_some_and(|v| v.as_bytes().get(..prefix.len()) == Some(prefix.as_bytes()))
        }
        Leaf::Words(query) => {
            // Scripts hold ASCII words only: there folding and cutting are this simple.
            let words = |t: &str| t.to_ascii_lowercase().split(' ').map(str::to_owned).collect::<Vec<_>>();
            let mut have: Vec<String> = words(&r.name);
            have.extend(r.description.iter().chain(r.owner.iter()).chain(r.tags.iter()).flat_map(|t| words(t)));
            words(query).iter().all(|w| have.contains(w))
        }
        Leaf::Config { path, op, value } => config_matches(r, path, *op, value),
        Leaf::ConfigPresent(path) => r.config.at(path).is_some(),
        _ => false,
    }
}

fn config_matches(r: &CollectionMetadata, path: &[Arc<str>], op: Op, value: &ConfigValue) -> bool {
    let Some(text) = r.config.at(path) else { return false };
    match value {
        ConfigValue::Number(x) => text.parse::<f64>().is_ok_and(|v| holds(op, v, *x)),
        // Scripts hold texts without escapes.
        ConfigValue::Text(x) => {
            text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).is_some_and(|v| holds(op, v, x))
        }
        ConfigValue::Bool(x) => text.parse::<bool>().is_ok_and(|v| holds(op, v, *x)),
    }
}

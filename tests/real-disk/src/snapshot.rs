//! Backups under load: each one is exactly one position in the order of commits.
//!
//! Every batch of every writer also counts on one record, and the number it gets back is its position: batches are atomic and
//! the counter only grows. A backup with that counter at `p` must hold what the batches up to `p` wrote, and nothing of others.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use proximadb_meta_core::operation::Change as Set;
use proximadb_meta_core::report::{BackupOptions, RestoreOptions};
use proximadb_meta_core::{CollectionMetadata, DistanceMetric, MetadataBackend, Operation, StatsDelta};
use tokio::task::JoinSet;

use crate::failure::{At as _, Failure, Outcome};

const WRITERS: usize = 8;
/// What each account begins with; the writers pass it on to each other.
const START: u64 = 1_000_000;
/// The record whose counter is the position.
const POSITION: &str = "position";

/// Position and writer of every batch.
type Commits = Arc<Mutex<Vec<(u64, usize)>>>;
type Record = Arc<CollectionMetadata>;

/// Takes `backups` backups while eight writers run, restores each into a fresh memory store, and checks that it is exactly one
/// position.
///
/// # Errors
/// The backup that is none.
pub async fn backups(db: Arc<dyn MetadataBackend>, backups: usize) -> Outcome<String> {
    let place = tempfile::tempdir()?;
    let location = place.path().to_string_lossy().into_owned();
    ensure!(db.capabilities().snapshot_backup, "it does not declare that its backups are snapshots");
    let load = Load::start(db.clone()).await?;
    let mut ids = Vec::new();
    for _ in 0..backups {
        let report = db.backup(&location, BackupOptions::default()).await?;
        ensure!(report.snapshot, "backup {} says that it is no snapshot", report.id);
        ids.push(report.id);
        // The next one shall be of another position.
        load.wait_for(load.position().await? + 1).await?;
    }
    let commits = load.stop().await?;
    let mut positions = Vec::new();
    for id in &ids {
        let memory = proximadb_meta_memory::memory().into_backend();
        memory.restore(id, &location, RestoreOptions::default()).await.at(format!("restore {id}"))?;
        let records = memory.list_collections(None).await?;
        positions.push(check(&records, &commits).at(format!("backup {id}"))?);
    }
    ensure!(positions.is_sorted(), "a later backup shows an earlier position");
    positions.dedup();
    ensure!(positions.len() == backups, "{backups} backups are of {} positions", positions.len());
    Ok(format!("{backups} backups, each exactly one of {} positions", commits.len()))
}

/// Proves the check: half of the records read at one time and half a little later are no position, and it says so.
///
/// # Errors
/// It does not.
pub async fn torn_read_is_found(db: Arc<dyn MetadataBackend>, rounds: usize) -> Outcome<String> {
    let load = Load::start(db.clone()).await?;
    let mut torn = Vec::new();
    for round in 0..rounds {
        let mut records: BTreeMap<Arc<str>, Record> = BTreeMap::new();
        // Every writer has written in between: another half each time.
        let first = |r: &Record| r.id.bytes().map(usize::from).sum::<usize>() % 7 < 3 + round % 2;
        let all = db.list_collections(None).await?;
        records.extend(all.into_iter().filter(first).map(|r| (r.id.clone(), r)));
        load.everybody_writes().await?;
        let all = db.list_collections(None).await?;
        records.extend(all.into_iter().filter(|r| !first(r)).map(|r| (r.id.clone(), r)));
        torn.push(records.into_values().collect::<Vec<_>>());
    }
    let commits = load.stop().await?;
    for records in &torn {
        ensure!(check(records, &commits).is_err(), "a torn read passes for a snapshot");
    }
    Ok(format!("{rounds} torn reads, each found"))
}

/// Eight writers at work.
struct Load {
    db: Arc<dyn MetadataBackend>,
    commits: Commits,
    stop: Arc<AtomicBool>,
    writers: JoinSet<Outcome>,
}

impl Load {
    async fn start(db: Arc<dyn MetadataBackend>) -> Outcome<Self> {
        let mut operations = vec![Operation::Create(record(POSITION))];
        for w in 0..WRITERS {
            for id in [clock(w), side(w), pair(w, 'a'), pair(w, 'b'), mark(w, 0), account(w)] {
                operations.push(Operation::Create(record(&id)));
            }
            operations.push(count(&account(w), START.cast_signed()));
        }
        db.batch_operations(operations).await?;
        let (commits, stop) = (Commits::default(), Arc::new(AtomicBool::new(false)));
        let mut writers = JoinSet::new();
        for w in 0..WRITERS {
            writers.spawn(write(db.clone(), w, commits.clone(), stop.clone()));
        }
        Ok(Self { db, commits, stop, writers })
    }

    async fn position(&self) -> Outcome<u64> {
        Ok(get(&*self.db, POSITION).await?.vector_count)
    }

    async fn wait_for(&self, position: u64) -> Outcome {
        while self.position().await? < position {
            ensure!(!self.writers.is_empty(), "nobody writes");
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Waits until each writer did a whole step.
    async fn everybody_writes(&self) -> Outcome {
        for w in 0..WRITERS {
            let begun = time(&*self.db, w).await?;
            while time(&*self.db, w).await? < begun + 2 {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    async fn stop(mut self) -> Outcome<Vec<(u64, usize)>> {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(done) = self.writers.join_next().await {
            done??;
        }
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner).clone();
        commits.sort_unstable();
        for (i, (position, _)) in commits.iter().enumerate() {
            ensure!(*position == i as u64 + 1, "position {position} was given to commit {}", i + 1);
        }
        Ok(commits)
    }
}

/// One writer: looks at everybody's clock, then moves its own and all that hangs on it in one batch.
async fn write(db: Arc<dyn MetadataBackend>, w: usize, commits: Commits, stop: Arc<AtomicBool>) -> Outcome {
    let mut n = 0;
    while !stop.load(Ordering::SeqCst) {
        n += 1;
        let mut seen = Vec::with_capacity(WRITERS);
        for v in 0..WRITERS {
            seen.push(time(&*db, v).await?);
        }
        // By itself, before the batch.
        db.update_collection(described(&*db, &side(w), n.to_string()).await?).await?;
        let text = seen.iter().fold(n.to_string(), |text, m| format!("{text} {m}"));
        let owner = |id: String| Operation::Set { id: id.into(), change: Set::Owner(Some(n.to_string().into())) };
        let operations = vec![
            Operation::Update(described(&*db, &clock(w), text).await?),
            owner(pair(w, 'a')),
            owner(pair(w, 'b')),
            Operation::Delete { id: mark(w, n - 1).into() },
            Operation::Create(record(&mark(w, n))),
            count(&account(w), -1),
            count(&account((w + 1) % WRITERS), 1),
            count(POSITION, 1),
        ];
        let outcomes = db.batch_operations(operations).await?;
        let position = outcomes.last().and_then(|o| o.record()).map(|r| r.vector_count);
        let position = position.ok_or_else(|| Failure::new("the batch has no last outcome"))?;
        commits.lock().unwrap_or_else(PoisonError::into_inner).push((position, w));
        // A store in memory never makes a task wait: nobody else would have a turn.
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Whether these records are the catalog at one position: which.
fn check(records: &[Record], commits: &[(u64, usize)]) -> Outcome<u64> {
    let by_id: BTreeMap<&str, &Record> = records.iter().map(|r| (&*r.id, r)).collect();
    let find = |id: &str| by_id.get(id).copied().ok_or_else(|| Failure::new(format!("{id} is missing")));
    let position = find(POSITION)?.vector_count;
    let upto = commits.get(..usize::try_from(position)?).ok_or_else(|| Failure::new("a position nobody reached"))?;
    let mut done = [0; WRITERS];
    upto.iter().for_each(|(_, by)| done[*by] += 1);
    let n = |w: usize| done[w];
    ensure!(records.len() == 1 + 6 * WRITERS, "{} records at position {position}", records.len());
    for w in 0..WRITERS {
        let is = n(w);
        let at = |what: &str| format!("at position {position} writer {w} had done {is} steps: {what}");
        let numbers = numbers(find(&clock(w))?)?;
        ensure!(numbers.first() == Some(&is), "{} its clock shows {:?}", at(""), numbers.first());
        for (v, seen) in numbers.iter().skip(1).enumerate() {
            ensure!(*seen <= n(v), "{} it had seen step {seen} of writer {v}, who had done {}", at(""), n(v));
        }
        for half in ['a', 'b'] {
            let owner = find(&pair(w, half))?.owner.clone();
            let expected = (is > 0).then(|| is.to_string());
            ensure!(owner.as_deref() == expected.as_deref(), "{} of its pair {half} shows {owner:?}", at(""));
        }
        find(&mark(w, is)).at(at("its mark"))?;
        let before = steps(find(&side(w))?)?;
        ensure!(before == is || before == is + 1, "{} its side record shows {before}", at(""));
        let has = find(&account(w))?.vector_count;
        let expected = START - is + n((w + WRITERS - 1) % WRITERS);
        ensure!(has == expected, "{} its account has {has}, not {expected}", at(""));
    }
    Ok(position)
}

/// The numbers in a description; 0 where nobody wrote yet.
fn numbers(record: &CollectionMetadata) -> Outcome<Vec<u64>> {
    let text = record.description.as_deref().unwrap_or("0");
    Ok(text.split(' ').map(str::parse).collect::<Result<_, _>>()?)
}

fn steps(record: &CollectionMetadata) -> Outcome<u64> {
    numbers(record)?.first().copied().ok_or_else(|| Failure::new(format!("{} has no number", record.id)))
}

/// What a writer's clock shows.
async fn time(db: &dyn MetadataBackend, w: usize) -> Outcome<u64> {
    let clock = get(db, &clock(w)).await?;
    steps(&clock)
}

async fn get(db: &dyn MetadataBackend, id: &str) -> Outcome<Record> {
    db.get_collection(id).await?.ok_or_else(|| Failure::new(format!("{id} is gone")))
}

async fn described(db: &dyn MetadataBackend, id: &str, text: String) -> Outcome<CollectionMetadata> {
    let mut record = (*get(db, id).await?).clone();
    record.description = Some(text.into());
    Ok(record)
}

fn record(id: &str) -> CollectionMetadata {
    let mut record = CollectionMetadata::new(format!("name of {id}"), 8, DistanceMetric::COSINE);
    record.id = id.into();
    record
}

fn count(id: &str, vectors: i64) -> Operation {
    Operation::RecordStats { id: id.into(), delta: StatsDelta { vectors, bytes: 0 } }
}

fn clock(w: usize) -> String {
    format!("clock-{w}")
}

fn side(w: usize) -> String {
    format!("side-{w}")
}

fn pair(w: usize, half: char) -> String {
    format!("pair-{w}-{half}")
}

fn mark(w: usize, n: u64) -> String {
    format!("mark-{w}-{n}")
}

fn account(w: usize) -> String {
    format!("account-{w}")
}

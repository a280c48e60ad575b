//! Work of every kind on the same records, by several processes at once. Each says what it was told that it did; the parent adds it
//! up, and compares what each of them reads in the end.
//!
//! A trial [prepares](prepare) an empty catalog, [runs](run) children that call [`child`], and [checks](check) the catalog.

use std::collections::{BTreeMap, BTreeSet};

use proximadb_meta_core::ErrorKind::{AlreadyExists, VersionConflict};
use proximadb_meta_core::canon::ConfigJson;
use proximadb_meta_core::digest::{DigestTree, digest_of};
use proximadb_meta_core::{
    DigestRequest, Error, ErrorKind, Field, Filter, MetadataBackend, Operation, PutIf, Result, StatsDelta, Timestamp,
};
use tokio::task::yield_now;

use super::record;
use super::talk::{Talk, hear, say};
use crate::case::{CaseResult, Failure};

/// Processes that work at the same time.
pub const PROCESSES: u64 = 8;
/// What each of them does so many times.
const STEPS: u64 = 30;
/// Records that all of them change.
const SHARED: u64 = 3;

/// What a process was told that it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Did {
    vectors: u64,
    bytes: u64,
    pairs: u64,
    crowns: Vec<u64>,
}

impl Did {
    fn line(&self) -> String {
        let numbers = [self.vectors, self.bytes, self.pairs];
        let words: Vec<String> = numbers.iter().chain(&self.crowns).map(u64::to_string).collect();
        words.join(" ")
    }

    fn parse(line: &str) -> CaseResult<Self> {
        let numbers: std::result::Result<Vec<u64>, _> = line.split(' ').map(str::parse).collect();
        match numbers.as_deref() {
            Ok([vectors, bytes, pairs, crowns @ ..]) => {
                Ok(Self { vectors: *vectors, bytes: *bytes, pairs: *pairs, crowns: crowns.to_vec() })
            }
            _ => Err(Failure::new(format!("a child says what it did as {line:?}"))),
        }
    }
}

/// What all processes said.
#[derive(Debug)]
pub struct Told {
    did: Vec<Did>,
    /// What each of them read when all were done.
    read: BTreeSet<String>,
}

fn shared(number: u64) -> String {
    format!("shared-{}", number % SHARED)
}

fn wrong(what: String) -> Error {
    Error::new(ErrorKind::Internal, what)
}

/// Fills an empty catalog with what the processes work on.
///
/// # Errors
/// When that fails.
pub async fn prepare(catalog: &dyn MetadataBackend) -> Result<()> {
    for n in 0..SHARED {
        catalog.create_collection(record(&shared(n))).await?;
    }
    Ok(())
}

/// The part of a process: works, says what it did, waits until all are done, and says what it then reads.
///
/// # Errors
/// When a call fails that should not, or answers what cannot be.
pub async fn child(catalog: &dyn MetadataBackend, number: u64) -> Result<()> {
    say(&work(catalog, number).await?.line())?;
    hear().await?;
    say(&reading(catalog).await?)
}

/// The part of the parent: runs a child for each process, with its number behind the arguments.
///
/// # Errors
/// When one of them fails, with what it says.
pub fn run(arguments: &[&str]) -> CaseResult<Told> {
    let mut talks = Talk::start_each(PROCESSES, arguments)?;
    let did = talks.iter_mut().map(|talk| Did::parse(&talk.listen()?)).collect::<CaseResult<Vec<Did>>>()?;
    // Nobody writes any more.
    talks.iter_mut().for_each(|talk| talk.say("read"));
    let read = talks.iter_mut().map(Talk::listen).collect::<CaseResult<BTreeSet<String>>>()?;
    talks.into_iter().try_for_each(Talk::end)?;
    Ok(Told { did, read })
}

async fn work(catalog: &dyn MetadataBackend, number: u64) -> Result<Did> {
    let mut did = Did::default();
    for step in 0..STEPS {
        update(catalog, &shared(number + step), number).await?;
        count(catalog, &shared(number + 2 * step), &mut did, step).await?;
        if crown(catalog, number, step).await? {
            did.crowns.push(step);
        }
        pairs(catalog, number, step, &mut did).await?;
        torn(catalog, number, step).await?;
        // Those of its own steps are there, whatever the others do.
        if let Some(tree) = digest(catalog).await?.filter(|tree| tree.count() <= SHARED + step) {
            return Err(wrong(format!("a digest of {} records after step {step}", tree.count())));
        }
    }
    Ok(did)
}

/// Everything that can be read, in few words.
async fn reading(catalog: &dyn MetadataBackend) -> Result<String> {
    let records = catalog.list_collections(None).await?;
    let counters: u128 = records.iter().map(|r| u128::from(r.vector_count) + u128::from(r.total_size_bytes)).sum();
    let versions: u64 = records.iter().map(|r| r.version).sum();
    let crowns = catalog.count_collections(Some(Filter::starts_with(Field::Name, "crown-"))).await?;
    let count = records.len();
    let root = digest_of(&DigestRequest::nodes(0), Timestamp::MIN, records).await?.into_tree()?.root();
    if let Some(tree) = digest(catalog).await?
        && tree.root() != root
    {
        return Err(wrong(format!("the digest {} of records with the digest {root}", tree.root())));
    }
    Ok(format!("{count} records, versions {versions}, counters {counters}, {crowns} crowns, {root}"))
}

async fn digest(catalog: &dyn MetadataBackend) -> Result<Option<DigestTree>> {
    match catalog.capabilities().digest {
        true => Ok(Some(catalog.digest(DigestRequest::nodes(0)).await?.into_tree()?)),
        false => Ok(None),
    }
}

/// Compares and sets until nobody was faster.
async fn update(catalog: &dyn MetadataBackend, id: &str, number: u64) -> Result<()> {
    // Each conflict is the update of another, of which there are so many.
    for _ in 0..PROCESSES * STEPS {
        let Some(found) = catalog.get_collection(id).await? else { return Err(wrong(format!("{id} is gone"))) };
        let mut next = (*found).clone();
        next.config = ConfigJson::parse(&format!("{{\"turns\":{}}}", turns(&next.config) + 1))?;
        next.tags = next.tags.iter().cloned().chain([format!("process-{number}").into()]).collect();
        // Where the processes are tasks, another is let in here.
        yield_now().await;
        match catalog.update_collection(next).await {
            Ok(stored) if stored.version == found.version + 1 => return Ok(()),
            Ok(stored) => return Err(wrong(format!("{id}: version {} after {}", stored.version, found.version))),
            Err(e) if e.kind() == VersionConflict => {}
            Err(e) => return Err(e),
        }
    }
    Err(wrong(format!("{id}: more conflicts than others have updates")))
}

fn turns(config: &ConfigJson) -> u64 {
    config.at(&["turns"]).and_then(|n| n.parse().ok()).unwrap_or(0)
}

async fn count(catalog: &dyn MetadataBackend, id: &str, did: &mut Did, step: u64) -> Result<()> {
    let before = catalog.get_collection(id).await?.map_or(0, |r| r.vector_count);
    let stored = catalog.record_stats(id, StatsDelta { vectors: 1, bytes: step.cast_signed() }).await?;
    if stored.vector_count <= before {
        return Err(wrong(format!("{id}: {} vectors after {before}", stored.vector_count)));
    }
    (did.vectors, did.bytes) = (did.vectors + 1, did.bytes + step);
    Ok(())
}

/// Creates a record of its own, and gives it the name that all want; whether it got that.
async fn crown(catalog: &dyn MetadataBackend, number: u64, step: u64) -> Result<bool> {
    let mut own = (*catalog.create_collection(record(&format!("own-{number}-{step}"))).await?).clone();
    own.name = format!("crown-{step}").into();
    match catalog.update_collection(own).await {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == AlreadyExists => Ok(false),
        Err(e) => Err(e),
    }
}

/// Two records in one batch, every third time taken away again.
async fn pairs(catalog: &dyn MetadataBackend, number: u64, step: u64, did: &mut Did) -> Result<()> {
    let ids = sides(number, step);
    let puts = ids.clone().map(|id| Operation::Put { record: record(&id), when: PutIf::Absent });
    catalog.batch_operations(puts.into()).await?;
    did.pairs += 1;
    if goes(step) {
        catalog.batch_operations(ids.map(|id| Operation::Delete { id: id.into() }).into()).await?;
        did.pairs -= 1;
        return Ok(());
    }
    // Of a pair of another, which stays if it is there, both are there as soon as one is.
    let other = sides((number + 1) % PROCESSES, step);
    for [first, second] in [[&other[0], &other[1]], [&other[1], &other[0]]] {
        if catalog.get_collection(first).await?.is_some() && catalog.get_collection(second).await?.is_none() {
            return Err(wrong(format!("{first} is there, and {second} is not")));
        }
    }
    if catalog.capabilities().snapshot_list {
        let all = catalog.list_collections(Some(Filter::starts_with(Field::Id, "pair-"))).await?;
        if !all.len().is_multiple_of(2) {
            return Err(wrong(format!("a list with {} sides of pairs", all.len())));
        }
    }
    Ok(())
}

fn sides(number: u64, step: u64) -> [String; 2] {
    ["a", "b"].map(|side| format!("pair-{number}-{step}-{side}"))
}

/// Whether the pairs of a step are taken away again.
fn goes(step: u64) -> bool {
    step.is_multiple_of(3)
}

/// A batch whose second operation is refused.
async fn torn(catalog: &dyn MetadataBackend, number: u64, step: u64) -> Result<()> {
    let mut taken = record(&format!("torn-{number}-{step}-b"));
    taken.name = "name-shared-0".into();
    let batch = vec![Operation::Create(record(&format!("torn-{number}-{step}-a"))), Operation::Create(taken)];
    match catalog.batch_operations(batch).await {
        Err(e) if e.kind() == AlreadyExists && e.index() == Some(1) => Ok(()),
        other => Err(wrong(format!("a batch with a taken name: {other:?}"))),
    }
}

/// What there must be after the work, in a catalog that is opened anew.
///
/// # Errors
/// Where there is something else.
pub async fn check(catalog: &dyn MetadataBackend, told: &Told) -> CaseResult {
    let sum = |of: fn(&Did) -> u64| told.did.iter().map(of).sum::<u64>();
    // Each process reads the same, and so does one that comes later.
    same!(told.read, BTreeSet::from([reading(catalog).await?]));

    let (mut versions, mut all_turns, mut vectors, mut bytes) = (0, 0, 0, 0);
    for n in 0..SHARED {
        let Some(r) = catalog.get_collection(&shared(n)).await? else {
            return Err(Failure::new(format!("{} is gone", shared(n))));
        };
        same!((n, r.tags.len() as u64), (n, PROCESSES));
        versions += r.version - 1;
        all_turns += turns(&r.config);
        (vectors, bytes) = (vectors + r.vector_count, bytes + r.total_size_bytes);
    }
    // One version an update, none written over, no count lost.
    same!((versions, all_turns), (PROCESSES * STEPS, PROCESSES * STEPS));
    same!((vectors, bytes), (sum(|d| d.vectors), sum(|d| d.bytes)));
    names(catalog, told).await?;

    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for r in catalog.list_collections(None).await? {
        *kinds.entry(r.id.split('-').next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    // And nothing of a refused batch.
    let expected = [("own", PROCESSES * STEPS), ("pair", 2 * sum(|d| d.pairs)), ("shared", SHARED)];
    same!(kinds, BTreeMap::from(expected.map(|(kind, n)| (kind.to_owned(), n))));
    Ok(())
}

/// Every name is of one record and leads to it; of those that all wanted each went to one that was told so.
async fn names(catalog: &dyn MetadataBackend, told: &Told) -> CaseResult {
    let records = catalog.list_collections(None).await?;
    let names: BTreeSet<_> = records.iter().map(|r| r.name.clone()).collect();
    same!(names.len(), records.len());
    for r in &records {
        let by_name = catalog.get_collection_by_name(&r.name).await?;
        same!(by_name.as_ref().map(|b| &b.id), Some(&r.id));
    }
    let told: Vec<u64> = told.did.iter().flat_map(|d| d.crowns.iter().copied()).collect();
    same!((told.len() as u64, told.iter().collect::<BTreeSet<_>>().len() as u64), (STEPS, STEPS));
    same!(names.iter().filter(|n| n.starts_with("crown-")).count() as u64, STEPS);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proximadb_meta_core::SystemClock;
    use tokio::task::JoinSet;

    use super::*;
    use crate::bugs::{Bug, Buggy};

    /// The same work by tasks of one process, over a backend with a mistake.
    async fn by_tasks(bug: Option<Bug>) -> CaseResult {
        let right = proximadb_meta_memory::memory().into_backend();
        let catalog = match bug {
            Some(bug) => Buggy::wrap(right, bug, Arc::new(SystemClock)),
            None => right,
        };
        prepare(&*catalog).await?;
        let mut tasks = JoinSet::new();
        for number in 0..PROCESSES {
            let catalog = catalog.clone();
            tasks.spawn(async move { work(&*catalog, number).await });
        }
        let mut told = Told { did: Vec::new(), read: BTreeSet::new() };
        while let Some(did) = tasks.join_next().await {
            told.did.push(Did::parse(&did??.line())?);
        }
        told.read.insert(reading(&*catalog).await?);
        check(&*catalog, &told).await
    }

    #[tokio::test]
    async fn a_right_backend_passes() {
        assert_eq!(by_tasks(None).await, Ok(()));
    }

    #[tokio::test]
    async fn a_mistake_is_found() {
        for bug in [
            Bug::LostUpdate,
            Bug::CompareThenUpdate,
            Bug::UpdateNotDone,
            Bug::CounterLost,
            Bug::DeltaTwice,
            Bug::TornBatch,
            Bug::StaleRead,
            Bug::StaleDigest,
        ] {
            assert!(by_tasks(Some(bug)).await.is_err(), "{bug:?} is not found");
        }
    }

    #[test]
    fn what_was_done_is_read_as_it_was_said() {
        let did = Did { vectors: 1, bytes: 20, pairs: 3, crowns: vec![0, 29] };
        assert_eq!((Did::parse(&did.line()), &*did.line()), (Ok(did.clone()), "1 20 3 0 29"));
        for line in ["", "1 2", "1 2 3 x"] {
            assert!(Did::parse(line).is_err(), "{line}");
        }
    }
}

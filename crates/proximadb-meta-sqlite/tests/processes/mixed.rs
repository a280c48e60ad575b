//! Eight processes that do everything to the same records at once. Each says what it did; the parent adds it up, and compares
//! what each of them reads in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;

use proximadb_meta_core::ErrorKind::{AlreadyExists, VersionConflict};
use proximadb_meta_core::canon::ConfigJson;
use proximadb_meta_core::{
    DigestRequest, Error, ErrorKind, Field, Filter, MetadataBackend, Operation, PutIf, Result, StatsDelta,
};
use serde::{Deserialize, Serialize};

use super::{Check, WRITERS, record, runtime, spawn};

/// Records that every process changes.
const SHARED: u64 = 3;
/// What each process does so many times.
const STEPS: u64 = 30;

/// What a process was told that it did.
#[derive(Default, Serialize, Deserialize)]
struct Did {
    updates: u64,
    vectors: u64,
    bytes: u64,
    pairs: u64,
    crowns: BTreeSet<u64>,
}

fn shared(number: u64) -> String {
    format!("shared-{}", number % SHARED)
}

fn wrong(what: String) -> Error {
    Error::new(ErrorKind::Internal, what)
}

/// The part of a process: works, says what it did, waits for a line, and says what it then reads.
pub(super) async fn child(catalog: &dyn MetadataBackend, number: u64) -> Result<()> {
    let mut did = Did::default();
    for step in 0..STEPS {
        update(catalog, &shared(number + step), number).await?;
        did.updates += 1;
        count(catalog, &shared(number + 2 * step), &mut did, step).await?;
        if crown(catalog, number, step).await? {
            did.crowns.insert(step);
        }
        pairs(catalog, number, step, &mut did).await?;
        torn(catalog, number, step).await?;
    }
    let mut out = std::io::stdout();
    let told = serde_json::to_string(&did).map_err(|e| wrong(e.to_string()))?;
    writeln!(out, "{told}").map_err(|e| wrong(e.to_string()))?;
    // Nobody writes any more when the line comes.
    std::io::stdin().read_line(&mut String::new()).map_err(|e| wrong(e.to_string()))?;
    writeln!(out, "{}", seen(catalog).await?).map_err(|e| wrong(e.to_string()))
}

/// Everything that can be read, in few words.
async fn seen(catalog: &dyn MetadataBackend) -> Result<String> {
    let root = catalog.digest(DigestRequest::nodes(0)).await?;
    let count = catalog.count_collections(None).await?;
    let crowns = catalog.count_collections(Some(Filter::starts_with(Field::Name, "crown-"))).await?;
    Ok(format!("{root:?}, {count} records, {crowns} crowns"))
}

/// Compares and sets until nobody was faster.
async fn update(catalog: &dyn MetadataBackend, id: &str, number: u64) -> Result<()> {
    loop {
        let Some(found) = catalog.get_collection(id).await? else { return Err(wrong(format!("{id} is gone"))) };
        let mut next = (*found).clone();
        let turns = next.config.at(&["turns"]).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) + 1;
        next.config = ConfigJson::parse(&format!("{{\"turns\":{turns}}}"))?;
        next.tags = next.tags.iter().cloned().chain([format!("process-{number}").into()]).collect();
        match catalog.update_collection(next).await {
            Ok(stored) if stored.version == found.version + 1 => break,
            Ok(stored) => return Err(wrong(format!("{id}: version {} after {}", stored.version, found.version))),
            Err(e) if e.kind() == VersionConflict => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
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

/// Two records in one batch, every third time taken away again, in another process's presence.
async fn pairs(catalog: &dyn MetadataBackend, number: u64, step: u64, did: &mut Did) -> Result<()> {
    let ids = ["a", "b"].map(|side| format!("pair-{number}-{step}-{side}"));
    let puts = ids.clone().map(|id| Operation::Put { record: record(&id), when: PutIf::Absent });
    catalog.batch_operations(puts.into()).await?;
    did.pairs += 1;
    if step.is_multiple_of(3) {
        catalog.batch_operations(ids.map(|id| Operation::Delete { id: id.into() }).into()).await?;
        did.pairs -= 1;
    }
    // What others do meanwhile is never seen by halves.
    let sides = catalog.list_collections(Some(Filter::starts_with(Field::Id, "pair-"))).await?;
    if !sides.len().is_multiple_of(2) {
        return Err(wrong(format!("{} sides of pairs", sides.len())));
    }
    Ok(())
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

/// The part of the parent.
pub(super) fn run() -> Check {
    let dir = super::fixture::fresh()?;
    let path = dir.path().join("catalog.db");
    runtime().block_on(async {
        let catalog = proximadb_meta_sqlite::open(&path).await?.into_backend();
        for n in 0..SHARED {
            catalog.create_collection(record(&shared(n))).await?;
        }
        catalog.close().await
    })?;
    let children: std::io::Result<Vec<_>> = (0..WRITERS).map(|n| spawn("mixed", &path, n)).collect();
    let mut children = children?;
    let mut talks: Vec<_> = children.iter_mut().filter_map(|c| c.stdout.take()).map(BufReader::new).collect();
    let mut all = Vec::new();
    for talk in &mut talks {
        let mut line = String::new();
        talk.read_line(&mut line)?;
        all.push(line);
    }
    let mut readings = BTreeSet::new();
    for (child, talk) in children.iter_mut().zip(&mut talks) {
        // One that failed is gone already; why is told below.
        let _ = child.stdin.take().map(|mut input| writeln!(input));
        let mut line = String::new();
        talk.read_line(&mut line)?;
        readings.insert(line.trim_end().to_owned());
    }
    for child in children {
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("a process failed: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
    }
    let all: std::result::Result<Vec<Did>, _> = all.iter().map(|line| serde_json::from_str(line)).collect();
    runtime().block_on(check(&path, &all?, &readings))
}

async fn check(path: &Path, all: &[Did], readings: &BTreeSet<String>) -> Check {
    let catalog = proximadb_meta_sqlite::open(path).await?.into_backend();
    let sum = |of: fn(&Did) -> u64| all.iter().map(of).sum::<u64>();
    assert_eq!((all.len() as u64, sum(|d| d.updates)), (WRITERS, WRITERS * STEPS));
    assert_eq!(
        *readings,
        BTreeSet::from([seen(&*catalog).await?]),
        "each process reads the same as one that opens it anew"
    );

    let (mut versions, mut turns, mut vectors, mut bytes) = (0, 0, 0, 0);
    for n in 0..SHARED {
        let r = catalog.get_collection(&shared(n)).await?.expect("it is there");
        assert_eq!(r.tags.len() as u64, WRITERS, "no update was lost: {r:?}");
        versions += r.version - 1;
        turns += r.config.at(&["turns"]).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        (vectors, bytes) = (vectors + r.vector_count, bytes + r.total_size_bytes);
    }
    assert_eq!((versions, turns), (WRITERS * STEPS, WRITERS * STEPS), "one version an update, none written over");
    assert_eq!((vectors, bytes), (sum(|d| d.vectors), sum(|d| d.bytes)), "no count was lost");

    let records = catalog.list_collections(None).await?;
    let names: BTreeSet<_> = records.iter().map(|r| r.name.clone()).collect();
    assert_eq!(names.len(), records.len(), "every name is unique");
    for r in &records {
        let by_name = catalog.get_collection_by_name(&r.name).await?;
        assert_eq!(by_name.as_ref().map(|b| &b.id), Some(&r.id), "a name leads to its record");
    }
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for r in &records {
        *kinds.entry(r.id.split('-').next().unwrap_or_default()).or_default() += 1;
    }
    let expected = [("own", WRITERS * STEPS), ("pair", 2 * sum(|d| d.pairs)), ("shared", SHARED)];
    assert_eq!(kinds, BTreeMap::from(expected), "and nothing of a refused batch");
    let crowned: Vec<u64> = all.iter().flat_map(|d| d.crowns.iter().copied()).collect();
    assert_eq!((crowned.len() as u64, crowned.iter().collect::<BTreeSet<_>>().len() as u64), (STEPS, STEPS));
    assert_eq!(names.iter().filter(|n| n.starts_with("crown-")).count() as u64, STEPS, "each name went to one");
    assert!(catalog.maintain().await?.contains("found no damage"));
    catalog.close().await?;
    Ok(())
}

//! `cargo xtask bench sqlite`: the SQLite backend beside the same work written by hand with sqlx, and whether the ratios that we
//! set ourselves are kept.

mod by_hand;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use proximadb_meta::core::{CollectionMetadata, Cursor, Filter, ListRequest, MetadataBackend, Operation, PutIf};
use tokio::task::JoinSet;

use crate::Plan;
use crate::records::{id, owner, record, shuffled};
use by_hand::ByHand;

const GETS: usize = 5_000;
const PAGES: usize = 100;
const TASKS: usize = 64;
const CALLS_A_TASK: usize = 4;
const ONE_BY_ONE: usize = 200;
const BATCH: usize = 1_000;

type Failed = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Failed>;

/// A row: seconds a call, of ours and by hand, once a repetition.
struct Measure {
    what: &'static str,
    /// How much of the time by hand ours may take.
    goal: f64,
    ours: Vec<f64>,
    by_hand: Vec<f64>,
}

/// Measures and prints.
pub(crate) async fn run(plan: &Plan) -> std::result::Result<(), String> {
    let dir = tempfile::tempdir_in(&plan.dir).map_err(|e| format!("{}: {e}", plan.dir.display()))?;
    let measures = measure(plan, dir.path()).await.map_err(|e| e.to_string())?;
    println!("| work | ours | by hand | ratio | goal |\n|---|---:|---:|---:|---:|");
    for m in measures {
        let (ours, by_hand) = (median(m.ours), median(m.by_hand));
        let ratio = ours / by_hand;
        let kept = if ratio <= m.goal { "kept" } else { "missed" };
        println!(
            "| {} | {:.1} µs | {:.1} µs | {ratio:.3} | {:.3}: {kept} |",
            m.what,
            ours * 1e6,
            by_hand * 1e6,
            m.goal
        );
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

async fn measure(plan: &Plan, dir: &Path) -> Result<Vec<Measure>> {
    let n = plan.records;
    let ours = proximadb_meta::connect(&format!("sqlite://{}", dir.join("ours.db").display())).await?;
    let theirs = ByHand::open(&dir.join("by-hand.db")).await?;
    let all: Vec<CollectionMetadata> = (0..n).map(record).collect();
    put(&*ours, &all).await?;
    for part in all.chunks(BATCH) {
        theirs.insert(part).await?;
    }
    let row = |what, goal| Measure { what, goal, ours: Vec::new(), by_hand: Vec::new() };
    let mut rows = [
        row("get by id", 1.10),
        row("page of 100 by id", 1.10),
        row("page of 100, filtered by owner and tag", 1.10),
        row("create, 64 tasks (by hand: a transaction each)", 1.0 / 3.0),
        row("import in batches of 1,000 (by hand: one by one)", 1.0 / 20.0),
    ];
    // Interleaved: what slows the machine down for a while slows both.
    for _ in 0..plan.repetitions {
        let results = [
            (gets(&*ours, n).await?, gets_by_hand(&theirs, n).await?),
            (pages(&*ours).await?, pages_by_hand(&theirs).await?),
            (filtered(&*ours).await?, filtered_by_hand(&theirs).await?),
            (creates(&ours, n).await?, creates_by_hand(&theirs, n).await?),
            (import(&*ours, n).await?, one_by_one(&theirs, n).await?),
        ];
        for (row, (a, b)) in rows.iter_mut().zip(results) {
            row.ours.push(a);
            row.by_hand.push(b);
        }
    }
    ours.close().await?;
    Ok(rows.into())
}

fn each(start: Instant, calls: usize) -> f64 {
    start.elapsed().as_secs_f64() / calls as f64
}

async fn put(db: &dyn MetadataBackend, records: &[CollectionMetadata]) -> Result<()> {
    for part in records.chunks(BATCH) {
        let puts = part.iter().map(|r| Operation::Put { record: r.clone(), when: PutIf::Absent }).collect();
        db.batch_operations(puts).await?;
    }
    Ok(())
}

async fn take_away(db: &dyn MetadataBackend, ids: &[String]) -> Result<()> {
    for part in ids.chunks(BATCH) {
        let deletes = part.iter().map(|id| Operation::Delete { id: id.as_str().into() }).collect();
        db.batch_operations(deletes).await?;
    }
    Ok(())
}

async fn gets(db: &dyn MetadataBackend, n: usize) -> Result<f64> {
    let ids: Vec<String> = shuffled(n, GETS).into_iter().map(id).collect();
    let start = Instant::now();
    for id in &ids {
        db.get_collection(id).await?.ok_or("a record is not there")?;
    }
    Ok(each(start, GETS))
}

async fn gets_by_hand(db: &ByHand, n: usize) -> Result<f64> {
    let ids: Vec<String> = shuffled(n, GETS).into_iter().map(id).collect();
    let start = Instant::now();
    for id in &ids {
        db.get(id).await?.ok_or("a record is not there")?;
    }
    Ok(each(start, GETS))
}

async fn pages(db: &dyn MetadataBackend) -> Result<f64> {
    let start = Instant::now();
    let mut cursor: Option<Cursor> = None;
    for _ in 0..PAGES {
        let request = ListRequest::new().with_limit(100);
        cursor = db.list_page(cursor.take().into_iter().fold(request, ListRequest::after)).await?.next;
    }
    Ok(each(start, PAGES))
}

async fn pages_by_hand(db: &ByHand) -> Result<f64> {
    let start = Instant::now();
    let mut after = String::new();
    for n in 1..=PAGES {
        db.page(&after).await?;
        after = id(100 * n - 1);
    }
    Ok(each(start, PAGES))
}

async fn filtered(db: &dyn MetadataBackend) -> Result<f64> {
    let filters: std::result::Result<Vec<Filter>, _> =
        (0..PAGES).map(|n| Filter::parse(&format!("owner = \"{}\" AND tags:prod", owner(n)))).collect();
    let filters = filters?;
    let start = Instant::now();
    for filter in filters {
        db.list_page(ListRequest::new().with_filter(filter).with_limit(100)).await?;
    }
    Ok(each(start, PAGES))
}

async fn filtered_by_hand(db: &ByHand) -> Result<f64> {
    let start = Instant::now();
    for n in 0..PAGES {
        db.filtered(&owner(n), "prod").await?;
    }
    Ok(each(start, PAGES))
}

async fn creates(db: &Arc<dyn MetadataBackend>, n: usize) -> Result<f64> {
    let new: Vec<usize> = (n..n + TASKS * CALLS_A_TASK).collect();
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    let start = Instant::now();
    for numbers in new.chunks(CALLS_A_TASK) {
        let (db, made) = (db.clone(), numbers.iter().map(|n| record(*n)).collect::<Vec<_>>());
        tasks.spawn(async move {
            for r in made {
                db.create_collection(r).await?;
            }
            Ok(())
        });
    }
    finish(tasks).await?;
    let took = each(start, new.len());
    take_away(&**db, &new.into_iter().map(id).collect::<Vec<_>>()).await?;
    Ok(took)
}

async fn creates_by_hand(db: &ByHand, n: usize) -> Result<f64> {
    let new: Vec<usize> = (n..n + TASKS * CALLS_A_TASK).collect();
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    let start = Instant::now();
    for numbers in new.chunks(CALLS_A_TASK) {
        let (db, made) = (db.clone(), numbers.iter().map(|n| record(*n)).collect::<Vec<_>>());
        tasks.spawn(async move {
            for r in made {
                db.insert(&[r]).await?;
            }
            Ok(())
        });
    }
    finish(tasks).await?;
    let took = each(start, new.len());
    db.remove(&new.into_iter().map(id).collect::<Vec<_>>()).await?;
    Ok(took)
}

async fn finish(mut tasks: JoinSet<Result<()>>) -> Result<()> {
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

async fn import(db: &dyn MetadataBackend, n: usize) -> Result<f64> {
    let new: Vec<CollectionMetadata> = (n..2 * n).map(record).collect();
    let start = Instant::now();
    put(db, &new).await?;
    let took = each(start, n);
    take_away(db, &(n..2 * n).map(id).collect::<Vec<_>>()).await?;
    Ok(took)
}

async fn one_by_one(db: &ByHand, n: usize) -> Result<f64> {
    let new: Vec<CollectionMetadata> = (n..n + ONE_BY_ONE).map(record).collect();
    let start = Instant::now();
    for r in new {
        db.insert(&[r]).await?;
    }
    let took = each(start, ONE_BY_ONE);
    db.remove(&(n..n + ONE_BY_ONE).map(id).collect::<Vec<_>>()).await?;
    Ok(took)
}

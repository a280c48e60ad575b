//! A long run under load: writers, readers, backups, checkpoints and reopens at once, on a catalog that stays the same size. At
//! the end memory, descriptors and disk must be what they were, and every reopen must find exactly what was acknowledged.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use proximadb_meta_core::report::{BackupOptions, RestoreOptions};
use proximadb_meta_core::{Field, Filter, ListRequest, MetadataBackend};
use tokio::task::JoinSet;

use crate::dice::Dice;
use crate::exact::exactly;
use crate::failure::{At as _, Outcome};
use crate::perform::{perform, prepare};
use crate::sample::{Sample, Sampler};
use crate::script::{SHARED, Script};

const WRITERS: usize = 8;
const READERS: u64 = 4;
/// Small, so that segments turn and checkpoints become due all the time: every 32 segments.
const SEGMENT_BYTES: u64 = 128 * 1024;
/// Between two backups.
const PAUSE: Duration = Duration::from_millis(500);
/// Times the store is closed and opened again.
const REOPENS: u32 = 12;

/// What to run.
#[derive(Clone, Debug, Args)]
pub struct Plan {
    /// How long, in minutes; at least half a minute.
    #[arg(long, default_value_t = 30.0)]
    pub minutes: f64,
    /// The seed of the writers' scripts.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// An empty or new directory for the catalog; by default one that is removed afterwards.
    #[arg(long)]
    pub directory: Option<PathBuf>,
}

/// What was done, over all.
#[derive(Debug, Default)]
struct Counts {
    steps: AtomicU64,
    reads: AtomicU64,
    backups: AtomicU64,
    checkpoints: AtomicU64,
}

/// Runs it, and gives back the numbers.
///
/// # Errors
/// A call that failed, an acknowledged step that was not there after a reopen, or what grew.
pub fn run(plan: &Plan) -> Outcome<String> {
    ensure!((0.5..=10_000.0).contains(&plan.minutes), "--minutes is {}; it is at least 0.5", plan.minutes);
    let temporary = tempfile::tempdir()?;
    let home = plan.directory.clone().unwrap_or_else(|| temporary.path().to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    let counts = Arc::new(Counts::default());
    let sampler = Sampler::start(home.join("store"));
    let time = Duration::from_secs_f64(plan.minutes * 60.0) / REOPENS;
    let mut scripts: Vec<Script> = (0..WRITERS).map(|w| Script::new(plan.seed, w, 0)).collect();
    for n in 1..=REOPENS {
        runtime.block_on(cycle(&home, &mut scripts, time, &counts)).at(format!("between reopens {} and {n}", n - 1))?;
        eprintln!("soak: {n} of {REOPENS}: {}", Sample::take(&home.join("store"))?);
    }
    let growth = sampler.stop()?;
    growth.is_flat()?;
    let [steps, reads, backups, checkpoints] =
        [&counts.steps, &counts.reads, &counts.backups, &counts.checkpoints].map(|n| n.load(Ordering::Relaxed));
    Ok(format!(
        "soak: {} minutes, {steps} steps, {reads} reads, {backups} backups, {checkpoints} checkpoints asked for, {REOPENS} reopens\n\
         {growth}",
        plan.minutes
    ))
}

/// Opens, checks, loads and closes the store.
async fn cycle(home: &Path, scripts: &mut Vec<Script>, time: Duration, counts: &Arc<Counts>) -> Outcome {
    let db = proximadb_meta_wal::open_with(home.join("store"), SEGMENT_BYTES).await?.into_backend();
    prepare(&*db).await?;
    exactly(&*db, scripts).await.at("opened again")?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for script in std::mem::take(scripts) {
        writers.spawn(write(db.clone(), script, stop.clone(), counts.clone()));
    }
    let mut others: JoinSet<Outcome> = JoinSet::new();
    for n in 0..READERS {
        others.spawn(read(db.clone(), n, stop.clone(), counts.clone()));
    }
    others.spawn(back_up(db.clone(), home.join("backups"), stop.clone(), counts.clone()));
    others.spawn(check_point(db.clone(), stop.clone(), counts.clone()));
    let end = Instant::now() + time;
    tokio::time::sleep_until(end.into()).await;
    stop.store(true, Ordering::SeqCst);
    while let Some(done) = writers.join_next().await {
        scripts.push(done??);
    }
    while let Some(done) = others.join_next().await {
        done??;
    }
    scripts.sort_unstable_by_key(Script::writer);
    exactly(&*db, scripts).await?;
    Ok(db.close().await?)
}

async fn write(
    db: Arc<dyn MetadataBackend>,
    mut script: Script,
    stop: Arc<AtomicBool>,
    counts: Arc<Counts>,
) -> Outcome<Script> {
    while !stop.load(Ordering::SeqCst) {
        perform(&*db, &script, Path::new("")).await?;
        script.advance();
        counts.steps.fetch_add(1, Ordering::Relaxed);
    }
    Ok(script)
}

async fn read(db: Arc<dyn MetadataBackend>, n: u64, stop: Arc<AtomicBool>, counts: Arc<Counts>) -> Outcome {
    let mut dice = Dice::of(&[n]);
    while !stop.load(Ordering::SeqCst) {
        match dice.below(4) {
            0 => drop(db.list_collections(Some(Filter::eq(Field::Owner, format!("o{}", dice.below(5))))).await?),
            1 => drop(db.list_page(ListRequest::new().with_limit(20)).await?),
            2 => drop(db.get_stats().await?),
            _ => ensure!(db.get_collection(SHARED).await?.is_some(), "{SHARED} is gone"),
        }
        counts.reads.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn back_up(db: Arc<dyn MetadataBackend>, place: PathBuf, stop: Arc<AtomicBool>, counts: Arc<Counts>) -> Outcome {
    while !stop.load(Ordering::SeqCst) {
        let location = place.to_string_lossy();
        let report = db.backup(&location, BackupOptions::default()).await?;
        let memory = proximadb_meta_memory::memory().into_backend();
        let restored = memory.restore(&report.id, &location, RestoreOptions::default()).await?;
        ensure!(restored.records == report.records, "{} of {} restored", restored.records, report.records);
        std::fs::remove_dir_all(place.join(&report.id))?;
        counts.backups.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn check_point(db: Arc<dyn MetadataBackend>, stop: Arc<AtomicBool>, counts: Arc<Counts>) -> Outcome {
    let mut pauses = 0;
    while !stop.load(Ordering::SeqCst) {
        tokio::time::sleep(PAUSE).await;
        pauses += 1;
        // Few: most come by themselves, when the log has grown.
        if pauses % 10 == 0 {
            db.maintain().await?;
            counts.checkpoints.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

//! The process that writes: every writer does its script, and says on stdout when a step was acknowledged.
//!
//! One line each: `ack` and the acknowledgement; `skip`, writer and step of a checkpoint or backup that failed; `stop`, writer and
//! error for a writer that cannot go on; `cut` before the process cuts the power itself, for a database with the file, the
//! operation and the number of writes under way; at the end `reads` and `ok`, or what an acknowledged record reads as instead. It
//! ends by itself only when no writer can go on, or each has done as many steps as it was told.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use proximadb_meta_core::MetadataBackend;
use proximadb_meta_wal::{FileStorage, Storage};
use tokio::task::JoinSet;

use crate::engine::Engine;
use crate::failure::{At as _, Outcome};
use crate::perform::{perform, prepare};
use crate::script::{Row, Rows, Script, Step};
use crate::sqlite;
use crate::sqlite::trace::Recorder;
use crate::sqlite::trouble::{CutAt, Forgotten, Troubles};
use crate::storage::{Trouble, TroubledStorage};
use crate::tracks::Tracks;

/// What the process is told.
#[derive(Clone, Debug, Args)]
pub struct Order {
    /// Which store.
    #[arg(long, value_enum)]
    pub engine: Engine,
    /// Where the catalog and, beside it, the backups are.
    #[arg(long)]
    pub home: PathBuf,
    /// The seed of the scripts.
    #[arg(long)]
    pub seed: u64,
    /// Steps that each writer has done already; as many writers as numbers.
    #[arg(long, value_delimiter = ',')]
    pub at: Vec<u64>,
    /// A segment that grows over this is followed by the next.
    #[arg(long)]
    pub segment_bytes: u64,
    /// One checkpoint and one backup in so many steps of a writer.
    #[arg(long)]
    pub pace: u64,
    /// Never sync; of a database, perhaps one of its files alone.
    #[arg(long, value_enum)]
    pub forget_syncs: Option<Forgotten>,
    /// Shut the file system mounted at --mount down before this file operation.
    #[arg(long, requires = "mount")]
    pub cut_at: Option<u64>,
    /// See --cut-at: of a database, count the operations on this file alone.
    #[arg(long, value_enum)]
    pub cut_in: Option<sqlite::Part>,
    /// See --cut-at.
    #[arg(long)]
    pub mount: Option<PathBuf>,
    /// End after so many steps of each writer.
    #[arg(long)]
    pub steps: Option<u64>,
    /// Write down what is done to the files of a database.
    #[arg(long)]
    pub record: Option<PathBuf>,
}

impl Order {
    /// One without troubles. The writers go on from where they are.
    #[must_use]
    pub fn new(engine: Engine, home: &Path, seed: u64, tracks: &Tracks, segment_bytes: u64, pace: u64) -> Self {
        Self {
            engine,
            home: home.to_owned(),
            seed,
            at: tracks.positions(),
            segment_bytes,
            pace,
            forget_syncs: None,
            cut_at: None,
            cut_in: None,
            mount: None,
            steps: None,
            record: None,
        }
    }

    /// The catalog's directory.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.home.join("store")
    }

    /// The directory of the backups.
    #[must_use]
    pub fn backups(&self) -> PathBuf {
        self.home.join("backups")
    }

    /// As arguments of the program.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let at: Vec<String> = self.at.iter().map(u64::to_string).collect();
        let mut all = vec![
            format!("--engine={}", self.engine.name()),
            format!("--home={}", self.home.display()),
            format!("--seed={}", self.seed),
            format!("--at={}", at.join(",")),
            format!("--segment-bytes={}", self.segment_bytes),
            format!("--pace={}", self.pace),
        ];
        all.extend(self.forget_syncs.map(|of| format!("--forget-syncs={}", of.name())));
        if let (Some(n), Some(mount)) = (self.cut_at, &self.mount) {
            all.push(format!("--cut-at={n}"));
            all.push(format!("--mount={}", mount.display()));
        }
        all.extend(self.cut_in.map(|part| format!("--cut-in={}", part.name())));
        all.extend(self.steps.map(|n| format!("--steps={n}")));
        all.extend(self.record.as_ref().map(|path| format!("--record={}", path.display())));
        all
    }

    fn storage(&self) -> Arc<dyn Storage> {
        let store = self.store();
        match (&self.cut_at, &self.mount) {
            (Some(operation), Some(mount)) => {
                let trouble = Trouble::CutAt { operation: *operation, mount: mount.clone() };
                Arc::new(TroubledStorage::new(&store, trouble))
            }
            _ if self.forget_syncs.is_some() => Arc::new(TroubledStorage::new(&store, Trouble::ForgetsToSync)),
            _ => Arc::new(FileStorage::new(store)),
        }
    }

    /// The troubles of a database, where there are any.
    fn troubles(&self) -> Outcome<Option<Troubles>> {
        let recorder = self.record.as_deref().map(Recorder::new).transpose().at("begin the record")?;
        let cut = self.cut_at.zip(self.mount.clone());
        let cut = cut.map(|(operation, mount)| CutAt { operation, part: self.cut_in, mount });
        let any = self.forget_syncs.is_some() || cut.is_some() || recorder.is_some();
        Ok(any.then(|| Troubles::new(self.forget_syncs, cut, recorder)))
    }
}

/// Writes that have begun and have no answer yet.
static UNDER_WAY: AtomicU64 = AtomicU64::new(0);

pub(crate) fn under_way() -> u64 {
    UNDER_WAY.load(Ordering::SeqCst)
}

/// One of these writes.
struct UnderWay(Option<&'static Recorder>);

impl UnderWay {
    fn new(recorder: Option<&'static Recorder>) -> Self {
        UNDER_WAY.fetch_add(1, Ordering::SeqCst);
        if let Some(recorder) = recorder {
            recorder.begin();
        }
        Self(recorder)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
        if let Some(recorder) = self.0 {
            recorder.end();
        }
    }
}

/// Writes until it cannot. A catalog that cannot even be opened is said like everything else.
///
/// # Errors
/// What kept it from beginning.
pub fn write(order: &Order) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if let Err(e) = runtime.block_on(work(order)) {
        say(&format!("stop\t-\t{e}"));
    }
    Ok(())
}

async fn work(order: &Order) -> Outcome {
    let mut recorder = None;
    let db = match order.engine {
        Engine::Wal => proximadb_meta_wal::open_storage(order.storage(), order.segment_bytes).await?.into_backend(),
        Engine::Sqlite => {
            if let Some(troubles) = order.troubles()? {
                let troubles: &'static Troubles = Box::leak(Box::new(troubles));
                sqlite::install(troubles)?;
                recorder = troubles.recorder();
            }
            order.engine.open(&order.store(), order.segment_bytes).await?
        }
    };
    prepare(&*db).await?;
    let mut writers = JoinSet::new();
    for (writer, at) in order.at.iter().enumerate() {
        let script = Script::new(order.seed, writer, order.pace).after(*at);
        writers.spawn(run(db.clone(), script, order.backups(), order.steps, recorder));
    }
    let scripts = writers.join_all().await;
    let readable = read_back(&*db, &scripts).await;
    say(&format!("reads\t{}", readable.as_ref().map_or_else(ToString::to_string, |()| "ok".to_owned())));
    if let Some(recorder) = recorder {
        // What closing does is recorded, too.
        db.close().await.at("close")?;
        recorder.finish().at("end the record")?;
    }
    Ok(())
}

/// One writer. Gives back its script as of the last acknowledged step.
async fn run(
    db: Arc<dyn MetadataBackend>,
    mut script: Script,
    backups: PathBuf,
    steps: Option<u64>,
    recorder: Option<&'static Recorder>,
) -> Script {
    while steps.is_none_or(|steps| script.done() < steps) {
        let done = {
            let writes = matches!(script.next(), Step::Acts(_) | Step::Count);
            let _under_way = writes.then(|| UnderWay::new(recorder));
            perform(&*db, &script, &backups).await
        };
        match done {
            Ok(done) => {
                let line = Tracks::line(&script, &done);
                if let Some(recorder) = recorder {
                    recorder.acknowledged(&line);
                }
                say(&format!("ack\t{line}"));
                script.advance();
            }
            // Neither is needed to go on.
            Err(_) if matches!(script.next(), Step::Checkpoint | Step::Backup) => {
                say(&format!("skip\t{}\t{}", script.writer(), script.done()));
                script.advance();
            }
            Err(e) => {
                say(&format!("stop\t{}\t{}", script.writer(), e.kind()));
                return script;
            }
        }
    }
    script
}

/// Whether what was acknowledged reads as such, whatever became of the disk.
async fn read_back(db: &dyn MetadataBackend, scripts: &[Script]) -> Outcome {
    let mut found = vec![Rows::new(); scripts.len()];
    for r in db.list_collections(None).await.at("list")? {
        if let Some(rows) = Script::writer_of(&r.id).and_then(|w| found.get_mut(w)) {
            rows.insert(r.id.to_string(), Row::of(&r));
        }
    }
    for script in scripts {
        let w = script.writer();
        ensure!(found.get(w) == Some(script.rows()), "writer {w} does not read what it was acknowledged");
    }
    db.health_check().await.at("health")?;
    Ok(())
}

/// One line on stdout. Nobody listens any more: then there is nothing left to do.
pub(crate) fn say(line: &str) {
    let mut line = line.replace('\n', " ");
    line.push('\n');
    if io::stdout().lock().write_all(line.as_bytes()).is_err() {
        std::process::exit(1);
    }
}

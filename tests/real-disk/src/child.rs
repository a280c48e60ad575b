//! The process that writes: every writer does its script, and says on stdout when a step was acknowledged.
//!
//! One line each: `ack` and the acknowledgement; `skip`, writer and step of a checkpoint or backup that failed; `stop`, writer and
//! error for a writer that cannot go on; `cut` before the process cuts the power itself; at the end `reads` and `ok`, or what an
//! acknowledged record reads as instead. It ends by itself only when no writer can go on.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use proximadb_meta_core::MetadataBackend;
use proximadb_meta_wal::{FileStorage, Storage};
use tokio::task::JoinSet;

use crate::engine::Engine;
use crate::failure::{At as _, Outcome};
use crate::perform::{perform, prepare};
use crate::script::{Row, Rows, Script, Step};
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
    /// Never sync.
    #[arg(long)]
    pub forget_syncs: bool,
    /// Shut the file system mounted at --mount down before this file operation.
    #[arg(long, requires = "mount")]
    pub cut_at: Option<u64>,
    /// See --cut-at.
    #[arg(long)]
    pub mount: Option<PathBuf>,
}

impl Order {
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
        if self.forget_syncs {
            all.push("--forget-syncs".to_owned());
        }
        if let (Some(n), Some(mount)) = (self.cut_at, &self.mount) {
            all.push(format!("--cut-at={n}"));
            all.push(format!("--mount={}", mount.display()));
        }
        all
    }

    fn storage(&self) -> Arc<dyn Storage> {
        let store = self.store();
        match (&self.cut_at, &self.mount) {
            (Some(operation), Some(mount)) => {
                let trouble = Trouble::CutAt { operation: *operation, mount: mount.clone() };
                Arc::new(TroubledStorage::new(&store, trouble))
            }
            _ if self.forget_syncs => Arc::new(TroubledStorage::new(&store, Trouble::ForgetsToSync)),
            _ => Arc::new(FileStorage::new(store)),
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
    let db = match order.engine {
        Engine::Wal => proximadb_meta_wal::open_storage(order.storage(), order.segment_bytes).await?.into_backend(),
        Engine::Sqlite => order.engine.open(&order.store(), order.segment_bytes).await?,
    };
    prepare(&*db).await?;
    let mut writers = JoinSet::new();
    for (writer, at) in order.at.iter().enumerate() {
        let script = Script::new(order.seed, writer, order.pace).after(*at);
        writers.spawn(run(db.clone(), script, order.backups()));
    }
    let scripts = writers.join_all().await;
    let readable = read_back(&*db, &scripts).await;
    say(&format!("reads\t{}", readable.as_ref().map_or_else(ToString::to_string, |()| "ok".to_owned())));
    Ok(())
}

/// One writer. Gives back its script as of the last acknowledged step.
async fn run(db: Arc<dyn MetadataBackend>, mut script: Script, backups: PathBuf) -> Script {
    loop {
        match perform(&*db, &script, &backups).await {
            Ok(done) => {
                say(&format!("ack\t{}", Tracks::line(&script, &done)));
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

//! The store between two runs of the writing process: checked in place, or in a copy that leaves the crash to the next run.

use std::path::Path;

use proximadb_meta_core::report::Severity;
use proximadb_meta_core::{CollectionMetadata, DistanceMetric, MetadataBackend};

use crate::child::Order;
use crate::engine::Engine;
use crate::failure::{At as _, Failure, Outcome};
use crate::tracks::Tracks;

/// Where the check opens the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// In its place: the next run finds it closed in good order.
    InPlace,
    /// In a copy on another file system: the next run recovers by itself.
    InACopy,
}

/// Opens what is left, checks it against what was acknowledged, writes to it, and closes it; then the backups.
///
/// # Errors
/// Anything that is not as it was acknowledged.
pub fn check(order: &Order, tracks: &mut Tracks, place: Where) -> Outcome {
    let store = order.store();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match place {
            Where::InPlace => check_store(order, &store, tracks).await?,
            Where::InACopy => {
                let copy = tempfile::tempdir()?;
                let target = copy.path().join("store");
                if store.exists() {
                    copy_files(&store, &target)?;
                }
                check_store(order, &target, tracks).await?;
            }
        }
        tracks.verify_backups(&order.backups()).await
    })
}

/// Opens a store, checks it against what was acknowledged, has it look itself over, writes to it, and closes it.
pub(crate) async fn check_store(order: &Order, store: &Path, tracks: &mut Tracks) -> Outcome {
    let db = order.engine.open(store, order.segment_bytes).await.at("open what is left")?;
    tracks.verify(&*db).await?;
    sound(&*db).await?;
    if order.engine == Engine::Sqlite {
        // Every page, index and row as they were left; of the log the opening has read everything.
        db.maintain().await.at("look for damage")?;
    }
    write_again(&*db).await.at("write again")?;
    db.close().await.at("close")
}

/// What `pxmeta doctor` asks finds no problem.
async fn sound(db: &dyn MetadataBackend) -> Outcome {
    let findings = db.diagnose().await.at("diagnose")?;
    match findings.iter().find(|f| f.severity >= Severity::Problem) {
        Some(f) => Err(Failure::new(format!("doctor finds a problem with {}: {}", f.subject, f.found))),
        None => Ok(()),
    }
}

/// The store takes writes, and leaves no trace of these.
async fn write_again(db: &dyn MetadataBackend) -> Outcome {
    let mut probe = CollectionMetadata::new("probe", 1, DistanceMetric::COSINE);
    probe.id = "probe".into();
    db.create_collection(probe).await?;
    db.maintain().await?;
    ensure!(db.delete_collection("probe").await?, "the probe was not there to delete");
    Ok(())
}

fn copy_files(from: &Path, to: &Path) -> Outcome {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

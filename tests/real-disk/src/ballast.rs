//! What surrounds a full disk: the file that fills it, and a reader that must not notice.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proximadb_meta_core::MetadataBackend;
use tokio::task::JoinHandle;

use crate::failure::{At as _, Outcome};
use crate::script::SHARED;

/// Bytes in which tmpfs gives out space.
pub(crate) const PAGE: u64 = 4096;

/// A file that takes the space nobody else may have.
pub(crate) struct Ballast {
    file: File,
}

impl Ballast {
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create_new(path)? })
    }

    /// Fills the disk, then leaves so many pages free.
    pub(crate) fn leave(&mut self, pages: u64) -> io::Result<()> {
        let mut length = self.file.metadata()?.len();
        loop {
            match self.file.write_all_at(&[1; PAGE as usize], length) {
                Ok(()) => length += PAGE,
                Err(e) if e.kind() == io::ErrorKind::StorageFull => break,
                Err(e) => return Err(e),
            }
        }
        self.file.set_len(length.saturating_sub(pages * PAGE))
    }
}

/// Lists the catalog over and over; no list may fail.
pub(crate) struct Reader {
    stop: Arc<AtomicBool>,
    task: JoinHandle<proximadb_meta_core::Result<u64>>,
}

impl Reader {
    pub(crate) fn start(db: Arc<dyn MetadataBackend>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut lists = 0;
            while !stopped.load(Ordering::SeqCst) {
                db.list_collections(None).await?;
                db.get_collection(SHARED).await?;
                lists += 1;
                tokio::task::yield_now().await;
            }
            Ok(lists)
        });
        Self { stop, task }
    }

    pub(crate) async fn stop(&mut self) -> Outcome<u64> {
        self.stop.store(true, Ordering::SeqCst);
        (&mut self.task).await?.at("a read on a full disk")
    }
}

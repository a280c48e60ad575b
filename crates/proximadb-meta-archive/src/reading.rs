//! One pass over an archive: the next block is read while the one before is checked.

use std::sync::Arc;

use proximadb_meta_core::{Error, ErrorKind, Filter, Result};
use tokio::task::JoinHandle;

use crate::archive::{Archive, Block, Cursor};
use crate::check::{Check, Kept, Selection};
use crate::error::ended;
use crate::files::blocking;

/// The check of one block, with what it gives.
type Busy = JoinHandle<Result<(Check, Vec<Kept>)>>;

/// A pass that is on its way. Holds two blocks at most.
#[derive(Debug)]
pub(crate) struct Reading {
    archive: Arc<Archive>,
    cursor: Cursor,
    /// The check, while it waits for a block.
    idle: Option<Check>,
    /// The check, while it has one.
    busy: Option<Busy>,
}

impl Reading {
    /// `unique`: also whether names are unique.
    pub(crate) fn new(archive: Arc<Archive>, filter: Option<Filter>, unique: bool) -> Self {
        Self { archive, cursor: Cursor::default(), idle: Some(Check::new(filter, unique)), busy: None }
    }

    /// The records to restore of the next block, perhaps none; `None` when all blocks were given.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Kept>>> {
        if self.busy.is_none() {
            match (self.archive.block(&mut self.cursor).await?, self.idle.take()) {
                (Some(block), Some(check)) => self.start(check, block),
                (_, idle) => self.idle = idle,
            }
        }
        let Some(busy) = &mut self.busy else { return Ok(None) };
        let ahead = self.archive.block(&mut self.cursor).await?;
        let (check, kept) = ended(busy.await)?;
        self.busy = None;
        match ahead {
            Some(block) => self.start(check, block),
            None => self.idle = Some(check),
        }
        Ok(Some(kept))
    }

    fn start(&mut self, mut check: Check, block: Block) {
        self.busy = Some(tokio::task::spawn_blocking(move || check.block(block).map(|kept| (check, kept))));
    }

    /// The end: what was asked for, if the archive is what its manifest says.
    pub(crate) async fn finish(mut self) -> Result<Selection> {
        let check = self.idle.take();
        let check = check.ok_or_else(|| Error::new(ErrorKind::Internal, "the archive was not read to its end"))?;
        let archive = self.archive;
        blocking(move || check.finish(&archive.manifest, &archive.manifest.id)).await
    }
}

/// A whole pass: checks everything, restores nothing.
pub(crate) async fn survey(archive: &Arc<Archive>, filter: Option<Filter>) -> Result<Selection> {
    let mut reading = Reading::new(archive.clone(), filter, true);
    while reading.next().await?.is_some() {}
    reading.finish().await
}

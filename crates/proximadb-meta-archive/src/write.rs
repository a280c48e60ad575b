//! Writing an archive: part after part as the records come, then the manifest, and the name last.

use std::future::Future;
use std::sync::Arc;

use proximadb_meta_core::report::BackupReport;
use proximadb_meta_core::{CollectionMetadata, Namespace, Result, Timestamp};

use crate::encode::{Encoder, Packed, Totals};
use crate::files::blocking;
use crate::manifest::{FORMAT, Manifest, seal};
use crate::place::{Place, Sink};

/// Records by id, a page at a time. The writer asks for the next page when the one before is stored.
///
/// A `Vec` is one page with everything, which is sorted first: for stores that have their records in memory as they are.
pub trait Pages: Send {
    /// The next records, all of them after those of the pages before by the bytes of their ids; an empty page is the end.
    /// Records that have expired may be among them: they are left out.
    fn next_page(&mut self) -> impl Future<Output = Result<Vec<Arc<CollectionMetadata>>>> + Send;
}

impl Pages for Vec<Arc<CollectionMetadata>> {
    async fn next_page(&mut self) -> Result<Vec<Arc<CollectionMetadata>>> {
        let mut all = std::mem::take(self);
        all.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    }
}

/// What goes into an archive.
#[derive(Debug)]
pub struct ArchiveSource<'a, P = Vec<Arc<CollectionMetadata>>> {
    /// The namespace the records come from.
    pub namespace: &'a Namespace,
    /// The live records.
    pub records: P,
    /// Whether they show one instant.
    pub snapshot: bool,
    /// The backup's time.
    pub now: Timestamp,
}

/// Writes an archive below `location` and returns when it is durable, name included.
///
/// Holds one page and two parts of 4 MiB. Processor and file work runs on blocking threads. Dropping the future before it is
/// done leaves no backup: what was written is removed, as well as can be.
///
/// # Errors
/// `InvalidInput` and `Unsupported` for a location that takes no backups, `PermissionDenied`, `StorageFull`, `Unavailable`
/// (also when records changed while pages were read so that they do not fit together), and what `records` gives.
pub async fn write<P: Pages>(location: &str, source: ArchiveSource<'_, P>) -> Result<BackupReport> {
    let id = uuid::Uuid::now_v7().to_string();
    let now = source.now;
    let mut sink = Place::parse(location)?.begin(&id).await?;
    match fill(&mut sink, id, source).await {
        Ok(Manifest { id, records, bytes, blake3, snapshot, .. }) => {
            Ok(BackupReport::new(id, location.to_owned(), records, bytes, blake3, snapshot, now))
        }
        Err(e) => {
            sink.discard().await;
            Err(e)
        }
    }
}

async fn fill<P: Pages>(sink: &mut Sink, id: String, source: ArchiveSource<'_, P>) -> Result<Manifest> {
    let ArchiveSource { namespace, mut records, snapshot, now } = source;
    let totals = parts(sink, &mut records, Encoder::new(now, snapshot)).await?;
    let manifest = Manifest {
        format: FORMAT,
        id,
        namespace: namespace.as_str().to_owned(),
        created_at: now.to_string(),
        records: totals.records,
        bytes: totals.bytes,
        blake3: totals.blake3,
        compression: "zstd".to_owned(),
        snapshot,
    };
    sink.publish(seal(&manifest, &totals.parts)?).await?;
    Ok(manifest)
}

async fn parts(sink: &mut Sink, records: &mut impl Pages, mut encoder: Encoder) -> Result<Totals> {
    loop {
        let page = records.next_page().await?;
        if page.is_empty() {
            break;
        }
        let mut rest = page.into_iter();
        loop {
            let part;
            (encoder, rest, part) = blocking(move || {
                let part = encoder.take(&mut rest)?;
                Ok((encoder, rest, part))
            })
            .await?;
            let Some(Packed { file, bytes }) = part else { break };
            sink.put(file, bytes).await?;
        }
    }
    let (last, totals) = blocking(move || encoder.finish()).await?;
    if let Some(Packed { file, bytes }) = last {
        sink.put(file, bytes).await?;
    }
    Ok(totals)
}

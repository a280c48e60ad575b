//! The digest of any catalog.

use proximadb_meta_core::digest::DigestBuilder;
use proximadb_meta_core::{Digest, DigestRequest, Result, Timestamp};

use crate::records::{Catalog, Records};

/// The digest of the scope's records: made within the store where it can, else from a list of all its records, with a memory of
/// some 3 MiB. Where records are written meanwhile it is that of no one instant, unless the store gives out snapshots.
///
/// # Errors
/// `InvalidInput` for a depth over 4; what a list gives.
pub async fn digest(catalog: &Catalog, request: DigestRequest) -> Result<Digest> {
    if catalog.capabilities().digest {
        return catalog.digest(request).await;
    }
    // The store has left out what expired.
    let mut builder = DigestBuilder::new(&request, Timestamp::MIN)?;
    let mut records = Records::new(catalog, None);
    while let Some(record) = records.next().await? {
        builder.add(&record)?;
    }
    Ok(builder.finish())
}

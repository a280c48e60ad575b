//! The digest of records that come in pages.

use proximadb_meta_core::digest::DigestBuilder;
use proximadb_meta_core::{Digest, DigestRequest, Result, Timestamp};

use crate::Pages;

/// The digest of the records that are live at `now`, for drivers that read them a page at a time. Holds one page.
///
/// # Errors
/// `InvalidInput` for a request that breaks its limits, and what `pages` gives.
pub async fn digest(mut pages: impl Pages, request: &DigestRequest, now: Timestamp) -> Result<Digest> {
    let mut builder = DigestBuilder::new(request, now)?;
    loop {
        let page = pages.next_page().await?;
        if page.is_empty() {
            return Ok(builder.finish());
        }
        page.iter().try_for_each(|record| builder.add(record))?;
    }
}

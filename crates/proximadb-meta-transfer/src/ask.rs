//! Point reads of many ids or names, several at a time: a store behind a network answers them in the time of a few.

use std::sync::Arc;

use proximadb_meta_core::{Error, ErrorKind, Result};
use tokio::task::JoinSet;

use crate::records::{Catalog, Record};

/// Questions that are asked at once.
const AT_ONCE: usize = 16;

/// By what is asked.
#[derive(Clone, Copy)]
pub(crate) enum By {
    Id,
    Name,
}

/// The answers, in the order of the keys.
pub(crate) async fn ask(catalog: &Catalog, by: By, keys: Vec<Arc<str>>) -> Result<Vec<Option<Record>>> {
    let keys: Arc<[Arc<str>]> = keys.into();
    let mut answers = vec![None; keys.len()];
    let mut tasks = JoinSet::new();
    for first in 0..AT_ONCE.min(keys.len()) {
        let (catalog, keys) = (catalog.clone(), keys.clone());
        tasks.spawn(async move {
            let mut found = Vec::new();
            for (at, key) in keys.iter().enumerate().skip(first).step_by(AT_ONCE) {
                let record = match by {
                    By::Id => catalog.get_collection(key).await?,
                    By::Name => catalog.get_collection_by_name(key).await?,
                };
                found.push((at, record));
            }
            Ok::<_, Error>(found)
        });
    }
    while let Some(joined) = tasks.join_next().await {
        let found = joined.map_err(|e| Error::new(ErrorKind::Internal, "a read ended early").with_source(e))??;
        for (at, record) in found {
            if let Some(answer) = answers.get_mut(at) {
                *answer = record;
            }
        }
    }
    Ok(answers)
}

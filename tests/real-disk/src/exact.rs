//! The check after writers that stopped in good order: the catalog holds what they were acknowledged, and nothing else.

use proximadb_meta_core::MetadataBackend;

use crate::failure::Outcome;
use crate::script::{Row, Rows, SHARED, Script};

/// The catalog holds exactly the scripts' records.
///
/// # Errors
/// What it holds instead.
pub async fn exactly(db: &dyn MetadataBackend, scripts: &[Script]) -> Outcome {
    let expected: Rows = scripts.iter().flat_map(|s| s.rows().clone()).collect();
    let mut found = Rows::new();
    let mut shared = (0, 0);
    for r in db.list_collections(None).await? {
        if *r.id == *SHARED {
            shared = (r.vector_count, r.total_size_bytes);
        } else {
            found.insert(r.id.to_string(), Row::of(&r));
        }
    }
    let counted = |of: fn(&Script) -> u64| scripts.iter().map(of).sum::<u64>();
    let expected_shared = (counted(Script::counted), counted(|s| s.counted() * s.weight()));
    ensure!(shared == expected_shared, "{SHARED} has {shared:?}, acknowledged are {expected_shared:?}");
    ensure!(found == expected, "the catalog holds {} records, not the {} acknowledged", found.len(), expected.len());
    Ok(())
}

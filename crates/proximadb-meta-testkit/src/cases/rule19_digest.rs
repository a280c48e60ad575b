//! Rule 19: the digest is that of the records, and of nothing else.

use std::sync::Arc;

use proximadb_meta_core::ErrorKind::{InvalidInput, Unsupported};
use proximadb_meta_core::digest::{DigestEntry, DigestTree, LEAF_DEPTH, LEAVES, RecordHash, digest_of, leaf_of};
use proximadb_meta_core::{
    AccessPattern, CollectionMetadata, ConfigJson, DigestRequest, DistanceMetric, Extra, Field, IndexingAlgorithm,
    MetadataBackend, Operation, PutIf, Retention, Timestamp,
};

use crate::case::{CaseResult, Failure, Need, Store, rec_with, refused};

/// The tree at a depth.
async fn tree(db: &Arc<dyn MetadataBackend>, depth: u8) -> CaseResult<DigestTree> {
    Ok(db.digest(DigestRequest::nodes(depth)).await?.into_tree()?)
}

/// The tree that a list of the same records has.
async fn expected(s: &Store, depth: u8) -> CaseResult<DigestTree> {
    let listed = s.db.list_collections(None).await?;
    Ok(digest_of(&DigestRequest::nodes(depth), Timestamp::MIN, listed).await?.into_tree()?)
}

async fn put(s: &Store, record: CollectionMetadata) -> CaseResult {
    s.batch(vec![Operation::Put { record, when: PutIf::Any }]).await.map(drop)
}

/// A record that differs from another in one field; `None` stands for what newer releases add.
fn changed(r: &CollectionMetadata, field: Option<Field>) -> CaseResult<CollectionMetadata> {
    let mut r = r.clone();
    match field {
        // Another id is another record: it is not there twice.
        Some(Field::Id) => r.id = "other".into(),
        Some(Field::Name) => r.name = "other".into(),
        Some(Field::Dimension) => r.dimension += 1,
        Some(Field::DistanceMetric) => r.distance_metric = DistanceMetric::HAMMING,
        Some(Field::IndexingAlgorithm) => r.indexing_algorithm = IndexingAlgorithm::new("other"),
        Some(Field::CreatedAt) => r.created_at = r.created_at.saturating_add(1),
        Some(Field::UpdatedAt) => r.updated_at = r.updated_at.saturating_add(1),
        Some(Field::VectorCount) => r.vector_count += 1,
        Some(Field::TotalSizeBytes) => r.total_size_bytes += 1,
        Some(Field::AccessPattern) => r.access_pattern = AccessPattern::Archive,
        Some(Field::Retention) => r.retention = Some(Retention { retain_days: 1, auto_delete: false }),
        Some(Field::ExpiresAt) => r.expires_at = Some(Timestamp::MAX),
        Some(Field::Config) => r.config = ConfigJson::parse("{\"other\":1}")?,
        Some(Field::Description) => r.description = Some("other".into()),
        Some(Field::Owner) => r.owner = Some("other".into()),
        Some(Field::Tags) => r.tags = ["other"].into(),
        Some(Field::Version) => r.version += 1,
        Some(other) => return Err(Failure::new(format!("the case does not know the field {other}"))),
        None => r.extra = Extra::parse("{\"other\":1}")?,
    }
    Ok(r)
}

cases! { 19 rule19;
    [Need::Digest] fn a_digest_is_that_of_the_records(s) {
        let empty = tree(&s.db, 0).await?;
        same!((empty.count(), empty.root()), (0, RecordHash::EMPTY));
        for n in 0..40 {
            s.add(&format!("é-{n}")).await?;
        }
        for depth in 0..=LEAF_DEPTH {
            same!(tree(&s.db, depth).await?, expected(s, depth).await?);
        }
        same!(tree(&s.db, 2).await?.root(), tree(&s.db, 0).await?.root());
        refused(s.db.digest(DigestRequest::nodes(LEAF_DEPTH + 1)).await, InvalidInput)?;
    }
    [Need::Digest] fn every_field_moves_it_and_undoing_brings_it_back(s) {
        s.add("neighbour").await?;
        let stored = (*s.add("a").await?).clone();
        let before = tree(&s.db, 0).await?;
        for field in CollectionMetadata::FIELDS.iter().copied().map(Some).chain([None]) {
            let other = changed(&stored, field)?;
            let moved_id = other.id != stored.id;
            if moved_id {
                s.db.delete_collection("a").await?;
            }
            put(s, other).await?;
            let moved = tree(&s.db, 0).await?;
            ensure!(moved.root() != before.root(), "{field:?} does not move the digest");
            same!(moved, expected(s, 0).await?);
            if moved_id {
                s.db.delete_collection("other").await?;
            }
            put(s, stored.clone()).await?;
            same!(tree(&s.db, 0).await?, before);
        }
    }
    [Need::Digest] fn counters_move_it_at_once(s) {
        s.add("a").await?;
        let before = tree(&s.db, 0).await?;
        s.count("a", 7, 0).await?;
        let moved = tree(&s.db, 0).await?;
        ensure!(moved != before, "counters do not move the digest");
        s.count("a", -7, 0).await?;
        same!(tree(&s.db, 0).await?, before);
    }
    [Need::Digest] fn what_expired_is_not_in_it(s) {
        s.add("a").await?;
        let before = tree(&s.db, LEAF_DEPTH).await?;
        s.db.create_collection(rec_with("b", |r| r.expires_at = Some(crate::case::START.saturating_add(10)))).await?;
        same!(tree(&s.db, LEAF_DEPTH).await?.count(), 2);
        s.clock.advance(10);
        same!(tree(&s.db, LEAF_DEPTH).await?, before);
        let entries = s.db.digest(DigestRequest::entries([leaf_of("b")])).await?.into_entries()?;
        ensure!(entries.iter().all(|e| *e.id != *"b"), "an expired record is an entry");
    }
    [Need::Digest] fn namespaces_have_their_own_and_no_part_in_it(s) {
        let a = s.add("a").await?;
        let other = s.space("other")?;
        same!(tree(&other, 0).await?.count(), 0);
        other.batch_operations(vec![Operation::Put { record: (*a).clone(), when: PutIf::Absent }]).await?;
        same!(tree(&other, LEAF_DEPTH).await?, tree(&s.db, LEAF_DEPTH).await?);
    }
    [Need::Digest] fn entries_are_complete(s) {
        let mut all = Vec::new();
        for n in 0..300 {
            let r = s.add(&format!("{}-{n}", n % 7)).await?;
            all.push(DigestEntry { id: r.id.clone(), hash: RecordHash::of(&r) });
        }
        all.sort();
        let every: Vec<u16> = (0..LEAVES).rev().map(|leaf| leaf as u16).collect();
        same!(s.db.digest(DigestRequest::entries(every)).await?.into_entries()?, all);
        let (one, another) = (leaf_of("0-0"), leaf_of("6-6"));
        let some: Vec<_> = all.iter().filter(|e| [one, another].contains(&leaf_of(&e.id))).cloned().collect();
        same!(s.db.digest(DigestRequest::entries([another, one, one])).await?.into_entries()?, some);
        same!(s.db.digest(DigestRequest::entries([])).await?.into_entries()?, Vec::new());
    }
    [Need::NoDigest] fn without_the_capability_it_is_refused(s) {
        refused(s.db.digest(DigestRequest::nodes(0)).await, Unsupported)?;
    }
}

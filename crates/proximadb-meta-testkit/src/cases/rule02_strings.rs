//! Rules 1 and 2: unique ids and names; strings are bytes, within limits.

use proximadb_meta_core::ErrorKind::{AlreadyExists, InvalidInput, OutOfRange};
use proximadb_meta_core::limits::{MAX_DIMENSION, MAX_SAFE_INTEGER};
use proximadb_meta_core::{Detail, DistanceMetric, IndexingAlgorithm, Operation, PutIf, Tags, Timestamp};

use crate::case::{rec, rec_with, refused};

/// Names that stores like to change.
const HOSTILE: [&str; 14] = [
    "a'b\"c`d",
    "'; DROP TABLE collections; --",
    "100%_x",
    "back\\slash",
    "$where{}[]",
    " leading",
    "trailing ",
    "ÀÉ",
    "A\u{300}E\u{301}",
    "\u{1f600}\u{200d}",
    "NULL",
    "a/b?c=d#e&f",
    "\u{feff}bom",
    "\u{e000}\u{10ffff}",
];

cases! { 2 rule02;
    fn a_record_is_found_by_id_and_name(s) {
        let made = s.add("a").await?;
        same!(s.db.get_collection("a").await?, Some(made.clone()));
        same!(s.db.get_collection_by_name("name-a").await?, Some(made));
    }
    fn an_absent_record_is_none(s) {
        s.add("a").await?;
        same!(s.db.get_collection("b").await?, None);
        same!(s.db.get_collection_by_name("a").await?, None);
        same!(s.db.get_collection("name-a").await?, None);
    }
    fn an_id_is_unique(s) {
        s.add("a").await?;
        let e = refused(s.db.create_collection(rec_with("a", |r| r.name = "other".into())).await, AlreadyExists)?;
        same!(e.detail(), Some(&Detail::IdTaken("a".into())));
        same!(s.db.get_collection_by_name("other").await?, None);
    }
    fn a_name_is_unique(s) {
        s.add("a").await?;
        let e = refused(s.db.create_collection(rec_with("b", |r| r.name = "name-a".into())).await, AlreadyExists)?;
        same!(e.detail(), Some(&Detail::NameTaken("name-a".into())));
        same!(s.db.get_collection("b").await?, None);
    }
    fn a_taken_id_is_told_before_a_taken_name(s) {
        s.add("a").await?;
        s.add("b").await?;
        let e = refused(s.db.create_collection(rec_with("a", |r| r.name = "name-b".into())).await, AlreadyExists)?;
        same!(e.detail(), Some(&Detail::IdTaken("a".into())));
    }
    fn an_id_may_equal_another_name(s) {
        s.add("a").await?;
        let other = s.db.create_collection(rec_with("name-a", |r| r.name = "a".into())).await?;
        same!(s.db.get_collection_by_name("a").await?, Some(other));
        same!(&*s.must("a").await?.name, "name-a");
    }
    fn hostile_ids_and_names_are_kept(s) {
        for text in HOSTILE {
            let made = s.db.create_collection(rec_with(text, |r| r.name = text.into())).await?;
            same!(&*made.id, text);
            same!(s.db.get_collection(text).await?, Some(made.clone()));
            same!(s.db.get_collection_by_name(text).await?, Some(made));
        }
        same!(s.db.list_collections(None).await?.len(), HOSTILE.len());
    }
    fn hostile_owner_tags_and_description_are_kept(s) {
        for (i, text) in HOSTILE.iter().enumerate() {
            let made = s.db.create_collection(rec_with(&format!("{i}"), |r| {
                r.owner = Some((*text).into());
                r.description = Some((*text).into());
                r.tags = [*text, "z"].into();
            })).await?;
            let read = s.must(&made.id).await?;
            same!(read.owner.as_deref(), Some(*text));
            same!(read.description.as_deref(), Some(*text));
            same!(read.tags, Tags::from([*text, "z"]));
        }
    }
    fn case_is_not_folded(s) {
        s.add("a").await?;
        s.add("A").await?;
        same!(&*s.must("A").await?.name, "name-A");
        same!(s.db.get_collection_by_name("NAME-A").await?, None);
    }
    fn white_space_is_not_trimmed(s) {
        s.add("a").await?;
        s.add(" a").await?;
        s.add("a ").await?;
        same!(&*s.must("a ").await?.name, "name-a ");
        same!(s.db.get_collection("  a").await?, None);
        ensure!(!s.db.delete_collection("a  ").await?);
    }
    fn unicode_is_not_normalised(s) {
        s.add("\u{e9}").await?;
        s.add("e\u{301}").await?;
        same!(s.db.list_collections(None).await?.len(), 2);
        same!(&*s.must("\u{e9}").await?.id, "\u{e9}");
    }
    fn order_is_by_bytes(s) {
        for id in ["b", "B", "a", "\u{e9}", "Z", "\u{ff5e}", "\u{1f600}", "_", "10", "9"] {
            s.add(id).await?;
        }
        same!(s.matching("").await?, "10,9,B,Z,_,a,b,\u{e9},\u{ff5e},\u{1f600}");
    }
    fn the_longest_id_and_name_fit(s) {
        let id = "é".repeat(127) + "x";
        let made = s.db.create_collection(rec_with(&id, |r| r.name = "n".repeat(255).into())).await?;
        same!(s.db.get_collection(&id).await?, Some(made.clone()));
        same!(s.db.get_collection_by_name(&"n".repeat(255)).await?, Some(made));
    }
    fn a_longer_id_or_name_is_refused(s) {
        refused(s.db.create_collection(rec_with(&"i".repeat(256), |r| r.name = "n".into())).await, InvalidInput)?;
        refused(s.db.create_collection(rec_with("i", |r| r.name = "n".repeat(256).into())).await, InvalidInput)?;
        same!(s.db.count_collections(None).await?, 0);
    }
    fn an_empty_name_is_refused(s) {
        refused(s.db.create_collection(rec_with("a", |r| r.name = "".into())).await, InvalidInput)?;
    }
    fn control_characters_are_refused(s) {
        for bad in ["a\0b", "a\nb", "\t", "\u{7f}", "\u{85}"] {
            refused(s.db.create_collection(rec_with(bad, |r| r.name = "n".into())).await, InvalidInput)?;
            refused(s.db.create_collection(rec_with("a", |r| r.name = bad.into())).await, InvalidInput)?;
            refused(s.db.create_collection(rec_with("a", |r| r.owner = Some(bad.into()))).await, InvalidInput)?;
            refused(s.db.create_collection(rec_with("a", |r| r.tags = [bad].into())).await, InvalidInput)?;
        }
        refused(s.db.create_collection(rec_with("a", |r| r.description = Some("a\0".into()))).await, InvalidInput)?;
        same!(s.db.count_collections(None).await?, 0);
    }
    fn an_impossible_id_is_simply_not_there(s) {
        for id in ["", "a\0b", &"x".repeat(256)] {
            same!(s.db.get_collection(id).await?, None);
            same!(s.db.get_collection_by_name(id).await?, None);
            ensure!(!s.db.delete_collection(id).await?);
        }
    }
    fn a_description_may_have_lines(s) {
        let text = "one\n\ttwo\r\nthree".to_owned() + &"x".repeat(16 * 1024 - 16);
        s.db.create_collection(rec_with("a", |r| r.description = Some(text.as_str().into()))).await?;
        same!(s.must("a").await?.description.as_deref(), Some(text.as_str()));
        refused(s.db.create_collection(rec_with("b", |r| r.description = Some("x".repeat(16385).into()))).await, InvalidInput)?;
    }
    fn absent_and_empty_are_not_the_same(s) {
        refused(s.db.create_collection(rec_with("a", |r| r.owner = Some("".into()))).await, InvalidInput)?;
        refused(s.db.create_collection(rec_with("a", |r| r.description = Some("".into()))).await, InvalidInput)?;
        let r = s.add("a").await?;
        same!(r.owner, None);
        same!(r.description, None);
    }
    fn thirty_two_tags_fit_and_no_more(s) {
        let tags = |n: usize| (0..n).map(|i| format!("t{i:02}")).collect::<Tags>();
        s.db.create_collection(rec_with("a", |r| r.tags = tags(32))).await?;
        same!(s.must("a").await?.tags, tags(32));
        refused(s.db.create_collection(rec_with("b", |r| r.tags = tags(33))).await, InvalidInput)?;
        refused(s.db.create_collection(rec_with("b", |r| r.tags = ["x".repeat(129)].into())).await, InvalidInput)?;
    }
    fn dimension_has_its_limits(s) {
        refused(s.db.create_collection(rec_with("a", |r| r.dimension = 0)).await, InvalidInput)?;
        refused(s.db.create_collection(rec_with("a", |r| r.dimension = MAX_DIMENSION + 1)).await, InvalidInput)?;
        s.db.create_collection(rec_with("a", |r| r.dimension = MAX_DIMENSION)).await?;
        same!(s.must("a").await?.dimension, MAX_DIMENSION);
    }
    fn unknown_metric_and_index_survive(s) {
        s.db.create_collection(rec_with("a", |r| {
            r.distance_metric = DistanceMetric::new("Chebyshev");
            r.indexing_algorithm = IndexingAlgorithm::new("scann-v9");
        })).await?;
        let r = s.must("a").await?;
        same!(r.distance_metric.as_str(), "Chebyshev");
        same!(r.indexing_algorithm.as_str(), "scann-v9");
    }
    fn numbers_and_times_keep_their_edges(s) {
        let r = rec_with("a", |r| {
            r.version = MAX_SAFE_INTEGER;
            r.vector_count = MAX_SAFE_INTEGER;
            r.total_size_bytes = MAX_SAFE_INTEGER - 1;
            r.created_at = Timestamp::MIN;
            r.updated_at = Timestamp::MAX;
            r.expires_at = Some(Timestamp::MAX);
        });
        s.batch(vec![Operation::Put { record: r.clone(), when: PutIf::Absent }]).await?;
        ensure!(s.must("a").await?.same_content(&r), "{:?} became {:?}", r, s.must("a").await?);
        let over = Operation::Put { record: rec_with("b", |r| r.vector_count = MAX_SAFE_INTEGER + 1), when: PutIf::Any };
        refused(s.db.batch_operations(vec![over]).await, OutOfRange)?;
        let late = rec_with("b", |r| r.created_at = Timestamp::from_micros(i64::MAX));
        refused(s.db.batch_operations(vec![Operation::Put { record: late, when: PutIf::Any }]).await, InvalidInput)?;
    }
    fn a_name_is_free_after_delete(s) {
        s.add("a").await?;
        ensure!(s.db.delete_collection("a").await?);
        s.db.create_collection(rec_with("b", |r| r.name = "name-a".into())).await?;
        s.db.create_collection(rec_with("a", |r| r.name = "again".into())).await?;
        same!(s.matching("").await?, "a,b");
    }
    fn a_refused_create_leaves_nothing(s) {
        s.add("a").await?;
        refused(s.db.create_collection(rec_with("b", |r| r.name = "name-a".into())).await, AlreadyExists)?;
        same!(&*s.db.create_collection(rec("b")).await?.name, "name-b");
    }
}

//! The digest of known records, and that it follows its description.

use super::*;
use crate::time::Timestamp;

fn record(id: &str) -> Arc<CollectionMetadata> {
    let text = format!(
        r#"{{"id":"{id}","name":"name-{id}","dimension":8,"distance_metric":"cosine","created_at":"2026-01-01T00:00:00Z",
            "updated_at":"2026-01-02T00:00:00Z","vector_count":7,"version":3,"owner":"böb","zone":"eu"}}"#
    );
    Arc::new(CollectionMetadata::from_json(&text).unwrap())
}

fn tree(records: &[Arc<CollectionMetadata>], depth: u8) -> DigestTree {
    let mut builder = DigestBuilder::new(&DigestRequest::nodes(depth), Timestamp::MIN).unwrap();
    records.iter().for_each(|r| builder.add(r).unwrap());
    builder.finish().into_tree().unwrap()
}

/// As the module says it, without the builder: by prefix, top down.
fn by_the_book(prefix: &str, records: &[Arc<CollectionMetadata>]) -> [u8; 32] {
    let below: Vec<_> =
        records.iter().filter(|r| blake3::hash(r.id.as_bytes()).to_hex().starts_with(prefix)).cloned().collect();
    if below.is_empty() {
        return [0; 32];
    }
    if prefix.len() == 4 {
        let mut state = [0; 32];
        for r in below {
            let hash = blake3::hash(r.to_json().as_bytes());
            state = *blake3::hash(&[&[1][..], &state, hash.as_bytes()].concat()).as_bytes();
        }
        return state;
    }
    let children = "0123456789abcdef".chars().flat_map(|digit| by_the_book(&format!("{prefix}{digit}"), &below));
    *blake3::hash(&std::iter::once(2).chain(children).collect::<Vec<u8>>()).as_bytes()
}

/// Ids of which some share leaves.
fn many() -> Vec<Arc<CollectionMetadata>> {
    let mut ids: Vec<String> = (0..600).map(|n| format!("id-{n}")).collect();
    ids.sort();
    ids.iter().map(|id| record(id)).collect()
}

/// The constants were computed by a program in another language that follows the module's text.
#[test]
fn known_records_have_known_digests() {
    let one = record("a");
    assert_eq!(
        one.to_json(),
        "{\"id\":\"a\",\"name\":\"name-a\",\"dimension\":8,\"distance_metric\":\"cosine\",\"indexing_algorithm\":\"hnsw\",\
         \"created_at\":\"2026-01-01T00:00:00.000000Z\",\"updated_at\":\"2026-01-02T00:00:00.000000Z\",\"vector_count\":7,\
         \"total_size_bytes\":0,\"access_pattern\":\"normal\",\"config\":{},\"owner\":\"böb\",\"tags\":[],\"version\":3,\"zone\":\"eu\"}"
    );
    assert_eq!(leaf_of("a"), 0x1776);
    assert_eq!(RecordHash::of(&one).to_string(), "baa040cb85605cc86bde890fcf5e55db0cdd500ddf0af448ca3cbf940fbfa0a3");
    assert_eq!(tree(&[], 0).root().to_string(), "0".repeat(64));
    assert_eq!(tree(&[one], 0).root().to_string(), "029831dde9374e392f62ada0759ba74f5a216565b2b178fd2bdf206983c513e1");
    assert_eq!(tree(&many(), 0).root().to_string(), "6edbf30c5347c4887210a7aa766994efafd67f7d0d84e382bb74c57d4717ba70");
}

#[test]
fn the_builder_does_what_the_module_says() {
    let records = many();
    let leaves: std::collections::HashSet<u16> = records.iter().map(|r| leaf_of(&r.id)).collect();
    assert!(leaves.len() < records.len(), "no leaf has two records: the test tests less than it says");
    for depth in 0..=LEAF_DEPTH {
        let tree = tree(&records, depth);
        assert_eq!((tree.count(), tree.depth(), tree.nodes().len()), (600, depth, 16usize.pow(depth.into())));
        assert_eq!(*tree.root().as_bytes(), by_the_book("", &records));
        for (n, node) in tree.nodes().iter().enumerate().filter(|(n, _)| depth < 3 || n % 97 == 0) {
            assert_eq!(*node.as_bytes(), by_the_book(&tree.prefix(n), &records));
        }
    }
}

#[test]
fn only_the_leaves_of_changed_records_differ() {
    let records = many();
    let mut others = records.clone();
    Arc::make_mut(&mut others[17]).vector_count += 1;
    others.remove(400);
    let mut expected = vec![leaf_of(&records[17].id), leaf_of(&records[400].id)];
    expected.sort_unstable();
    assert_eq!(tree(&records, 4).differing(&tree(&others, 4)), expected);
    assert!(tree(&records, 4).differing(&tree(&records, 4)).is_empty());
}

#[test]
fn what_cannot_be_is_refused() {
    let mut builder = DigestBuilder::new(&DigestRequest::nodes(0), Timestamp::MIN).unwrap();
    builder.add(&record("b")).unwrap();
    for id in ["a", "b"] {
        assert_eq!(builder.add(&record(id)).unwrap_err().kind(), ErrorKind::Internal);
    }
    assert_eq!(DigestRequest::nodes(5).validate().unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(DigestTree::new(0, 1, vec![NodeHash::EMPTY; 15]).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(DigestTree::new(0, 5, Vec::new()).unwrap_err().kind(), ErrorKind::Internal);
}

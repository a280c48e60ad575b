//! The full-text index and the portable meaning give identical answers: 10,000 random texts in several scripts, the same in
//! SQLite and in memory, asked for thousands of their words. `PXMETA_SOAK_RECORDS` says another number of texts.

mod fixture;

use std::collections::HashSet;
use std::sync::Arc;

use proximadb_meta_core::keywords::{keywords, query_words};
use proximadb_meta_core::{
    CallContext, CollectionMetadata, DistanceMetric, Filter, MetadataBackend, Namespace, Operation, PutIf,
};
use proximadb_meta_testkit::rng::Rng;
use proximadb_meta_testkit::scripts::number_from_env;

/// Letters of several scripts, with what changes under folding and normalising, what joins and parts words, and blanks that
/// combine.
const PIECES: [&str; 64] = [
    "a",
    "b",
    "Z",
    "straße",
    "STRASSE",
    "ﬁn",
    "ＡＢＣ",
    "é",
    "e\u{301}",
    "Å",
    "Ω",
    "ω",
    "ς",
    "Σ",
    "İ",
    "ı",
    "Ж",
    "ж",
    "ё",
    "мир",
    "שלום",
    "ה\"א",
    "مرحبا",
    "كتاب",
    "हिन्दी",
    "कि",
    "ไทย",
    "中",
    "文",
    "日本",
    "カタカナ",
    "ｶﾅ",
    "한국",
    "ㄱ",
    "\u{1f600}",
    "👩\u{200d}🔬",
    "1",
    "3.14",
    "1,000",
    "can't",
    "x_y",
    "a:b",
    "e-mail",
    "..",
    "'",
    "\"",
    "-",
    "*",
    "^",
    "+",
    "(",
    ")",
    "AND",
    "OR",
    "NOT",
    "NEAR",
    " ",
    " \u{902}",
    "\t",
    "\u{345}",
    "\u{a8}",
    "\u{37a}",
    "\u{200d}",
    "!\u{902}",
];

fn text(dice: &mut Rng, pieces: usize) -> String {
    let mut text = String::new();
    for _ in 0..=dice.below(pieces) {
        text.push_str(dice.pick(&PIECES));
        if dice.one_in(3) {
            text.push(' ');
        }
    }
    text
}

fn texts() -> usize {
    let texts = number_from_env("PXMETA_SOAK_RECORDS", 10_000).expect("a number");
    texts.try_into().expect("a number that memory has room for")
}

fn record(i: usize, dice: &mut Rng) -> CollectionMetadata {
    let name: String = text(dice, 4).chars().filter(|c| !c.is_control()).collect();
    let mut r = CollectionMetadata::new(format!("{i} {name}"), 1, DistanceMetric::COSINE);
    r.id = format!("{i:06}").into();
    r.description = Some(format!("{}x", text(dice, 12)).into());
    if dice.below(4) == 0 {
        r.owner = Some(format!("{}o", text(dice, 2)).chars().filter(|c| !c.is_control()).collect::<String>().into());
    }
    r.version = 1;
    r
}

async fn ids(catalog: &Arc<dyn MetadataBackend>, filter: &Filter) -> Vec<Arc<str>> {
    let found = catalog.list_collections(Some(filter.clone())).await.expect("a list");
    found.iter().map(|r| r.id.clone()).collect()
}

#[tokio::test]
async fn the_index_and_the_meaning_agree() {
    let dir = fixture::fresh().unwrap();
    let sqlite = proximadb_meta_sqlite::open(dir.path().join("catalog.db")).await.unwrap().into_backend();
    let memory = proximadb_meta_memory::memory().into_backend();
    let space = CallContext::in_namespace(Namespace::new("Räume & Co").unwrap());
    let stores = [(sqlite.scoped(space.clone()), memory.scoped(space)), (sqlite.clone(), memory)];
    let mut dice = Rng::new(7);
    let mut asked = 0;
    for (sqlite, memory) in &stores {
        let all: Vec<_> = (0..texts() / stores.len()).map(|i| record(i, &mut dice)).collect();
        let words: Vec<String> = all.iter().flat_map(keywords).collect();
        for part in all.chunks(5000) {
            let puts: Vec<_> = part.iter().map(|r| Operation::Put { record: r.clone(), when: PutIf::Absent }).collect();
            sqlite.batch_operations(puts.clone()).await.unwrap();
            memory.batch_operations(puts).await.unwrap();
        }
        // Some texts change, some go: the index follows.
        for _ in 0..50 {
            let i = dice.below(all.len());
            let mut changed = record(i, &mut dice);
            changed.name = format!("changed {i}").into();
            for catalog in [sqlite, memory] {
                let put = Operation::Put { record: changed.clone(), when: PutIf::Any };
                catalog.batch_operations(vec![put]).await.unwrap();
            }
            let gone = format!("{:06}", dice.below(all.len()));
            assert_eq!(sqlite.delete_collection(&gone).await.unwrap(), memory.delete_collection(&gone).await.unwrap());
        }
        let there = memory.list_collections(None).await.unwrap();
        let have: Vec<(Arc<str>, HashSet<String>)> =
            there.iter().map(|r| (r.id.clone(), keywords(r).into_iter().collect())).collect();
        for round in 0..600 {
            let query = match dice.below(3) {
                0 => words[dice.below(words.len())].clone(),
                1 => format!("{} {}", words[dice.below(words.len())], words[dice.below(words.len())]),
                _ => text(&mut dice, 3),
            };
            let filter = Filter::words(query.as_str());
            let Ok(wanted) = query_words(&query) else { continue };
            let matching = have.iter().filter(|(_, words)| wanted.iter().all(|w| words.contains(w)));
            let expected: Vec<Arc<str>> = matching.map(|(id, _)| id.clone()).collect();
            assert_eq!(ids(sqlite, &filter).await, expected, "{query:?}");
            asked += 1;
            // Memory looks at every record for each of these.
            if round % 40 == 0 {
                for filter in [filter.clone(), !filter] {
                    assert_eq!(ids(sqlite, &filter).await, ids(memory, &filter).await, "{query:?}");
                }
            }
        }
    }
    assert!(asked > 800, "{asked} questions");
    sqlite.maintain().await.unwrap();
    sqlite.close().await.unwrap();
}

//! Random scripts, each equal to the model, also after a reopen; and thousands of hostile strings with the answers of Memory.

mod fixture;

use std::sync::Arc;

use proximadb_meta_core::{
    CollectionMetadata, ConfigJson, DistanceMetric, Filter, IndexingAlgorithm, ListRequest, Operation, Order, PutIf,
    Result, SystemClock,
};
use proximadb_meta_testkit::Fixture as _;
use proximadb_meta_testkit::rng::Rng;
use proximadb_meta_testkit::scripts::{Scripts, run_scripts};

#[test]
fn random_scripts_equal_the_model() {
    let scripts = Scripts::from_env(200).unwrap();
    let ran = run_scripts(fixture::Postgres::default(), &scripts).unwrap();
    assert_eq!(ran, scripts.seeds.end - scripts.seeds.start);
    println!("{ran} scripts of {} steps on PostgreSQL equal the model", scripts.steps);
}

/// What databases, drivers and their escapes trip over.
const PIECES: [&str; 48] = [
    "'",
    "''",
    "\"",
    "\\",
    "\\\\",
    "%",
    "_",
    "$1",
    "$$",
    ";",
    "--",
    "/*",
    "*/",
    "E'\\n'",
    "NULL",
    "null",
    "true",
    "{}",
    "[]",
    "{\"a\":1}",
    "@",
    "?",
    "@?",
    "&&",
    "||",
    "()",
    "\u{feff}",
    "\u{200d}",
    "\u{202e}",
    "é",
    "e\u{301}",
    "İ",
    "ß",
    "ﬁ",
    "Σ",
    "中文",
    "👩\u{200d}🔬",
    "\u{10ffff}",
    "\u{e000}",
    "\u{d7ff}",
    " ",
    "a",
    "B",
    "0",
    "1e999",
    "-0",
    "\u{a0}",
    "DROP TABLE collections",
];

fn text(dice: &mut Rng) -> String {
    (0..=dice.below(6)).map(|_| dice.pick(&PIECES)).collect()
}

fn record(i: usize, dice: &mut Rng) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(format!("{}{i}", text(dice)), 8, DistanceMetric::new(&short(&text(dice))));
    r.id = format!("{i}{}", text(dice)).into();
    r.indexing_algorithm = IndexingAlgorithm::new(&short(&text(dice)));
    r.owner = (dice.below(3) > 0).then(|| text(dice).into());
    r.tags = (0..dice.below(3)).map(|_| text(dice)).collect();
    r.description = (dice.below(3) > 0).then(|| format!("{}\n\t{}", text(dice), text(dice)).into());
    let (key, value) = (
        serde_json::to_string(&text(dice)).expect("the test can go on"),
        serde_json::to_string(&text(dice)).expect("the test can go on"),
    );
    let numbers = ["0.1", "-7", "1e300", "5e-324", "9007199254740991", "true", "null", "[1]", "2.5"];
    let number = numbers[dice.below(numbers.len())];
    r.config =
        ConfigJson::parse(&format!("{{{key}:{value},\"n\":{number},\"deep\":{{{key}:{number}}}}}")).unwrap_or_default();
    r
}

/// Metrics and algorithms have at most 64 bytes.
fn short(text: &str) -> String {
    let mut out = String::from("m");
    for c in text.chars().take_while({
        let mut bytes = 1;
        move |c| {
            bytes += c.len_utf8();
            bytes <= 64
        }
    }) {
        out.push(c);
    }
    out
}

/// What was answered, comparable between two stores: the records, or the kind of the refusal.
fn answer(listed: Result<Vec<Arc<CollectionMetadata>>>) -> std::result::Result<Vec<Arc<str>>, String> {
    match listed {
        Ok(all) => Ok(all.iter().map(|r| r.id.clone()).collect()),
        Err(e) => Err(e.kind().to_string()),
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("the test can go on")
}

#[tokio::test]
async fn hostile_strings_are_answered_as_by_memory() {
    let opened = fixture::Postgres::default().open(Arc::new(SystemClock)).await.unwrap();
    let (postgres, memory) = (opened.backend.clone(), proximadb_meta_memory::memory().into_backend());
    let mut dice = Rng::new(11);
    let mut strings = 0;
    let mut all = Vec::new();
    for part in 0..8 {
        let records: Vec<_> = (0..100).map(|i| record(part * 100 + i, &mut dice)).collect();
        strings += records.len() * 8;
        let puts: Vec<_> = records.iter().map(|r| Operation::Put { record: r.clone(), when: PutIf::Any }).collect();
        let (ours, theirs) = (postgres.batch_operations(puts.clone()).await, memory.batch_operations(puts).await);
        assert_eq!(ours.as_ref().err().map(|e| e.kind()), theirs.as_ref().err().map(|e| e.kind()), "{ours:?}");
        all.extend(records);
    }
    let (ours, theirs) = (postgres.list_collections(None).await.unwrap(), memory.list_collections(None).await.unwrap());
    assert_eq!(ours.len(), theirs.len());
    assert!(ours.iter().zip(&theirs).all(|(a, b)| a.same_content(b)));
    for round in 0..900 {
        let r = &all[dice.below(all.len())];
        let text = if dice.below(2) == 0 { text(&mut dice) } else { r.owner.as_deref().unwrap_or(&r.name).to_owned() };
        let beginning: String = r.name.chars().take(dice.below(3)).collect();
        let key = r.config.as_str().split('"').nth(1).unwrap_or("n").to_owned();
        strings += 4;
        for (ours, theirs) in [
            (postgres.get_collection(&text).await.unwrap(), memory.get_collection(&text).await.unwrap()),
            (
                postgres.get_collection_by_name(&r.name).await.unwrap(),
                memory.get_collection_by_name(&r.name).await.unwrap(),
            ),
        ] {
            assert_eq!(ours.map(|r| r.to_json()), theirs.map(|r| r.to_json()), "{text:?}");
        }
        let texts = [
            format!("owner = {}", quoted(&text)),
            format!("NOT owner = {}", quoted(&text)),
            format!("owner < {}", quoted(&text)),
            format!("NOT description >= {}", quoted(&text)),
            format!("tags:{}", quoted(&text)),
            format!("NOT tags:{}", quoted(r.tags.first().map_or("x", |t| t))),
            format!("startsWith(name, {})", quoted(&beginning)),
            format!("text({})", quoted(&text)),
            format!("config.{} = {}", quoted(&key), quoted(&text)),
            format!("config.{} != {}", quoted(&key), quoted(&text)),
            format!("NOT config.{} > {}", quoted(&key), quoted(&text)),
            format!("config.{}:*", quoted(&text)),
            "config.n >= 0.1".to_owned(),
            "config.n != 2.5".to_owned(),
            "NOT config.n = true".to_owned(),
            format!("config.deep.{} <= 1e300", quoted(&key)),
            "config.n = 5e-324".to_owned(),
        ];
        let text = &texts[round % texts.len()];
        // Not every hostile text is a filter: both refuse the same ones.
        let Ok(filter) = Filter::parse(text) else { continue };
        let (ours, theirs) = (
            answer(postgres.list_collections(Some(filter.clone())).await),
            answer(memory.list_collections(Some(filter.clone())).await),
        );
        assert_eq!(ours, theirs, "{text}");
        let order = Order::by(Order::FIELDS[round % 4]).unwrap();
        let page = ListRequest::new().with_filter(filter).with_order(order.reversed()).with_limit(7);
        let (ours, theirs) = (postgres.list_page(page.clone()).await.unwrap(), memory.list_page(page).await.unwrap());
        let ids = |page: &proximadb_meta_core::Page| page.records.iter().map(|r| r.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&ours), ids(&theirs), "{text} by {order}");
    }
    assert!(strings >= 10_000, "{strings} strings");
    postgres.close().await.unwrap();
}

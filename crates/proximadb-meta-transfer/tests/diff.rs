//! Differences are found, all of them, and little is read for few.
//!
//! 10,000 records, also on the server that `PXMETA_TEST_POSTGRES_URL` names; `PXMETA_SOAK_RECORDS` raises the number, and then each
//! backend is compared with the server in both directions.

mod common;

use std::ops::ControlFlow;

use common::wrapped::Wrapped;
use common::{Catalog, SCHEMES, fill, many, memory, open, pairs, pairs_with_the_server, record, root, rounds};
use proximadb_meta::core::{Change, Filter, Operation, StatsDelta};
use proximadb_meta_transfer::diff::{DiffOptions, DiffReport, Method, Part, diff};

/// What a comparison tells, a line a difference.
async fn told(a: &Catalog, b: &Catalog, options: &DiffOptions) -> (Vec<String>, DiffReport) {
    let mut lines = Vec::new();
    let report = diff(a, b, options, &mut |d| {
        let parts = match &d {
            proximadb_meta_transfer::diff::Difference::Changed { parts, .. } => format!(" {parts:?}"),
            _ => String::new(),
        };
        lines.push(format!("{} {}{parts}", d.sign(), d.id()));
        ControlFlow::Continue(())
    })
    .await
    .expect("the catalogs are compared");
    (lines, report)
}

/// Ten differences: three fields, two counters, two gone, two new, one new life.
async fn ten_differences(b: &Catalog) {
    let id = |n: usize| format!("id-{n:07}");
    for n in [3, 1000, 7777] {
        let change = Change::Owner(Some(format!("other-{n}").into()));
        b.batch_operations(vec![Operation::Set { id: id(n).into(), change }]).await.expect("a change");
    }
    for n in [5, 4096] {
        b.record_stats(&id(n), StatsDelta { vectors: 1, bytes: 0 }).await.expect("a delta");
    }
    for n in [0, 9999] {
        assert!(b.delete_collection(&id(n)).await.expect("a deletion"));
    }
    fill(b, vec![record("new-1", "new-1", 1), record("aaa", "aaa", 2)]).await;
    assert!(b.delete_collection(&id(17)).await.expect("a deletion"));
    fill(b, vec![record(&id(17), "name-17", 18)]).await;
}

const TEN: [&str; 10] = [
    "- aaa",
    "+ id-0000000",
    "* id-0000003",
    "* id-0000005",
    "* id-0000017",
    "* id-0001000",
    "* id-0004096",
    "* id-0007777",
    "+ id-0009999",
    "- new-1",
];

/// Compares new catalogs of two backends, the same at first and then with ten differences.
async fn reads_little(from: &str, to: &str) {
    let count = rounds("PXMETA_SOAK_RECORDS", 10_000).max(10_000);
    let ((a, _a), (b, _b)) = (open(from).await, open(to).await);
    fill(&a, many(count)).await;
    fill(&b, many(count)).await;
    let (lines, report) = told(&a, &b, &DiffOptions::new()).await;
    assert!(lines.is_empty() && report.is_same() && report.same == count as u64, "{report:?}");
    assert_eq!((report.records_read, report.entries_read), (0, 0), "equal trees end it");
    ten_differences(&b).await;
    let (lines, report) = told(&a, &b, &DiffOptions::new()).await;
    let heads: Vec<&str> = lines.iter().map(|l| l.split(" [").next().unwrap_or_default()).collect();
    assert_eq!(heads, TEN, "{from} to {to}");
    assert!(lines[3].ends_with("[Field(VectorCount)]"), "{lines:?}");
    assert_eq!((report.only_in_a, report.only_in_b, report.changed), (2, 2, 6));
    assert_eq!((report.same, report.method), (count as u64 - 8, Method::Digest));
    // Two records for each that both have, one for the others; of the rest only neighbours in ten leaves of 65,536.
    assert_eq!(report.records_read, 6 * 2 + 4);
    let neighbours = 2 * 10 * (count as u64 / 65_536 + 1) * 4;
    assert!(report.entries_read >= 16 && report.entries_read <= 16 + neighbours, "{report:?}");
    let (by_list, listed) = told(&a, &Wrapped::without_digest(&b), &DiffOptions::new()).await;
    assert_eq!((by_list, listed.method), (lines, Method::List));
    assert_eq!(listed.same, report.same);
    assert_eq!(listed.records_read, 2 * count as u64);
    a.close().await.expect("one closes");
    b.close().await.expect("the other closes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_differences_are_found_by_reading_little() {
    for (from, to) in pairs() {
        reads_little(from, to).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_differences_on_a_server_are_found_by_reading_little() {
    let both_ways = std::env::var_os("PXMETA_SOAK_RECORDS").is_some();
    for (from, to) in pairs_with_the_server().filter(|(from, to)| both_ways || from < to) {
        reads_little(from, to).await;
    }
}

#[tokio::test]
async fn where_most_differs_lists_are_read() {
    let (a, b) = (memory().await, memory().await);
    fill(&a, many(60_000)).await;
    fill(&b, many(60_000).into_iter().map(|r| record(&r.id, &r.name, r.vector_count / 3 + 1)).collect()).await;
    let (lines, report) = told(&a, &b, &DiffOptions::new()).await;
    assert_eq!((lines.len(), report.changed, report.method), (60_000, 60_000, Method::List));
}

#[tokio::test]
async fn what_was_asked_for_is_compared() {
    let (a, b) = (memory().await, memory().await);
    fill(&a, many(30)).await;
    fill(&b, many(30)).await;
    b.record_stats("id-0000004", StatsDelta { vectors: 1, bytes: 1 }).await.unwrap();
    let owner = Operation::Set { id: "id-0000005".into(), change: Change::Owner(Some("me".into())) };
    b.batch_operations(vec![owner]).await.unwrap();
    let filter = |text: &str| DiffOptions::new().with_filter(Some(Filter::parse(text).unwrap()));
    let part = |name: &str| Part::parse(name).unwrap();
    let (lines, _) = told(&a, &b, &DiffOptions::new().with_parts(Some(vec![part("owner"), part("name")]))).await;
    assert_eq!(lines, ["* id-0000005 [Field(Owner)]"]);
    // The record matches in one of them alone.
    let (lines, _) = told(&a, &b, &filter("owner = me").with_parts(Some(vec![part("owner")]))).await;
    assert_eq!(lines, ["* id-0000005 [Field(Owner)]"]);
    let (lines, report) = told(&a, &b, &filter("id < \"id-0000003\"").with_same(true)).await;
    assert_eq!((lines.join(","), report.same), ("= id-0000000,= id-0000001,= id-0000002".to_owned(), 3));
    assert!(Part::parse("vectors").unwrap_err().hint().is_some_and(|h| h.contains("vector_count")));
    let mut first = Vec::new();
    let report = diff(&a, &b, &DiffOptions::new(), &mut |d| {
        first.push(d.id().to_string());
        ControlFlow::Break(())
    })
    .await
    .unwrap();
    assert_eq!((first, report.changed), (vec!["id-0000004".to_owned()], 1));
}

#[tokio::test]
async fn a_list_gives_the_digest_of_the_store() {
    for scheme in SCHEMES.iter().chain(&["postgresql"]) {
        let (a, _place) = open(scheme).await;
        let without = Wrapped::without_digest(&a);
        assert_eq!(root(&without).await, "0".repeat(64));
        fill(&a, many(2500)).await;
        assert_eq!(root(&without).await, root(&a).await);
    }
}

#[tokio::test]
async fn every_part_has_its_value() {
    let mut a = record("a", "a", 4);
    let all = |r| Part::all().map(move |p| (p, p.value(r))).collect::<Vec<_>>();
    let texts: Vec<String> = all(&a).into_iter().filter_map(|(_, v)| v).collect();
    assert!(texts.contains(&"[\"a\",\"b\"]".to_owned()) && texts.contains(&"4000".to_owned()), "{texts:?}");
    assert_eq!(Part::Extra.value(&a), None);
    a.extra = proximadb_meta::core::Extra::parse("{\"zone\":\"eu\"}").unwrap();
    assert_eq!(Part::Extra.value(&a).as_deref(), Some("{\"zone\":\"eu\"}"));
}

//! Random pairs of catalogs in which ids and names collide in every way, killed and resumed at random.

use std::collections::BTreeMap;

use proximadb_meta::core::CollectionMetadata;
use proximadb_meta_transfer::copy::{CopyOptions, End, Journal, OnConflict, Unwatched, copy};

use crate::common::wrapped::{Fault, Wrapped};
use crate::common::{Catalog, export, fill, memory, record, rounds};
use crate::run;

/// A small generator: the same numbers for the same seed.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Records of ten ids and ten names, each used once at most.
fn some(rng: &mut Rng) -> Vec<CollectionMetadata> {
    let mut names: Vec<u64> = (0..10).collect();
    let mut records = Vec::new();
    for id in 0..10 {
        if rng.below(4) > 0 {
            let name = names.remove(rng.below(names.len() as u64) as usize);
            records.push(record(&format!("id-{id}"), &format!("name-{name}"), rng.below(3)));
        }
    }
    records
}

async fn catalog(records: &[CollectionMetadata]) -> Catalog {
    let made = memory().await;
    fill(&made, records.to_vec()).await;
    made
}

/// What a copy comes to, told without its code: for the ways that do not depend on what is newer.
fn expected(how: OnConflict, a: &[CollectionMetadata], b: &[CollectionMetadata]) -> Option<String> {
    let holds = |r: &CollectionMetadata| b.iter().any(|o| o.id == r.id || o.name == r.name);
    let mut all: BTreeMap<_, _> = b.iter().map(|r| (r.id.clone(), r.clone())).collect();
    match how {
        OnConflict::Skip => all.extend(a.iter().filter(|r| !holds(r)).map(|r| (r.id.clone(), r.clone()))),
        OnConflict::Overwrite => {
            all.retain(|_, r| !a.iter().any(|o| o.name == r.name));
            all.extend(a.iter().map(|r| (r.id.clone(), r.clone())));
        }
        OnConflict::Fail if a.iter().all(|r| !holds(r) || b.iter().any(|o| o.same_content(r))) => {
            all.extend(a.iter().map(|r| (r.id.clone(), r.clone())));
        }
        OnConflict::Fail => {}
        _ => return None,
    }
    Some(all.values().map(|r| r.to_json() + "\n").collect())
}

#[tokio::test]
async fn a_plan_is_what_a_copy_does_and_a_killed_one_ends_the_same() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("journal");
    let mut resumed = 0;
    for seed in 0..rounds("PXMETA_SOAK_SEEDS", 300) as u64 {
        let mut rng = Rng(seed);
        let (ours, theirs) = (some(&mut rng), some(&mut rng));
        let a = catalog(&ours).await;
        for how in [OnConflict::Fail, OnConflict::Skip, OnConflict::Overwrite, OnConflict::Newer] {
            let (batch, jobs) = (1 + rng.below(5) as usize, 1 + rng.below(3) as usize);
            let options = CopyOptions::new().on_conflict(how).with_batch(batch).with_jobs(jobs);
            let b = catalog(&theirs).await;
            let report = run(&a, &b, &options).await;
            let result = export(&b).await;
            let what = format!("seed {seed}, {options:?}:\n{ours:?}\n{theirs:?}\n{report:?}");
            // What a refused copy would have created is not counted.
            assert!(report.end == End::Refused || report.counts.seen() == ours.len() as u64, "{what}");
            if let Some(expected) = expected(how, &ours, &theirs) {
                assert_eq!(result, expected, "{what}");
            }
            let b = catalog(&theirs).await;
            let fault = Fault::ALL[rng.below(5) as usize];
            let at = rng.below(6) as usize;
            let (failing, plan) = Wrapped::failing(&b, Some((fault, at)));
            let journal = Journal::start(&path, "seed").expect("a journal");
            let mut nobody = Unwatched;
            let first = tokio::select! {
                first = copy(&a, &failing, &options, Some(journal), &mut nobody) => Some(first),
                () = plan.killed.notified() => None,
            };
            let last = match first {
                Some(Ok(report)) => report,
                _ => {
                    resumed += 1;
                    let noted = std::fs::read_to_string(&path).expect("a journal");
                    let journal = Journal::resume(&path, "seed").expect("the journal is read");
                    let last = copy(&a, &b, &options, journal, &mut Unwatched).await;
                    last.unwrap_or_else(|e| panic!("{e:?}\n{fault:?} at {at} of {what}\n{noted}"))
                }
            };
            assert_eq!(
                (last.counts, last.end, export(&b).await),
                (report.counts, report.end, result),
                "{fault:?} {what}"
            );
        }
    }
    println!("{resumed} copies were resumed");
    assert!(resumed > 100, "too few faults struck: {resumed}");
}

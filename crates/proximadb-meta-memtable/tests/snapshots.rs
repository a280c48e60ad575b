//! Snapshots of the table stay what they were, and readers beside a writer see whole units.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proximadb_meta_core::driver::{Expect, Key, NetWrite, Prepared, Scan};
use proximadb_meta_core::{
    CollectionMetadata, DistanceMetric, Field, Filter, Incarnation, Namespace, Order, Timestamp,
};
use proximadb_meta_memtable::{Overlay, Snapshot, Table};

type Records = BTreeMap<String, Arc<CollectionMetadata>>;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn record(dice: &mut Dice, id: &str, version: u64) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(format!("n{}", dice.roll(8)), 1, DistanceMetric::COSINE);
    r.id = id.into();
    r.version = version;
    r.incarnation = Incarnation(dice.roll(1 << 30));
    r.owner = [None, Some("bob".into()), Some("eve".into())][dice.roll(3) as usize].clone();
    r.tags = ["x", "y", "z"].into_iter().filter(|_| dice.roll(2) == 0).collect();
    r.created_at = Timestamp::from_micros(dice.roll(5) as i64);
    r.updated_at = Timestamp::from_micros(dice.roll(5) as i64);
    r
}

/// All pages of a scan at a snapshot.
fn all(table: &Table, snapshot: &Snapshot, filter: Option<&str>, order: Order) -> Vec<Arc<CollectionMetadata>> {
    let mut scan = Scan::new(order, 3);
    scan.filter = filter.map(|f| Arc::new(Filter::parse(f).unwrap().normalize()));
    let mut found = Vec::new();
    loop {
        let part = table.scan_at(snapshot, &Namespace::default(), &scan);
        found.extend(part.records);
        scan.after = part.next;
        if scan.after.is_none() {
            return found;
        }
    }
}

fn check(table: &Table, snapshot: &Snapshot, model: &Records, what: &str) {
    for field in Order::FIELDS {
        for order in [Order::by(field).unwrap(), Order::by(field).unwrap().reversed()] {
            for text in [None, Some("owner = bob"), Some("tags:x AND tags:y"), Some("name = n3"), Some("id = c")] {
                let filter = text.map(|f| Filter::parse(f).unwrap());
                let mut expected: Vec<_> =
                    model.values().filter(|r| filter.as_ref().is_none_or(|f| f.evaluate(r))).cloned().collect();
                expected.sort_by(|a, b| order.compare(a, b));
                assert_eq!(all(table, snapshot, text, order), expected, "{what}: {text:?} by {order}");
            }
        }
    }
    assert_eq!(table.records_at(snapshot, &Namespace::default()), model.values().cloned().collect::<Vec<_>>());
}

#[test]
fn held_snapshots_do_not_change_and_indexes_follow() {
    for seed in 0..20 {
        let mut dice = Dice(seed);
        let table = Table::new();
        let mut model = Records::new();
        let mut held: Vec<(Snapshot, Records)> = Vec::new();
        let ns = Namespace::default();
        for step in 0..60 {
            // A group of up to three units, planned one over the other.
            let (mut overlay, mut units) = (Overlay::default(), Vec::new());
            for _ in 0..=dice.roll(3) {
                let id = ["a", "b", "c", "d", "e"][dice.roll(5) as usize];
                let found = model.get(id).cloned();
                let expect = found.as_deref().map_or(Expect::Absent, Expect::exactly);
                let write = match &found {
                    Some(before) if dice.roll(3) == 0 => NetWrite::Delete { expect, before: before.clone() },
                    _ => {
                        let version = found.as_ref().map_or(1, |r| r.version + 1);
                        let record = Arc::new(record(&mut dice, id, version));
                        NetWrite::Put { record, expect, before: found.clone() }
                    }
                };
                if let Ok(effects) = table.plan(&mut overlay, &ns, &Prepared::new(vec![write.clone()])) {
                    match write {
                        NetWrite::Put { record, .. } => model.insert(id.to_owned(), record),
                        _ => model.remove(id),
                    };
                    units.push(effects);
                }
            }
            table.install(&units);
            let now = table.hold();
            check(&table, &now, &model, &format!("seed {seed}, step {step}"));
            assert_eq!(table.live(&ns, Timestamp::MAX), model.len() as u64);
            for r in model.values() {
                assert_eq!(table.get(&ns, Key::Name(&r.name)).as_ref(), Some(r));
                assert_eq!(table.get(&ns, Key::Id(&r.id)).as_ref(), Some(r));
            }
            if dice.roll(4) == 0 {
                held.push((now, model.clone()));
            }
            if dice.roll(6) == 0 && !held.is_empty() {
                held.swap_remove(dice.roll(held.len() as u64) as usize);
            }
            for (snapshot, then) in &held {
                check(&table, snapshot, then, &format!("seed {seed}, step {step}, held"));
            }
        }
        held.clear();
        // Everything goes; the next write sweeps up, and nothing is left of the namespace.
        let deletes = model.values().map(|r| NetWrite::Delete { expect: Expect::exactly(r), before: r.clone() });
        let effects = table.plan(&mut Overlay::default(), &ns, &Prepared::new(deletes.collect())).unwrap();
        table.install(&[effects]);
        table.install(&[]);
        assert_eq!((table.namespaces(), table.memory_bytes(), table.records()), (vec![], 0, 0), "seed {seed}");
    }
}

#[test]
fn readers_beside_a_writer_see_whole_units() {
    let table = Arc::new(Table::new());
    let ns = Namespace::default();
    let make = |id: &str, n: u32| {
        let mut r = CollectionMetadata::new(format!("{id}{n}"), n + 1, DistanceMetric::COSINE);
        r.id = id.into();
        r.version = u64::from(n) + 1;
        r.owner = Some(format!("o{}", n % 3).into());
        Arc::new(r)
    };
    table.load(&ns, [make("a", 0), make("b", 0)]);
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (table, done, ns) = (table.clone(), done.clone(), ns.clone());
            std::thread::spawn(move || {
                let mut last = 0;
                while !done.load(Ordering::SeqCst) {
                    for order in [Order::default(), Order::by(Field::Name).unwrap()] {
                        // A part may be short: names that nobody holds any more are stepped over, within a budget.
                        let found = all(&table, &table.hold(), None, order);
                        assert_eq!(found.len(), 2, "{found:?}");
                        assert_eq!(found[0].dimension, found[1].dimension);
                        assert!(found[0].dimension >= last, "went back");
                        last = found[0].dimension;
                    }
                    let a = table.get(&ns, Key::Id("a")).unwrap();
                    let b = table.get(&ns, Key::Id("b")).unwrap();
                    assert!(b.dimension >= a.dimension && a.dimension >= last);
                }
            })
        })
        .collect();
    for n in 1..2_000 {
        let put = |id: &str| {
            let before = table.get(&ns, Key::Id(id));
            let expect = before.as_deref().map_or(Expect::Absent, Expect::exactly);
            NetWrite::Put { record: make(id, n), expect, before }
        };
        let unit = Prepared::new(vec![put("a"), put("b")]);
        let effects = table.plan(&mut Overlay::default(), &ns, &unit).unwrap();
        table.install(&[effects]);
    }
    done.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.join().unwrap();
    }
}

#[test]
fn a_long_history_is_dropped_without_recursion() {
    let table = Table::new();
    let ns = Namespace::default();
    let held = table.hold();
    let mut before = None;
    for n in 1..200_000 {
        let mut r = CollectionMetadata::new("n", n, DistanceMetric::COSINE);
        r.id = "a".into();
        r.version = u64::from(n);
        let record = Arc::new(r);
        let expect = before.as_deref().map_or(Expect::Absent, Expect::exactly);
        let write = NetWrite::Put { record: record.clone(), expect, before: before.clone() };
        let effects = table.plan(&mut Overlay::default(), &ns, &Prepared::new(vec![write])).unwrap();
        table.install(&[effects]);
        before = Some(record);
    }
    assert!(table.records_at(&held, &ns).is_empty());
    drop(held);
    table.install(&[]);
}

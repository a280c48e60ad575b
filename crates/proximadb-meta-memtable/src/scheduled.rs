//! Readers beside the writer, under a scheduler that tries the interleavings of every atomic step and lock.
//!
//! `PXMETA_SOAK_SCHEDULES` sets how many schedules each test tries.

use std::sync::Arc;

use proximadb_meta_core::driver::{Expect, Key, NetWrite, Prepared, Scan};
use proximadb_meta_core::filter::{Filter, split};
use proximadb_meta_core::{CollectionMetadata, DistanceMetric, Field, Incarnation, Namespace, Order};
use shuttle::thread;

use crate::flaw::{Flaw, with_flaw};
use crate::{Overlay, Table};

fn schedules() -> usize {
    std::env::var("PXMETA_SOAK_SCHEDULES").ok().and_then(|v| v.parse().ok()).unwrap_or(1500)
}

/// Uniformly random schedules, and those that preempt rarely but at the worst places.
fn check(test: fn()) {
    shuttle::check_random(test, schedules());
    shuttle::check_pct(test, schedules(), 3);
}

fn record(id: &str, n: u64) -> Arc<CollectionMetadata> {
    let mut r = CollectionMetadata::new(format!("{id}{}", n % 2), 1, DistanceMetric::COSINE);
    r.id = id.into();
    r.version = n;
    r.incarnation = Incarnation(1);
    r.owner = Some(format!("o{}", n % 2).into());
    Arc::new(r)
}

/// Writes version `n` of every id as one unit; 0 deletes them.
fn write(table: &Table, ids: &[&str], n: u64) {
    let ns = Namespace::default();
    let one = |id: &&str| {
        let before = table.get(&ns, Key::Id(id));
        match (n, before) {
            (0, Some(before)) => NetWrite::Delete { expect: Expect::exactly(&before), before },
            (_, before) => {
                let expect = before.as_deref().map_or(Expect::Absent, Expect::exactly);
                NetWrite::Put { record: record(id, n), expect, before }
            }
        }
    };
    let unit = Prepared::new(ids.iter().map(one).collect());
    let effects = table.plan(&mut Overlay::default(), &ns, &unit).unwrap();
    table.install(&[effects]);
}

/// Units of two records, counted up; readers see both or neither, and never an older unit after a newer one.
fn units_are_whole() {
    let table = Arc::new(Table::new());
    write(&table, &["a", "b"], 1);
    let reader = |table: Arc<Table>| {
        move || {
            let ns = Namespace::default();
            let mut last = 0;
            for order in [Field::Id, Field::Name] {
                let found = table.scan(&ns, &Scan::new(Order::by(order).unwrap(), 10)).records;
                assert_eq!(found.len(), 2, "{found:?}");
                assert_eq!(found[0].version, found[1].version, "half a unit");
                assert!(found[0].version >= last, "back in time");
                last = found[0].version;
                let a = table.get(&ns, Key::Id("a")).expect("a is always there");
                let b = table.get(&ns, Key::Id("b")).expect("b is always there");
                assert!(a.version >= last && b.version >= a.version, "back in time");
                last = a.version;
            }
        }
    };
    let readers: Vec<_> = (0..2).map(|_| thread::spawn(reader(table.clone()))).collect();
    for n in 2..5 {
        write(&table, &["a", "b"], n);
    }
    readers.into_iter().for_each(|r| r.join().unwrap());
}

/// A held snapshot is the same at the end as at the beginning, whatever is written, deleted and swept meanwhile.
fn a_held_snapshot_stays() {
    let table = Arc::new(Table::new());
    write(&table, &["a", "b"], 1);
    let reader = {
        let table = table.clone();
        thread::spawn(move || {
            let ns = Namespace::default();
            let held = table.hold();
            let first = table.records_at(&held, &ns);
            for order in Order::FIELDS {
                let scan = Scan::new(Order::by(order).unwrap(), 10);
                let mut found = table.scan_at(&held, &ns, &scan).records;
                found.sort_by(|x, y| x.id.cmp(&y.id));
                assert_eq!(found, first, "by {order}");
            }
            assert_eq!(table.records_at(&held, &ns), first);
        })
    };
    for n in [2, 0, 3, 0] {
        write(&table, &["a", "b"], n);
    }
    table.install(&[]);
    reader.join().unwrap();
}

/// A name is held by one record at a time, also for readers beside a rename.
fn a_name_has_one_holder() {
    let table = Arc::new(Table::new());
    write(&table, &["a"], 1);
    let reader = {
        let table = table.clone();
        thread::spawn(move || {
            let ns = Namespace::default();
            for _ in 0..2 {
                for name in ["a0", "a1"] {
                    if let Some(found) = table.get(&ns, Key::Name(name)) {
                        assert_eq!(&*found.name, name, "found under a name it does not have");
                    }
                }
            }
        })
    };
    for n in 2..5 {
        write(&table, &["a"], n);
    }
    reader.join().unwrap();
}

fn by_owner(owner: &str) -> Scan {
    let mut scan = Scan::new(Order::default(), 10);
    let filter = Filter::parse(&format!("owner = {owner}")).unwrap();
    scan.filter = split(&filter.normalize(), &Table::push).pushed;
    scan
}

/// One record changes its keys, then another one sweeps what it left: a reader finds each record once, and only under keys
/// that it has.
fn keys_are_those_of_the_record() {
    let table = Arc::new(Table::new());
    write(&table, &["a"], 1);
    write(&table, &["b"], 1);
    let ns = Namespace::default();
    let by_name = Scan::new(Order::by(Field::Name).unwrap(), 10);
    assert_eq!(table.scan(&ns, &by_name).records.len(), 2);
    let reader = |scan: Scan, owner: Option<&'static str>| {
        let (table, ns) = (table.clone(), ns.clone());
        thread::spawn(move || {
            let found = table.scan(&ns, &scan).records;
            match owner {
                Some(owner) => assert!(found.iter().all(|r| r.owner.as_deref() == Some(owner)), "{found:?}"),
                None => assert_eq!(found.len(), 2, "{found:?}"),
            }
        })
    };
    let readers = [reader(by_name, None), reader(by_owner("o1"), Some("o1")), reader(by_owner("o0"), Some("o0"))];
    write(&table, &["a"], 2);
    write(&table, &["b"], 2);
    write(&table, &["a"], 3);
    readers.into_iter().for_each(|r| r.join().unwrap());
}

/// Leaves are split and emptied: a reader finds what stays, in order, in both directions.
fn an_order_misses_nothing() {
    let table = Arc::new(Table::new());
    let stays = ["b", "d", "f", "h"];
    write(&table, &stays, 1);
    let ns = Namespace::default();
    let reader = |order: Order| {
        let (table, ns) = (table.clone(), ns.clone());
        thread::spawn(move || {
            let found = table.scan(&ns, &Scan::new(order, 20)).records;
            let mut ids: Vec<&str> = found.iter().map(|r| &*r.id).collect();
            if order.is_descending() {
                ids.reverse();
            }
            assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
            assert!(stays.iter().all(|id| ids.contains(id)), "{ids:?}");
        })
    };
    assert_eq!(table.scan(&ns, &Scan::new(Order::default(), 20)).records.len(), 4);
    let readers = [reader(Order::default()), reader(Order::default().reversed())];
    write(&table, &["c", "e"], 1);
    write(&table, &["c", "e"], 0);
    write(&table, &["g"], 1);
    readers.into_iter().for_each(|r| r.join().unwrap());
}

#[test]
fn keys_are_those_of_the_record_in_every_schedule() {
    check(keys_are_those_of_the_record);
}

#[test]
fn an_order_misses_nothing_in_every_schedule() {
    check(an_order_misses_nothing);
}

#[test]
fn units_are_whole_in_every_schedule() {
    check(units_are_whole);
}

#[test]
fn a_held_snapshot_stays_in_every_schedule() {
    check(a_held_snapshot_stays);
}

#[test]
fn a_name_has_one_holder_in_every_schedule() {
    check(a_name_has_one_holder);
}

#[test]
fn the_scheduler_finds_every_flaw() {
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut escaped = Vec::new();
    for flaw in Flaw::ALL {
        let tests = [
            keys_are_those_of_the_record as fn(),
            an_order_misses_nothing,
            units_are_whole,
            a_held_snapshot_stays,
            a_name_has_one_holder,
        ];
        let found = tests.into_iter().any(|test| with_flaw(flaw, || std::panic::catch_unwind(|| check(test)).is_err()));
        if !found {
            escaped.push(flaw);
        }
    }
    std::panic::set_hook(quiet);
    assert!(escaped.is_empty(), "not found: {escaped:?}");
}

//! Every engine does the same work: random operations beside the map under a lock, every answer and every read compared.

use anyhow::{Context as _, Result, ensure};

use crate::catalog::{Filter, Got, Op, Record, Store};
use crate::engines::{Engine, Role, engine};
use crate::plan::Plan;
use crate::workload::{Rng, id_of, name_of, owner, record, tag};

const ROUNDS: u64 = 40;
const OPERATIONS: u64 = 50;
/// Few enough that ids and names meet again.
const NUMBERS: u64 = 400;

/// Compares the engines of a plan with the reference.
pub(crate) fn check(plan: &Plan) -> Result<()> {
    for engine in plan.engines.iter().filter(|e| e.role != Role::Limit) {
        let dir = plan.fresh(&format!("{}-check", engine.name))?;
        let records = check_one(engine, &engine.open(&dir)?).with_context(|| format!("{} differs", engine.name))?;
        eprintln!("  {} does what the reference does ({records} records at the end)", engine.name);
        std::fs::remove_dir_all(&dir).ok();
    }
    Ok(())
}

fn check_one(engine: &Engine, store: &Store) -> Result<u64> {
    let reference = reference()?;
    for round in 0..ROUNDS {
        let wanted = reference.apply(operations(round))?;
        ensure!(store.apply(operations(round))? == wanted, "round {round}: other answers");
        same_points(engine, &reference, store, round)?;
        same_lists(engine, &reference, store)?;
        ensure!(reference.scan()? == store.scan()?, "round {round}: another scan");
    }
    let records = store.scan()?.records;
    store.close()?;
    Ok(records)
}

fn reference() -> Result<Store> {
    engine("mem-rwlock")?.open("".as_ref())
}

fn operations(round: u64) -> Vec<Op> {
    let mut rng = Rng::new(1_000 * round);
    let mut one = || {
        let i = rng.below(NUMBERS);
        match rng.below(10) {
            0..=4 => Op::Create(record(i)),
            5 => Op::Delete(id_of(i)),
            6 | 7 => Op::Count { id: id_of(i), vectors: 3, bytes: -5 },
            _ => {
                // Another record's fields, perhaps its name too.
                let other = record(rng.below(NUMBERS + 100));
                Op::Update { id: id_of(i), expect: 1 + rng.below(2), record: Record { id: id_of(i), ..other } }
            }
        }
    };
    (0..OPERATIONS).map(|_| one()).collect()
}

fn same_points(engine: &Engine, reference: &Store, store: &Store, round: u64) -> Result<()> {
    let mut rng = Rng::new(7_000_000 + round);
    for _ in 0..OPERATIONS {
        let (id, name) = (id_of(rng.below(NUMBERS)), name_of(rng.below(NUMBERS + 100)));
        let by_id = (seen(engine, reference.get(&id)?), seen(engine, store.get(&id)?));
        ensure!(by_id.0 == by_id.1, "round {round}: get {id}: {:?}, not {:?}", by_id.1, by_id.0);
        let by_name = (seen(engine, reference.get_by_name(&name)?), seen(engine, store.get_by_name(&name)?));
        ensure!(by_name.0 == by_name.1, "round {round}: get {name}: {:?}, not {:?}", by_name.1, by_name.0);
    }
    Ok(())
}

fn same_lists(engine: &Engine, reference: &Store, store: &Store) -> Result<()> {
    for i in 0..25 {
        let (owner, tag) = (owner(i), tag(i));
        let after = if i % 2 == 0 { "" } else { "coll_7" };
        let limit = if i % 3 == 0 { usize::MAX } else { 3 };
        let filter = Filter { owner: &owner, tag: &tag, min_dimension: 256, after, limit };
        let (wanted, got) = (all(engine, reference.list(&filter)?), all(engine, store.list(&filter)?));
        ensure!(wanted == got, "list {filter:?}: {got:?}, not {wanted:?}");
    }
    let (wanted, got) = (all(engine, reference.first(50)?), all(engine, store.first(50)?));
    ensure!(wanted == got, "the first by name: {got:?}, not {wanted:?}");
    Ok(())
}

fn all(engine: &Engine, list: Vec<Got>) -> Vec<Record> {
    list.into_iter().filter_map(|got| seen(engine, Some(got))).collect()
}

/// A record as it is compared. Ours stamps the times of creation and update itself, so they are left out where it takes part.
fn seen(engine: &Engine, got: Option<Got>) -> Option<Record> {
    let mut record = got?.record();
    if matches!(engine.role, Role::Ours | Role::OursInMemory) {
        (record.created_at, record.updated_at) = (0, 0);
    }
    Some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_without_a_disk_pass_and_one_that_loses_a_record_does_not() {
        for name in ["mem-rwlock", "mem-dashmap", "ours-memory"] {
            let engine = engine(name).unwrap();
            check_one(engine, &engine.open("".as_ref()).unwrap()).unwrap();
        }
        let flawed = reference().unwrap();
        flawed.apply(vec![Op::Create(record(1))]).unwrap();
        assert!(check_one(engine("mem-rwlock").unwrap(), &flawed).is_err());
    }
}

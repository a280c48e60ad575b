//! Scripts: a seeded list of steps, run against a backend and the model side by side, and shrunk when they differ.

use proximadb_meta_core::filter::{ConfigValue, Op};
use proximadb_meta_core::{
    AccessPattern, Change, CollectionMetadata, ConfigJson, DistanceMetric, Field, Filter, Operation, Order, PutIf,
    Retention, StatsDelta, Timestamp,
};

use crate::case::START;
use crate::rng::Rng;

/// One step.
#[derive(Clone, Debug)]
pub enum Step {
    /// Operations as one batch; a single one by its own call where there is one. An update takes version and incarnation
    /// from what was last [`Remember`](Step::Remember)ed of its id.
    Write(Vec<Operation>),
    /// Reads a record and remembers it for later updates.
    Remember(&'static str),
    /// Moves the clock.
    Advance(i64),
    /// Reads by name.
    ByName(&'static str),
    /// Lists and counts, by pages of this size in this order.
    List(Option<Filter>, Order, usize),
}

const IDS: [&str; 6] = ["a", "b", "c", "A", "a ", "é"];
const NAMES: [&str; 6] = ["n", "N", "n 2", "alpha beta", "n_", "x%"];
const OWNERS: [&str; 3] = ["bob", "Bob", "eve"];
const CONFIGS: [&str; 5] =
    ["{}", r#"{"m":16}"#, r#"{"m":2.5,"s":"x"}"#, r#"{"m":"16","t":{"u":true}}"#, r#"{"m":-1,"s":null}"#];

fn expiry(rng: &mut Rng) -> Option<Timestamp> {
    rng.one_in(5).then(|| START.saturating_add(i64::try_from(rng.below(60)).unwrap_or(0)))
}

fn record(rng: &mut Rng, id: &str) -> CollectionMetadata {
    let mut r = CollectionMetadata::new(rng.pick(&NAMES), 1, DistanceMetric::COSINE);
    r.id = id.into();
    r.dimension = u32::try_from(rng.below(4)).unwrap_or(0) + 1;
    r.owner = (!rng.one_in(2)).then(|| rng.pick(&OWNERS).into());
    r.description = rng.one_in(3).then(|| "alpha gamma".into());
    r.tags = ["x", "y", "z"].into_iter().filter(|_| rng.one_in(2)).collect();
    r.config = ConfigJson::parse(rng.pick(&CONFIGS)).unwrap_or_default();
    r.expires_at = expiry(rng);
    r.vector_count = rng.below(5) as u64;
    r.access_pattern = rng.pick(&AccessPattern::ALL);
    r
}

fn change(rng: &mut Rng) -> Change {
    match rng.below(6) {
        0 => Change::Owner(rng.one_in(2).then(|| rng.pick(&OWNERS).into())),
        1 => Change::Tags(["x", "w"].into_iter().filter(|_| rng.one_in(2)).collect()),
        2 => Change::Description(rng.one_in(2).then(|| "beta".into())),
        3 => Change::ExpiresAt(expiry(rng)),
        4 => Change::Retention(rng.one_in(2).then_some(Retention { retain_days: 1, auto_delete: true })),
        _ => Change::Config(ConfigJson::parse(rng.pick(&CONFIGS)).unwrap_or_default()),
    }
}

fn operation(rng: &mut Rng) -> Operation {
    let id = rng.pick(&IDS);
    match rng.below(12) {
        0..=3 => Operation::Create(record(rng, id)),
        4 | 5 => Operation::Update(record(rng, id)),
        6 => Operation::Delete { id: id.into() },
        7 | 8 => Operation::Set { id: id.into(), change: change(rng) },
        9 | 10 => {
            let delta = |rng: &mut Rng| i64::try_from(rng.below(9)).unwrap_or(0) - 3;
            Operation::RecordStats { id: id.into(), delta: StatsDelta { vectors: delta(rng), bytes: delta(rng).abs() } }
        }
        _ => {
            let mut r = record(rng, id);
            r.version = rng.below(4) as u64;
            r.created_at = START.saturating_add(-5);
            r.updated_at = START.saturating_add(30);
            Operation::Put { record: r, when: rng.pick(&[PutIf::Any, PutIf::Any, PutIf::Absent, PutIf::Version(1)]) }
        }
    }
}

fn filter(rng: &mut Rng, depth: usize) -> Filter {
    let ops = [Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge];
    if depth > 0 && rng.one_in(2) {
        let parts = |rng: &mut Rng| (0..rng.below(3) + 1).map(|_| filter(rng, depth - 1)).collect();
        return match rng.below(3) {
            0 => Filter::And(parts(rng)),
            1 => Filter::Or(parts(rng)),
            _ => !filter(rng, depth - 1),
        };
    }
    match rng.below(9) {
        0 => Filter::text(Field::Owner, rng.pick(&ops), rng.pick(&OWNERS)),
        1 => Filter::text(Field::Id, rng.pick(&ops), rng.pick(&IDS)),
        2 => Filter::number(Field::Dimension, rng.pick(&ops), 2),
        3 => Filter::has_tag(rng.pick(&["x", "y", "w"])),
        4 => {
            Filter::present(rng.pick(&[Field::Owner, Field::Description, Field::Tags, Field::Config, Field::ExpiresAt]))
        }
        5 => Filter::starts_with(Field::Name, rng.pick(&["n", "n_", "x%", ""])),
        6 => Filter::words(rng.pick(&["alpha", "gamma beta", "bob"])),
        7 => Filter::config(["m"], rng.pick(&ops), rng.pick(&[ConfigValue::Number(2.5), ConfigValue::Number(16.0)])),
        _ => Filter::time(Field::UpdatedAt, rng.pick(&ops), START.saturating_add(10)),
    }
}

/// The script of a seed.
#[must_use]
pub fn generate(seed: u64, steps: usize, orders: &[Field]) -> Vec<Step> {
    let mut rng = Rng::new(seed);
    (0..steps)
        .map(|_| match rng.below(10) {
            0..=3 => Step::Write(vec![operation(&mut rng)]),
            4 => Step::Write((0..rng.below(4) + 1).map(|_| operation(&mut rng)).collect()),
            5 | 6 => Step::Remember(rng.pick(&IDS)),
            7 => Step::Advance(i64::try_from(rng.below(8)).unwrap_or(0)),
            8 => Step::ByName(rng.pick(&NAMES)),
            _ => {
                let order = Order::by(rng.pick(orders)).unwrap_or_default();
                let order = if rng.one_in(2) { order.reversed() } else { order };
                Step::List((!rng.one_in(4)).then(|| filter(&mut rng, 2)), order, rng.below(4) + 1)
            }
        })
        .collect()
}

/// Shorter scripts to try in place of this one, the shortest first.
#[must_use]
pub fn shorter(script: &[Step]) -> Vec<Vec<Step>> {
    let mut out = Vec::new();
    let mut chunk = script.len() / 2;
    while chunk > 0 {
        for start in (0..script.len()).step_by(chunk) {
            out.push(
                script
                    .iter()
                    .enumerate()
                    .filter(|(i, _)| *i < start || *i >= start + chunk)
                    .map(|(_, s)| s.clone())
                    .collect(),
            );
        }
        chunk /= 2;
    }
    for (i, step) in script.iter().enumerate() {
        if let Step::Write(ops) = step
            && ops.len() > 1
        {
            for skip in 0..ops.len() {
                let mut copy = script.to_vec();
                let fewer = ops.iter().enumerate().filter(|(n, _)| *n != skip).map(|(_, o)| o.clone()).collect();
                copy[i] = Step::Write(fewer);
                out.push(copy);
            }
        }
    }
    out
}

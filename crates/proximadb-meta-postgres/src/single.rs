//! One statement for what needs no transaction: a single write that meets what it expects, and counters of many units at once.

use std::collections::HashMap;
use std::sync::Arc;

use deadpool_postgres::Client;
use proximadb_meta_core::driver::{Applied, CounterDelta, CounterDeltas, Expect, Life, NetWrite};
use proximadb_meta_core::limits::MAX_SAFE_INTEGER;
use proximadb_meta_core::{CollectionMetadata, Result, Timestamp};
use tokio_postgres::{Row, Statement};

use crate::error::{damaged, is_taken};
use crate::group::{Failure, Unit};
use crate::row::{Param, Record, borrowed, decode, values, values_moving, values_revising};
use crate::statements::Statements;
use crate::types::Instant;

/// Tries a unit of one write. Nothing: it was not done, and a transaction must find out why, or do it.
pub(crate) async fn one(
    client: &Client,
    texts: &Statements,
    unit: &Unit,
) -> std::result::Result<Option<Applied>, Failure> {
    let [write] = &unit.unit.writes[..] else { return Ok(None) };
    let mut params: Vec<Param> = vec![Box::new(unit.namespace.as_str().to_owned())];
    match write {
        NetWrite::Put { record, expect: Expect::Absent, before: None } => {
            params.extend(values(record));
            params.push(Box::new(unit.restoring));
            let made = execute(client, &texts.insert_one, &params).await?;
            Ok((made == 1).then(|| Applied::Done(vec![Some(record.clone())])))
        }
        NetWrite::Update { record, expect: Expect::Exact { version, incarnation }, deltas, before }
            if before.name == record.name =>
        {
            let [vectors, vectors_low, vectors_high, bytes, bytes_low, bytes_high] = numbers(*deltas);
            params.extend(values_moving(record, [vectors, bytes]));
            for n in [vectors_low, vectors_high, bytes_low, bytes_high] {
                params.push(Box::new(n));
            }
            params.push(Box::new(version.cast_signed()));
            params.push(Box::new(incarnation.0.cast_signed()));
            params.push(Box::new(unit.restoring));
            let rows = query(client, &texts.update_one, &params).await?;
            let Some(row) = rows.first() else { return Ok(None) };
            let counters = counters(row).map_err(Failure::unknown)?;
            Ok(Some(Applied::Done(vec![Some(record.with_counters(counters.0, counters.1))])))
        }
        NetWrite::Revise { record, expect: Expect::Exact { version, incarnation }, now } => {
            params.extend(values_revising(record));
            params.push(Box::new(version.cast_signed()));
            params.push(Box::new(incarnation.0.cast_signed()));
            params.push(Box::new(Instant(*now)));
            params.push(Box::new(unit.restoring));
            let statement = prepare(client, &texts.revise_one).await?;
            let rows = match client.query(&statement, &borrowed(&params)).await {
                // Somebody holds the name that it takes: a transaction finds out who.
                Err(e) if is_taken(&e) => return Ok(None),
                rows => rows.map_err(|e| Failure::committing(WRITE, &e))?,
            };
            let Some(row) = rows.first() else { return Ok(None) };
            let stored = stored_over(record, row).map_err(Failure::unknown)?;
            Ok(Some(Applied::Done(vec![Some(Arc::new(stored))])))
        }
        NetWrite::Delete { expect: Expect::Exact { version, incarnation }, before } => {
            params.push(Box::new(before.id.to_string()));
            params.push(Box::new(version.cast_signed()));
            params.push(Box::new(incarnation.0.cast_signed()));
            params.push(Box::new(unit.restoring));
            let gone = execute(client, &texts.delete_one, &params).await?;
            Ok((gone == 1).then(|| Applied::Done(vec![None])))
        }
        _ => Ok(None),
    }
}

/// A unit that only moves the counters of one record.
pub(crate) fn as_count(unit: &Unit) -> Option<(&Arc<str>, Life, CounterDeltas)> {
    match &unit.unit.writes[..] {
        [NetWrite::Count { id, life, deltas }] => Some((id, *life, *deltas)),
        _ => None,
    }
}

/// Moves the counters of every record that units name, by one statement. One answer a unit; nothing where a transaction must
/// find out why it was not done.
pub(crate) async fn counts(
    client: &Client,
    texts: &Statements,
    units: &[&Unit],
) -> std::result::Result<Vec<Option<Applied>>, Failure> {
    let mut sums: HashMap<&str, (Life, CounterDeltas)> = HashMap::new();
    let mut joined = vec![false; units.len()];
    for (unit, joined) in units.iter().zip(&mut joined) {
        let Some((id, life, deltas)) = as_count(unit) else { continue };
        let sum = sums.entry(id).or_insert((life, CounterDeltas::default()));
        if let (Some(life), Some(both)) = (both(sum.0, life), then(sum.1, deltas)) {
            *sum = (life, both);
            *joined = true;
        }
    }
    let (Some(first), false) = (units.first(), sums.is_empty()) else { return Ok(vec![None; units.len()]) };
    let sums: Vec<(&str, Life, CounterDeltas)> = sums.into_iter().map(|(id, (l, d))| (id, l, d)).collect();
    let mut params: Vec<Param> = vec![Box::new(first.namespace.as_str().to_owned())];
    params.push(Box::new(sums.iter().map(|(id, ..)| (*id).to_owned()).collect::<Vec<_>>()));
    params.push(Box::new(sums.iter().map(|(_, life, _)| incarnation(*life)).collect::<Vec<_>>()));
    params.push(Box::new(sums.iter().map(|(_, life, _)| alive_at(*life)).collect::<Vec<_>>()));
    for column in 0..6 {
        params.push(Box::new(sums.iter().filter_map(|(.., d)| numbers(*d).get(column).copied()).collect::<Vec<_>>()));
    }
    params.push(Box::new(first.restoring));
    let rows = query(client, &texts.count, &params).await?;
    let mut stored: HashMap<Arc<str>, Record> = HashMap::new();
    for row in &rows {
        if let Some(record) = decode(row).map_err(Failure::unknown)? {
            stored.insert(record.id.clone(), record);
        }
    }
    // Back to where each record was, then forward unit by unit: every caller sees its own step.
    let mut at: HashMap<&str, (i64, i64)> = HashMap::new();
    for (id, _, sum) in &sums {
        if let Some(r) = stored.get(*id) {
            let before = |now: u64, net: i64| now.cast_signed() - net;
            at.insert(id, (before(r.vector_count, sum.vectors.net), before(r.total_size_bytes, sum.bytes.net)));
        }
    }
    let answer = |(unit, joined): (&&Unit, bool)| {
        let (id, _, deltas) = as_count(unit).filter(|_| joined)?;
        let (record, place) = (stored.get(id)?, at.get_mut(&**id)?);
        place.0 += deltas.vectors.net;
        place.1 += deltas.bytes.net;
        Some(Applied::Done(vec![Some(record.with_counters(place.0.cast_unsigned(), place.1.cast_unsigned()))]))
    };
    Ok(units.iter().zip(joined).map(answer).collect())
}

/// What holds for both; nothing where they mean two lives.
fn both(a: Life, b: Life) -> Option<Life> {
    match (a, b) {
        (Life::Of(x), Life::Of(y)) => (x == y).then_some(a),
        // Should it expire between the two, neither is done here: a transaction looks at each by itself.
        (Life::At(x), Life::At(y)) => Some(Life::At(x.max(y))),
        _ => None,
    }
}

fn incarnation(life: Life) -> Option<i64> {
    if let Life::Of(incarnation) = life { Some(incarnation.0.cast_signed()) } else { None }
}

fn alive_at(life: Life) -> Option<Instant> {
    if let Life::At(now) = life { Some(Instant(now)) } else { None }
}

/// One after the other; nothing where the sum is more than a counter can hold.
fn then(a: CounterDeltas, b: CounterDeltas) -> Option<CounterDeltas> {
    let join = |a: CounterDelta, b: CounterDelta| {
        let joined = CounterDelta {
            net: a.net.checked_add(b.net)?,
            low: a.low.min(a.net.checked_add(b.low)?),
            high: a.high.max(a.net.checked_add(b.high)?),
        };
        let limit = MAX_SAFE_INTEGER.cast_signed();
        (joined.low >= -limit && joined.high <= limit).then_some(joined)
    };
    Some(CounterDeltas { vectors: join(a.vectors, b.vectors)?, bytes: join(a.bytes, b.bytes)? })
}

fn numbers(d: CounterDeltas) -> [i64; 6] {
    [d.vectors.net, d.vectors.low, d.vectors.high, d.bytes.net, d.bytes.low, d.bytes.high]
}

fn counters(row: &Row) -> Result<(u64, u64)> {
    let at = |i: usize| -> Result<u64> {
        let n: i64 = row.try_get(i).map_err(|e| damaged(format!("a counter cannot be read: {e}")))?;
        u64::try_from(n).map_err(|_| damaged("a counter is out of range"))
    };
    Ok((at(0)?, at(1)?))
}

/// The record of a revision, with what it kept.
fn stored_over(record: &CollectionMetadata, row: &Row) -> Result<CollectionMetadata> {
    let time = |i: usize| -> Result<Timestamp> {
        row.try_get::<_, Instant>(i).map(|t| t.0).map_err(|e| damaged(format!("a time cannot be read: {e}")))
    };
    let mut stored = record.clone();
    (stored.vector_count, stored.total_size_bytes) = counters(row)?;
    (stored.created_at, stored.updated_at) = (time(2)?, time(3)?);
    Ok(stored)
}

const WRITE: &str = "write the record";

async fn prepare(client: &Client, text: &str) -> std::result::Result<Statement, Failure> {
    client.prepare_cached(text).await.map_err(|e| Failure::before("prepare the write", &e))
}

/// A statement that commits by itself: where its end is not known, it may have.
async fn query(client: &Client, text: &str, params: &[Param]) -> std::result::Result<Vec<Row>, Failure> {
    let statement = prepare(client, text).await?;
    client.query(&statement, &borrowed(params)).await.map_err(|e| Failure::committing(WRITE, &e))
}

async fn execute(client: &Client, text: &str, params: &[Param]) -> std::result::Result<u64, Failure> {
    let statement = prepare(client, text).await?;
    client.execute(&statement, &borrowed(params)).await.map_err(|e| Failure::committing(WRITE, &e))
}

#[cfg(test)]
mod tests {
    use proximadb_meta_core::Incarnation;

    use super::*;

    fn delta(steps: &[i64]) -> CounterDelta {
        steps.iter().fold(CounterDelta::default(), |d, s| d.then(*s).unwrap())
    }

    #[test]
    fn a_sum_dips_as_its_parts_do() {
        let all = [5, -8, 2, 9, -1];
        for cut in 0..=all.len() {
            let (a, b) = all.split_at(cut);
            let of = |d| CounterDeltas { vectors: d, bytes: CounterDelta::default() };
            assert_eq!(then(of(delta(a)), of(delta(b))), Some(of(delta(&all))), "{cut}");
        }
        let most = CounterDeltas { vectors: delta(&[MAX_SAFE_INTEGER.cast_signed()]), bytes: CounterDelta::default() };
        assert_eq!(then(most, most), None);
    }

    #[test]
    fn two_lives_are_one_where_they_can_be() {
        let at = |micros| Life::At(Timestamp::from_micros(micros));
        let of = |n| Life::Of(Incarnation(n));
        assert_eq!(both(at(5), at(3)), Some(at(5)), "the stricter of the two");
        assert_eq!(both(of(1), of(1)), Some(of(1)));
        assert_eq!((both(of(1), of(2)), both(of(1), at(1))), (None, None));
        assert_eq!((incarnation(of(7)), alive_at(of(7))), (Some(7), None));
        assert_eq!((incarnation(at(7)), alive_at(at(7))), (None, Some(Instant(Timestamp::from_micros(7)))));
    }
}

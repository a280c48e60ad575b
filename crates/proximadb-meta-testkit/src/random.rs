//! The model test: scripts by seed, on the backend and on the model, compared after every step.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use proximadb_meta_core::digest::digest_of;
use proximadb_meta_core::{
    Clock as _, CollectionMetadata, DigestRequest, Error, Field, Incarnation, ListRequest, Operation, Order, Outcome,
};

use crate::case::{CaseResult, Failure, Store};
use crate::model::{Did, Model};
use crate::script::{Step, generate, shorter};

fn compare(order: Order) -> impl Fn(&CollectionMetadata, &CollectionMetadata) -> Ordering {
    move |a, b| {
        let key = match order.field() {
            Field::Name => a.name.cmp(&b.name),
            Field::CreatedAt => a.created_at.cmp(&b.created_at),
            Field::UpdatedAt => a.updated_at.cmp(&b.updated_at),
            _ => Ordering::Equal,
        };
        let key = key.then_with(|| a.id.cmp(&b.id));
        if order.is_descending() { key.reverse() } else { key }
    }
}

fn same_record(what: &str, got: Option<&CollectionMetadata>, model: Option<&CollectionMetadata>) -> CaseResult {
    let equal = match (got, model) {
        (Some(a), Some(b)) => a.same_content(b),
        (None, None) => true,
        _ => false,
    };
    ensure!(equal, "{what}: the backend has {got:?}, the model {model:?}");
    Ok(())
}

type Read = (u64, Incarnation);

/// Sends one operation by its own call, several as a batch.
async fn send(store: &Store, operations: Vec<Operation>) -> Result<Vec<Outcome>, Error> {
    if operations.len() != 1 {
        return store.db.batch_operations(operations).await;
    }
    let mut out = Vec::new();
    for op in operations {
        out.push(match op {
            Operation::Create(r) => Outcome::Stored(store.db.create_collection(r).await?),
            Operation::Update(r) => Outcome::Stored(store.db.update_collection(r).await?),
            Operation::Delete { id } => Outcome::Deleted(store.db.delete_collection(&id).await?),
            Operation::RecordStats { id, delta } => Outcome::Stored(store.db.record_stats(&id, delta).await?),
            other => return store.db.batch_operations(vec![other]).await,
        });
    }
    Ok(out)
}

/// Runs a script on a fresh store.
///
/// # Errors
/// The first step at which backend and model differ.
pub async fn run(store: &Store, script: &[Step]) -> CaseResult {
    let mut model = Model::default();
    let mut read: HashMap<&str, (Read, Read)> = HashMap::new();
    let fits = store.db.capabilities().atomic_batch.ops;
    for (n, step) in script.iter().enumerate() {
        let now = store.clock.now();
        model.at(now);
        let what = format!("step {n}");
        match step {
            Step::Advance(micros) => {
                store.clock.advance(*micros);
            }
            Step::Remember(id) => {
                let got = store.db.get_collection(id).await?;
                same_record(&what, got.as_deref(), model.get(id))?;
                if let (Some(a), Some(b)) = (got, model.get(id)) {
                    read.insert(id, ((a.version, a.incarnation), (b.version, b.incarnation)));
                }
            }
            Step::ByName(name) => {
                same_record(&what, store.db.get_collection_by_name(name).await?.as_deref(), model.by_name(name))?;
            }
            Step::List(filter, order, limit) => {
                let expected = model.list(filter.as_ref(), compare(*order));
                let mut request = ListRequest::new().with_order(*order).with_limit(*limit);
                request.filter = filter.clone();
                let got = store.pages(request).await?;
                ensure!(
                    got.len() == expected.len() && got.iter().zip(&expected).all(|(a, b)| a.same_content(b)),
                    "{what}: the backend lists {got:?}, the model {expected:?}"
                );
                let counted = store.db.count_collections(filter.clone()).await?;
                ensure!(counted == expected.len() as u64, "{what}: {counted} counted, {} expected", expected.len());
            }
            Step::Write(operations) => {
                if operations.len() > fits {
                    continue;
                }
                let (mut ours, mut theirs) = (operations.clone(), operations.clone());
                for (a, b) in ours.iter_mut().zip(&mut theirs) {
                    if let (Operation::Update(a), Operation::Update(b)) = (a, b)
                        && let Some((x, y)) = read.get(&*a.id)
                    {
                        (a.version, a.incarnation) = *x;
                        (b.version, b.incarnation) = *y;
                    }
                }
                let single = ours.len() == 1;
                match (send(store, ours).await, model.batch(&theirs, now)) {
                    (Ok(got), Ok(expected)) => {
                        ensure!(got.len() == expected.len(), "{what}: {} outcomes", got.len());
                        for (a, b) in got.iter().zip(&expected) {
                            match (a, b) {
                                (Outcome::Stored(a), Did::Stored(b)) => same_record(&what, Some(a), Some(b))?,
                                (Outcome::Deleted(a), Did::Deleted(b)) if a == b => {}
                                _ => return Err(Failure::new(format!("{what}: {a:?} is not {b:?}"))),
                            }
                        }
                    }
                    (Err(e), Err((kind, index))) => {
                        ensure!(e.kind() == kind, "{what}: refused as {e:?}; the model says {kind}");
                        ensure!(single || e.index() == Some(index), "{what}: refused at {:?}, not {index}", e.index());
                    }
                    (a, b) => return Err(Failure::new(format!("{what}: the backend says {a:?}, the model {b:?}"))),
                }
            }
        }
    }
    let got = store.db.list_collections(None).await?;
    model.at(store.clock.now());
    let expected = model.list(None, compare(Order::default()));
    ensure!(
        got.len() == expected.len() && got.iter().zip(&expected).all(|(a, b)| a.same_content(b)),
        "at the end: {got:?} is not {expected:?}"
    );
    if store.db.capabilities().digest {
        let request = DigestRequest::nodes(0);
        let got = store.db.digest(request.clone()).await?;
        let records = expected.into_iter().cloned().map(Arc::new).collect();
        let expected = digest_of(&request, store.clock.now(), records).await?;
        ensure!(got == expected, "at the end the digest is {got:?}; that of the model is {expected:?}");
    }
    Ok(())
}

/// How many shorter scripts are tried.
const SHRINK_BUDGET: usize = 400;

/// Runs the scripts of `seeds`; a difference is shrunk and printed with its seed.
///
/// # Errors
/// The smallest script found that still differs.
pub async fn run_seeds(store: &Store, seeds: std::ops::Range<u64>, steps: usize) -> CaseResult {
    let orders = store.db.capabilities().orders;
    for seed in seeds {
        let mut script = generate(seed, steps, &orders);
        let Err(mut failure) = on_fresh(store, &script).await else { continue };
        let mut budget = SHRINK_BUDGET;
        'shrink: loop {
            for candidate in shorter(&script) {
                if budget == 0 {
                    break 'shrink;
                }
                budget -= 1;
                if let Err(f) = on_fresh(store, &candidate).await {
                    (script, failure) = (candidate, f);
                    continue 'shrink;
                }
            }
            break;
        }
        return Err(Failure::new(format!("seed {seed}: {failure}\nthe smallest script found:\n{script:#?}")));
    }
    Ok(())
}

async fn on_fresh(store: &Store, script: &[Step]) -> CaseResult {
    let fresh = store.another().await?;
    let result = run(&fresh, script).await;
    let closed = fresh.close().await;
    result.and(closed)
}

cases! { 7 model;
    fn short_scripts(s) { run_seeds(s, 0..60, 12).await?; }
    fn scripts_a(s) { run_seeds(s, 1000..1010, 120).await?; }
    fn scripts_b(s) { run_seeds(s, 2000..2010, 120).await?; }
    fn scripts_c(s) { run_seeds(s, 3000..3010, 120).await?; }
    fn a_long_script(s) { run_seeds(s, 9000..9002, 600).await?; }
}

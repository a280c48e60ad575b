//! The server is killed (`kill -9`) with several batches in flight, and started again: each batch is wholly there or wholly
//! absent, and what was acknowledged is there. `PXMETA_SOAK_SERVER_KILLS` says how often.

mod node;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proximadb_meta_core::{Error, ErrorKind, MetadataBackend, Operation, PutIf, Retry, StatsDelta};
use proximadb_meta_postgres::PostgresOptions;
use proximadb_meta_testkit::processes::record;
use proximadb_meta_testkit::scripts::number_from_env;
use tokio::sync::watch;

/// Kills in CI.
const KILLS: u64 = 20;
/// Clients that send batches at the same time.
const CLIENTS: usize = 8;
/// New records of a batch; it also counts itself in a record that its client has for that.
const RECORDS: usize = 6;

fn kills() -> u64 {
    number_from_env("PXMETA_SOAK_SERVER_KILLS", KILLS).expect("a number")
}

fn ledger(client: usize) -> String {
    format!("ledger-{client}")
}

fn batch(client: usize, name: &str) -> Vec<Operation> {
    let puts = (0..RECORDS).map(|n| Operation::Put { record: record(&format!("{name}-{n}")), when: PutIf::Absent });
    let count = Operation::RecordStats { id: ledger(client).into(), delta: StatsDelta { vectors: 1, bytes: 7 } };
    puts.chain([count]).collect()
}

/// What became of the batches, as their clients were told.
#[derive(Default)]
struct Told {
    /// Who was answered what, by batch.
    answers: HashMap<String, (usize, Result<(), Error>)>,
}

/// Sends batches until one is not acknowledged.
async fn client(
    catalog: Arc<dyn MetadataBackend>,
    round: u64,
    n: usize,
    acknowledged: Arc<watch::Sender<usize>>,
    in_flight: Arc<AtomicUsize>,
) -> Vec<(String, usize, Result<(), Error>)> {
    let mut told = Vec::new();
    for step in 0.. {
        let name = format!("{round}-{n}-{step}");
        in_flight.fetch_add(1, Ordering::SeqCst);
        let answer = catalog.batch_operations(batch(n, &name)).await.map(drop);
        in_flight.fetch_sub(1, Ordering::SeqCst);
        let over = answer.is_err();
        told.push((name, n, answer));
        if over {
            break;
        }
        acknowledged.send_modify(|all| *all += 1);
    }
    told
}

/// Everything that is there must be what the clients were told.
async fn check(catalog: &Arc<dyn MetadataBackend>, told: &Told) -> (usize, usize) {
    let all = catalog.list_collections(None).await.expect("the server is up");
    let mut found: HashMap<&str, usize> = HashMap::new();
    let mut ledgers: HashMap<&str, u64> = HashMap::new();
    for r in &all {
        match r.id.starts_with("ledger-") {
            true => {
                assert_eq!(r.total_size_bytes, 7 * r.vector_count, "{r:?}");
                ledgers.insert(&r.id, r.vector_count);
            }
            false => {
                let (batch, _) = r.id.rsplit_once('-').expect("a record of a batch");
                *found.entry(batch).or_default() += 1;
            }
        }
    }
    let mut counted = vec![0; CLIENTS];
    let (mut there, mut absent) = (0, 0);
    for (name, (client, answer)) in &told.answers {
        let is_there = match found.remove(name.as_str()) {
            Some(RECORDS) => true,
            None => false,
            Some(some) => unreachable!("batch {name}: {some} of {RECORDS} records, {answer:?}"),
        };
        counted[*client] += u64::from(is_there);
        match answer {
            Ok(()) => assert!(is_there, "batch {name} was acknowledged, and is lost"),
            Err(e) if e.retry() == Retry::UnknownOutcome => {
                assert!(e.hint().is_some_and(|h| h.contains("it may have been done")), "{e:?}");
                there += usize::from(is_there);
                absent += usize::from(!is_there);
            }
            Err(e) => assert!(!is_there, "batch {name} was done, and refused: {e:?}"),
        }
    }
    assert!(found.is_empty(), "nobody wrote {found:?}");
    for (client, counted) in counted.into_iter().enumerate() {
        assert_eq!(ledgers.get(ledger(client).as_str()), Some(&counted), "batches of client {client}");
    }
    (there, absent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_in_flight_are_all_or_none() {
    let place = node::Place::new().unwrap();
    let mut node = place.node("killed", "fsync = on\n").unwrap();
    node.server.start().await.unwrap();
    let mut options = PostgresOptions::default();
    options.connect_timeout = Duration::from_secs(5);
    let catalog = proximadb_meta_postgres::open_with(&node.address(), options).await.unwrap().into_backend();
    for n in 0..CLIENTS {
        catalog.create_collection(record(&ledger(n))).await.unwrap();
    }
    let (mut told, mut flying) = (Told::default(), 0);
    let mut outcomes = (0, 0);
    for round in 0..kills() {
        let acknowledged = Arc::new(watch::Sender::new(0));
        let in_flight = Arc::new(AtomicUsize::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..CLIENTS {
            tasks.spawn(client(catalog.clone(), round, n, acknowledged.clone(), in_flight.clone()));
        }
        // After another number of acknowledgements each time.
        let after = 1 + (round as usize * 37) % 31;
        let reached = acknowledged.subscribe().wait_for(|all| *all >= after).await.map(|_| ());
        reached.unwrap();
        flying += usize::from(in_flight.load(Ordering::SeqCst) > 1);
        node.server.kill().unwrap();
        for answers in tasks.join_all().await {
            told.answers.extend(answers.into_iter().map(|(name, client, answer)| (name, (client, answer))));
        }
        node.server.start().await.unwrap();
        // The same catalog goes on; connections that are dead are found out one by one.
        outcomes = check(&catalog, &told).await;
    }
    let kills = node.server.kills();
    let refused = |kind| told.answers.values().filter(|(_, a)| a.as_ref().is_err_and(|e| e.kind() == kind)).count();
    println!(
        "PostgreSQL: {kills} kills, {flying} of them with several batches in flight; {} batches, of unknown outcome {} there and {} \
         absent, {} unavailable in all: each all or none",
        told.answers.len(),
        outcomes.0,
        outcomes.1,
        refused(ErrorKind::Unavailable),
    );
    assert_eq!(kills, self::kills());
    assert!(flying as u64 > kills / 2, "{flying}");
    assert!(outcomes.0 + outcomes.1 > 0, "no batch was cut off by a kill");
    catalog.close().await.unwrap();
}

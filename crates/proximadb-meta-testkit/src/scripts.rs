//! Many random scripts against one backend: the model test by the thousand, several scripts to a store.

use std::ops::Range;
use std::sync::Arc;

use proximadb_meta_core::{CollectionMetadata, Durability};

use crate::case::{CaseResult, Failure, START, Store};
use crate::fixture::Fixture;
use crate::random::{run, run_seeds};
use crate::script::generate;

/// Which scripts to run. The work is counted by seed, never by time.
#[derive(Clone, Debug)]
pub struct Scripts {
    /// One script a seed.
    pub seeds: Range<u64>,
    /// Steps of a script.
    pub steps: usize,
    /// Scripts that share an open store, each in a namespace of its own. A durable store is reopened after them and must
    /// hold what it held.
    pub per_store: usize,
}

impl Scripts {
    /// `count` scripts of 24 steps from seed 1 on, 200 a store. The environment may ask for another number
    /// (`PXMETA_SOAK_SEEDS`) and another start (`PXMETA_SOAK_FIRST`): the long runs are the same test with larger numbers.
    ///
    /// # Errors
    /// When one of the variables is set to something that is not a number.
    pub fn from_env(count: u64) -> CaseResult<Self> {
        let first = number_from_env("PXMETA_SOAK_FIRST", 1)?;
        let count = number_from_env("PXMETA_SOAK_SEEDS", count)?;
        Ok(Self { seeds: first..first.saturating_add(count), steps: 24, per_store: 200 })
    }
}

/// The number that a variable of the environment says, or the default where it is not set.
///
/// # Errors
/// When it is set to something that is not a number.
pub fn number_from_env(variable: &str, default: u64) -> CaseResult<u64> {
    match std::env::var(variable) {
        Err(_) => Ok(default),
        Ok(text) => text.parse().map_err(|_| Failure::new(format!("{variable} is {text:?}, not a number"))),
    }
}

/// Runs the scripts on stores of `fixture` against the model, and says how many it ran. A difference is shrunk on fresh
/// stores and told with its seed.
///
/// # Errors
/// The smallest script found on which backend and model differ; a store that does not open or close; a durable store that
/// holds something else after a reopen.
pub fn run_scripts<F: Fixture>(fixture: F, scripts: &Scripts) -> CaseResult<u64> {
    let fixture: Arc<dyn Fixture> = Arc::new(fixture);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(format!("no runtime: {e}")))?;
    runtime.block_on(async {
        let mut ran = 0;
        let mut seeds = scripts.seeds.clone().peekable();
        while seeds.peek().is_some() {
            let group: Vec<u64> = seeds.by_ref().take(scripts.per_store.max(1)).collect();
            run_group(&fixture, &group, scripts.steps).await?;
            ran += group.len() as u64;
        }
        Ok(ran)
    })
}

async fn run_group(fixture: &Arc<dyn Fixture>, seeds: &[u64], steps: usize) -> CaseResult {
    let mut store = Store::open(fixture).await?;
    let orders = store.db.capabilities().orders;
    for &seed in seeds {
        store.clock.set(START);
        let script = generate(seed, steps, &orders);
        if let Err(failure) = run(&store.in_namespace(&namespace(seed))?, &script).await {
            run_seeds(&store, seed..seed + 1, steps).await?;
            return Err(Failure::new(format!("seed {seed}, only after other scripts on the same store: {failure}")));
        }
    }
    if store.db.capabilities().durability > Durability::Volatile {
        let before = everything(&store, seeds).await?;
        store.reopen().await?;
        if everything(&store, seeds).await? != before {
            return Err(Failure::new(format!("seeds {seeds:?}: the store holds something else after a reopen")));
        }
    }
    store.close().await
}

fn namespace(seed: u64) -> String {
    format!("seed-{seed}")
}

/// All records of all the scripts, incarnations included.
async fn everything(store: &Store, seeds: &[u64]) -> CaseResult<Vec<Vec<Arc<CollectionMetadata>>>> {
    let mut all = Vec::with_capacity(seeds.len());
    for &seed in seeds {
        all.push(store.space(&namespace(seed))?.list_collections(None).await?);
    }
    Ok(all)
}

//! The cases: clients on several threads whose answers one order of their calls must explain.

use super::load::{CLIENTS, COUNTERS, DROPPED, HOLDERS, LIVES, RACES, READS, run};
use crate::case::Case;

/// Every case of histories.
pub(crate) fn all() -> Vec<Case> {
    let threaded = on_threads::all().into_iter().map(|case| Case { threads: CLIENTS, ..case });
    threaded.chain(on_one_thread::all()).collect()
}

/// Real threads: the order is another in every run, and any order must be right.
mod on_threads {
    use super::*;

    cases! { 9 history;
        fn reads_and_writes(s) { run(s, 0..5, READS).await?; }
        fn updates_race(s) { run(s, 100..105, RACES).await?; }
        fn counters(s) { run(s, 200..205, COUNTERS).await?; }
        fn deletes_and_recreates(s) { run(s, 300..305, LIVES).await?; }
        fn names_wander(s) { run(s, 400..405, HOLDERS).await?; }
        fn dropped_calls(s) { run(s, 500..505, DROPPED).await?; }
    }
}

/// One thread, interleaved at every await: the same in every run for a store that works in the process.
mod on_one_thread {
    use super::*;

    cases! { 9 history;
        fn everything_on_one_thread(s) { run(s, 600..605, DROPPED).await?; }
        fn races_on_one_thread(s) { run(s, 700..703, RACES).await?; }
        fn counters_on_one_thread(s) { run(s, 800..803, COUNTERS).await?; }
    }
}

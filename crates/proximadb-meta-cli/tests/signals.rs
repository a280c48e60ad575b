//! Signals: Ctrl-C and SIGTERM stop cleanly, a second one at once, kill -9 loses nothing that was acknowledged.
//!
//! kill -9 is tried 20 times; `PXMETA_SOAK_ROUNDS` raises the number.

mod common;

use std::collections::HashSet;
use std::io::Write as _;

use common::{Place, rounds};
use rustix::process::Signal;

#[test]
fn ctrl_c_keeps_exactly_what_was_acknowledged() {
    for signal in [Signal::INT, Signal::TERM] {
        let place = Place::new();
        let demo = place.demo(25);
        let mut child = place.spawn(&["import", "-", "--ack", "--batch", "10", "-o", "json"]);
        child.write(&demo);
        let acknowledged: Vec<String> = (0..20).map(|_| child.line()).collect();
        // Five lines are read and wait for a full batch; the pipe stays open.
        child.signal(signal);
        let said = child.end_by_itself();
        assert_eq!(said.code, Some(130), "{}", said.err);
        assert_eq!(said.out, "{\"created\":20,\"failed\":0,\"overwritten\":0,\"skipped\":0}\n");
        assert!(said.err.contains("stopping") && said.err.contains("created 20,"), "{}", said.err);
        assert_eq!(place.ids(), acknowledged);
    }
}

#[test]
fn ctrl_c_in_a_list_ends_it_and_a_second_one_does_not_wait() {
    let place = Place::new();
    place.feed(place.demo(3000), &["import", "-"]);
    // One page is more than a pipe holds: with nobody reading on, the list hangs in its first page for certain.
    let mut child = place.spawn(&["ls", "-o", "ndjson"]);
    assert!(child.line().starts_with("{\"id\":\"demo-0000000\""));
    let _talk = child.interrupt(Signal::INT);
    child.signal(Signal::INT);
    assert_eq!(child.child.wait().expect("the child ends").code(), Some(130));

    // Read on, it ends after the page.
    let mut child = place.spawn(&["ls", "-o", "ndjson"]);
    child.line();
    let _talk = child.interrupt(Signal::TERM);
    let said = child.end_by_itself();
    assert_eq!((said.code, said.out.lines().count()), (Some(130), 499));
    assert_eq!(place.ids().len(), 3000);
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let rounds = rounds("PXMETA_SOAK_ROUNDS", 20);
    for round in 0..rounds {
        let place = Place::new();
        let demo = place.demo(4000);
        let mut child = place.spawn(&["import", "-", "--ack", "-q"]);
        let mut input = child.child.stdin.take().expect("stdin");
        // The child dies in the middle of its input; the broken pipe is the point.
        let feeder = std::thread::spawn(move || drop(input.write_all(demo.as_bytes())));
        let mut acknowledged = HashSet::new();
        // Killed after another number of acknowledgements each round.
        for _ in 0..1 + round * 170 % 3500 {
            acknowledged.insert(child.line());
        }
        child.child.kill().expect("kill -9");
        let said = child.end_by_itself();
        acknowledged.extend(said.out.lines().map(str::to_owned));
        feeder.join().expect("the feeder ends");
        let there: HashSet<String> = place.ids().into_iter().collect();
        // A pipe may be cut within a line: the last id printed may be a stump.
        let lost: Vec<_> = acknowledged.difference(&there).filter(|id| id.len() == "demo-0000000".len()).collect();
        assert!(lost.is_empty(), "round {round}: lost {lost:?}");
        assert!(there.len().is_multiple_of(500), "round {round}: {} records, batches are of 500", there.len());
    }
}

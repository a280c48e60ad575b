//! Scripts as text, and how often a mix draws what.

use std::collections::BTreeMap;

use proximadb_meta_core::ErrorKind;

use super::*;
use crate::fault::{Fault, Mix, Plan, Request};

#[test]
fn every_fault_is_read_as_it_is_printed() {
    for text in [
        "clean",
        "delay up 5ms",
        "delay down 5500us",
        "throttle down 100/s",
        "split up 7",
        "cut up after 17 rst",
        "cut down after 0 fin",
        "half-open up after 3",
        "reset",
        "blackhole",
        "execute-then-cut 3 rst",
        "execute-then-cut containing COMMIT%20%7c%2c%00%ff fin",
        "delay up 1ms, throttle up 1/s, cut down after 9 rst",
    ] {
        let plan: Plan = text.parse().unwrap();
        assert_eq!(plan.to_string(), text);
        for script in [format!("all: {text}"), format!("each: {text} | clean | {text}")] {
            assert_eq!(script.parse::<Script>().unwrap().to_string(), script);
        }
    }
    assert_eq!(script("each:"), Script::Each(Vec::new()));
    assert_eq!(script("each:").to_string(), "each:");
}

#[test]
fn random_scripts_are_read_as_they_are_printed() {
    for seed in [0, 1, u64::MAX] {
        let random = Script::random(seed);
        assert_eq!(script(&random.to_string()), random);
        let written_out = random.written_out(300);
        assert_eq!(script(&written_out.to_string()), written_out);
        for n in 0..300 {
            assert_eq!(random.plan(n), written_out.plan(n));
        }
        assert_eq!(written_out.plan(300), Plan::clean());
    }
    assert_eq!(script("seed 7: cut 500"), Script::Random { seed: 7, mix: Mix { cut: 500, ..Mix::NONE } });
}

#[test]
fn what_is_not_understood_is_refused_with_the_part() {
    for (text, part) in [
        ("", ""),
        ("nothing", "nothing"),
        ("all: fire", "fire"),
        ("all: cut up after x rst", "x"),
        ("all: cut sideways after 1 rst", "sideways"),
        ("all: cut up after 1 kindly", "kindly"),
        ("all: delay up 5", "5"),
        ("all: delay up ms", ""),
        ("all: throttle up 5", "5"),
        ("all: execute-then-cut containing %2 rst", "%2"),
        ("all: clean, reset", " clean"),
        ("each: reset |", ""),
        ("seed x: cut 1", "x"),
        ("seed 1: fire 5", "fire 5"),
        ("seed 1: cut -5", "-5"),
    ] {
        let e = text.parse::<Script>().unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidInput, "{text}");
        assert!(
            e.message().contains(&format!("{:?}", part.trim())) || e.message().contains(&format!("{part:?}")),
            "{e}"
        );
        assert!(e.hint().is_some());
    }
    assert_eq!(Request::containing("").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(Request::containing([7; 256]).is_ok());
    assert_eq!(Request::containing([7; 257]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(Request::nth(0), Request::nth(1));
}

/// How often each kind of fault is in so many plans.
fn drawn(mix: Mix, plans: u64) -> BTreeMap<&'static str, u64> {
    let mut kinds = BTreeMap::new();
    let random = Script::Random { seed: 3, mix };
    for plan in (0..plans).map(|n| random.plan(n)) {
        for fault in plan.faults() {
            let kind = match fault {
                Fault::Delay { by, .. } => {
                    assert!((1..=u128::from(mix.most_millis)).contains(&by.as_millis()));
                    "delay"
                }
                Fault::Throttle { per_second, .. } => {
                    assert!((65_536..=65_536 * 16).contains(per_second));
                    "throttle"
                }
                Fault::Split { most, .. } => {
                    assert!((1..=u64::from(mix.most_piece)).contains(most));
                    "split"
                }
                Fault::Cut { after, .. } => {
                    assert!(*after <= mix.most_bytes.into());
                    "cut"
                }
                Fault::HalfOpen { after, .. } => {
                    assert!(*after <= mix.most_bytes.into());
                    "half-open"
                }
                Fault::Reset => "reset",
                Fault::Blackhole => "blackhole",
                Fault::ExecuteThenCut { .. } => "execute-then-cut",
            };
            *kinds.entry(kind).or_default() += 1;
        }
    }
    kinds
}

#[test]
fn a_mix_draws_each_fault_as_often_as_it_says() {
    let usual = Mix { split: 100, ..Mix::default() };
    let kinds = drawn(usual, 20_000);
    let wanted = [
        ("delay", usual.delay),
        ("throttle", usual.throttle),
        ("split", usual.split),
        ("cut", usual.cut),
        ("half-open", usual.half_open),
        ("reset", usual.reset),
        ("blackhole", usual.blackhole),
        ("execute-then-cut", usual.execute_then_cut),
    ];
    for (kind, thousandths) in wanted {
        let (got, wanted) = (kinds[kind], u64::from(thousandths) * 20);
        assert!(got.abs_diff(wanted) <= wanted / 4, "{kind}: {got}, not {wanted}");
    }
    for n in 0..1000 {
        let (seed, without) = (3, Script::Random { seed: 3, mix: Mix::default() });
        let mut with = Script::Random { seed, mix: usual }.plan(n).faults().to_vec();
        with.retain(|fault| !matches!(fault, Fault::Split { .. }));
        assert_eq!(Plan::new(with), without.plan(n), "the other faults are as without");
    }
    assert!(drawn(Mix::NONE, 1000).is_empty());
    // More than all: every connection has one, in proportion.
    let crowded = drawn(Mix { cut: 3000, reset: 1000, ..Mix::NONE }, 4000);
    assert_eq!(crowded.values().sum::<u64>(), 4000);
    assert!(crowded["cut"].abs_diff(3000) < 200, "{crowded:?}");
}

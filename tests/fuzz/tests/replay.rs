//! Replays the corpus of every target, then seeded mutations of it. `PXMETA_SOAK_FUZZ_ROUNDS` sets how many, `PXMETA_SOAK_FUZZ_SEED` from
//! which seed on.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::io::Write as _;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use fuzz_targets::{Rng, TARGETS, Target, mutate};

/// Mutations of each target.
const ROUNDS: u64 = 3_000;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().map_or(default, |v| v.parse().unwrap())
}

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn names(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(dir).map(|d| d.map(|e| e.unwrap().path()).collect()).unwrap_or_default();
    found.sort();
    found
}

fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    names(&home().join("corpus").join(target.name))
        .into_iter()
        .map(|p| (p.clone(), std::fs::read(p).unwrap()))
        .collect()
}

fn targets() -> Vec<String> {
    TARGETS.iter().map(|t| t.name.to_owned()).collect()
}

#[test]
fn every_file_of_the_corpus_keeps_its_promises() {
    let mut replayed = 0;
    for target in TARGETS {
        let mut corpus = corpus(target);
        assert!(!corpus.is_empty(), "{} has no corpus", target.name);
        let seeds = (target.seeds)().into_iter().zip(0..);
        corpus.extend(seeds.map(|(bytes, n)| (PathBuf::from(format!("seed {n}")), bytes)));
        let mut taken = 0;
        for (path, bytes) in &corpus {
            match catch_unwind(|| (target.run)(bytes)) {
                Ok(took) => taken += usize::from(took),
                Err(_) => panic!("{} breaks {}", path.display(), target.name),
            }
        }
        // A corpus of which all is refused at the door, or nothing ever, tests nothing behind it.
        assert!(taken > 0, "{}: nothing of the corpus is taken", target.name);
        assert!(taken < corpus.len(), "{}: nothing of the corpus is refused", target.name);
        replayed += corpus.len();
    }
    let _ = writeln!(std::io::stderr(), "fuzz: {replayed} files and seeds replayed over {} targets", TARGETS.len());
}

#[test]
fn mutations_of_the_corpus_keep_the_promises() {
    let (rounds, first) = (number("PXMETA_SOAK_FUZZ_ROUNDS", ROUNDS), number("PXMETA_SOAK_FUZZ_SEED", 1));
    for target in TARGETS {
        let inputs: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, b)| b).chain((target.seeds)()).collect();
        let mut taken = 0;
        for seed in first..first + rounds {
            let mut rng = Rng::new(seed);
            let (from, other) = (rng.pick(&inputs).unwrap().clone(), rng.pick(&inputs).unwrap().clone());
            let input = mutate(&mut rng, &from, &other, target.words);
            match catch_unwind(|| (target.run)(&input)) {
                Ok(took) => taken += u64::from(took),
                Err(_) => panic!(
                    "{} breaks on {:?}\nagain with: PXMETA_SOAK_FUZZ_SEED={seed} PXMETA_SOAK_FUZZ_ROUNDS=1 cargo test -p fuzz-targets --test replay mutations",
                    target.name,
                    String::from_utf8_lossy(&input)
                ),
            }
        }
        let _ = writeln!(std::io::stderr(), "fuzz: {}: {rounds} mutations, {taken} taken", target.name);
    }
}

#[test]
fn every_target_has_a_fuzzer_and_a_corpus_and_the_other_way_round() {
    let mut expected = targets();
    expected.sort();
    let stems = |dir: &str| -> Vec<String> {
        names(&home().join(dir)).iter().map(|p| p.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(stems("corpus"), expected);
    assert_eq!(stems("libfuzzer/fuzz_targets"), expected);
    let manifest = std::fs::read_to_string(home().join("libfuzzer/Cargo.toml")).unwrap();
    for name in expected {
        let source = std::fs::read_to_string(home().join(format!("libfuzzer/fuzz_targets/{name}.rs"))).unwrap();
        assert!(source.contains(&format!("fuzz_targets::run(\"{name}\", data)")), "{name}.rs runs another target");
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n")), "{name}");
    }
}

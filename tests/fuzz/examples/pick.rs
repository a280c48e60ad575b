//! Makes the corpus of a target from what a fuzzer found: the dozen inputs that together reach the most.
//!
//! `cargo run -p fuzz-targets --example pick -- TARGET CONTROL_FILE`, where the control file is that of a libFuzzer merge
//! (`-merge=1 -merge_control_file=CONTROL_FILE`): it lists the inputs, and what each of them reaches.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;

/// Files a target.
const MOST: usize = 12;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, control] = &arguments[..] else { return Err("two arguments: a target, and a control file".into()) };
    let control = std::fs::read_to_string(control)?;
    let mut lines = control.lines();
    let files: usize = lines.next().ok_or("an empty control file")?.parse()?;
    let names: Vec<&str> = lines.by_ref().skip(1).take(files).collect();
    let mut reached: BTreeMap<usize, BTreeSet<(&str, &str)>> = BTreeMap::new();
    for line in lines {
        let mut words = line.split(' ');
        if let Some(kind @ ("FT" | "COV")) = words.next() {
            let file = words.next().ok_or("a line without a file")?.parse()?;
            reached.entry(file).or_default().extend(words.map(|w| (kind, w)));
        }
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut have = BTreeSet::new();
    let mut picked = Vec::new();
    while picked.len() < MOST {
        let gain = |file: &usize| reached.get(file).map_or(0, |r| r.difference(&have).count());
        let Some(best) =
            reached.keys().copied().max_by_key(|file| (gain(file), Reverse(*file))).filter(|f| gain(f) > 0)
        else {
            break;
        };
        have.extend(reached.get(&best).into_iter().flatten().copied());
        picked.push(std::fs::read(names.get(best).ok_or("a file without a name")?)?);
    }
    if corpus.exists() {
        std::fs::remove_dir_all(&corpus)?;
    }
    std::fs::create_dir_all(&corpus)?;
    for bytes in &picked {
        let hash = blake3::hash(bytes).to_hex();
        std::fs::write(corpus.join(hash.get(..16).unwrap_or(&hash)), bytes)?;
    }
    println!("{target}: {} of {files} inputs kept", picked.len());
    Ok(())
}

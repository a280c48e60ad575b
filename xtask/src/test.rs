//! Runs every test of the workspace in one build, and closes with the counts.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

pub(crate) fn run() -> Result<(), String> {
    let start = Instant::now();
    let mut child = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
        .args(["test", "--workspace", "--locked", "--no-fail-fast"])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot run cargo: {e}"))?;
    let (mut passed, mut failed) = (0u64, 0u64);
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).lines() {
            let line = line.map_err(|e| format!("cannot read cargo's output: {e}"))?;
            if line.starts_with("test result:") {
                passed += count(&line, "passed");
                failed += count(&line, "failed");
            }
            println!("{line}");
        }
    }
    let status = child.wait().map_err(|e| format!("cannot wait for cargo: {e}"))?;
    println!("test: {} s", start.elapsed().as_secs());
    println!("{passed} passed, {failed} failed");
    if status.success() { Ok(()) } else { Err(format!("cargo test ended with {status}")) }
}

/// The number in front of a word: `12 passed;`.
fn count(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line.split([' ', ';']).collect();
    words.windows(2).find(|w| w.get(1) == Some(&word)).and_then(|w| w.first()?.parse().ok()).unwrap_or(0)
}

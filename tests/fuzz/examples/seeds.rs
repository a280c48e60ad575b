//! Writes the seeds of every target into its corpus, under names of their own: `cargo run -p fuzz-targets --example seeds`.

use std::path::Path;

use fuzz_targets::TARGETS;

fn main() -> std::io::Result<()> {
    for target in TARGETS {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        std::fs::create_dir_all(&dir)?;
        for (n, seed) in (target.seeds)().iter().enumerate() {
            std::fs::write(dir.join(format!("seed-{n:02}")), seed)?;
        }
    }
    Ok(())
}

//! Every value that was measured, as a line of a file, so that each process of a run adds its own.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// What a row is measured in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    /// Where it is a rate (`/s`), more is better.
    pub(crate) unit: &'static str,
}

pub(crate) const THROUGHPUT: Metric = Metric { name: "throughput", unit: "ops/s" };
pub(crate) const P50: Metric = Metric { name: "p50", unit: "us" };
pub(crate) const P99: Metric = Metric { name: "p99", unit: "us" };

pub(crate) const NANOS: Metric = Metric { name: "time", unit: "ns/op" };
pub(crate) const MICROS: Metric = Metric { name: "time", unit: "us" };
pub(crate) const MILLIS: Metric = Metric { name: "time", unit: "ms" };

/// Whether more is better.
pub(crate) fn more_is_better(unit: &str) -> bool {
    unit.ends_with("/s")
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) row: String,
    /// The engine, and how it was driven (`redb+batcher`).
    pub(crate) peer: String,
    pub(crate) metric: String,
    pub(crate) unit: String,
    pub(crate) value: f64,
}

/// The file.
#[derive(Clone, Debug)]
pub(crate) struct Samples(PathBuf);

impl Samples {
    pub(crate) fn in_dir(dir: &Path) -> Self {
        Self(dir.join("samples.tsv"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Forgets what an earlier run left.
    pub(crate) fn begin(&self) -> Result<()> {
        std::fs::write(&self.0, "").with_context(|| self.0.display().to_string())
    }

    /// Appends a value, and shows it.
    pub(crate) fn add(&self, row: &str, peer: &str, metric: Metric, value: f64) -> Result<()> {
        let Metric { name, unit } = metric;
        let line = format!("{row}\t{peer}\t{name}\t{unit}\t{value:.3}\n");
        eprint!("  {line}");
        let file = OpenOptions::new().create(true).append(true).open(&self.0);
        let written = file.and_then(|mut f| f.write_all(line.as_bytes()));
        written.with_context(|| self.0.display().to_string())
    }

    /// Everything that is there.
    pub(crate) fn read(&self) -> Result<Vec<Sample>> {
        let text = std::fs::read_to_string(&self.0).with_context(|| self.0.display().to_string())?;
        text.lines().map(|line| parse(line).with_context(|| self.0.display().to_string())).collect()
    }
}

fn parse(line: &str) -> Result<Sample> {
    let mut words = line.split('\t');
    let mut word = || words.next().unwrap_or_default().to_owned();
    let (row, peer, metric, unit, value) = (word(), word(), word(), word(), word());
    let Ok(value) = value.parse() else { bail!("{line:?} is no sample") };
    Ok(Sample { row, peer, metric, unit, value })
}

/// The middle one; of two, the mean.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (low, high) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

/// The value that this share of all is not above; 0 of none.
pub(crate) fn percentile(sorted: &[u64], share: f64) -> u64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share) as usize).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let samples = Samples::in_dir(dir.path());
        assert!(samples.read().is_err());
        samples.begin().unwrap();
        assert_eq!(samples.read().unwrap(), []);
        samples.add("create-1", "redb", THROUGHPUT, 1234.5).unwrap();
        samples.add("create-1", "redb", P99, 7.0).unwrap();
        let read = samples.read().unwrap();
        let first = Sample {
            row: "create-1".into(),
            peer: "redb".into(),
            metric: "throughput".into(),
            unit: "ops/s".into(),
            value: 1234.5,
        };
        assert_eq!((read.len(), &read[0]), (2, &first));
        assert!(parse("create-1\tredb").is_err());
    }

    #[test]
    fn the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(percentile(&[], 0.99), 0);
        assert_eq!(percentile(&(0..=100).collect::<Vec<_>>(), 0.99), 99);
    }
}

//! What a long run must not let grow: resident memory, open descriptors, bytes in the store's directory.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::failure::{At as _, Failure, Outcome};

/// Between two samples.
const EVERY: Duration = Duration::from_millis(200);
const MIB: u64 = 1024 * 1024;

/// One look at the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    resident: u64,
    descriptors: u64,
    disk: u64,
}

impl Sample {
    pub(crate) fn take(store: &Path) -> Outcome<Self> {
        let status = fs::read_to_string("/proc/self/status").at("/proc/self/status")?;
        let resident = status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        let resident: u64 = resident.ok_or_else(|| Failure::new("/proc/self/status has no VmRSS"))?;
        let descriptors = fs::read_dir("/proc/self/fd")?.count() as u64;
        // A file may be gone between its name and its length.
        let length = |e: fs::DirEntry| e.metadata().map_or(0, |m| m.len());
        let disk = fs::read_dir(store).map_or(0, |entries| entries.flatten().map(length).sum());
        Ok(Self { resident: resident * 1024, descriptors, disk })
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (resident, disk) = (self.resident / 1024, self.disk / 1024);
        write!(f, "{resident} KiB resident, {} descriptors, {disk} KiB on disk", self.descriptors)
    }
}

/// Samples until it is stopped.
#[derive(Debug)]
pub(crate) struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Outcome<Vec<Sample>>>,
}

impl Sampler {
    pub(crate) fn start(store: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut samples = Vec::new();
            while !stopped.load(Ordering::SeqCst) {
                samples.push(Sample::take(&store)?);
                std::thread::sleep(EVERY);
            }
            Ok(samples)
        });
        Self { stop, thread }
    }

    /// The verdict over all samples.
    ///
    /// # Errors
    /// A sample that could not be taken.
    pub(crate) fn stop(self) -> Outcome<Growth> {
        self.stop.store(true, Ordering::SeqCst);
        let samples = self.thread.join().map_err(|_| Failure::new("the sampling thread ended early"))??;
        Ok(Growth { samples: samples.len(), kinds: Kind::ALL.map(|k| (k, Medians::of(&samples, k))) })
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Resident,
    Descriptors,
    Disk,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Resident, Self::Descriptors, Self::Disk];

    fn of(self, s: &Sample) -> u64 {
        match self {
            Self::Resident => s.resident,
            Self::Descriptors => s.descriptors,
            Self::Disk => s.disk,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Resident => "resident KiB",
            Self::Descriptors => "descriptors",
            Self::Disk => "disk KiB",
        }
    }

    fn shown(self, value: u64) -> u64 {
        if matches!(self, Self::Descriptors) { value } else { value / 1024 }
    }

    /// What the last quarter may have over the second: a tenth and 8 MiB of memory (the allocator keeps what it was given), two
    /// descriptors (a backup on its way), a quarter and 2 MiB of disk (the log grows until the next checkpoint).
    fn allowed(self, second: u64) -> u64 {
        match self {
            Self::Resident => second + second / 10 + 8 * MIB,
            Self::Descriptors => second + 2,
            Self::Disk => second + second / 4 + 2 * MIB,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Medians {
    second: u64,
    last: u64,
    most: u64,
}

impl Medians {
    fn of(samples: &[Sample], kind: Kind) -> Self {
        let values: Vec<u64> = samples.iter().map(|s| kind.of(s)).collect();
        let quarter = values.len() / 4;
        let median = |part: Option<&[u64]>| {
            let mut part = part.unwrap_or_default().to_vec();
            part.sort_unstable();
            part.get(part.len() / 2).copied().unwrap_or(0)
        };
        Self {
            second: median(values.get(quarter..2 * quarter)),
            last: median(values.get(values.len() - quarter..)),
            most: values.iter().copied().max().unwrap_or(0),
        }
    }
}

/// How the numbers of the second quarter compare with those of the last: the first is for warming up.
#[derive(Debug)]
pub(crate) struct Growth {
    samples: usize,
    kinds: [(Kind, Medians); 3],
}

impl Growth {
    /// # Errors
    /// What grew.
    pub(crate) fn is_flat(&self) -> Outcome {
        ensure!(self.samples >= 40, "{} samples are too few to say: run it longer", self.samples);
        for (kind, m) in &self.kinds {
            ensure!(m.last <= kind.allowed(m.second), "{} grew\n{self}", kind.name());
        }
        Ok(())
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<14}{:>16}{:>14}{:>10}{:>10}", "median of", "second quarter", "last quarter", "allowed", "most")?;
        for (kind, m) in &self.kinds {
            let [second, last, allowed, most] =
                [m.second, m.last, kind.allowed(m.second), m.most].map(|v| kind.shown(v));
            write!(f, "\n{:<14}{second:>16}{last:>14}{allowed:>10}{most:>10}", kind.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(of: fn(u64) -> u64) -> Growth {
        let sample = |n| Sample { resident: 50 * MIB, descriptors: of(n), disk: 9 * MIB };
        let samples: Vec<Sample> = (0..100).map(sample).collect();
        Growth { samples: samples.len(), kinds: Kind::ALL.map(|k| (k, Medians::of(&samples, k))) }
    }

    #[test]
    fn a_leak_is_told_from_a_peak() {
        growth(|n| if n % 10 == 0 { 90 } else { 12 }).is_flat().unwrap();
        growth(|n| if n < 25 { n } else { 25 }).is_flat().unwrap();
        let leak = growth(|n| n / 10).is_flat().unwrap_err();
        assert!(leak.to_string().starts_with("descriptors grew"), "{leak}");
        assert!(Growth { samples: 39, ..growth(|_| 1) }.is_flat().is_err());
    }
}

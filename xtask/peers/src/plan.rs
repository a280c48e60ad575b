//! What to measure: read from the command line, and handed on to the processes of a run.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use crate::engines::{ENGINES, Engine, Role, engine};
use crate::machine;
use crate::rows::{Group, Row, select};
use crate::samples::Samples;
use crate::sys;

/// Records of the rows with a million.
pub(crate) const HUGE: u64 = 1_000_000;
/// Records of the other rows that are not almost empty.
const LARGE: u64 = 100_000;
const LARGE_QUICK: u64 = 10_000;

/// What the goals ask for.
const REPETITIONS: usize = 5;

/// Words for `--help`, and for mistakes.
pub(crate) const USAGE: &str = "\
options of `cargo xtask bench peers`:
  --rows R,...        rows by name, or by the beginning of the name (default: all)
  --peers P,...       engines beside ours (default: all)
  --quick             one repetition, short, 10,000 records in place of 100,000, none with a million; no goal is judged
  --repetitions N     interleaved repetitions (default: 5)
  --dir DIR           where to keep the data, on a real disk (default: a temporary directory); the samples stay there
  --json              print an array of the rows; the talk goes to standard error
  --samples           with --json: every value, by engine
  --write PATH        the document that a full run writes";

/// A run.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) rows: Vec<&'static Row>,
    pub(crate) engines: Vec<&'static Engine>,
    pub(crate) quick: bool,
    pub(crate) repetitions: usize,
    /// Where the run keeps what it leaves, on a real disk.
    base: PathBuf,
    /// The catalogs, below it.
    pub(crate) dir: PathBuf,
    pub(crate) samples: Samples,
    pub(crate) json: bool,
    pub(crate) json_samples: bool,
    pub(crate) write: Option<PathBuf>,
    /// How busy the machine was before.
    pub(crate) load: Option<String>,
    /// Whether the data lies where the command line says.
    elsewhere: bool,
    /// Whether it leaves nothing out.
    pub(crate) full: bool,
}

#[derive(Default)]
struct Words {
    rows: Vec<String>,
    peers: Vec<String>,
    quick: bool,
    repetitions: Option<usize>,
    dir: Option<PathBuf>,
    json: bool,
    samples: bool,
    write: Option<PathBuf>,
}

fn read(arguments: &[String]) -> Result<Words> {
    let mut words = Words::default();
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{name} needs a value\n{USAGE}"));
        let list = |text: &String| text.split(',').filter(|w| !w.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        match name.as_str() {
            "--rows" => words.rows = list(value()?),
            "--peers" => words.peers = list(value()?),
            "--quick" => words.quick = true,
            "--repetitions" => {
                let n: usize = value()?.parse().context("--repetitions needs a number")?;
                ensure!(n > 0, "--repetitions needs a number above 0");
                words.repetitions = Some(n);
            }
            "--dir" => words.dir = Some(value()?.into()),
            "--json" => words.json = true,
            "--samples" => words.samples = true,
            "--write" => words.write = Some(value()?.into()),
            other => bail!("{other:?} is not an option\n{USAGE}"),
        }
    }
    Ok(words)
}

/// Ours are always there: what is compared are the others.
fn choose(peers: &[String]) -> Result<Vec<&'static Engine>> {
    for name in peers {
        engine(name)?;
    }
    let ours = |e: &Engine| matches!(e.role, Role::Ours | Role::OursInMemory);
    let wanted = |e: &&Engine| peers.is_empty() || ours(e) || peers.iter().any(|p| p == e.name);
    Ok(ENGINES.iter().filter(wanted).collect())
}

fn on_a_disk(dir: &Path) -> Result<()> {
    match sys::in_memory(dir)? {
        None => Ok(()),
        Some(kind) => bail!(
            "{} is on {kind}, which keeps nothing: durable writes there would measure nothing; give --dir DIR on a real disk",
            dir.display()
        ),
    }
}

/// The first place for temporary files that is on a disk: the system's own is often memory.
fn temporary() -> Result<PathBuf> {
    let places = [std::env::temp_dir(), PathBuf::from("/var/tmp")];
    let found = places.iter().find(|dir| on_a_disk(dir).is_ok());
    let place = found.with_context(|| {
        let [first, second] = &places;
        format!("neither {} nor {} is on a disk; give --dir DIR on a real disk", first.display(), second.display())
    })?;
    Ok(tempfile::Builder::new().prefix("pxmeta-peers-").tempdir_in(place)?.keep())
}

impl Plan {
    /// Reads the arguments, and makes the directory for the data.
    pub(crate) fn new(arguments: &[String]) -> Result<Self> {
        let words = read(arguments)?;
        ensure!(words.json || !words.samples, "--samples belongs to --json\n{USAGE}");
        let rows = select(&words.rows, words.quick)?;
        let engines = choose(&words.peers)?;
        let elsewhere = words.dir.is_some();
        let dir = match words.dir {
            None => temporary()?,
            Some(dir) => {
                std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
                on_a_disk(&dir)?;
                dir.canonicalize()?
            }
        };
        Ok(Self {
            rows,
            engines,
            quick: words.quick,
            repetitions: words.repetitions.unwrap_or(if words.quick { 1 } else { REPETITIONS }),
            samples: Samples::in_dir(&dir),
            dir: dir.join("catalogs"),
            base: dir,
            json: words.json,
            json_samples: words.samples,
            full: !words.quick && words.rows.is_empty() && words.peers.is_empty(),
            write: words.write,
            elsewhere,
            load: machine::load(),
        })
    }

    /// Arguments that give another process the same plan.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let rows: Vec<&str> = self.rows.iter().map(|r| r.name).collect();
        let engines: Vec<&str> = self.engines.iter().map(|e| e.name).collect();
        let mut arguments = vec!["--rows".to_owned(), rows.join(","), "--peers".to_owned(), engines.join(",")];
        arguments.extend(["--repetitions".to_owned(), self.repetitions.to_string()]);
        arguments.extend(["--dir".to_owned(), self.base.display().to_string()]);
        arguments.extend(self.quick.then(|| "--quick".to_owned()));
        arguments
    }

    /// Where the run keeps what it leaves.
    pub(crate) fn place(&self) -> &Path {
        &self.base
    }

    /// Removes what an earlier run left.
    pub(crate) fn begin(&self) -> Result<()> {
        self.end();
        std::fs::create_dir(&self.dir).with_context(|| self.dir.display().to_string())?;
        self.samples.begin()
    }

    /// Removes the catalogs; the samples stay.
    pub(crate) fn end(&self) {
        std::fs::remove_dir_all(&self.dir).ok();
    }

    /// The command that does this again, without places of this machine.
    pub(crate) fn command(&self) -> String {
        let mut command = "cargo xtask bench peers".to_owned();
        if self.quick {
            command += " --quick";
        }
        if self.repetitions != REPETITIONS {
            command += &format!(" --repetitions {}", self.repetitions);
        }
        if self.elsewhere {
            command += " --dir DIR";
        }
        command
    }

    pub(crate) fn wants(&self, row: &str) -> bool {
        self.rows.iter().any(|r| r.name == row)
    }

    /// Whether it has no row of another group.
    pub(crate) fn is_all(&self, group: Group) -> bool {
        self.rows.iter().all(|row| row.group == group)
    }

    /// Whether it is a run, and a long one, of nothing but the instructions.
    pub(crate) fn only_counts(&self) -> bool {
        !self.quick && self.is_all(Group::Instructions)
    }

    /// Records of the rows with 100,000: in a quick run a tenth of it.
    pub(crate) fn large(&self) -> u64 {
        if self.quick { LARGE_QUICK } else { LARGE }
    }

    /// Whether an engine is in the rows with a million records: the others take too long to fill.
    pub(crate) fn is_in_huge_rows(&self, engine: &Engine) -> bool {
        matches!(engine.role, Role::Ours | Role::OursInMemory) || matches!(engine.name, "lmdb" | "mem-rwlock")
    }

    /// How long something is measured that takes so long in a full run.
    pub(crate) fn seconds(&self, full: f64) -> f64 {
        if self.quick { full / 4.0 } else { full }
    }

    /// The path of a directory that is not there.
    pub(crate) fn fresh(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join(name);
        match std::fs::remove_dir_all(&dir) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e).with_context(|| dir.display().to_string()),
            _ => Ok(dir),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &str, dir: &Path) -> Result<Plan> {
        let mut words: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        words.extend(["--dir".to_owned(), dir.display().to_string()]);
        Plan::new(&words)
    }

    #[test]
    fn a_plan_survives_its_way_to_another_process() {
        let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let first = plan("--rows create-1 --peers lmdb --quick --repetitions 3", dir.path()).unwrap();
        let second = Plan::new(&first.arguments()).unwrap();
        assert_eq!(first.arguments(), second.arguments());
        assert_eq!((second.rows.len(), second.repetitions, second.quick, second.full), (1, 3, true, false));
        let names: Vec<&str> = second.engines.iter().map(|e| e.name).collect();
        assert_eq!(names, ["ours-wal", "ours-memory", "lmdb"]);
    }

    #[test]
    fn mistakes_are_refused() {
        let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        for wrong in ["--rows", "--rows nothing", "--peers sled", "--repetitions 0", "--fast", "--samples"] {
            assert!(plan(wrong, dir.path()).is_err(), "{wrong}");
        }
        assert!(plan("", dir.path()).unwrap().full);
        assert!(!plan("--quick", dir.path()).unwrap().full);
    }

    #[test]
    fn memory_is_no_disk() {
        if let Some(shared) = Some(Path::new("/dev/shm")).filter(|p| sys::in_memory(p).ok().flatten().is_some()) {
            let refused = plan("", shared).err().unwrap().to_string();
            assert!(refused.contains("tmpfs") && refused.contains("--dir"), "{refused}");
        }
    }
}

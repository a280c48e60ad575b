//! Verify and salvage against an opening, on every flipped bit: they agree with it on what opens, and what a salvage calls
//! certain is the newest state. Everything else it saves was acknowledged once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use proximadb_meta_core::{CollectionMetadata, ErrorKind, Namespace};

use super::damage::{LARGE, Sample, sample, with};
use super::dice::Dice;
use super::disk::{SECTOR, SimDisk, State};
use super::report;
use super::workload::SEGMENT_BYTES;
use crate::inspect::{InUse, Loss, Verdict, Verification, inspect_storage, load, verify_storage};
use crate::log::Log;
use crate::recover::State as Catalog;
use crate::salvage::{Fate, SalvageOptions, SalvageReport, save};

type Id = (Namespace, Arc<str>);
type Records = BTreeMap<Id, Arc<CollectionMetadata>>;

/// What was counted.
#[derive(Default)]
struct Counts {
    cases: u64,
    salvaged: u64,
    damaged: u64,
    torn: u64,
    sound: u64,
    /// Records of the whole catalog, and those of them that were saved as certain, where the directory was damaged.
    all: u64,
    certain: u64,
    doubtful: u64,
}

/// What is known of a sample, to judge a salvage by.
struct Truth {
    sample: Sample,
    /// Every version of every record.
    versions: BTreeMap<Id, Vec<Arc<CollectionMetadata>>>,
    /// What verify said so far, in a run that salvages only where it says something new.
    said: Option<BTreeSet<String>>,
}

fn records(state: &Catalog) -> Records {
    let of = |(ns, table): (&Namespace, &BTreeMap<Arc<str>, Arc<CollectionMetadata>>)| {
        table.iter().map(|(id, r)| ((ns.clone(), id.clone()), r.clone())).collect::<Vec<_>>()
    };
    state.records.iter().flat_map(of).collect()
}

impl Truth {
    fn new(sample: Sample) -> Self {
        let mut versions: BTreeMap<Id, Vec<Arc<CollectionMetadata>>> = BTreeMap::new();
        for state in &sample.states {
            for (id, record) in records(state) {
                let known = versions.entry(id).or_default();
                if !known.contains(&record) {
                    known.push(record);
                }
            }
        }
        Self { sample, versions, said: None }
    }

    /// The entry that last wrote a record as a whole, up to entry `last`.
    fn put(&self, id: &Id, last: usize) -> usize {
        let at = |n: usize| self.sample.states[n].records.get(&id.0).and_then(|t| t.get(&id.1));
        let life = |n: usize| at(n).map(|r| (r.version, r.incarnation));
        (1..=last).rev().find(|n| life(*n) != life(n - 1)).unwrap_or(0)
    }

    /// Checks one damaged disk; the words say what is wrong.
    fn check(&mut self, disk: &State, counts: &mut Counts) -> Result<(), String> {
        counts.cases += 1;
        let fresh = || SimDisk::of(disk.clone());
        let opened = Log::open(Arc::new(fresh()), SEGMENT_BYTES);
        let found = match verify_storage(&fresh(), InUse::Unknown) {
            Ok(found) => found,
            Err(e) if e.kind() == ErrorKind::Unsupported => {
                let agrees = opened.as_ref().is_err_and(|o| o.kind() == ErrorKind::Unsupported);
                return if agrees { Ok(()) } else { Err(format!("verify says {e}, opening {opened:?}")) };
            }
            Err(e) => return Err(format!("verify: {e}")),
        };
        match (&opened, found.verdict) {
            (Err(e), Verdict::Damaged) if e.kind() == ErrorKind::Corruption => {
                counts.damaged += 1;
                let text = e.to_string();
                let named = |file: &str, offset: u64| text.contains(&format!("{file}, byte {offset}: "));
                if found.damages.iter().all(|d| !named(&d.file, d.offset)) {
                    return Err(format!("opening says {text}, verify {:?}", found.damages));
                }
            }
            (Ok(o), Verdict::TornTail | Verdict::Sealed | Verdict::Unsealed) => {
                if found.verdict == Verdict::TornTail {
                    counts.torn += 1
                } else {
                    counts.sound += 1
                };
                let records = o.state().records.values().map(|t| t.len() as u64).sum::<u64>();
                let sealed = u64::from(found.verdict == Verdict::Sealed);
                let position = o.log.position();
                if (found.records, found.last_seq, found.doubtful) != (records, position.seq, 0) {
                    return Err(format!("opens with {records} records at {position:?}, verify says {found:?}"));
                }
                if found.restoring.len() != o.state().restoring.len() || !found.lost.is_empty() {
                    return Err(format!("opens as {:?}, verify says {found:?}", o.state()));
                }
                if position.seq != (self.sample.states.len() - 1) as u64 + sealed && sealed == 1 {
                    return Err("sealed, but something is missing".to_owned());
                }
            }
            _ => return Err(format!("opening says {opened:?}, verify {:?} {:?}", found.verdict, found.damages)),
        }
        if self.said.as_mut().is_some_and(|said| !said.insert(format!("{found:?}"))) {
            return Ok(());
        }
        counts.salvaged += 1;
        inspect_storage(&fresh(), InUse::Unknown).map_err(|e| format!("inspect: {e}"))?;
        let strict = self.salvage(disk, &found, SalvageOptions::default())?;
        let loose = self.salvage(disk, &found, SalvageOptions::including_stale())?;
        if let Ok(o) = &opened
            && (strict.1 != o.state() || loose.1 != o.state() || !strict.0.complete)
        {
            return Err("what opens is not saved as it is".to_owned());
        }
        let (few, many) = (records(&strict.1), records(&loose.1));
        if few.iter().any(|(id, r)| many.get(id).is_some_and(|m| m != r)) {
            return Err("a certain record is another one when stale ones are saved too".to_owned());
        }
        if found.verdict == Verdict::Damaged {
            counts.all += records(&self.sample.full).len() as u64;
            counts.certain += few.len() as u64;
            counts.doubtful += (many.len() - few.len()) as u64;
        }
        Ok(())
    }

    fn salvage(
        &self,
        disk: &State,
        found: &Verification,
        options: SalvageOptions,
    ) -> Result<(SalvageReport, Catalog), String> {
        let loaded = load(&SimDisk::of(disk.clone()), InUse::Unknown).map_err(|e| e.to_string())?;
        let new = SimDisk::default();
        let report = save(loaded, Arc::new(new.clone()), Path::new("new"), options).map_err(|e| e.to_string())?;
        let opened = Log::open(Arc::new(new), SEGMENT_BYTES).map_err(|e| format!("the new store: {e}"))?;
        let saved = records(&opened.state());
        let wrong = |what: &str| Err(format!("{what}: {report:?}\nsaved {saved:?}"));
        if report.source != *found {
            return wrong("verify and salvage do not find the same");
        }
        if saved.len() as u64 != report.written {
            return wrong("the count of records is not true");
        }
        for (id, record) in &saved {
            if !self.versions.get(id).is_some_and(|v| v.contains(record)) {
                return wrong("a record was never acknowledged like that");
            }
        }
        for table in opened.state().records.values() {
            let mut names: Vec<_> = table.values().map(|r| &r.name).collect();
            names.sort_unstable();
            if names.windows(2).any(|w| w[0] == w[1]) {
                return wrong("two records have one name");
            }
        }
        let mut certain = saved.clone();
        for d in report.doubtful.iter().filter(|d| d.fate == Fate::Kept) {
            let id = (Namespace::new(&d.namespace).unwrap(), Arc::from(&*d.id));
            if certain.remove(&id).is_none() {
                return wrong("a record that is said to be kept is not there");
            }
        }
        if certain.len() as u64 != report.certain {
            return wrong("the count of certain records is not true");
        }
        self.certain_are_newest(&report, &certain).map_err(|what| wrong(&what).unwrap_err())?;
        Ok((report, opened.state()))
    }

    /// What is called certain is the newest state, and nothing that is provably whole is left out.
    fn certain_are_newest(&self, report: &SalvageReport, certain: &Records) -> Result<(), String> {
        let source = &report.source;
        // A tail that is cut off is no loss, and a seal is no state.
        let last = usize::try_from(source.last_seq).unwrap().min(self.sample.states.len() - 1);
        let complete_end = source.torn_tail.is_none() && source.lost.iter().all(|l| l.last.is_some());
        let newest = records(&self.sample.states[last]);
        let full = records(&self.sample.full);
        for (id, record) in certain {
            if newest.get(id) != Some(record) {
                return Err(format!("{id:?} is not the newest"));
            }
            if complete_end && source.verdict != Verdict::Unsealed && full.get(id) != Some(record) {
                return Err(format!("{id:?} is not the newest of all"));
            }
        }
        let frames_lost = source.damages.iter().any(|d| matches!(d.lost, Loss::CheckpointFrames(_) | Loss::Unknown));
        if frames_lost {
            return Ok(());
        }
        let horizon = source.lost.iter().map(|l| l.last.unwrap_or(u64::MAX)).max().unwrap_or(0);
        let covered = source.checkpoint.map_or(0, |c| c.seq);
        for (id, record) in &newest {
            let put = self.put(id, last) as u64;
            if (put > horizon || covered >= horizon) && certain.get(id) != Some(record) {
                return Err(format!(
                    "{id:?} was written whole by entry {put}, after all that is lost, and is not saved"
                ));
            }
        }
        Ok(())
    }
}

/// Flips, cuts, losses and zeroed sectors of every file of a sample. `step`: one in so many bits.
fn every(truth: &mut Truth, step: usize, counts: &mut Counts) -> Result<(), String> {
    let disk = truth.sample.disk.clone();
    for (name, &inode) in &disk.names {
        let bytes = disk.inodes[inode].pages.clone();
        let mut check =
            |what: String, disk: &State| truth.check(disk, counts).map_err(|e| format!("{name}, {what}: {e}"));
        for bit in (0..bytes.len() * 8).step_by(step) {
            let mut bad = (*bytes).clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            check(format!("bit {bit} flipped"), &with(&disk, inode, bad))?;
        }
        for length in (0..bytes.len()).step_by(step + 12) {
            check(format!("cut at {length}"), &with(&disk, inode, bytes[..length].to_vec()))?;
        }
        for at in (0..bytes.len()).step_by(SECTOR) {
            let mut bad = (*bytes).clone();
            let end = bad.len().min(at + SECTOR);
            bad[at..end].fill(0);
            check(format!("zeros from {at}"), &with(&disk, inode, bad))?;
        }
        let mut gone = disk.clone();
        gone.names.remove(name);
        gone.durable_names.remove(name);
        check("gone".to_owned(), &gone)?;
    }
    Ok(())
}

/// Several flips at once, anywhere.
fn several(truth: &mut Truth, seed: u64, times: usize, counts: &mut Counts) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let disk = truth.sample.disk.clone();
    let files: Vec<(Arc<str>, usize)> = disk
        .names
        .iter()
        .map(|(n, i)| (n.clone(), *i))
        .filter(|(n, _)| n.ends_with(".log") || n.ends_with("ckpt"))
        .collect();
    for n in 0..times {
        let mut bad = disk.clone();
        let mut what = String::new();
        for _ in 0..2 + dice.below(3) {
            let (name, inode) = dice.pick(&files).clone();
            let mut bytes = (*bad.inodes[inode].pages).clone();
            let bit = dice.below(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            bad = with(&bad, inode, bytes);
            what.push_str(&format!(" {name} bit {bit}"));
        }
        truth.check(&bad, counts).map_err(|e| format!("seed {seed}, case {n},{what}: {e}"))?;
    }
    Ok(())
}

/// Runs over a sample, left open and closed. `every_one`: each damage is salvaged, not only where verify says something new.
fn run(seed: u64, (groups, segment_bytes): (usize, u64), step: usize, every_one: bool, counts: &mut Counts) {
    for close in [false, true] {
        let mut truth = Truth::new(sample(seed, groups, close, segment_bytes));
        truth.said = (!every_one).then(BTreeSet::new);
        let done = every(&mut truth, step, counts).and_then(|()| several(&mut truth, seed, 100, counts));
        if let Err(what) = done {
            panic!("seed {seed}, {groups} groups, closed {close}: {what}");
        }
    }
}

fn tell(counts: &Counts) {
    let Counts { cases, salvaged, damaged, torn, sound, all, certain, doubtful } = counts;
    report(&format!(
        "{cases} directories verified ({damaged} damaged, {torn} torn, {sound} sound), {salvaged} salvaged: {certain} of {all} \
         records certain, {doubtful} more doubtful, 0 violations"
    ));
    assert!(*certain * 4 > *all && *doubtful > 0 && *torn > 0);
}

/// With short segments and a checkpoint, for some of the bits; the step is odd, so that every bit of a byte gets its turn.
#[test]
fn a_salvage_tells_the_truth() {
    let mut counts = Counts::default();
    let step = if super::number("PXMETA_SOAK_SALVAGE_SEEDS", 0) > 0 { 1 } else { 331 };
    for seed in 1..=super::number("PXMETA_SOAK_SALVAGE_SEEDS", 2) {
        run(seed, (2, LARGE), step, true, &mut counts);
        run(seed, (7, SEGMENT_BYTES), step, true, &mut counts);
    }
    assert!(counts.sound > 0);
    tell(&counts);
}

/// Every bit of a small log.
#[test]
fn verify_agrees_with_opening_on_every_bit() {
    let mut counts = Counts::default();
    run(1, (2, LARGE), 1, false, &mut counts);
    tell(&counts);
}

/// A block that the disk refuses reads as zeros, and must not be taken for zeros that were written ahead, nor for a torn tail:
/// what stood there may have been acknowledged.
#[test]
fn what_the_disk_refuses_is_never_taken_for_the_end() {
    let mut cases = 0;
    for (groups, close, segment_bytes) in [(2, false, LARGE), (7, true, SEGMENT_BYTES), (7, false, SEGMENT_BYTES)] {
        let truth = Truth::new(sample(2, groups, close, segment_bytes));
        let full = records(&truth.sample.full);
        let loaded = || load(&SimDisk::of(truth.sample.disk.clone()), InUse::Unknown).unwrap();
        for n in 0..loaded().files.len() {
            for from in (0..loaded().files[n].bytes.len()).step_by(211) {
                let refused = || {
                    let mut loaded = loaded();
                    let file = &mut loaded.files[n];
                    let to = file.bytes.len().min(from + SECTOR);
                    file.bytes[from..to].fill(0);
                    (file.refused, file.trouble) = (Some((from, to)), Some("bad block".to_owned()));
                    loaded
                };
                for options in [SalvageOptions::default(), SalvageOptions::including_stale()] {
                    let new = SimDisk::default();
                    let report = save(refused(), Arc::new(new.clone()), Path::new("new"), options).unwrap();
                    let what = || format!("{from} of {}: {report:?}", refused().files[n].name);
                    assert_eq!(report.source.verdict, Verdict::Damaged, "{}", what());
                    for (id, record) in records(&Log::open(Arc::new(new), SEGMENT_BYTES).unwrap().state()) {
                        assert!(truth.versions[&id].contains(&record), "{id:?} at {}", what());
                        let kept = |d: &crate::salvage::DoubtfulRecord| {
                            *d.namespace == *id.0.as_str() && d.id == id.1.to_string().into_boxed_str()
                        };
                        let is_doubtful = report.doubtful.iter().any(kept);
                        assert!(
                            is_doubtful || full.get(&id) == Some(&record),
                            "{id:?} is not the newest at {}",
                            what()
                        );
                    }
                    cases += 1;
                }
            }
        }
    }
    report(&format!("{cases} salvages around blocks that the disk refuses, 0 violations"));
    assert!(cases > 200);
}

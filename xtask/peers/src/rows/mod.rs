//! The rows: the one list of them, and the groups that measure them together.

mod durable;
mod growth;
mod instructions;
mod mixed;
mod opening;
mod reads;

use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::child::Step;
use crate::plan::Plan;
pub(crate) use growth::growth_metrics;
pub(crate) use instructions::{Work, count_here};
pub(crate) use opening::{fill_here, open_here, resident_here, settle_here};

/// Rows that are measured in one process, interleaved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Durable,
    Opening,
    Reads,
    Mixed,
    OpeningHuge,
    ReadsHuge,
    Growth,
    Instructions,
}

impl Group {
    /// In the order of a run: what opens a catalog as a crash left it comes before what only needs its records.
    pub(crate) const ALL: &[Self] = &[
        Self::Durable,
        Self::Opening,
        Self::Reads,
        Self::Mixed,
        Self::OpeningHuge,
        Self::ReadsHuge,
        Self::Growth,
        Self::Instructions,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Opening => "opening",
            Self::Reads => "reads",
            Self::Mixed => "mixed",
            Self::OpeningHuge => "opening-huge",
            Self::ReadsHuge => "reads-huge",
            Self::Growth => "growth",
            Self::Instructions => "instructions",
        }
    }

    pub(crate) fn of(name: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|g| g.name() == name).with_context(|| format!("{name:?} is no group"))
    }

    /// Measures what the plan wants of this group.
    pub(crate) fn measure(self, plan: &Plan) -> Result<()> {
        match self {
            Self::Durable => durable::measure(plan),
            Self::Opening => opening::measure(plan),
            Self::Reads => reads::measure(plan),
            Self::Mixed => mixed::measure(plan),
            Self::OpeningHuge => opening::measure_huge(plan),
            Self::ReadsHuge => reads::measure_huge(plan),
            Self::Growth => growth::measure(plan),
            Self::Instructions => instructions::measure(plan),
        }
    }
}

/// A row.
#[derive(Debug)]
pub(crate) struct Row {
    /// On the command line, in JSON and in the document.
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    /// What it is, in a few words.
    pub(crate) title: &'static str,
    /// Whether a quick run measures it with 10,000 records in place of 100,000, and says so in the name.
    pub(crate) shrinks: bool,
    /// Whether a quick run has it at all.
    pub(crate) quick: bool,
}

impl Row {
    const fn new(group: Group, name: &'static str, title: &'static str) -> Self {
        Self { name, group, title, shrinks: false, quick: true }
    }

    const fn large(group: Group, name: &'static str, title: &'static str) -> Self {
        Self { name, group, title, shrinks: true, quick: true }
    }

    const fn huge(group: Group, name: &'static str, title: &'static str) -> Self {
        Self { name, group, title, shrinks: false, quick: false }
    }

    /// The name in this run.
    pub(crate) fn shown(&self, quick: bool) -> String {
        match self.name {
            name if !(quick && self.shrinks) => name.to_owned(),
            name if name.contains("100k") => name.replace("100k", "10k"),
            name => format!("{name}-10k"),
        }
    }
}

/// All of them, in the order of the document.
pub(crate) const ROWS: &[Row] = &[
    Row::new(Group::Durable, "create-1", "durable create, 1 writer"),
    Row::new(Group::Durable, "create-16", "durable create, 16 writers"),
    Row::new(Group::Durable, "create-64", "durable create, 64 writers"),
    Row::new(Group::Durable, "create-256", "durable create, 256 writers"),
    Row::new(Group::Durable, "increments-64", "durable counter increments on 1,000 records, 64 writers"),
    Row::large(Group::Reads, "get-id-100k-1t", "get by id, 100,000 records, 1 thread"),
    Row::large(
        Group::Reads,
        "get-id-100k-2t",
        "get by id, 100,000 records, 2 threads; time of an operation of both together",
    ),
    Row::huge(Group::ReadsHuge, "get-id-1m-1t", "get by id, 1,000,000 records, 1 thread"),
    Row::huge(Group::ReadsHuge, "get-id-1m-2t", "get by id, 1,000,000 records, 2 threads"),
    Row::large(Group::Reads, "get-name-100k", "get by name, 100,000 records, 1 thread"),
    Row::large(Group::Reads, "page-100k", "filtered list of 100,000 records: the first page of 100 by name"),
    Row::large(Group::Reads, "matches-100k", "the same filters: all matches, about 620, by name"),
    Row::large(Group::Reads, "scan-100k", "every record of 100,000, in any order"),
    Row::large(Group::Mixed, "mix-95-5", "19 gets, then a durable increment, in turn; 64 tasks, 100,000 records"),
    Row::large(
        Group::Mixed,
        "readers-2-writers-16",
        "2 threads that get beside 16 tasks with durable increments, 100,000 records",
    ),
    Row::large(Group::Opening, "open-crash-100k", "open after a crash, up to the first record, 100,000 records"),
    Row::huge(Group::OpeningHuge, "open-crash-1m", "open after a crash, up to the first record, 1,000,000 records"),
    Row::large(Group::Opening, "open-close-100k", "open after a checkpoint and a clean close, 100,000 records"),
    Row::large(
        Group::Opening,
        "disk-bytes-100k",
        "bytes on the disk after a checkpoint and a clean close, 100,000 records",
    ),
    Row::large(Group::Opening, "resident-bytes-100k", "bytes of memory (without mapped files), 100,000 records"),
    Row::large(Group::Opening, "bulk-load-100k", "100,000 records in batches"),
    Row::new(Group::Growth, "growth-1k", "ours with 1,000 records"),
    Row::new(Group::Growth, "growth-10k", "ours with 10,000 records"),
    Row::huge(Group::Growth, "growth-100k", "ours with 100,000 records"),
    Row::huge(Group::Growth, "growth-1m", "ours with 1,000,000 records"),
    Row::new(Group::Instructions, "instructions-get", "instructions of a get by id, 20,000 records"),
    Row::new(Group::Instructions, "instructions-create", "instructions of a durable create, 1 writer, 20,000 records"),
    Row::new(Group::Instructions, "instructions-page", "instructions of a filtered page of 100, 20,000 records"),
];

/// The rows whose names are, or begin with, one of `wanted`; all of them where it is empty.
///
/// # Errors
/// For a word that no row begins with, and for a row that a quick run does not have.
pub(crate) fn select(wanted: &[String], quick: bool) -> Result<Vec<&'static Row>> {
    let there = || ROWS.iter().filter(|r| r.quick || !quick);
    let means = |word: &str, row: &Row| row.name == word || row.shown(quick) == word;
    let begins = |word: &str, row: &Row| row.name.starts_with(word) || row.shown(quick).starts_with(word);
    for word in wanted {
        if !there().any(|row| begins(word, row)) {
            let names: Vec<String> = there().map(|r| r.shown(quick)).collect();
            let run = if quick { "a quick run" } else { "a run" };
            bail!("no row of {run} is, or begins with, {word:?}; there are {}", names.join(", "));
        }
    }
    let hit = |row: &Row, word: &String| {
        // `create-1` is one row although `create-16` begins with it.
        let exact = there().any(|row| means(word, row));
        if exact { means(word, row) } else { begins(word, row) }
    };
    Ok(there().filter(|row| wanted.is_empty() || wanted.iter().any(|word| hit(row, word))).collect())
}

/// Checks the engines, then measures all that a plan wants, each group in a process of its own: no row pays for the memory of
/// another.
pub(crate) fn measure_all(plan: &Plan) -> Result<()> {
    eprintln!("== check");
    Step::Check.run(plan)?;
    for group in Group::ALL.iter().filter(|g| plan.rows.iter().any(|row| row.group == **g)) {
        let start = Instant::now();
        eprintln!("== {}", group.name());
        Step::Group(*group).run(plan)?;
        eprintln!("== {}: {:.0} s", group.name(), start.elapsed().as_secs_f64());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(wanted: &[&str], quick: bool) -> Vec<&'static str> {
        let wanted: Vec<String> = wanted.iter().map(|w| (*w).to_owned()).collect();
        select(&wanted, quick).unwrap().iter().map(|r| r.name).collect()
    }

    #[test]
    fn rows_are_chosen_by_name_and_by_beginning() {
        assert_eq!(names(&["create-1"], false), ["create-1"]);
        assert_eq!(names(&["create"], false), ["create-1", "create-16", "create-64", "create-256"]);
        assert_eq!(names(&["increments-64", "create-1"], false), ["create-1", "increments-64"]);
        assert_eq!(names(&[], false).len(), ROWS.len());
        assert!(select(&["crate".to_owned()], false).is_err());
        // A quick run takes the names of both, and has no million.
        assert_eq!(names(&["page-100k"], true), ["page-100k"]);
        assert_eq!(names(&["page-10k"], true), ["page-100k"]);
        assert!(select(&["get-id-1m".to_owned()], true).is_err());
    }

    #[test]
    fn every_row_is_of_a_group_that_runs() {
        assert!(ROWS.iter().all(|row| Group::ALL.contains(&row.group)));
    }

    #[test]
    fn names_are_unique_and_have_no_blanks() {
        for quick in [false, true] {
            let rows = || ROWS.iter().filter(|r| r.quick || !quick);
            let mut shown: Vec<String> = rows().map(|r| r.shown(quick)).collect();
            assert!(shown.iter().all(|n| n.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')));
            shown.sort_unstable();
            shown.dedup();
            assert_eq!(shown.len(), rows().count());
        }
    }
}

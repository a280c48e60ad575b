//! The measurements, and the Markdown table they become.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What was measured, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Row {
    GetById,
    GetByName,
    CreateAlone,
    CreateTogether,
    CountTogether,
    FilteredPage,
    FullScan,
    AppendAndSync,
}

impl Row {
    fn words(self) -> &'static str {
        match self {
            Self::GetById => "get by id",
            Self::GetByName => "get by name",
            Self::CreateAlone => "create, 1 task",
            Self::CreateTogether => "create, 64 tasks (per call)",
            Self::CountTogether => "record_stats, 64 tasks (per call)",
            Self::FilteredPage => "page of 100, filtered by owner and tag",
            Self::FullScan => "list of everything",
            Self::AppendAndSync => "(for comparison: append 1 KiB to a file and sync it)",
        }
    }
}

/// A column a backend, a row an operation, in each cell one duration a repetition.
pub(crate) struct Table {
    columns: Vec<&'static str>,
    cells: BTreeMap<(Row, usize), Vec<Duration>>,
}

impl Table {
    pub(crate) fn new(columns: Vec<&'static str>) -> Self {
        Self { columns, cells: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, row: Row, column: usize, value: Duration) {
        self.cells.entry((row, column)).or_default().push(value);
    }

    /// Median, fastest and slowest.
    fn cell(&self, row: Row, column: usize) -> String {
        let Some(values) = self.cells.get(&(row, column)) else { return String::new() };
        let mut sorted = values.clone();
        sorted.sort_unstable();
        match (sorted.get(sorted.len() / 2), sorted.first(), sorted.last()) {
            (Some(median), Some(low), Some(high)) => format!("{} ({} to {})", text(*median), text(*low), text(*high)),
            _ => String::new(),
        }
    }
}

/// With three digits and a unit.
fn text(d: Duration) -> String {
    let nanos = d.as_nanos() as f64;
    let (value, unit) = match nanos {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n => (n / 1e6, "ms"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| operation | {} |", self.columns.join(" | "))?;
        writeln!(f, "|---|{}", "---:|".repeat(self.columns.len()))?;
        let mut rows: Vec<Row> = self.cells.keys().map(|(row, _)| *row).collect();
        rows.dedup();
        for row in rows {
            let cells: Vec<String> = (0..self.columns.len()).map(|c| self.cell(row, c)).collect();
            writeln!(f, "| {} | {} |", row.words(), cells.join(" | "))?;
        }
        Ok(())
    }
}

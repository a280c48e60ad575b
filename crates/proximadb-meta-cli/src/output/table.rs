//! A table: columns as wide as what is in them, two spaces apart, nothing that a terminal would obey.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::text::{visible, width};

/// A table that is written page by page: a later page may widen its columns, the header comes once.
pub(crate) struct Table {
    columns: Vec<(&'static str, bool)>,
    widths: Vec<usize>,
    begun: bool,
}

impl Table {
    /// Each column's title, and whether it holds numbers.
    pub(crate) fn new(columns: &[(&'static str, bool)]) -> Self {
        let widths = columns.iter().map(|(title, _)| width(title)).collect();
        Self { columns: columns.to_vec(), widths, begun: false }
    }

    pub(crate) fn page(&mut self, rows: &[Vec<String>], out: &mut impl Write) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let shown: Vec<Vec<Cow<'_, str>>> = rows.iter().map(|r| r.iter().map(|cell| visible(cell)).collect()).collect();
        for row in &shown {
            for (cell, widest) in row.iter().zip(&mut self.widths) {
                *widest = width(cell).max(*widest);
            }
        }
        if !std::mem::replace(&mut self.begun, true) {
            let titles: Vec<Cow<'_, str>> = self.columns.iter().map(|(title, _)| Cow::Borrowed(*title)).collect();
            self.line(&titles, out)?;
        }
        shown.iter().try_for_each(|row| self.line(row, out))
    }

    fn line(&self, cells: &[Cow<'_, str>], out: &mut impl Write) -> io::Result<()> {
        let mut text = String::new();
        for ((cell, (_, number)), widest) in cells.iter().zip(&self.columns).zip(&self.widths) {
            let gap = " ".repeat(widest.saturating_sub(width(cell)));
            if !text.is_empty() {
                text.push_str("  ");
            }
            match number {
                true => text.extend([&gap, &**cell]),
                false => text.extend([&**cell, &gap]),
            }
        }
        writeln!(out, "{}", text.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_wide_and_hostile_texts() {
        let mut table = Table::new(&[("NAME", false), ("N", true), ("END", false)]);
        let mut out = Vec::new();
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        table.page(&[row(["画像", "7", "x"]), row(["a\u{1b}[2J", "1234", "y"])], &mut out).unwrap();
        table.page(&[row(["wider than before", "1", "z"])], &mut out).unwrap();
        table.page(&[], &mut out).unwrap();
        let expected = "\
NAME           N  END
画像           7  x
a\\u{1b}[2J  1234  y
wider than before     1  z
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

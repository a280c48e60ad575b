//! Printing on stdout: records, reports, lines.

mod cells;
mod ranked;
mod records;
mod report;
mod table;
mod value;
mod yaml;

use std::io::{self, Write as _};

pub(crate) use ranked::ranked;
pub(crate) use records::Printer;
pub(crate) use report::Report;
pub(crate) use table::Table;
pub(crate) use value::{text, value};

use crate::exit::{Failure, Result};

/// Wraps an error of writing stdout.
pub(crate) fn out_error(e: io::Error) -> Failure {
    Failure::Io("cannot write the output".to_owned(), e)
}

/// One line on stdout.
pub(crate) fn line(text: impl std::fmt::Display) -> Result<()> {
    writeln!(io::stdout(), "{text}").map_err(out_error)
}

/// One line of CSV.
pub(crate) fn csv_line<I, T>(cells: I) -> io::Result<Vec<u8>>
where
    I: IntoIterator<Item = T>,
    T: AsRef<[u8]>,
{
    let mut line = csv::Writer::from_writer(Vec::new());
    line.write_record(cells).map_err(io::Error::other)?;
    line.into_inner().map_err(|e| io::Error::other(e.to_string()))
}

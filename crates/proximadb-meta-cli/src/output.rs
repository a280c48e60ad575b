//! Printing records on stdout.

use std::io::{self, Write};
use std::sync::Arc;

use proximadb_meta::core::CollectionMetadata;

use crate::args::Format;
use crate::exit::{Failure, Result};

type Record = Arc<CollectionMetadata>;

/// Wraps an error of writing stdout.
pub(crate) fn out_error(e: io::Error) -> Failure {
    Failure::Io("cannot write the output".to_owned(), e)
}

/// Prints records, one page after the other.
pub(crate) struct Printer {
    out: io::BufWriter<io::Stdout>,
    format: Format,
    printed: usize,
}

const CSV: [&str; 10] = [
    "id",
    "name",
    "dimension",
    "distance_metric",
    "indexing_algorithm",
    "tags",
    "owner",
    "access_pattern",
    "vector_count",
    "total_size_bytes",
];

impl Printer {
    pub(crate) fn new(format: Format) -> Self {
        Self { out: io::BufWriter::new(io::stdout()), format, printed: 0 }
    }

    pub(crate) fn records(&mut self, records: &[Record]) -> Result<()> {
        records.iter().try_for_each(|r| self.record(r)).map_err(out_error)
    }

    fn record(&mut self, r: &CollectionMetadata) -> io::Result<()> {
        let first = self.printed == 0;
        self.printed += 1;
        match self.format {
            Format::Ndjson => writeln!(self.out, "{}", r.to_json()),
            Format::Json => write!(self.out, "{}{}", if first { "[\n" } else { ",\n" }, r.to_json()),
            Format::Name => writeln!(self.out, "{}", r.id),
            Format::Csv => {
                let mut line = csv::Writer::from_writer(Vec::new());
                if first {
                    line.write_record(CSV).map_err(io::Error::other)?;
                }
                line.write_record(row(r)).map_err(io::Error::other)?;
                let bytes = line.into_inner().map_err(|e| io::Error::other(e.to_string()))?;
                self.out.write_all(&bytes)
            }
            Format::Table => {
                if first {
                    writeln!(
                        self.out,
                        "{:<40} {:>9} {:<12} {:>14} {:<20} TAGS",
                        "NAME", "DIMENSION", "METRIC", "VECTORS", "OWNER"
                    )?;
                }
                writeln!(
                    self.out,
                    "{:<40} {:>9} {:<12} {:>14} {:<20} {}",
                    r.name,
                    r.dimension,
                    r.distance_metric.as_str(),
                    r.vector_count,
                    r.owner.as_deref().unwrap_or("-"),
                    r.tags.join(",")
                )
            }
        }
    }

    pub(crate) fn finish(mut self) -> Result<usize> {
        let end = match (self.format, self.printed) {
            (Format::Json, 0) => writeln!(self.out, "[]"),
            (Format::Json, _) => writeln!(self.out, "\n]"),
            _ => Ok(()),
        };
        end.and_then(|()| self.out.flush()).map_err(out_error)?;
        Ok(self.printed)
    }
}

fn row(r: &CollectionMetadata) -> [String; 10] {
    [
        r.id.to_string(),
        r.name.to_string(),
        r.dimension.to_string(),
        r.distance_metric.to_string(),
        r.indexing_algorithm.to_string(),
        r.tags.join(","),
        r.owner.as_deref().unwrap_or_default().to_owned(),
        r.access_pattern.to_string(),
        r.vector_count.to_string(),
        r.total_size_bytes.to_string(),
    ]
}

/// One line on stdout.
pub(crate) fn line(text: impl std::fmt::Display) -> Result<()> {
    writeln!(io::stdout(), "{text}").map_err(out_error)
}

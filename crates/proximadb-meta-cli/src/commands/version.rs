//! version: of the program and of what its data depends on.

use proximadb_meta::core::keywords::KEYWORDS_REVISION;
use proximadb_meta::core::record::RECORD_FORMAT;

use crate::args::Format;
use crate::exit::Result;
use crate::output::{Report, line};

pub(crate) fn run(format: Format) -> Result<u8> {
    let version = env!("CARGO_PKG_VERSION");
    match format {
        Format::Table => line(format_args!("pxmeta {version}"))?,
        format => Report::new()
            .with("version", version)
            .with("record_format", RECORD_FORMAT)
            .with("keywords_revision", KEYWORDS_REVISION)
            .print(format)?,
    }
    Ok(0)
}

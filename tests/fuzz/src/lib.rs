//! Every decoder of the project as one function of bytes, with the properties that it keeps for any input.
//!
//! A target panics when a property does not hold, and says whether it took the input. The same functions are run by the fuzzers
//! in `libfuzzer/`, by the replay of the corpus and by the seeded mutations of `tests/replay.rs`.
#![allow(clippy::panic, reason = "a property that does not hold ends the run")]

mod archive;
mod config;
mod crc;
pub mod files;
pub mod format;
mod mutate;
mod opened;
mod paging;
mod rng;
mod sample;
mod sealed;
mod text;
mod wait;
mod wal;

pub use mutate::mutate;
pub use rng::Rng;

/// A decoder with its properties.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the fuzzer and of the corpus.
    pub name: &'static str,
    /// Decodes, checks, and says whether the input was taken. Panics when a property does not hold.
    pub run: fn(&[u8]) -> bool,
    /// Inputs to begin from: good ones, and ones that are nearly good.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words of the format.
    pub words: &'static [&'static str],
}

const JSON_WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\\u0000",
    "\\ud800",
    "1e999",
    "-0",
    "9007199254740992",
    "null",
    "true",
    "\t",
];
const RECORD_WORDS: &[&str] = &[
    "\"id\":\"x\",",
    "\"name\":",
    "\"dimension\":",
    "\"created_at\":\"2026-11-24T08:00:00Z\",",
    "\"retention\":{\"retain_days\":1},",
    "\"expires_at\":",
    "\"config\":{},",
    "\"tags\":[\"a\",\"b\"],",
    "\"owner\":null,",
    "\"version\":0,",
    "\\ud83d\\ude00",
    "\\n",
    "\n",
];
const LOG_WORDS: &[&str] =
    &["PXMETAWL", "PXMETACK", "proximadb-meta-wal format ", "id-0", "id-1", "name-1", "tenant", "\u{1}", "{\"a\":1}"];
const FILTER_WORDS: &[&str] = &[
    " AND ",
    " OR ",
    "NOT ",
    "(",
    ")",
    "tags:",
    ":*",
    "startsWith(name, \"",
    "text(\"",
    "config.",
    "\"",
    "\\",
    " = ",
    " != ",
    " <= ",
    "created_at",
    "dimension",
    "1e3",
    ".",
    "-",
    "AND(",
    "OR(",
    "true",
];
const TIME_WORDS: &[&str] = &["T", "Z", "+01:00", "-23:59", ".000001", ":60", "9999", "0000", "[UTC]", " "];
const URI_WORDS: &[&str] = &[
    "://",
    "?",
    "&",
    "=",
    "%",
    "%00",
    "%2C",
    "@",
    ",",
    "namespace=",
    "segment_bytes=",
    "labels=",
    "password=",
    "timeout_seconds=",
    "file",
    "postgres",
    "env:PATH",
];
const TOML_WORDS: &[&str] = &[
    "[metadata_storage]\n",
    "[metadata_storage.options]\n",
    "connection_string = ",
    "backend_type = ",
    "location = ",
    "\"",
    "'''",
    "\"\"\"",
    "[[",
    "{",
    "}",
    ".",
    "=",
    "\n",
    "#",
    "\\u0041",
    "0x",
    "inf",
    "nan",
    "1979-05-27",
];
const MANIFEST_WORDS: &[&str] = &[
    "\"format\":",
    "\"bytes\":",
    "\"records\":",
    "\"blake3\":",
    "\"none\"",
    "\"zstd\"",
    "\"parts\":[",
    "\"stored\":",
    "{",
    "}",
    "2",
    "null",
];
const PART_WORDS: &[&str] = &["id-1", "name-1", "\n", "(\u{b5}/", "\u{0}", "\u{1}"];
const NO_WORDS: &[&str] = &["id-1", "name-1", "=="];

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "wal_marker", run: wal::marker, seeds: wal::marker_seeds, words: LOG_WORDS },
    Target { name: "wal_file_header", run: wal::file_header, seeds: wal::header_seeds, words: LOG_WORDS },
    Target { name: "wal_segment", run: wal::log_segment, seeds: wal::segment_seeds, words: LOG_WORDS },
    Target { name: "wal_checkpoint", run: wal::checkpoint, seeds: wal::checkpoint_seeds, words: LOG_WORDS },
    Target { name: "wal_unit", run: wal::unit, seeds: wal::unit_seeds, words: LOG_WORDS },
    Target { name: "wal_restoring_mark", run: wal::restoring_mark, seeds: wal::mark_seeds, words: LOG_WORDS },
    Target { name: "wal_directory", run: wal::whole_directory, seeds: wal::directory_seeds, words: LOG_WORDS },
    Target { name: "archive_manifest", run: archive::manifest, seeds: archive::manifest_seeds, words: MANIFEST_WORDS },
    Target { name: "archive_payload", run: archive::payload, seeds: archive::payload_seeds, words: RECORD_WORDS },
    Target {
        name: "archive_sealed_manifest",
        run: sealed::manifest,
        seeds: sealed::manifest_seeds,
        words: MANIFEST_WORDS,
    },
    Target { name: "archive_part", run: sealed::part, seeds: sealed::part_seeds, words: PART_WORDS },
    Target { name: "record", run: text::record, seeds: text::record_seeds, words: RECORD_WORDS },
    Target { name: "json", run: text::json, seeds: text::json_seeds, words: JSON_WORDS },
    Target { name: "cursor", run: paging::cursor, seeds: paging::seeds, words: NO_WORDS },
    Target { name: "filter", run: text::filter, seeds: text::filter_seeds, words: FILTER_WORDS },
    Target { name: "timestamp", run: text::timestamp, seeds: text::timestamp_seeds, words: TIME_WORDS },
    Target { name: "connection_string", run: config::connection_string, seeds: config::uri_seeds, words: URI_WORDS },
    Target { name: "toml", run: config::toml, seeds: config::toml_seeds, words: TOML_WORDS },
];

/// Runs the target of this name; for the fuzzers.
///
/// # Panics
/// When a property does not hold, or there is no such target.
pub fn run(name: &str, data: &[u8]) {
    match TARGETS.iter().find(|t| t.name == name) {
        Some(target) => {
            (target.run)(data);
        }
        None => panic!("there is no target {name}"),
    }
}

//! The commands that read records.

use clap::Args;

/// Print every record as canonical NDJSON, ordered by id.
///
/// Equal catalogs give equal bytes. A file appears whole or not at all: it is written beside its place, synced and
/// renamed; its mode is 0600. Format: ndjson.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// The file to write. Default, and "-": stdout.
    pub(crate) file: Option<String>,
    /// Replace the file where it exists. Default: refuse (exit code 4).
    #[arg(long, requires = "file")]
    pub(crate) force: bool,
}

/// List records.
///
/// Formats: table (default), json ({"collections": [...], "next": CURSOR or null}), ndjson (one record a line), csv (every
/// field; tags, retention and config as JSON), name (ids). Control characters never reach a terminal: the table shows them
/// escaped.
#[derive(Args, Debug)]
pub(crate) struct Ls {
    /// Which records, as in: owner = search AND (tags:gpu OR dimension >= 768). Default: all.
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// id, name, created_at or updated_at; with :desc the other way round. Ties are ordered by id. Default: id.
    #[arg(long, value_name = "FIELD[:desc]", default_value = "id", hide_default_value = true)]
    pub(crate) order_by: String,
    /// At most this many records; where more follow, "next: CURSOR" says so on stderr. Default: all.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Go on after this cursor, with the filter and order of the list it came from. Default: from the start.
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<String>,
}

/// Search for words, the best matches first, by the store's own ranking.
///
/// A record is found when its name, description, owner or tags have one of the words; the more of them, and the rarer, the
/// better. Scores compare within one answer alone, and each backend has its own. Exit code 9 where the backend has no ranking:
/// ls --filter 'text("...")' finds the records with all of the words on every backend, unranked. Formats: table (default), json
/// ({"found": [{"score", "collection"}, ...]}), ndjson (one {"score", "collection"} a line), csv (score, then every field),
/// name (ids).
#[derive(Args, Debug)]
pub(crate) struct Search {
    /// The words.
    pub(crate) query: String,
    /// Only among these records. Default: all.
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// At most this many records, 1 to 1000. Default: 100.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

/// Print one record.
///
/// Formats: table (default: one field a line), json, ndjson, csv, name (the id). Exit code 3 when there is none.
#[derive(Args, Debug)]
pub(crate) struct Get {
    /// The id.
    #[arg(required_unless_present = "name", conflicts_with = "name")]
    pub(crate) id: Option<String>,
    /// The name instead of the id.
    #[arg(long)]
    pub(crate) name: Option<String>,
}

/// Print how many records match.
///
/// Formats: table (default: the number), json ({"count": N, "filter": ...}), ndjson, csv.
#[derive(Args, Debug)]
pub(crate) struct Count {
    /// Which records. Default: all.
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
}

/// Run a filter and print how it was answered.
///
/// pushed: the part the store answered; residual: the part checked on what it gave; access: how it found the records;
/// examined and matched: records, counted while it ran. Formats: table (default), json, ndjson, csv.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The filter.
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: String,
}

//! Keywords (rule 12): the words of a record, the same on every backend.
//!
//! Text is normalised to NFKC, fully case-folded, normalised again, and cut into words by UAX #29, all of Unicode 16.0: the crates
//! that know it are pinned. [`KEYWORDS_REVISION`] is stored beside what is computed here and changes with it.

mod ascii;

use std::collections::HashSet;

use caseless::Caseless as _;
use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

use ascii::AsciiWords;

use crate::config::quote;
use crate::error::{Error, Result};
use crate::record::CollectionMetadata;

/// Changes whenever the same text may give other keywords.
pub const KEYWORDS_REVISION: u32 = 1;
/// Most keywords of a record; later ones are not searchable.
pub const MAX_KEYWORDS: usize = 512;
/// Longest keyword, bytes; longer words are not searchable.
pub const MAX_KEYWORD_BYTES: usize = 64;

/// The first 512 distinct words of name, description, owner and tags, in this order.
#[must_use]
pub fn keywords(record: &CollectionMetadata) -> Vec<String> {
    let fields = [Some(&record.name), record.description.as_ref(), record.owner.as_ref()];
    let texts: Vec<String> = fields.into_iter().flatten().chain(record.tags.iter()).map(|t| folded(t)).collect();
    let short = distinct(&texts).filter(|w| w.len() <= MAX_KEYWORD_BYTES);
    short.take(MAX_KEYWORDS).map(str::to_owned).collect()
}

/// The distinct words of a query. A query matches a record that has all of them.
///
/// # Errors
/// `InvalidInput` for a query without a word, with more than [`MAX_KEYWORDS`], or with one over [`MAX_KEYWORD_BYTES`]: no record
/// could have it.
pub fn query_words(query: &str) -> Result<Vec<String>> {
    let words: Vec<String> = distinct(&[folded(query)]).map(str::to_owned).collect();
    if words.is_empty() {
        return Err(Error::invalid(format!("text({}) has no word to look for", quote(query))));
    }
    if words.len() > MAX_KEYWORDS {
        return Err(Error::invalid(format!("text() has {} words; the limit is {MAX_KEYWORDS}", words.len())));
    }
    if let Some(long) = words.iter().find(|w| w.len() > MAX_KEYWORD_BYTES) {
        let what =
            format!("text() has a word of {} bytes; words of at most {MAX_KEYWORD_BYTES} are searched", long.len());
        return Err(Error::invalid(what));
    }
    Ok(words)
}

/// Words of folded texts in their order, each once.
fn distinct(texts: &[String]) -> impl Iterator<Item = &str> {
    let mut seen = HashSet::new();
    texts.iter().flat_map(|text| words(text)).filter(move |word| seen.insert(*word))
}

/// ASCII is its own normal form: only its case is folded.
fn folded(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.nfkc().default_case_fold().nfkc().collect() }
}

fn words(folded: &str) -> impl Iterator<Item = &str> {
    let (ascii, other) =
        if folded.is_ascii() { (Some(AsciiWords::new(folded)), None) } else { (None, Some(folded.unicode_words())) };
    ascii.into_iter().flatten().chain(other.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unicode_version() {
        assert_eq!(caseless::UNICODE_VERSION, (16, 0, 0));
        assert_eq!(unicode_normalization::UNICODE_VERSION, (16, 0, 0));
        assert_eq!(unicode_segmentation::UNICODE_VERSION, (16, 0, 0));
    }

    #[test]
    fn folding_and_words() {
        assert_eq!(query_words("Straße STRASSE ﬁne").unwrap(), ["strasse", "fine"]);
        assert_eq!(query_words("can't E-mail 3.14").unwrap(), ["can't", "e", "mail", "3.14"]);
    }

    #[test]
    fn ascii_takes_the_short_way_to_the_same_words() {
        for text in ["Hello, World! x_y 3.14 can't", "", "A\u{7f}B\tC", "ALL CAPS and-dashes"] {
            let long: String = text.nfkc().default_case_fold().nfkc().collect();
            assert!(words(&folded(text)).eq(long.unicode_words()), "{text:?}");
        }
    }

    #[test]
    fn what_no_record_can_have_is_refused() {
        for bad in ["...!".to_owned(), String::new(), "x".repeat(65), format!("fine {}", "é".repeat(33))] {
            assert!(query_words(&bad).is_err(), "{bad}");
        }
        assert!(query_words(&"x".repeat(64)).is_ok());
        assert!(query_words(&(0..513).map(|i| format!("w{i} ")).collect::<String>()).is_err());
    }

    #[test]
    fn at_most_512_of_a_record() {
        let mut r = CollectionMetadata::new("n", 1, crate::DistanceMetric::COSINE);
        let text: String = (0..1000).map(|i| format!("w{i} ")).collect();
        r.description = Some(format!("{} {text}", "long".repeat(40)).into());
        let words = keywords(&r);
        assert_eq!((words.len(), &*words[0], &*words[511]), (MAX_KEYWORDS, "n", "w510"));
    }
}

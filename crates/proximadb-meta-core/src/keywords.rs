//! Keywords (rule 12): the words of a record, the same on every backend.
//!
//! Text is normalised to NFKC, fully case-folded, normalised again, and cut into words by UAX #29. The Unicode version is that
//! of the pinned crates; [`KEYWORDS_REVISION`] is stored beside what is computed here and changes with it.

use std::collections::HashSet;

use caseless::Caseless as _;
use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

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
    collect(fields.into_iter().flatten().chain(record.tags.iter()).map(|t| &**t))
}

/// The distinct words of a query. A query matches a record that has all of them.
#[must_use]
pub fn query_words(query: &str) -> Vec<String> {
    collect([query])
}

fn collect<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut words = Vec::new();
    for text in texts {
        let folded: String = text.nfkc().default_case_fold().nfkc().collect();
        for word in folded.unicode_words() {
            if words.len() == MAX_KEYWORDS {
                return words;
            }
            if word.len() <= MAX_KEYWORD_BYTES && seen.insert(word.to_owned()) {
                words.push(word.to_owned());
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_and_words() {
        assert_eq!(query_words("Straße STRASSE ﬁne"), ["strasse", "fine"]);
        assert_eq!(query_words("can't e-mail 3.14"), ["can't", "e", "mail", "3.14"]);
        assert_eq!(query_words("...!"), Vec::<String>::new());
        assert_eq!(query_words(&"x".repeat(65)), Vec::<String>::new());
    }

    #[test]
    fn at_most_512() {
        let text: String = (0..1000).map(|i| format!("w{i} ")).collect();
        assert_eq!(query_words(&text).len(), MAX_KEYWORDS);
    }
}

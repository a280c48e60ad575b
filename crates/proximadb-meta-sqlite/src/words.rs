//! Keywords in the full-text index: the tokens of a record, and the queries that find them.
//!
//! A token is the namespace in hexadecimal, a colon, and a keyword. The index cuts tokens at blanks alone; a keyword that itself
//! has a blank (a blank with a combining mark can be a word) is left out, and a query for one is not pushed.

use std::fmt::Write as _;

use proximadb_meta_core::keywords::{keywords, query_words};
use proximadb_meta_core::{CollectionMetadata, Namespace};

use crate::row::{Record, json};

/// Records whose keywords are found before somebody else may go on.
const AT_ONCE: usize = 16;
/// Bytes of keywords that end a part: one statement puts it in.
const LONG: usize = 1 << 20;

/// What the index is to hold of many records, in parts: JSON of rows to tokens.
pub(crate) async fn texts(records: &[(i64, Namespace, Record)]) -> Vec<String> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    for some in records.chunks(AT_ONCE) {
        for (row, namespace, record) in some {
            part.push(if part.is_empty() { '{' } else { ',' });
            // Writing to a String cannot fail.
            let _ = write!(part, "\"{row}\":{}", json(&tokens(namespace, record)));
            if part.len() >= LONG {
                part.push('}');
                parts.push(std::mem::take(&mut part));
            }
        }
        tokio::task::yield_now().await;
    }
    if !part.is_empty() {
        part.push('}');
        parts.push(part);
    }
    parts
}

/// What the index holds of a record.
pub(crate) fn tokens(namespace: &Namespace, record: &CollectionMetadata) -> String {
    let prefix = prefix(namespace);
    let mut out = String::new();
    for word in keywords(record).iter().filter(|w| is_token(w)) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&prefix);
        out.push_str(word);
    }
    out
}

/// Whether two records have the same tokens for sure.
pub(crate) fn same_texts(a: &CollectionMetadata, b: &CollectionMetadata) -> bool {
    a.name == b.name && a.description == b.description && a.owner == b.owner && a.tags == b.tags
}

/// Whether the index answers a query exactly.
pub(crate) fn is_indexed(query: &str) -> bool {
    query_words(query).is_ok_and(|words| words.iter().all(|w| is_token(w)))
}

/// The expression for records that have all (or one) of the words; nothing where no record of the index can match.
pub(crate) fn expression(namespace: &Namespace, query: &str, all: bool) -> Option<String> {
    let prefix = prefix(namespace);
    let words = query_words(query).ok()?;
    let quoted = words.iter().filter(|w| is_token(w)).map(|w| format!("\"{prefix}{}\"", w.replace('"', "\"\"")));
    let quoted: Vec<String> = quoted.collect();
    (!quoted.is_empty()).then(|| quoted.join(if all { " AND " } else { " OR " }))
}

/// Cut at blanks and ASCII control characters alone, and folded already.
fn is_token(word: &str) -> bool {
    word.bytes().all(|b| !b.is_ascii_whitespace() && !b.is_ascii_control() && !b.is_ascii_uppercase())
}

fn prefix(namespace: &Namespace) -> String {
    let mut out = String::with_capacity(2 * namespace.as_str().len() + 1);
    for byte in namespace.as_str().bytes() {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out.push(':');
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proximadb_meta_core::DistanceMetric;

    use super::*;

    #[tokio::test]
    async fn every_record_is_in_one_part_and_none_is_long() {
        let namespace = Namespace::new("tenant").unwrap();
        let text: String = (0..500).map(|i| format!("w{i}\" ")).collect();
        let records: Vec<_> = (0..500)
            .map(|row| {
                let mut r = CollectionMetadata::new(format!("n{row}"), 1, DistanceMetric::COSINE);
                r.description = Some(text.as_str().into());
                (row, namespace.clone(), Arc::new(r))
            })
            .collect();
        let parts = texts(&records).await;
        assert!(parts.len() > 3);
        let mut found = BTreeMap::new();
        for part in &parts {
            assert!(part.len() < LONG + 32 * 1024);
            let rows: BTreeMap<i64, String> = serde_json::from_str(part).unwrap();
            found.extend(rows);
        }
        let wanted = records.iter().map(|(row, ns, r)| (*row, tokens(ns, r)));
        assert!(found.into_iter().eq(wanted));
        assert!(texts(&[]).await.is_empty());
    }
}

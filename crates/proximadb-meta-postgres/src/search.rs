//! Ranked search: the index on keywords finds what has one of the words, `ts_rank` over them as a `tsvector` ranks it.

use proximadb_meta_core::driver::Search;
use proximadb_meta_core::keywords::query_words;
use proximadb_meta_core::{Call, Error, Ranked, Result};

use crate::driver::PostgresDriver;
use crate::error::damaged;
use crate::filter::condition;
use crate::pool::Ask;
use crate::row::{COLUMNS, WIDTH, decode};
use crate::sql::{Arg, Sql};

pub(crate) async fn search(driver: &PostgresDriver, call: &Call, search: Search) -> Result<Vec<Ranked>> {
    let words = query_words(&search.query)?;
    let prefix = &driver.texts.prefix;
    let mut body = Sql::default();
    body.words("(SELECT ").words(COLUMNS).words(", ts_rank(array_to_tsvector(keywords), ").text(any_of(&words));
    body.words("::tsquery)::float8 AS score FROM ").words(prefix).words("collections WHERE namespace = ");
    body.text(call.namespace.as_str()).words(" AND keywords && ").value(Arg::Texts(words));
    if let Some(filter) = &search.filter {
        body.words(" AND ");
        condition(filter, &mut body);
    }
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    body.words(" ORDER BY score DESC, id LIMIT ").integer(number(search.limit));
    body.words(" OFFSET ").integer(number(search.skip)).words(")");
    if !call.restoring {
        let nothing = vec!["NULL"; WIDTH + 1].join(", ");
        // The namespace is parameter 2 here: the query comes before it.
        let guard = format!("SELECT {nothing} FROM {prefix}restoring WHERE namespace = $2 UNION ALL ");
        body = body.prefixed(&guard);
    }
    let rows = driver.pool.rows("search", Ask::Typed(body.as_str(), &body.bound())).await?;
    let ranked = rows.iter().map(|row| {
        let record = decode(row)?.ok_or_else(Error::being_restored)?;
        let score = row.try_get(WIDTH).map_err(|e| damaged(format!("a score cannot be read: {e}")))?;
        Ok(Ranked::new(record, score))
    });
    ranked.collect()
}

/// The words as a query that any of them satisfies.
fn any_of(words: &[String]) -> String {
    let quoted = words.iter().map(|w| format!("'{}'", w.replace('\\', "\\\\").replace('\'', "''")));
    quoted.collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted() {
        assert_eq!(any_of(&["a'b\\".to_owned(), "c".to_owned()]), "'a''b\\\\' | 'c'");
    }
}

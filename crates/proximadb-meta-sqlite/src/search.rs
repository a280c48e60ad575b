//! Ranked search: the full-text index finds and ranks (BM25 over the keywords of the namespace), one statement reads.

use proximadb_meta_core::driver::Search;
use proximadb_meta_core::{Call, Error, Ranked, Result};
use sqlx::Row as _;

use crate::driver::SqliteDriver;
use crate::error::failed;
use crate::filter::condition;
use crate::row::{COLUMNS, NO_COLUMNS, decode};
use crate::sql::Sql;
use crate::words::expression;

pub(crate) async fn search(driver: &SqliteDriver, call: &Call, search: Search) -> Result<Vec<Ranked>> {
    let Some(expression) = expression(&call.namespace, &search.query, false) else { return Ok(Vec::new()) };
    let mut sql = Sql::default();
    if !call.restoring {
        sql.words("SELECT NULL, ").words(NO_COLUMNS).words(" FROM restoring WHERE namespace = ?1 UNION ALL ");
    }
    sql.words("SELECT * FROM (SELECT -bm25(collection_words) AS score, ")
        .words(COLUMNS)
        .words(" FROM collection_words CROSS JOIN collections ON collections.record = collection_words.rowid ")
        .words("WHERE namespace = ")
        .text(call.namespace.as_str())
        .words(" AND collection_words MATCH ")
        .text(expression);
    if let Some(filter) = &search.filter {
        sql.words(" AND ");
        condition(filter, &call.namespace, &mut sql);
    }
    sql.words(" ORDER BY score DESC, id LIMIT ").count(search.limit);
    sql.words(" OFFSET ").count(search.skip).words(")");
    let rows = driver.readers.all("search", sql.query()).await?;
    let ranked = rows.iter().map(|row| {
        let record = decode(row, 1)?.ok_or_else(Error::being_restored)?;
        let score = row.try_get_unchecked(0).map_err(|e| failed("read a score", e))?;
        Ok(Ranked::new(record, score))
    });
    ranked.collect()
}

//! The statements that read in order from a place on.

use std::sync::Arc;

use proximadb_meta_core::driver::{Scan, Scanned};
use proximadb_meta_core::page::{Position, SortKey};
use proximadb_meta_core::{Error, Field, Namespace, Order, Result};
use tokio_postgres::Row;

use crate::error::damaged;
use crate::filter::condition;
use crate::pool::{Ask, Pool};
use crate::row::{COLUMNS, Record, decode};
use crate::sql::Sql;
use crate::statements::guard;

/// A part of a list. The namespace is parameter 1.
pub(crate) fn part(prefix: &str, namespace: &Namespace, restoring: bool, scan: &Scan) -> Sql {
    let mut body = Sql::default();
    body.words("(SELECT ").words(COLUMNS).words(" FROM ").words(prefix).words("collections WHERE namespace = ");
    body.text(namespace.as_str());
    if let Some(position) = &scan.after {
        body.words(" AND ");
        after(position, scan.order, &mut body);
    }
    if let Some(filter) = &scan.filter {
        body.words(" AND ");
        condition(filter, &mut body);
    }
    ordered(scan.order, &mut body);
    body.words(" LIMIT ").integer(i64::try_from(scan.limit).unwrap_or(i64::MAX)).words(")");
    if restoring { body } else { body.prefixed(&guard(prefix)) }
}

fn after(position: &Position, order: Order, sql: &mut Sql) {
    let than = if order.is_descending() { " < " } else { " > " };
    match &position.key {
        SortKey::Name(name) => sql.words("(name, id)").words(than).words("(").text(name.clone()).words(", "),
        SortKey::Time(at) => {
            let field = order.field().name();
            sql.words("(").words(field).words(", id)").words(than).words("(").time(*at).words(", ")
        }
        _ => sql.words("id").words(than).words("("),
    };
    sql.text(position.id.clone()).words(")");
}

/// No two records have one name: the order by it needs no id, and so the index is in order as it is.
fn ordered(order: Order, sql: &mut Sql) {
    let direction = if order.is_descending() { " DESC" } else { " ASC" };
    sql.words(" ORDER BY ").words(order.field().name()).words(direction);
    if matches!(order.field(), Field::CreatedAt | Field::UpdatedAt) {
        sql.words(", id").words(direction);
    }
}

/// The records of rows that a guarded statement gave.
pub(crate) fn records(rows: &[Row]) -> Result<Vec<Record>> {
    rows.iter().map(|row| decode(row)?.ok_or_else(Error::being_restored)).collect()
}

/// What the rows of a part are.
pub(crate) fn scanned(rows: &[Row], scan: &Scan, access: Arc<str>) -> Result<Scanned> {
    let records = records(rows)?;
    let next = records.last().filter(|_| records.len() >= scan.limit).map(|r| Position::after(r, scan.order));
    let examined = records.len() as u64;
    Ok(Scanned::new(records, next, examined, access))
}

/// How PostgreSQL answers a statement, in its own words.
pub(crate) async fn access(pool: &Pool, statement: &Sql) -> Result<Arc<str>> {
    let explain = format!("EXPLAIN (COSTS OFF) {}", statement.as_str());
    let rows = pool.rows("explain the list", Ask::Typed(&explain, &statement.bound())).await?;
    let lines: std::result::Result<Vec<&str>, _> = rows.iter().map(|row| row.try_get(0)).collect();
    let lines = lines.map_err(|e| damaged(format!("the explanation cannot be read: {e}")))?;
    Ok(lines.join("\n").into())
}

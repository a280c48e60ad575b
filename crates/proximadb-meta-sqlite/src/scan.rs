//! The statements that read: by key, and in order from a place on.
//!
//! A point read begins with a row without an id where the namespace is being restored, a part of a list with one of NULL
//! ([`pack`](crate::packed::pack)): one statement sees one state, so that nobody takes a half filled namespace for a catalog.

use std::sync::{Arc, LazyLock};

use proximadb_meta_core::driver::{Key, Scan};
use proximadb_meta_core::page::{Position, SortKey};
use proximadb_meta_core::{Call, Field, Namespace, Order, Result};
use sqlx::{AssertSqlSafe, Row as _};

use crate::error::failed;
use crate::filter::{Gathered, condition, gathered};
use crate::readers::Readers;
use crate::row::{COLUMNS, NO_COLUMNS, Query};
use crate::sql::Sql;

fn guard() -> String {
    format!("SELECT {NO_COLUMNS} FROM restoring WHERE namespace = ?1 UNION ALL ")
}

fn by_key(column: &str, guarded: bool) -> Arc<str> {
    let guard = if guarded { guard() } else { String::new() };
    format!("{guard}SELECT {COLUMNS} FROM collections WHERE namespace = ?1 AND {column} = ?2").into()
}

static BY_ID: LazyLock<Arc<str>> = LazyLock::new(|| by_key("id", true));
static BY_NAME: LazyLock<Arc<str>> = LazyLock::new(|| by_key("name", true));
static BY_ID_RESTORING: LazyLock<Arc<str>> = LazyLock::new(|| by_key("id", false));
static BY_NAME_RESTORING: LazyLock<Arc<str>> = LazyLock::new(|| by_key("name", false));

/// A point read.
pub(crate) fn point(call: &Call, key: Key<'_>) -> Query<'static> {
    let (text, value) = match (key, call.restoring) {
        (Key::Id(id), false) => (&BY_ID, id),
        (Key::Name(name), false) => (&BY_NAME, name),
        (Key::Id(id), true) => (&BY_ID_RESTORING, id),
        (Key::Name(name), true) => (&BY_NAME_RESTORING, name),
    };
    sqlx::query(AssertSqlSafe((*text).clone())).bind(call.namespace.as_str()).bind(value)
}

/// The columns of a part of a list.
pub(crate) fn part(namespace: &Namespace, scan: &Scan) -> Sql {
    let mut sql = Sql::default();
    sql.words("SELECT ").words(COLUMNS).words(" FROM collections WHERE namespace = ").text(namespace.as_str());
    if let Some(position) = &scan.after {
        sql.words(" AND ");
        after(position, scan.order, &mut sql);
    }
    if let Some(filter) = &scan.filter {
        sql.words(" AND ");
        condition(filter, namespace, &mut sql);
    }
    let sorted = match scan.filter.as_deref().and_then(gathered) {
        None => false,
        Some(Gathered::ById) => scan.order.field() != Field::Id,
        Some(Gathered::Unordered) => true,
    };
    ordered(scan.order, sorted, &mut sql);
    sql.words(" LIMIT ").count(scan.limit);
    sql
}

fn after(position: &Position, order: Order, sql: &mut Sql) {
    let field = order.field().name();
    let than = if order.is_descending() { " < " } else { " > " };
    match &position.key {
        SortKey::Name(name) => sql.words("(name, id)").words(than).words("(").text(name.clone()).words(", "),
        SortKey::Time(at) => {
            sql.words("(").words(field).words(", id)").words(than).words("(").integer(at.as_micros()).words(", ")
        }
        _ => sql.words("id").words(than).words("("),
    };
    sql.text(position.id.clone()).words(")");
}

/// `sorted`: no index gives the order (a column behind a `+` is none of an index). Once it has statistics the planner would rather go
/// through all records in order, hoping to meet enough of them soon.
fn ordered(order: Order, sorted: bool, sql: &mut Sql) {
    let direction = if order.is_descending() { " DESC" } else { " ASC" };
    let column = if sorted { "+" } else { "" };
    sql.words(" ORDER BY ");
    if order.field() != Field::Id {
        sql.words(column).words(order.field().name()).words(direction).words(", ");
    }
    sql.words(column).words("id").words(direction);
}

/// How SQLite answers a statement, in its own words.
pub(crate) async fn access(readers: &Readers, statement: &Sql) -> Result<Arc<str>> {
    let rows = readers.all("explain the list", statement.prefixed("EXPLAIN QUERY PLAN ").query()).await?;
    let lines: std::result::Result<Vec<&str>, _> = rows.iter().map(|row| row.try_get("detail")).collect();
    Ok(lines.map_err(|e| failed("explain the list", e))?.join("; ").into())
}

#[cfg(test)]
mod tests {
    use proximadb_meta_core::Filter;

    use super::*;

    #[test]
    fn what_is_gathered_is_sorted_where_it_is_not_in_order() {
        let (by_id, by_name) = (Order::default(), Order::by(Field::Name).unwrap());
        for (filter, order, words) in [
            ("owner = x", by_id, " ORDER BY id ASC"),
            ("owner = x", by_name, " ORDER BY +name ASC, +id ASC"),
            ("owner = x AND tags:y", by_id.reversed(), " ORDER BY id DESC"),
            ("owner = x AND (tags:y OR text(\"z\"))", by_id, " ORDER BY id ASC"),
            ("owner = x OR tags:y", by_id, " ORDER BY +id ASC"),
            ("owner = x OR dimension = 3", by_id, " ORDER BY id ASC"),
            ("text(\"z\")", by_id, " ORDER BY +id ASC"),
            ("NOT owner = x", by_name, " ORDER BY name ASC, id ASC"),
            ("created_at > 2030-01-01", by_name, " ORDER BY name ASC, id ASC"),
        ] {
            let filter = Filter::parse(filter).unwrap();
            let mut scan = Scan::new(order, 10);
            scan.filter = Some(Arc::new(filter.normalize()));
            let sql = part(&Namespace::default(), &scan);
            assert!(sql.as_str().contains(words), "{filter}: {}", sql.as_str());
        }
    }

    /// As a parameter it would cost a compilation of the statement for every page.
    #[test]
    fn the_length_of_a_page_is_in_the_text() {
        let scan = Scan::new(Order::default(), 123);
        let sql = part(&Namespace::default(), &scan);
        assert!(sql.as_str().ends_with(" LIMIT 123"), "{}", sql.as_str());
    }
}

//! What SQLite's planner takes for granted of the text index's own tables.
//!
//! The schema counts its tables while they are empty, and writes other numbers in place of that. The table of segments has no index:
//! for it a count is kept by the connection until another one takes its place. Of two rows, it would look through all of the table
//! for each segment that a merge removes, however large the table becomes.

use proximadb_meta_core::Result;
use sqlx::sqlite::SqliteConnection;

use crate::error::failed;

const TAKEN_FOR_LARGE: &str =
    "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('collection_words_data', NULL, '1000000')";
/// Reads the statistics anew; nothing is counted.
const READ: &str = "ANALYZE sqlite_schema";

/// Writes it down, in the transaction that made the schema.
pub(crate) async fn take_for_large(connection: &mut SqliteConnection) -> Result<()> {
    run(connection, TAKEN_FOR_LARGE).await
}

/// Has this connection go by what is written down.
pub(crate) async fn read(connection: &mut SqliteConnection) -> Result<()> {
    run(connection, READ).await
}

async fn run(connection: &mut SqliteConnection, statement: &'static str) -> Result<()> {
    let query = sqlx::query(statement).execute(connection).await;
    query.map(drop).map_err(|e| failed("write down what the planner goes by", e))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::{ConnectOptions as _, Row as _};

    use super::*;
    use crate::{SqliteOptions, schema};

    /// How the index removes a segment: the statement as FTS5 has it.
    async fn removal(connection: &mut SqliteConnection) -> String {
        let text = "EXPLAIN QUERY PLAN DELETE FROM 'main'.'collection_words_data' WHERE id>=? AND id<=?";
        sqlx::query(text).fetch_one(connection).await.unwrap().get("detail")
    }

    #[tokio::test]
    async fn segments_are_found_on_the_connection_that_made_the_schema() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.db");
        let options = SqliteOptions::default().writer(&path).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        assert_eq!(schema::prepare(&mut connection, Duration::ZERO).await.unwrap(), [1]);
        assert!(removal(&mut connection).await.starts_with("SEARCH"));
    }
}

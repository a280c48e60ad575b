//! Records of a part, packed in the statement: a text of JSON arrays instead of rows.
//!
//! sqlx hands each row to another thread, and copies each of its values for that: of a page that was four fifths of the work.

use proximadb_meta_core::{Error, Result};
use sqlx::sqlite::SqliteRow;

use crate::error::{damaged, failed};
use crate::row::{COLUMNS, Columns, Record};
use crate::sql::Sql;

/// Records that one text takes. At their longest, 1.5 MiB each where every character has to be escaped, they stay far below
/// the billion bytes that SQLite allows.
pub(crate) const IN_ONE: usize = 256;

/// The records of a statement that gives the columns of at most `limit`. Before them comes a row of NULL where the namespace is
/// being restored, unless the restore itself asks.
pub(crate) fn pack(records: &Sql, limit: usize, restoring: bool) -> Sql {
    let guard = if restoring { "" } else { "SELECT NULL FROM restoring WHERE namespace = ?1 UNION ALL " };
    let arrays = if limit > IN_ONE {
        format!("json_array({COLUMNS})")
    } else {
        format!("coalesce(group_concat(json_array({COLUMNS}), ''), '')")
    };
    let mut packed = records.prefixed(&format!("{guard}SELECT {arrays} FROM ("));
    packed.words(")");
    packed
}

/// The records of packed rows. What the file holds is not trusted.
pub(crate) fn unpack(rows: &[SqliteRow]) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for row in rows {
        let text: Option<&str> = sqlx::Row::try_get_unchecked(row, 0).map_err(|e| failed("read records", e))?;
        for columns in serde_json::Deserializer::from_str(text.ok_or_else(Error::being_restored)?).into_iter() {
            let columns: Columns<'_> =
                columns.map_err(|e| damaged("a column of a record has a value of another type").with_source(e))?;
            records.push(columns.record()?);
        }
    }
    Ok(records)
}

//! What a run says: JSON on standard output, a table, a document.

mod json;
mod text;

pub(crate) use json::json;
pub(crate) use text::table;

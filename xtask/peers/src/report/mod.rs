//! What a run says: JSON or a table on standard output, and the document.

mod goals;
mod growth;
mod json;
mod markdown;
mod text;

pub(crate) use goals::goals;
pub(crate) use json::json;
pub(crate) use markdown::{write, write_instructions};

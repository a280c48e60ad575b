//! Filters (rule 11): one syntax tree, one `evaluate` that is the meaning, a text form, a normal form, and the split between
//! what a store answers and what the adapter checks.
//!
//! # Text form
//!
//! ```
//! # use proximadb_meta_core::Filter;
//! let f = Filter::parse(r#"owner = "bob" AND (tags:gpu OR dimension >= 768) AND NOT description:*"#)?;
//! assert_eq!(Filter::parse(&f.to_string())?, f);
//! # Ok::<(), proximadb_meta_core::Error>(())
//! ```
//!
//! | form | meaning |
//! |---|---|
//! | `field = v`, `!= < <= > >=` | comparison; texts by UTF-8 bytes, times as RFC 3339, numbers whole |
//! | `tags:x` | has the tag |
//! | `field:*` | the field is present |
//! | `startsWith(field, "x")` | a text field starts with |
//! | `text("a b")` | all these words occur, see [`keywords`](crate::keywords) |
//! | `config.index.m >= 16`, `config."a.b":*` | a number, text or truth value in config; presence of a path |
//! | `NOT f`, `f AND g`, `f OR g`, `( )` | mixing `AND` and `OR` needs parentheses |
//!
//! Values are bare words (`[A-Za-z0-9_.+-]`, and `:` inside times) or `"quoted"` with `\"`, `\\`, `\n`, `\r`, `\t`. At most 64
//! leaves, nested at most 64 deep.

mod ast;
mod build;
mod eval;
mod lex;
mod normal;
mod parse;
mod print;
mod split;
#[cfg(test)]
mod tests;
mod translate;

pub use ast::{ConfigValue, Filter, Leaf, Literal, Normal, Op};
pub use build::{MAX_DEPTH, MAX_LEAVES};
pub use split::{Split, split};
pub use translate::after_prefix;

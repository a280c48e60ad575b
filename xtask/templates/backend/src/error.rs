//! The store's errors in the words of the contract: map its codes here, by named constant, one place for all of them.

use proximadb_meta_core::Error;

/// What is not written yet is refused, before any effect.
pub(crate) fn cannot(what: &str) -> Error {
    Error::unsupported(format!("the {{name}} backend cannot {what} yet"))
}

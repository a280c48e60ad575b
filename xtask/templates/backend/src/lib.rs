//! The {{name}} backend: a collection catalog in {{name}}.
//!
//! **State: a skeleton.** It compiles and connects to nothing; every call that needs a store is refused.
//!
//! * `config.rs`: the options, and what is made of them.
//! * `driver.rs`: the store behind the contract; where the work is.
//! * `error.rs`: the store's errors in the words of the contract.
//! * `plugin.rs`: the scheme `{{scheme}}`.

#![deny(clippy::expect_used)]

mod config;
mod driver;
mod error;
mod plugin;

pub use config::Config;
pub use driver::{{Type}}Driver;
pub use plugin::{{{Type}}Plugin, register};
use proximadb_meta_core::{Contract, Result};

/// Opens the catalog.
///
/// # Errors
/// `Unavailable` when the store does not answer, `Unauthenticated` or `PermissionDenied` when it refuses us.
pub async fn open(config: Config) -> Result<Contract<{{Type}}Driver>> {
    Ok(Contract::new({{Type}}Driver::connect(config).await?))
}

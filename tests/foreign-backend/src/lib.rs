//! The shelf: a third party's backend, one ordered map in memory, the mandatory profile and nothing more.
//!
//! ```
//! # async fn example() -> proximadb_meta_core::Result<()> {
//! use proximadb_meta_core::BackendRegistry;
//! let registry = BackendRegistry::new();
//! foreign_backend::register(&registry)?;
//! let catalog = registry.connect("shelf://?capacity=100").await?;
//! assert_eq!(catalog.count_collections(None).await?, 0);
//! # Ok(())
//! # }
//! ```

mod driver;
mod plugin;
mod space;

pub use driver::ShelfDriver;
pub use plugin::{ShelfPlugin, register};
use proximadb_meta_core::Contract;

/// A new, empty shelf that takes `capacity` records a namespace.
#[must_use]
pub fn shelf(capacity: usize) -> Contract<ShelfDriver> {
    Contract::new(ShelfDriver::new(capacity))
}

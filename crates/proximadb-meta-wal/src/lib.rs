//! The durable embedded log: one directory that holds checkpoints and log segments. See `docs/format.md`.

mod codec;
mod frame;
pub mod log;
mod recover;
mod storage;

pub use recover::State;
pub use storage::{FileStorage, Storage, StorageFile};

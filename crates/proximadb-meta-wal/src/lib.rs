//! The durable embedded log: one directory that holds checkpoints and log segments.

mod codec;
mod frame;
mod storage;

pub use storage::{FileStorage, Storage, StorageFile};

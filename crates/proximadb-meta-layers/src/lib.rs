//! Layers of the collection catalog: wrappers around any backend, each written once.
//!
//! A layer is put around a backend by a program ([`Stack`](proximadb_meta_core::Stack)), or by a configuration once its
//! plugin is registered ([`register`]). The registry puts layers around a backend in the order of their registration, the first
//! one innermost.
//!
//! | layer | options | what it does |
//! |---|---|---|
//! | [`TracingLayer`] | `enable_tracing` | a `tracing` span for each call |
//!
//! ```
//! # use std::sync::Arc;
//! # use proximadb_meta_core::MetadataBackend;
//! # fn example(backend: Arc<dyn MetadataBackend>) -> Arc<dyn MetadataBackend> {
//! use proximadb_meta_core::Stack;
//! use proximadb_meta_layers::TracingLayer;
//! Stack::new(backend).layer(&TracingLayer).build()
//! # }
//! ```

#![deny(clippy::expect_used)]

mod plugin;
mod trace;

pub use plugin::{TracingPlugin, register};
pub use trace::TracingLayer;

//! The four doors, the registry and their secrets, against plugins that exist for these tests alone.

mod builder;
mod env;
mod equal;
mod fakes;
mod registry;
mod resolve;
mod secrets;
mod table;
mod uri;

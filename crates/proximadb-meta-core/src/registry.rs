//! The registry of backends.
/// The registry.
#[derive(Debug, Default)]
pub struct BackendRegistry {}

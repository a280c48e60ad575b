//! What a proxy counts.

/// Bytes in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flow {
    /// Read from the sender.
    pub received: u64,
    /// Written to the receiver. The rest was dropped, cut off, or is on its way.
    pub passed: u64,
}

/// What a proxy has counted since it started. Everything is counted just before it is done, so that whoever saw the effect
/// also finds it here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that are neither closed nor cut. A closed one is taken off after its sockets.
    pub open: u64,
    /// Connections cut or reset by the proxy: by a fault, or on demand.
    pub cuts: u64,
    /// Connections reset because the server could not be reached.
    pub unreachable: u64,
    /// Requests that were passed on, or begun to be: what goes up after something came down, or first.
    pub requests: u64,
    /// From clients to the server.
    pub up: Flow,
    /// From the server to clients.
    pub down: Flow,
}

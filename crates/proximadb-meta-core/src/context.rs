//! What surrounds a call without being a parameter of every method: namespace, staleness, deadline, actor, idempotency key.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::limits::check_namespace;
use crate::time::Timestamp;

/// A tenant's part of the catalog. It leads every key, unique index and cursor, so that tenants never meet.
/// The default one is empty; others are at most 64 bytes without control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace(Option<Arc<str>>);

impl Namespace {
    /// # Errors
    /// `InvalidInput` when the name breaks its limits.
    pub fn new(name: &str) -> Result<Self> {
        check_namespace(name)?;
        Ok(Self((!name.is_empty()).then(|| name.into())))
    }

    /// The name; empty for the default namespace.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }
}

/// The context a handle is bound to by [`scoped`](crate::backend::MetadataBackend::scoped). Cheap to clone.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CallContext {
    /// Which namespace every call works in.
    pub namespace: Namespace,
    /// Reads may be this old; `None`: they must see every acknowledged write.
    pub staleness: Option<Duration>,
    /// Calls give up at this instant: reads with `Timeout`, writes with an unknown outcome.
    pub deadline: Option<Instant>,
    /// Who acts, for audit and traces.
    pub actor: Option<Arc<str>>,
    /// Makes a write repeatable; refused where the backend does not declare `idempotency`.
    pub idempotency_key: Option<Arc<str>>,
}

impl CallContext {
    /// The default namespace, no staleness, no deadline.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A context for one namespace.
    #[must_use]
    pub fn in_namespace(namespace: Namespace) -> Self {
        Self { namespace, ..Self::default() }
    }

    /// Sets the deadline.
    #[must_use]
    pub fn with_deadline(mut self, at: Instant) -> Self {
        self.deadline = Some(at);
        self
    }

    /// Sets the staleness that reads allow.
    #[must_use]
    pub fn with_staleness(mut self, at_most: Duration) -> Self {
        self.staleness = Some(at_most);
        self
    }

    /// Sets who acts.
    #[must_use]
    pub fn with_actor(mut self, actor: impl Into<Arc<str>>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// Sets the idempotency key of the writes made through the handle.
    #[must_use]
    pub fn with_idempotency_key(mut self, key: impl Into<Arc<str>>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }
}

/// What a driver sees of a call. Built by the adapter; one instant holds for the whole call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// The namespace to work in.
    pub namespace: Namespace,
    /// The adapter's "now" of this call.
    pub now: Timestamp,
    /// How old a read may be.
    pub staleness: Option<Duration>,
    /// When to give up.
    pub deadline: Option<Instant>,
    /// Set by restore alone: the call may touch a namespace that is marked as restoring.
    pub restoring: bool,
}

impl Call {
    /// A call in `namespace` at `now` with nothing else set.
    #[must_use]
    pub fn new(namespace: Namespace, now: Timestamp) -> Self {
        Self { namespace, now, staleness: None, deadline: None, restoring: false }
    }
}

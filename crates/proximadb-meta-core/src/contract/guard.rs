//! What surrounds every call: closed handles, deadlines, and the words that say where an error comes from.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Contract;
use crate::driver::Driver;
use crate::error::{Error, ErrorKind, Result, Retry};

/// Whether a call that ran out of time may have changed something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Write,
}

/// Refuses what the backend does not declare, before anything is done.
pub(super) fn offered(declared: bool, what: &str) -> Result<()> {
    if declared { Ok(()) } else { Err(Error::unsupported(format!("this backend has no {what}"))) }
}

impl<D: Driver> Contract<D> {
    pub(super) async fn guarded<T>(
        &self,
        operation: &'static str,
        kind: Kind,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let result = if self.shared.closed.load(Ordering::SeqCst) {
            Err(Error::closed())
        } else if let Some(deadline) = self.context.deadline {
            // In a box of its own: the common call has no deadline, and its future is small without one.
            Box::pin(in_time(deadline, kind, work)).await
        } else {
            work.await
        };
        result.map_err(|e| e.in_operation(operation, self.label()))
    }

    /// An idempotency key that the store cannot honour must not be ignored.
    pub(super) fn refuse_idempotency_key(&self) -> Result<()> {
        if self.context.idempotency_key.is_some() {
            return Err(Error::unsupported("this backend does not keep idempotency keys")
                .with_hint("write without one, and read after an unknown outcome"));
        }
        Ok(())
    }
}

/// Ends the work when the deadline passes.
async fn in_time<T>(deadline: Instant, kind: Kind, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
    if deadline <= Instant::now() {
        return Err(
            Error::new(ErrorKind::Timeout, "the deadline had passed before the call began").with_retry(Retry::Safe)
        );
    }
    match tokio::time::timeout_at(deadline.into(), work).await {
        Ok(result) => result,
        Err(_) if kind == Kind::Read => {
            Err(Error::new(ErrorKind::Timeout, "no answer before the deadline").with_retry(Retry::Safe))
        }
        Err(_) => Err(Error::new(ErrorKind::Timeout, "no answer before the deadline; it may still be done")
            .with_hint("read the record before you write it again")),
    }
}

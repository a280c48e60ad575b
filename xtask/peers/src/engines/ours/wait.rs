//! Waiting for our futures from a thread: by one poll where they are ready at once, as a caller inside a runtime does.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use anyhow::{Context as _, Result};
use tokio::runtime::{Builder, Runtime};

/// The runtime that backends are opened in. It is there for their timers and blocking threads, and otherwise idle.
pub(super) fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let new = Builder::new_multi_thread().worker_threads(1).enable_all().build().context("start a runtime")?;
    Ok(RUNTIME.get_or_init(|| new))
}

/// Polls once with a waker that does nothing; only what is not ready then is really waited for.
pub(super) fn now<F: Future>(future: F) -> Result<F::Output> {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => wait(future),
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Parks the thread until the future is done. Not the runtime's own way: it is also called from its tasks.
pub(super) fn wait<F: Future>(future: F) -> Result<F::Output> {
    let _timers = runtime()?.enter();
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return Ok(output),
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ready_is_not_waited_for_and_the_rest_is() {
        assert_eq!(now(async { 7 }).unwrap(), 7);
        let (send, receive) = tokio::sync::oneshot::channel();
        let sender = thread::spawn(move || send.send(8));
        assert_eq!(now(receive).unwrap().unwrap(), 8);
        sender.join().unwrap().unwrap();
    }
}

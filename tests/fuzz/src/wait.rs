//! Running a future to its end on this thread.

use std::cell::RefCell;
use std::future::Future;

use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: RefCell<Option<Runtime>> = const { RefCell::new(None) };
}

/// The outcome of a future. Not to be called inside another one.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with_borrow_mut(|runtime| {
        let runtime = runtime
            .get_or_insert_with(|| Builder::new_current_thread().enable_time().build().expect("a runtime is made"));
        runtime.block_on(future)
    })
}

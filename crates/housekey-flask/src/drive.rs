//! Waiting for the rules: they are async, and the work is done on this thread.

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures_lite::future::block_on;
use pyo3::Python;

thread_local! {
    /// The visits whose user this thread is looking for.
    static LOADING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Runs a future to its end. It is ready at once, unless another thread looks for the user of the same request at this moment:
/// then the interpreter is free for that one while this one waits.
pub(crate) fn drive<F: Future + Send>(py: Python<'_>, future: F) -> F::Output
where
    F::Output: Send,
{
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => py.detach(|| block_on(future)),
    }
}

/// Says that this thread looks for the user of a visit, until it is dropped.
pub(crate) struct Loading(usize);

impl Loading {
    pub(crate) fn of(visit: usize) -> Self {
        LOADING.with_borrow_mut(|loading| loading.push(visit));
        Self(visit)
    }

    /// Whether this thread looks for the user of this visit already.
    pub(crate) fn is_under_way(visit: usize) -> bool {
        LOADING.with_borrow(|loading| loading.contains(&visit))
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        // Greenlets end in any order.
        LOADING.with_borrow_mut(|loading| {
            if let Some(index) = loading.iter().rposition(|visit| *visit == self.0) {
                loading.remove(index);
            }
        });
    }
}

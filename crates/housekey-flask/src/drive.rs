//! Waits for the rules: they are async, and the work runs on this thread.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// Runs a future to its end. It is ready at once, unless another thread is handling the same request at this very moment:
/// then this one waits and leaves the interpreter to the other.
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

/// How long one caller waits while another looks up the user of the same request, and how long it sleeps in between.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: f64 = 0.001;

/// Waits for another thread or greenlet. Uses Python's own `sleep`, which lets greenlets run where it is patched: the other
/// caller may be a greenlet of this very thread.
pub(crate) fn wait_while(py: Python<'_>, is_so: impl Fn() -> bool) -> PyResult<()> {
    let end = Instant::now() + PATIENCE;
    let sleep = intern!(py, "sleep");
    while is_so() {
        if Instant::now() > end {
            return Err(PyRuntimeError::new_err(
                "another thread has been looking for the user of this request for 30 seconds: does its user_loader wait for this one?",
            ));
        }
        py.import("time")?.call_method1(sleep, (PAUSE,))?;
    }
    Ok(())
}

/// Marks this work as in progress for a visit, until it is dropped. The mark is in Python's context, not the thread: an
/// async loader runs on another thread, and under gevent a thread handles several requests at once.
pub(crate) struct Loading<'py> {
    variable: &'py Bound<'py, PyAny>,
    token: Bound<'py, PyAny>,
}

impl<'py> Loading<'py> {
    pub(crate) fn enter(py: Python<'py>, visit: usize) -> PyResult<Self> {
        let variable = variable(py)?;
        // One app may call another during a request.
        let around = variable.call_method0(intern!(py, "get"))?;
        let token = variable.call_method1(intern!(py, "set"), ((visit, around),))?;
        Ok(Self { variable, token })
    }

    pub(crate) fn leave(self) -> PyResult<()> {
        let reset = intern!(self.token.py(), "reset");
        self.variable.call_method1(reset, (self.token,)).map(drop)
    }

    /// Whether this very code was called by the work in progress for this visit.
    pub(crate) fn is_under_way(py: Python<'_>, visit: usize) -> PyResult<bool> {
        let mut around = variable(py)?.call_method0(intern!(py, "get"))?;
        while !around.is_none() {
            let (of, further): (usize, Bound<'_, PyAny>) = around.extract()?;
            if of == visit {
                return Ok(true);
            }
            around = further;
        }
        Ok(false)
    }
}

fn variable(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static VARIABLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let variable = VARIABLE.get_or_try_init(py, || {
        let arguments = PyDict::new(py);
        arguments.set_item("default", py.None())?;
        let class = py.import("contextvars")?.getattr("ContextVar")?;
        let variable = class.call(("flask_housekey_loading",), Some(&arguments))?;
        Ok::<_, PyErr>(variable.unbind())
    })?;
    Ok(variable.bind(py))
}

//! housekey's suite of what every login store must do, for any store that Python has.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use futures_lite::future::block_on;
use housekey::attempts;
use housekey::records::conformance;
use pyo3::exceptions::PyAssertionError;
use pyo3::prelude::*;

use super::StoreHandle;

/// Checks every rule of `LoginStore`, one after the other and then with many threads at once. The store must be empty and
/// not used by anything else.
#[pyfunction]
pub(crate) fn check_login_store(py: Python<'_>, store: &Bound<'_, PyAny>) -> PyResult<()> {
    let handle = StoreHandle::of(store)?;
    let checked = py.detach(|| {
        check_all(
            || block_on(conformance::check(&handle)),
            |spawn| {
                let store = Arc::new(handle.clone());
                block_on(conformance::check_races(store, spawn));
            },
        )
    });
    failed(py, &handle, checked)
}

/// The same for the rules of `AttemptStore`.
#[pyfunction]
pub(crate) fn check_attempt_store(py: Python<'_>, store: &Bound<'_, PyAny>) -> PyResult<()> {
    let handle = StoreHandle::of(store)?;
    handle.must_count_attempts(py)?;
    let checked = py.detach(|| {
        check_all(
            || block_on(attempts::conformance::check(&handle)),
            |spawn| {
                let store = Arc::new(handle.clone());
                block_on(attempts::conformance::check_races(store, spawn));
            },
        )
    });
    failed(py, &handle, checked)
}

fn failed(py: Python<'_>, handle: &StoreHandle, checked: Result<(), String>) -> PyResult<()> {
    let Err(message) = checked else {
        return Ok(());
    };
    let error = PyAssertionError::new_err(message);
    error.set_cause(py, handle.last_exception(py));
    Err(error)
}

type Task = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
type Joined = std::pin::Pin<Box<dyn Future<Output = thread::Result<()>>>>;

/// What the suite found wrong.
fn check_all(
    in_order: impl FnOnce(),
    at_once: impl FnOnce(&dyn Fn(Task) -> Joined),
) -> Result<(), String> {
    let in_order = catch_unwind(AssertUnwindSafe(in_order));
    in_order.map_err(|panic| message(&*panic))?;
    // The thread says what is wrong; the suite only sees that a thread failed.
    let first = Arc::new(Mutex::new(None));
    let spawn = |task: Task| -> Joined {
        let first = Arc::clone(&first);
        let thread = thread::spawn(move || {
            let done = catch_unwind(AssertUnwindSafe(|| block_on(task)));
            if let Err(panic) = done {
                let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert_with(|| message(&*panic));
            }
        });
        Box::pin(async { thread.join() })
    };
    let at_once = catch_unwind(AssertUnwindSafe(|| at_once(&spawn)));
    let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
    at_once.map_err(|panic| first.unwrap_or_else(|| message(&*panic)))
}

fn message(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "the suite failed without a message".to_owned(),
    }
}

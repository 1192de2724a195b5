//! Attempts, as the stores of Python programs count them. A key is 16 `bytes`.

use std::time::Duration;

use housekey::BoxError;
use housekey::attempts::{self, AttemptKey, AttemptStanding, AttemptStore, Counted};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{Kind, StoreHandle, ask};

/// How many attempts may fail in a row, and how long to wait for the next one after that. In whole seconds.
#[pyclass(frozen, name = "AttemptSchedule", module = "flask_housekey.stores")]
pub(crate) struct Schedule(pub(crate) attempts::AttemptSchedule);

/// The time from which the next attempt may come, and the time when all are forgotten.
pub(super) type Standing = (u64, u64);
/// Whether an attempt may go on, and the standing of its key afterwards. If it may not, the second number means nothing.
pub(super) type Answer = (bool, u64, u64);

#[pymethods]
impl Schedule {
    #[new]
    #[pyo3(signature = (*, free, first_delay, longest_delay, forgets_one_every))]
    fn new(free: u32, first_delay: u64, longest_delay: u64, forgets_one_every: u64) -> Self {
        Self(attempts::AttemptSchedule {
            free,
            first_delay: Duration::from_secs(first_delay),
            longest_delay: Duration::from_secs(longest_delay),
            forgets_one_every: Duration::from_secs(forgets_one_every),
        })
    }

    /// This many attempts need not wait.
    #[getter]
    fn free(&self) -> u32 {
        self.0.free
    }

    /// The first wait.
    #[getter]
    fn first_delay(&self) -> u64 {
        self.0.first_delay.as_secs()
    }

    /// The longest wait.
    #[getter]
    fn longest_delay(&self) -> u64 {
        self.0.longest_delay.as_secs()
    }

    /// One failed attempt is forgotten after each interval of this length.
    #[getter]
    fn forgets_one_every(&self) -> u64 {
        self.0.forgets_one_every.as_secs()
    }

    /// The most failed attempts that are kept.
    #[getter]
    fn most(&self) -> u64 {
        self.0.most()
    }

    /// The result of an attempt at a key with this standing, or None: what `count_attempt` returns.
    fn count(&self, before: Option<Standing>, now: u64) -> Answer {
        answer(self.0.count(before.map(standing), now))
    }

    /// The standing of a key without an attempt that was counted with the second standing. None for nothing.
    fn take_back(&self, before: Standing, counted: Standing, now: u64) -> Option<Standing> {
        let left = self.0.take_back(standing(before), standing(counted), now)?;
        Some((left.next_at, left.forgotten_at))
    }
}

pub(super) fn standing((next_at, forgotten_at): Standing) -> AttemptStanding {
    AttemptStanding {
        next_at,
        forgotten_at,
    }
}

pub(super) fn answer(counted: Counted) -> Answer {
    match counted {
        Counted::Allowed(standing) => (true, standing.next_at, standing.forgotten_at),
        Counted::Wait { until } => (false, until, 0),
    }
}

pub(super) fn counted((is_allowed, next_at, forgotten_at): Answer) -> Counted {
    match is_allowed {
        true => Counted::Allowed(standing((next_at, forgotten_at))),
        false => Counted::Wait { until: next_at },
    }
}

pub(super) fn key_bytes<'py>(py: Python<'py>, key: &AttemptKey) -> Bound<'py, PyBytes> {
    PyBytes::new(py, key.as_bytes())
}

pub(super) fn key_of(bytes: &Bound<'_, PyAny>) -> PyResult<AttemptKey> {
    let Ok(bytes) = bytes.cast::<PyBytes>() else {
        return Err(PyTypeError::new_err("the key of attempts is bytes"));
    };
    let key = <[u8; 16]>::try_from(bytes.as_bytes());
    let key = key.map_err(|_| PyValueError::new_err("the key of attempts has 16 bytes"))?;
    Ok(AttemptKey::from_bytes(key))
}

impl AttemptStore for StoreHandle {
    async fn count_attempt(
        &self,
        key: &AttemptKey,
        schedule: &attempts::AttemptSchedule,
        now: u64,
    ) -> Result<Counted, BoxError> {
        ask!(self, count_attempt(key, schedule, now))
    }

    async fn take_attempt_back(
        &self,
        key: &AttemptKey,
        schedule: &attempts::AttemptSchedule,
        counted: AttemptStanding,
        now: u64,
    ) -> Result<(), BoxError> {
        ask!(self, take_attempt_back(key, schedule, counted, now))
    }

    async fn forgive_attempts(&self, key: &AttemptKey) -> Result<(), BoxError> {
        ask!(self, forgive_attempts(key))
    }

    async fn delete_expired_attempts(&self, now: u64, limit: usize) -> Result<usize, BoxError> {
        ask!(self, delete_expired_attempts(now, limit))
    }
}

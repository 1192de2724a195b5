//! One app, as one login manager sees it. It is rebuilt when the app's configuration changes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::config::{Config, Settings};
use crate::user::PyLoader;

/// The rules of one app under one login manager. Both are held by weak references, since they lead here.
#[pyclass(frozen, module = "flask_housekey._core")]
pub(crate) struct Door {
    app: Py<PyAny>,
    manager: Py<PyAny>,
    /// The salt of Flask's session interface, where it was this one's place.
    salt: Option<String>,
    built: Mutex<Option<Arc<Built>>>,
}

/// What was built, and what from.
pub(crate) struct Built {
    pub(crate) settings: Settings,
    /// Whether nothing can be signed.
    pub(crate) is_keyless: bool,
    pub(crate) keeps_private: bool,
    values: Vec<Option<Py<PyAny>>>,
    fallbacks: Vec<Py<PyAny>>,
    protection: Py<PyAny>,
    finds_by_id: bool,
}

#[pymethods]
impl Door {
    #[new]
    #[pyo3(signature = (app, manager, salt=None))]
    fn new(
        py: Python<'_>,
        app: Py<PyAny>,
        manager: Py<PyAny>,
        salt: Option<String>,
    ) -> PyResult<Self> {
        let weakly = py.import("weakref")?.getattr("ref")?;
        Ok(Self {
            app: weakly.call1((app,))?.unbind(),
            manager: weakly.call1((manager,))?.unbind(),
            salt,
            built: Mutex::new(None),
        })
    }
}

impl Door {
    /// What the configuration says by now.
    pub(crate) fn built(&self, py: Python<'_>) -> PyResult<Arc<Built>> {
        let manager = self.manager(py)?;
        let app = self.app.bind(py).call0()?;
        let config = app.getattr("config")?.cast_into::<PyDict>()?;
        let config = Config::of(&config)?;
        let fallbacks = config.fallbacks()?;
        let protection = manager.getattr("session_protection")?;
        let finds_by_id = !manager.getattr("_user_callback")?.is_none();
        let known = self.lock().clone();
        if let Some(known) = known {
            let same_value = |(now, before): (&Option<Bound<'_, PyAny>>, &Option<Py<PyAny>>)| match (
                now, before,
            ) {
                (Some(now), Some(before)) => now.is(before),
                (now, before) => now.is_none() && before.is_none(),
            };
            let mut values = config.values().iter().zip(&known.values);
            let is_same = known.finds_by_id == finds_by_id
                && protection.is(&known.protection)
                && values.all(same_value)
                && fallbacks.len() == known.fallbacks.len()
                && fallbacks
                    .iter()
                    .zip(&known.fallbacks)
                    .all(|(now, before)| now.is(before));
            if is_same {
                return Ok(known);
            }
        }
        let loader = || PyLoader {
            manager: self.manager.clone_ref(py),
            finds_by_id,
        };
        let built = Arc::new(Built {
            settings: config.settings(loader, &protection, self.salt.as_deref())?,
            is_keyless: !config.has_key()?,
            keeps_private: config.keeps_private()?,
            values: config
                .values()
                .iter()
                .map(|value| value.clone().map(Bound::unbind))
                .collect(),
            fallbacks: fallbacks.into_iter().map(Bound::unbind).collect(),
            protection: protection.unbind(),
            finds_by_id,
        });
        let before = self.lock().replace(Arc::clone(&built));
        // Without the lock: what is dropped may be Python objects.
        drop(before);
        Ok(built)
    }

    /// The login manager.
    pub(crate) fn manager<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let manager = self.manager.bind(py).call0()?;
        match manager.is_none() {
            true => Err(PyRuntimeError::new_err(
                "the login manager of this app is gone",
            )),
            false => Ok(manager),
        }
    }

    /// What the program's own formula makes of the client of this request, if it has one.
    pub(crate) fn own_identity(&self, py: Python<'_>) -> PyResult<Option<String>> {
        static OURS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let ours = OURS.import(py, "flask_housekey.utils", "_create_identifier")?;
        let generator = self.manager(py)?.getattr("_session_identifier_generator")?;
        match generator.is(ours) {
            true => Ok(None),
            false => generator.call0()?.extract().map(Some),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Built>>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds since 1970, where a test has put another clock in the place of the system's.
static OTHER_CLOCK: AtomicU64 = AtomicU64::new(0);

/// The time of the rules.
pub(crate) fn now() -> SystemTime {
    match OTHER_CLOCK.load(Ordering::Relaxed) {
        0 => SystemTime::now(),
        seconds => SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
    }
}

/// Looks at the clock that programs' tests patch: `datetime` in `login_manager`, as in Flask-Login. By freezegun or by hand.
pub(crate) fn look_at_clock(py: Python<'_>) -> PyResult<()> {
    static OURS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let module = py.import("flask_housekey.login_manager")?;
    let datetime = module.getattr("datetime")?;
    let ours = OURS.get_or_try_init(py, || module.getattr("_datetime").map(Bound::unbind))?;
    let seconds = match datetime.is(ours) {
        true => 0,
        false => {
            let utc = py.import("datetime")?.getattr("timezone")?.getattr("utc")?;
            let with_zone = PyDict::new(py);
            with_zone.set_item("tzinfo", utc)?;
            let time =
                datetime
                    .call_method0("utcnow")?
                    .call_method("replace", (), Some(&with_zone))?;
            let seconds: f64 = time.call_method0("timestamp")?.extract()?;
            Duration::try_from_secs_f64(seconds).map_or(0, |time| time.as_secs())
        }
    };
    OTHER_CLOCK.store(seconds, Ordering::Relaxed);
    Ok(())
}

//! One app, as one login manager sees it. It is rebuilt when the app's configuration changes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule};

use crate::attempt::raised;
use crate::config::{Config, Names};
use crate::drive::drive;
use crate::errors::exception;
use crate::logins::{PyLoginInfo, listed, login_id};
use crate::settings::Settings;
use crate::store::StoreHandle;
use crate::user::PyLoader;

/// The rules of one app under one login manager. Both are held by weak references, since they refer back to this.
#[pyclass(frozen, module = "flask_housekey._core")]
pub(crate) struct Door {
    app: Py<PyAny>,
    manager: Py<PyAny>,
    /// The salt of Flask's session interface, if this one replaced it.
    salt: Option<String>,
    /// `None` for the app's own login manager.
    name: Option<String>,
    names: Names,
    built: Mutex<Option<Arc<Built>>>,
}

/// The built manager, and what it was built from.
pub(crate) struct Built {
    pub(crate) settings: Settings,
    /// Whether there is no key to sign with.
    pub(crate) is_keyless: bool,
    pub(crate) keeps_private: bool,
    /// The login record store, and the setting that it was made from.
    pub(crate) store: Option<(Py<PyAny>, StoreHandle)>,
    values: Vec<Option<Py<PyAny>>>,
    fallbacks: Vec<Py<PyAny>>,
    of_manager: OfManager,
}

/// The settings on the login manager itself.
struct OfManager {
    protection: Py<PyAny>,
    user_loader: Py<PyAny>,
    store: Py<PyAny>,
}

impl OfManager {
    fn of(manager: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = manager.py();
        Ok(Self {
            protection: manager.getattr(intern!(py, "session_protection"))?.unbind(),
            user_loader: manager.getattr(intern!(py, "_user_callback"))?.unbind(),
            store: manager.getattr(intern!(py, "login_store"))?.unbind(),
        })
    }

    fn is(&self, other: &Self) -> bool {
        self.protection.is(&other.protection)
            && self.user_loader.is(&other.user_loader)
            && self.store.is(&other.store)
    }
}

#[pymethods]
impl Door {
    #[new]
    #[pyo3(signature = (app, manager, salt=None, name=None))]
    fn new(
        py: Python<'_>,
        app: Py<PyAny>,
        manager: Py<PyAny>,
        salt: Option<String>,
        name: Option<String>,
    ) -> PyResult<Self> {
        let weakly = py.import("weakref")?.getattr("ref")?;
        Ok(Self {
            app: weakly.call1((app,))?.unbind(),
            manager: weakly.call1((manager,))?.unbind(),
            salt,
            names: Names::of(py, name.as_deref()),
            name,
            built: Mutex::new(None),
        })
    }

    /// The login manager.
    #[getter(manager)]
    fn login_manager<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.manager(py)
    }

    /// A user's logins, most recently used first.
    fn logins_of(&self, py: Python<'_>, user_id: &str) -> PyResult<Vec<PyLoginInfo>> {
        let built = self.built(py)?;
        let logins = drive(py, built.settings.manager.logins_of(user_id));
        logins.map(listed).map_err(|error| exception(py, &error))
    }

    /// Ends any user's login and returns that user's id. `None` if no login has this id.
    fn end_login(&self, py: Python<'_>, login: &str) -> PyResult<Option<String>> {
        let (built, login) = (self.built(py)?, login_id(py, login)?);
        let ended = drive(py, built.settings.manager.end_login(&login));
        ended.map_err(|error| exception(py, &error))
    }

    /// Ends all logins of a user and returns how many there were.
    fn end_logins_of(&self, py: Python<'_>, user_id: &str) -> PyResult<usize> {
        let built = self.built(py)?;
        let ended = drive(py, built.settings.manager.end_logins_of(user_id));
        ended.map_err(|error| exception(py, &error))
    }

    /// Forgets the failed attempts of strangers at an account.
    fn forgive_attempts(&self, py: Python<'_>, form: &str, name: &str) -> PyResult<()> {
        let built = self.built(py)?;
        let forgiven = drive(py, built.settings.manager.forgive_attempts(form, name));
        forgiven.map_err(|error| raised(py, &error))
    }

    /// Deletes the records of expired logins and returns how many there were.
    fn delete_expired_logins(&self, py: Python<'_>) -> PyResult<usize> {
        let built = self.built(py)?;
        look_at_clock(py)?;
        let deleted = drive(py, built.settings.manager.delete_expired_logins());
        deleted.map_err(|error| exception(py, &error))
    }
}

impl Door {
    /// What the configuration says at this moment.
    pub(crate) fn built(&self, py: Python<'_>) -> PyResult<Arc<Built>> {
        let manager = self.manager(py)?;
        let app = self.app.bind(py).call0()?;
        let dict = app.getattr(intern!(py, "config"))?.cast_into::<PyDict>()?;
        let of_manager = OfManager::of(&manager)?;
        let known = self.lock().clone();
        if let Some(known) = &known
            && known.of_manager.is(&of_manager)
            && self
                .names
                .are_as_before(&dict, &known.values, &known.fallbacks)?
        {
            return Ok(Arc::clone(known));
        }
        let config = Config::of(&dict, &self.names)?;
        let fallbacks = config.fallbacks()?;
        let doors = app.getattr("extensions")?.get_item("flask_housekey")?;
        let names = doors
            .try_iter()?
            .map(|name| name?.extract::<Option<String>>());
        let names: Vec<_> = names
            .filter_map(Result::transpose)
            .collect::<PyResult<_>>()?;
        Config::check_names(&dict, &names)?;
        let said = config.get("HOUSEKEY_LOGIN_STORE").cloned();
        let said = said.unwrap_or_else(|| of_manager.store.bind(py).clone());
        let store = match known.as_ref().and_then(|known| known.store.as_ref()) {
            // It may have open connections.
            Some((before, store)) if said.is(before) => Some(store.clone()),
            _ if said.is_none() => None,
            _ => {
                let store = manager.call_method1("_find_login_store", (&app, &said))?;
                Some(StoreHandle::of(&store)?)
            }
        };
        let by_id = match of_manager.user_loader.is_none(py) {
            true => None,
            false => {
                let loaders = py.import("flask_housekey.loaders")?;
                Some(loaders.call_method1("ensure_sync", (&app, &of_manager.user_loader))?)
            }
        };
        let loader = || PyLoader {
            manager: self.manager.clone_ref(py),
            name: self.name.clone(),
            by_id: by_id.as_ref().map(|it| it.clone().unbind()),
        };
        let protection = of_manager.protection.bind(py);
        let built = Arc::new(Built {
            settings: config.settings(
                loader,
                self.name.as_deref(),
                protection,
                self.salt.as_deref(),
                store.as_ref(),
            )?,
            is_keyless: !config.has_key()?,
            keeps_private: config.keeps_private()?,
            store: store.map(|store| (said.unbind(), store)),
            values: config
                .values()
                .iter()
                .map(|value| value.clone().map(Bound::unbind))
                .collect(),
            fallbacks: fallbacks.into_iter().map(Bound::unbind).collect(),
            of_manager,
        });
        let before = self.lock().replace(Arc::clone(&built));
        // Outside the lock, since this may drop Python objects.
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

    /// What the program's own formula returns for the client of this request, if it has one.
    pub(crate) fn own_identity(&self, py: Python<'_>) -> PyResult<Option<String>> {
        static OURS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let ours = OURS.import(py, "flask_housekey.utils", "_create_identifier")?;
        let generator = intern!(py, "_session_identifier_generator");
        let generator = self.manager(py)?.getattr(generator)?;
        match generator.is(ours) {
            true => Ok(None),
            false => generator.call0()?.extract().map(Some),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Built>>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds since 1970, where a test has replaced the system's clock.
static OTHER_CLOCK: AtomicU64 = AtomicU64::new(0);

/// The time that the rules use.
pub(crate) fn now() -> SystemTime {
    match OTHER_CLOCK.load(Ordering::Relaxed) {
        0 => SystemTime::now(),
        seconds => SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
    }
}

/// Reads the clock that programs' tests patch: `datetime` in `login_manager`, as in Flask-Login. By freezegun or by hand.
pub(crate) fn look_at_clock(py: Python<'_>) -> PyResult<()> {
    static MODULE: PyOnceLock<(Py<PyModule>, Py<PyAny>)> = PyOnceLock::new();
    let (module, ours) = MODULE.get_or_try_init(py, || {
        let module = py.import("flask_housekey.login_manager")?;
        let ours = module.getattr("_datetime")?.unbind();
        PyResult::Ok((module.unbind(), ours))
    })?;
    let datetime = module.bind(py).getattr(intern!(py, "datetime"))?;
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

//! One request: its session, and who is there by it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use housekey::door::Incoming;
use housekey::{Error, ErrorKind, Login, LoginSource, OpenVisit};
use http::request::Parts;
use pyo3::exceptions::{PyException, PyKeyError, PyRuntimeError, PyUserWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyInt, PyIterator};

use crate::config::duration;
use crate::door::{Built, Door, look_at_clock};
use crate::drive::{Loading, drive};
use crate::environ::Head;
use crate::errors::exception;
use crate::headers::{self, Written};
use crate::mapping::{Known, Mapping, dumps, loads};
use crate::user::{PyUser, take_loaded};

/// One request. Without `session` it is Flask's session itself, which is not even verified until somebody looks at it; with
/// one, that is where the login is kept.
///
/// Python's garbage collection does not see what it holds: neither the environment nor the app, which lead here.
#[pyclass(frozen, subclass, weakref, module = "flask_housekey._core")]
pub(crate) struct Visit {
    door: Py<Door>,
    head: Head,
    session: Option<Py<PyAny>>,
    opened: OnceLock<Opened>,
    /// The session as Python has it, once it has looked.
    dict: PyOnceLock<Py<PyDict>>,
    known: Known,
    accessed: AtomicBool,
    modified: AtomicBool,
    /// Whether the program's own formula was asked what the client is recognized by.
    identified: AtomicBool,
    /// Every user object that the rules have or had. Last, so that they go last.
    users: Mutex<Vec<Py<PyAny>>>,
}

/// Who was found, where, and by which signal that is told.
type Found = (Option<Py<PyAny>>, &'static str, Option<Py<PyAny>>);

/// A visit that somebody has looked at.
struct Opened {
    built: Arc<Built>,
    parts: Parts,
    visit: housekey::Visit,
    open: OpenVisit,
}

#[pymethods]
impl Visit {
    #[new]
    #[pyo3(signature = (door, environ, session=None))]
    fn new(
        door: Py<Door>,
        environ: &Bound<'_, PyDict>,
        session: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        Ok(Self {
            door,
            head: Head::of(environ)?,
            session,
            opened: OnceLock::new(),
            dict: PyOnceLock::new(),
            known: Known::default(),
            accessed: AtomicBool::new(false),
            modified: AtomicBool::new(false),
            identified: AtomicBool::new(false),
            users: Mutex::default(),
        })
    }

    /// Whether the login is kept in this very session.
    fn is_kept_in(&self, session: &Bound<'_, PyAny>) -> bool {
        self.session.as_ref().is_some_and(|own| session.is(own))
    }

    /// The current user, where they were found, and the signal to send if the request itself proved them.
    #[pyo3(signature = (again=false))]
    fn load_user(&self, py: Python<'_>, again: bool) -> PyResult<Found> {
        self.act(py, |opened| {
            if again {
                opened.open.forget_current_user();
            }
            let Some(current) = self.current(py, opened)? else {
                return Ok((None, "nowhere", None));
            };
            let source = match current.source {
                LoginSource::RememberToken => "cookie",
                LoginSource::Request => "request",
                _ => "session",
            };
            let signal = current.user.signal.as_ref().map(|it| it.clone_ref(py));
            Ok((Some(current.user.object.clone_ref(py)), source, signal))
        })
    }

    /// The names of what has happened since this was asked last.
    fn take_events(&self) -> Vec<&'static str> {
        let opened = self.opened.get();
        let events = opened.map(|opened| opened.open.take_events());
        events
            .unwrap_or_default()
            .iter()
            .map(housekey::Event::name)
            .collect()
    }

    /// Logs a user in. `seconds` is how long they are remembered, if not for as long as the configuration says.
    #[pyo3(signature = (user, user_id, remember, seconds, fresh, force))]
    #[allow(clippy::too_many_arguments)]
    fn log_in(
        &self,
        py: Python<'_>,
        user: &Bound<'_, PyAny>,
        user_id: &Bound<'_, PyAny>,
        remember: bool,
        seconds: Option<f64>,
        fresh: bool,
        force: bool,
    ) -> PyResult<()> {
        let id = user_id.str()?.to_string_lossy().into_owned();
        let member = PyUser::new(user, &id)?;
        self.act(py, |opened| {
            if remember && opened.built.is_keyless {
                return Err(PyRuntimeError::new_err(
                    "a login cannot be remembered without a key: set SECRET_KEY to something unique and secret",
                ));
            }
            let login = Login::<PyUser>::new(opened.open.clone());
            let mut plan = login.login_user(&member);
            if remember {
                plan = match seconds {
                    Some(seconds) => plan.remember_for(duration(seconds)),
                    None => plan.remember(true),
                };
            }
            if !fresh {
                plan = plan.not_fresh();
            }
            if force {
                plan = plan.force();
            }
            drive(py, plan.into_future()).map_err(|error| exception(py, &error))
        })?;
        // A number stays one, as in Flask-Login. Anything else is text for the rules.
        if user_id.is_instance_of::<PyInt>() && !user_id.is_instance_of::<PyBool>() {
            match &self.session {
                Some(session) => session.bind(py).set_item("_user_id", user_id)?,
                None => self.mapping(py)?.set_item("_user_id", user_id)?,
            }
        }
        self.modified.store(true, Ordering::Relaxed);
        if !member.is_active_now() {
            return Ok(());
        }
        self.act(py, |opened| {
            let current = opened.open.set_current_user(Arc::new(member));
            current.map_err(|error| exception(py, &error))
        })
    }

    /// Logs out the current user.
    fn log_out(&self, py: Python<'_>) -> PyResult<()> {
        self.act(py, |opened| {
            let login = Login::<PyUser>::new(opened.open.clone());
            drive(py, login.logout_user()).map_err(|error| exception(py, &error))
        })?;
        self.modified.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Makes the login fresh, or the session if nobody is logged in by it.
    fn confirm(&self, py: Python<'_>) -> PyResult<()> {
        self.act(py, |opened| {
            let login = Login::<PyUser>::new(opened.open.clone());
            let current = self.current(py, opened)?;
            let by_session = current.filter(|current| current.source != LoginSource::Request);
            let confirmed = match by_session {
                Some(current) => drive(py, login.confirm_login(&current.user)),
                None => login.confirm_anonymous(),
            };
            confirmed.map_err(|error| exception(py, &error))
        })?;
        self.modified.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the session says that the login is fresh.
    fn is_fresh(&self, py: Python<'_>) -> PyResult<bool> {
        let opened = self.opened(py)?;
        if let Some(fresh) = self.with_mapping(py, |mapping| mapping.get(py, "_fresh"))? {
            return fresh.map_or(Ok(false), |fresh| fresh.is_truthy());
        }
        Ok(opened.open.session_value("_fresh").as_deref() == Some("true"))
    }

    /// Whether this browser is remembered as the current user's.
    fn is_remembered(&self, py: Python<'_>) -> PyResult<bool> {
        self.act(py, |opened| Ok(opened.open.is_remembered()))
    }

    /// What a session that is made for this client keeps to be recognized by.
    fn identity(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.opened(py)?.open.client_identity())
    }

    /// Puts what becomes of the remember token into the response, and what caches have to know.
    fn finish_remembering(&self, py: Python<'_>, response: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some(opened) = self.opened.get() else {
            return Ok(());
        };
        self.hand_in(py, opened)?;
        let mut written = Written::new(headers::read(response)?);
        opened.visit.finish_remembering(&mut written.after);
        let settings = &opened.built.settings;
        if let Some(error) = &settings.remember_error
            && written.sets(&settings.remember_cookie_name)
        {
            return Err(PyException::new_err(error.clone()));
        }
        written.put_into(response, opened.built.keeps_private)
    }

    /// Puts the session into the response.
    fn save(&self, py: Python<'_>, response: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some(opened) = self.opened.get() else {
            if self.accessed.load(Ordering::Relaxed) {
                response.getattr("vary")?.call_method1("add", ("Cookie",))?;
            }
            return Ok(());
        };
        if self.modified.load(Ordering::Relaxed)
            && let Some(dict) = self.dict.get(py)
        {
            let text = dumps(dict.bind(py))?;
            let written = opened.open.replace_session_json(text);
            let written = written.and_then(|()| opened.open.rewrite_session());
            match written {
                // It was written before.
                Err(error) if error.kind() == ErrorKind::TooLate => {}
                result => result.map_err(|error| exception(py, &error))?,
            }
        }
        let mut written = Written::new(headers::read(response)?);
        match opened.visit.finish(&mut written.after) {
            Err(error) if error.kind() == ErrorKind::SessionTooLarge => warn(py, &error)?,
            result => result.map_err(|error| exception(py, &error))?,
        }
        let settings = &opened.built.settings;
        if let Some(error) = &settings.session_error
            && written.sets(&settings.session_cookie_name)
        {
            return Err(PyValueError::new_err(error.clone()));
        }
        written.put_into(response, opened.built.keeps_private)
    }

    /// Whether somebody has looked at the session.
    #[getter]
    fn accessed(&self) -> bool {
        self.accessed.load(Ordering::Relaxed) || self.opened.get().is_some()
    }

    #[setter]
    fn set_accessed(&self, accessed: bool) {
        self.accessed.store(accessed, Ordering::Relaxed);
    }

    /// Whether the session is another than it came.
    #[getter]
    fn modified(&self) -> bool {
        let by_rules = || {
            let opened = self.opened.get();
            opened.is_some_and(|opened| opened.open.is_session_modified())
        };
        self.modified.load(Ordering::Relaxed) || by_rules()
    }

    #[setter]
    fn set_modified(&self, py: Python<'_>, modified: bool) -> PyResult<()> {
        if modified {
            // So that what is sent again is what there is.
            self.mapping(py)?;
        }
        self.modified.store(modified, Ordering::Relaxed);
        Ok(())
    }

    fn __getitem__<'py>(&self, py: Python<'py>, key: Py<PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match self.mapping(py)?.get_item(&key)? {
            Some(value) => Ok(value),
            None => Err(PyKeyError::new_err(key)),
        }
    }

    fn __setitem__(&self, py: Python<'_>, key: Py<PyAny>, value: Py<PyAny>) -> PyResult<()> {
        self.mapping(py)?.set_item(key, value)?;
        self.modified.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn __delitem__(&self, py: Python<'_>, key: Py<PyAny>) -> PyResult<()> {
        self.mapping(py)?.del_item(key)?;
        self.modified.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn __contains__(&self, py: Python<'_>, key: Py<PyAny>) -> PyResult<bool> {
        self.mapping(py)?.contains(key)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.mapping(py)?.try_iter()
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.mapping(py)?.len())
    }

    #[pyo3(signature = (key, default=None, /))]
    fn get(
        &self,
        py: Python<'_>,
        key: Py<PyAny>,
        default: Option<Py<PyAny>>,
    ) -> PyResult<Option<Py<PyAny>>> {
        let value = self.mapping(py)?.get_item(key)?;
        Ok(value.map(Bound::unbind).or(default))
    }

    /// The values as a dict of its own.
    fn copy(&self, py: Python<'_>) -> PyResult<Py<PyDict>> {
        Ok(self.mapping(py)?.copy()?.unbind())
    }
}

impl Visit {
    /// The JSON of the id that the session names.
    pub(crate) fn raw_user_id(&self) -> Option<String> {
        self.opened.get()?.open.session_value("_user_id")
    }

    /// Runs a rule: with what Python has changed in the session before, and so that Python sees what it changes.
    fn act<T>(&self, py: Python<'_>, rule: impl FnOnce(&Opened) -> PyResult<T>) -> PyResult<T> {
        let opened = self.opened(py)?;
        if !self.identified.swap(true, Ordering::Relaxed)
            && let Some(identity) = self.door.get().own_identity(py)?
        {
            opened.open.identify_client(identity);
        }
        self.hand_in(py, opened)?;
        let result = rule(opened);
        let loaded = take_loaded();
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.extend(loaded);
        drop(users);
        let taken = self.with_mapping(py, |mapping| {
            self.known
                .take_out(py, mapping, opened.open.take_session_changes())
        });
        if matches!(taken, Ok(Some(true))) {
            self.modified.store(true, Ordering::Relaxed);
        }
        let result = result?;
        taken?;
        Ok(result)
    }

    fn current(
        &self,
        py: Python<'_>,
        opened: &Opened,
    ) -> PyResult<Option<housekey::Current<PyUser>>> {
        let this = std::ptr::from_ref(self).addr();
        if opened.open.is_loading() && Loading::is_under_way(this) {
            return Err(PyRuntimeError::new_err(
                "a user_loader or request_loader asked for current_user, which is what it is to find",
            ));
        }
        let _loading = Loading::of(this);
        let current = drive(py, opened.open.current_user::<PyUser>(&opened.parts));
        current.map_err(|error| exception(py, &error))
    }

    fn hand_in(&self, py: Python<'_>, opened: &Opened) -> PyResult<()> {
        self.with_mapping(py, |mapping| self.known.hand_in(py, mapping, &opened.open))?;
        Ok(())
    }

    /// Does something with the session as Python has it. `None` if it has none yet.
    fn with_mapping<T>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&Mapping<'_, '_>) -> PyResult<T>,
    ) -> PyResult<Option<T>> {
        match (&self.session, self.dict.get(py)) {
            (Some(session), _) => act(&Mapping::Foreign(session.bind(py))).map(Some),
            (None, Some(dict)) => act(&Mapping::Own(dict.bind(py))).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The session as a dict, decoded when it is first looked at.
    fn mapping<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyDict>> {
        if let Some(dict) = self.dict.get(py) {
            return Ok(dict.bind(py));
        }
        let opened = self.opened(py)?;
        let values = opened.open.session_values();
        let decoded = loads(py, &opened.open.session_json())?;
        let decoded = decoded.cast_into::<PyDict>()?;
        let dict = self.dict.get_or_init(py, || decoded.unbind()).bind(py);
        self.known.begin(dict, values)?;
        Ok(dict)
    }

    /// Reads the cookies, if nobody has yet.
    fn opened(&self, py: Python<'_>) -> PyResult<&Opened> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let door = self.door.get();
        let built = door.built(py)?;
        let parts = self.head.parts(py);
        look_at_clock(py)?;
        let visit = built.settings.manager.visit(&parts.uri);
        let open = match &self.session {
            None => visit.open(&parts),
            Some(session) => {
                let values = self.known.read(&Mapping::Foreign(session.bind(py)))?;
                let json = values
                    .iter()
                    .map(|(key, _, json)| (key.clone(), json.clone()));
                let incoming = Incoming::new(json.collect::<Vec<_>>());
                self.known.remember(values);
                visit.open_with(&parts, incoming)
            }
        };
        let open = open.map_err(|error| exception(py, &error))?;
        Ok(self.opened.get_or_init(|| Opened {
            built,
            parts,
            visit,
            open,
        }))
    }
}

/// As Flask does: browsers drop a cookie that is too large, so it is not sent, and they keep the one that they have.
fn warn(py: Python<'_>, error: &Error) -> PyResult<()> {
    let category = py.get_type::<PyUserWarning>();
    let message = std::ffi::CString::new(error.to_string()).unwrap_or_default();
    PyErr::warn(py, &category, &message, 1)
}

//! One request: its session and its current user.

mod answer;
mod respond;
mod rules;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use housekey::attempts::AttemptStore as _;
use housekey::records::LoginStore;
use housekey::{BoxError, Denied, Event, Login, LoginSource, NextUrl, OpenVisit};
use http::request::Parts;
use pyo3::exceptions::{PyKeyError, PyRuntimeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyIterator};

use self::answer::Answer;
use crate::config::duration;
use crate::door::{Built, Door, now};
use crate::drive::drive;
use crate::environ::Head;
use crate::errors::exception;
use crate::logins::{PyLoginInfo, listed, login_id};
use crate::mapping::Known;
use crate::pending::{Terms, moment, text_of, with_terms};
use crate::user::{LetsGo, PyUser, let_go};

/// How many expired records a login deletes in passing.
const PURGED_AT_ONCE: usize = 1000;

/// One request. Without `session`, it is Flask's session itself, which is not even verified before it is looked at; with
/// one, the login is kept there.
///
/// It holds neither the environment nor the app, which refer to it. A user may refer to it, so Python's garbage collection
/// is shown the current one.
#[pyclass(frozen, subclass, weakref, module = "flask_housekey._core")]
pub(crate) struct Visit {
    door: Py<Door>,
    head: Head,
    session: Option<Py<PyAny>>,
    /// The cookie that held all of that session, if it is not on the server.
    cookie: Option<String>,
    opened: OnceLock<Opened>,
    /// The session as Python sees it, once it has looked.
    dict: PyOnceLock<Py<PyDict>>,
    known: Known,
    accessed: AtomicBool,
    modified: AtomicBool,
    /// Whether the program's own formula was asked how to recognise the client.
    identified: AtomicBool,
    /// Whether the response has everything that was to be sent.
    saved: AtomicBool,
    /// Where a login that was finished in this request leads.
    next: OnceLock<NextUrl>,
    _last: LetsGo,
}

/// The user, where they were found, and the signal that reports it.
type Found = (Option<Py<PyAny>>, &'static str, Option<Py<PyAny>>);

/// A visit that has been looked at.
pub(crate) struct Opened {
    built: Arc<Built>,
    parts: Parts,
    visit: housekey::Visit,
    open: OpenVisit,
}

impl Opened {
    pub(crate) fn open(&self) -> &OpenVisit {
        &self.open
    }

    pub(crate) fn next_url(&self) -> NextUrl {
        self.open.next_url(&self.parts)
    }

    pub(crate) fn check_remembering(&self, remember: bool) -> PyResult<()> {
        match remember && self.built.is_keyless {
            true => Err(PyRuntimeError::new_err(
                "a login cannot be remembered without a key: set SECRET_KEY to something unique and secret",
            )),
            false => Ok(()),
        }
    }
}

#[pymethods]
impl Visit {
    #[new]
    #[pyo3(signature = (door, environ, session=None, cookie=None))]
    fn new(
        door: Py<Door>,
        environ: &Bound<'_, PyDict>,
        session: Option<Py<PyAny>>,
        cookie: Option<String>,
    ) -> PyResult<Self> {
        Ok(Self {
            door,
            head: Head::of(environ)?,
            session,
            cookie,
            opened: OnceLock::new(),
            dict: PyOnceLock::new(),
            known: Known::default(),
            accessed: AtomicBool::new(false),
            modified: AtomicBool::new(false),
            identified: AtomicBool::new(false),
            saved: AtomicBool::new(false),
            next: OnceLock::new(),
            _last: LetsGo,
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.session)?;
        let known = self
            .opened
            .get()
            .and_then(|opened| opened.open.known_user());
        let known: Option<Arc<PyUser>> = known;
        known.map_or(Ok(()), |user| user.traverse(&visit))
    }

    fn __clear__(&self) {
        if let Some(opened) = self.opened.get() {
            opened.open.forget_current_user();
        }
        let_go();
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
            Ok((current.user.object(py), source, signal))
        })
    }

    /// What has happened since the last call: each event's name, user id and reason, as far as known. Leaves out that the
    /// current user was asked for.
    fn take_events(&self) -> Vec<(&'static str, Option<String>, Option<&'static str>)> {
        let events = self.opened.get().map(|opened| opened.open.take_events());
        let events = events.into_iter().flatten();
        let told = events.filter(|event| !matches!(event, Event::Accessed));
        told.map(|event| {
            let user_id = event.user_id().map(str::to_owned);
            (event.name(), user_id, event.reason())
        })
        .collect()
    }

    /// The client's address, as in a login's record.
    fn client_address(&self) -> Option<String> {
        let address = self.opened.get()?.open.client_address();
        address.map(|address| address.to_string())
    }

    /// Logs in a user. `authenticated_at` is when they proved themselves, in seconds since 1970, if not just now.
    #[pyo3(signature = (user, user_id, terms, authenticated_at, fresh, force))]
    #[allow(clippy::too_many_arguments)]
    fn log_in(
        &self,
        py: Python<'_>,
        user: &Bound<'_, PyAny>,
        user_id: &Bound<'_, PyAny>,
        terms: Terms,
        authenticated_at: Option<f64>,
        fresh: bool,
        force: bool,
    ) -> PyResult<()> {
        let member = PyUser::new(user, &text_of(user_id)?)?;
        self.act(py, |opened| {
            opened.check_remembering(terms.0)?;
            let login = Login::<PyUser>::new(opened.open.clone());
            let mut plan = with_terms!(login.login_user(&member), terms);
            if let Some(time) = authenticated_at {
                plan = plan.authenticated_at(moment(time));
            }
            if !fresh {
                plan = plan.not_fresh();
            }
            if force {
                plan = plan.force();
            }
            drive(py, plan.into_future()).map_err(|error| exception(py, &error))
        })?;
        self.keep_number(py, user_id)?;
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

    /// Makes the login fresh, or the session if it has no login.
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

    /// Reports a failed attempt to log in, and whose account it was.
    fn log_in_failed(
        &self,
        py: Python<'_>,
        user: Option<&Bound<'_, PyAny>>,
        user_id: &str,
    ) -> PyResult<()> {
        let user = user.map(|user| PyUser::new(user, user_id)).transpose()?;
        self.act(py, |opened| {
            Login::new(opened.open.clone()).login_failed(user.as_ref());
            Ok(())
        })
    }

    /// Keeps this browser logged in after its user's auth hash has changed.
    fn update_auth_hash(
        &self,
        py: Python<'_>,
        user: &Bound<'_, PyAny>,
        user_id: &str,
    ) -> PyResult<()> {
        let member = PyUser::new(user, user_id)?;
        self.act(py, |opened| {
            let login = Login::<PyUser>::new(opened.open.clone());
            let updated = drive(py, login.update_auth_hash(&member));
            updated.map_err(|error| exception(py, &error))?;
            let current = opened.open.set_current_user(Arc::new(member));
            current.map_err(|error| exception(py, &error))
        })?;
        self.modified.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The current user's logins, most recently used first.
    fn logins(&self, py: Python<'_>) -> PyResult<Vec<PyLoginInfo>> {
        self.with_login(py, |login| drive(py, login.logins()))
            .map(listed)
    }

    /// Ends one of the current user's logins. `False` if none of them has this id.
    fn end_login(&self, py: Python<'_>, login: &str) -> PyResult<bool> {
        let id = login_id(py, login)?;
        self.with_login(py, |login| drive(py, login.end_login(&id)))
    }

    /// Ends all of the current user's other logins and returns how many there were.
    fn end_other_logins(&self, py: Python<'_>) -> PyResult<usize> {
        self.with_login(py, |login| drive(py, login.end_other_logins()))
    }

    /// Deletes some records of expired logins, if there is a store.
    fn purge(&self, py: Python<'_>) -> PyResult<()> {
        let opened = self.opened(py)?;
        let Some((_, store)) = &opened.built.store else {
            return Ok(());
        };
        let now = now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        let failed = |error: BoxError| PyRuntimeError::new_err(error.to_string());
        drive(py, store.delete_expired(now, PURGED_AT_ONCE)).map_err(failed)?;
        if opened.built.settings.limits_attempts {
            drive(py, store.delete_expired_attempts(now, PURGED_AT_ONCE)).map_err(failed)?;
        }
        Ok(())
    }

    /// Where to go next: the claimed address or the session's, if it is safe, or the default.
    fn next_url(&self, py: Python<'_>, claimed: Option<&str>, default: &str) -> PyResult<String> {
        self.act(py, |opened| {
            let next = self.next.get().cloned();
            let next = next.unwrap_or_else(|| opened.next_url());
            next.or_field(claimed)
                .or(default)
                .map_err(|error| exception(py, &error))
        })
    }

    /// Whether the login is fresh, and was proved at most this many seconds ago.
    fn is_fresh_within(&self, py: Python<'_>, seconds: f64) -> PyResult<bool> {
        self.act(py, |opened| {
            self.current(py, opened)?;
            Ok(opened.open.is_fresh_within(duration(seconds)))
        })
    }

    /// The answer to a denied request, in a form that suits the client: `status`, `headers`, `body`, whether the login page
    /// should say why, and whether it has to know the return address.
    #[pyo3(signature = (environ, target, view, needs, seconds))]
    fn deny(
        &self,
        py: Python<'_>,
        environ: &Bound<'_, PyDict>,
        target: &str,
        view: Option<&str>,
        needs: &str,
        seconds: Option<f64>,
    ) -> PyResult<Answer> {
        let denied = match needs {
            "fresh" => Denied::FreshLoginRequired {
                within: seconds.map(duration),
            },
            "pending" => Denied::PendingLoginRequired,
            _ => Denied::LoginRequired,
        };
        answer::deny(py, self.opened(py)?, environ, target, view, denied)
    }

    /// Whether the session says that the login is fresh.
    fn is_fresh(&self, py: Python<'_>) -> PyResult<bool> {
        let opened = self.opened(py)?;
        if opened.built.settings.has_fresh_age {
            let current = self.act(py, |opened| self.current(py, opened))?;
            return Ok(current.is_some_and(|current| current.fresh));
        }
        if let Some(fresh) = self.with_mapping(py, |mapping| mapping.get(py, "_fresh"))? {
            return fresh.map_or(Ok(false), |fresh| fresh.is_truthy());
        }
        Ok(opened.open.session_value("_fresh").as_deref() == Some("true"))
    }

    /// Whether this browser is remembered as the current user's.
    fn is_remembered(&self, py: Python<'_>) -> PyResult<bool> {
        self.act(py, |opened| Ok(opened.open.is_remembered()))
    }

    /// What a session for this client stores to recognise it.
    fn identity(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.opened(py)?.open.client_identity())
    }

    /// Puts the change of the remember token into the response, and what caches have to know.
    fn finish_remembering(&self, py: Python<'_>, response: &Bound<'_, PyAny>) -> PyResult<()> {
        self.write_token(py, response)
    }

    /// Puts the session into the response.
    fn save(&self, py: Python<'_>, response: &Bound<'_, PyAny>) -> PyResult<()> {
        self.write_session(py, response)
    }

    /// Whether the session has been looked at.
    #[getter]
    fn accessed(&self) -> bool {
        self.accessed.load(Ordering::Relaxed) || self.opened.get().is_some()
    }

    #[setter]
    fn set_accessed(&self, accessed: bool) {
        self.accessed.store(accessed, Ordering::Relaxed);
    }

    /// Whether the session has changed since it came.
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
            // Makes sure that the current values are sent again.
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

    /// The values as a separate dict.
    fn copy(&self, py: Python<'_>) -> PyResult<Py<PyDict>> {
        Ok(self.mapping(py)?.copy()?.unbind())
    }
}

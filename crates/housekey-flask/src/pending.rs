//! A login in two steps, or a proof in two steps, after the first step.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use housekey::Login;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyString};

use crate::drive::drive;
use crate::errors::exception;
use crate::mapping::loads;
use crate::user::PyUser;
use crate::visit::Visit;

/// The session's key for it.
pub(crate) const KEY: &str = "_pending_login";
/// The owner's key in its value.
pub(crate) const USER: &str = "user";

/// How to make the login: whether and for how many seconds to remember the browser, for how many seconds it lasts, and
/// until when, in seconds since 1970.
pub(crate) type Terms = (bool, Option<f64>, Option<f64>, Option<f64>);

/// A plan with these terms. The plans of a login and of one that begins have the same methods and no trait in common.
macro_rules! with_terms {
    ($plan:expr, $terms:expr) => {{
        let (remember, seconds, lifetime, until): crate::pending::Terms = $terms;
        let mut plan = $plan;
        if remember {
            plan = match seconds {
                Some(seconds) => plan.remember_for(crate::config::duration(seconds)),
                None => plan.remember(true),
            };
        }
        if let Some(lifetime) = lifetime {
            plan = plan.lifetime(crate::pending::span(lifetime));
        }
        if let Some(until) = until {
            plan = plan.until(crate::pending::moment(until));
        }
        plan
    }};
}
pub(crate) use with_terms;

/// The user, the id, where to go afterwards, when it expires, and whether it is a proof.
type Found = (Option<Py<PyAny>>, String, Option<String>, SystemTime, bool);

/// Begins a login.
#[pyfunction]
pub(crate) fn begin_login(
    visit: &Bound<'_, Visit>,
    user: &Bound<'_, PyAny>,
    user_id: &Bound<'_, PyAny>,
    terms: Terms,
    next: Option<&str>,
    expires_in: Option<f64>,
) -> PyResult<()> {
    let py = visit.py();
    let member = PyUser::new(user, &text_of(user_id)?)?;
    visit.get().act(py, |opened| {
        opened.check_remembering(terms.0)?;
        let login = Login::<PyUser>::new(opened.open().clone());
        let mut plan = with_terms!(login.begin(&member).next(next), terms);
        if let Some(seconds) = expires_in {
            plan = plan.expires_in(span(seconds));
        }
        drive(py, plan.into_future()).map_err(|error| exception(py, &error))
    })?;
    visit.get().keep_pending_number(py, user_id)
}

/// Begins a proof by the user who is logged in.
#[pyfunction]
pub(crate) fn begin_confirmation(
    visit: &Bound<'_, Visit>,
    user: &Bound<'_, PyAny>,
    user_id: &Bound<'_, PyAny>,
    next: Option<&str>,
    expires_in: Option<f64>,
) -> PyResult<()> {
    let py = visit.py();
    let member = PyUser::new(user, &text_of(user_id)?)?;
    visit.get().act(py, |opened| {
        let login = Login::<PyUser>::new(opened.open().clone());
        let mut plan = login.begin_confirmation(&member).next(next);
        if let Some(seconds) = expires_in {
            plan = plan.expires_in(span(seconds));
        }
        drive(py, plan.into_future()).map_err(|error| exception(py, &error))
    })?;
    visit.get().keep_pending_number(py, user_id)
}

/// The begun login or proof, if it counts.
#[pyfunction]
pub(crate) fn pending_login(visit: &Bound<'_, Visit>) -> PyResult<Option<Found>> {
    let py = visit.py();
    visit.get().act(py, |opened| {
        let login = Login::<PyUser>::new(opened.open().clone());
        let found = drive(py, login.pending()).map_err(|error| exception(py, &error))?;
        Ok(found.map(|pending| {
            (
                pending.user().object(py),
                pending.id().to_owned(),
                pending.next().map(str::to_owned),
                pending.expires_at(),
                pending.is_confirmation(),
            )
        }))
    })
}

/// Finishes it. Returns the user, and whether it was a proof. `id_attribute` is the name of the method that returns a user's id.
#[pyfunction]
pub(crate) fn finish_login(
    visit: &Bound<'_, Visit>,
    id_attribute: &str,
) -> PyResult<(Option<Py<PyAny>>, bool)> {
    let py = visit.py();
    let this = visit.get();
    let (user, is_confirmation) = this.act(py, |opened| {
        let login = Login::<PyUser>::new(opened.open().clone());
        // A proof counts only if its user is logged in, and a login only if nobody is.
        let is_confirmation = login.user_id().is_some();
        let next = opened.next_url();
        let user = drive(py, login.finish()).map_err(|error| exception(py, &error))?;
        this.keep_next(next);
        if !is_confirmation {
            let current = opened.open().set_current_user(Arc::clone(&user));
            current.map_err(|error| exception(py, &error))?;
        }
        Ok((user, is_confirmation))
    })?;
    let object = user.object(py);
    if let (Some(object), false) = (&object, is_confirmation) {
        let user_id = object.bind(py).call_method0(id_attribute)?;
        this.keep_number(py, &user_id)?;
    }
    Ok((object, is_confirmation))
}

/// Forgets it.
#[pyfunction]
pub(crate) fn cancel_login(visit: &Bound<'_, Visit>) -> PyResult<()> {
    let py = visit.py();
    visit.get().act(py, |opened| {
        let login = Login::<PyUser>::new(opened.open().clone());
        drive(py, login.cancel()).map_err(|error| exception(py, &error))
    })
}

/// The integer that identifies the user whose login has begun, in the JSON of the session's value.
pub(crate) fn user_number(py: Python<'_>, json: &str) -> PyResult<Option<String>> {
    let pending = loads(py, json)?;
    let Ok(pending) = pending.cast::<PyDict>() else {
        return Ok(None);
    };
    match pending.get_item(USER)?.filter(is_number) {
        Some(number) => text_of(&number).map(Some),
        None => Ok(None),
    }
}

/// What identifies a user, as the rules have it.
pub(crate) fn text_of(user_id: &Bound<'_, PyAny>) -> PyResult<String> {
    match user_id.cast::<PyString>() {
        // The text itself, even if a subclass returns something else.
        Ok(text) => Ok(text.to_str()?.to_owned()),
        Err(_) => Ok(user_id.str()?.to_str()?.to_owned()),
    }
}

pub(crate) fn is_number(user_id: &Bound<'_, PyAny>) -> bool {
    user_id.is_instance_of::<PyInt>() && !user_id.is_instance_of::<PyBool>()
}

/// A timedelta. The rules refuse one that is too short or too long.
pub(crate) fn span(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// A datetime. Before 1970, the login is over as well.
pub(crate) fn moment(seconds: f64) -> SystemTime {
    SystemTime::UNIX_EPOCH
        .checked_add(span(seconds))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

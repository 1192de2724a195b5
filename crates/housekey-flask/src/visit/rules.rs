//! Runs a rule on the session as Python sees it, and shows Python what the rule changed.

use std::sync::atomic::Ordering;

use housekey::door::Incoming;
use housekey::{Error, Login, NextUrl};
use http::HeaderMap;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{Opened, Visit};
use crate::door::look_at_clock;
use crate::drive::{Loading, drive, wait_while};
use crate::errors::{CurrentUserAsked, exception};
use crate::mapping::{Mapping, loads};
use crate::pending;
use crate::user::{PyUser, let_go};

impl Visit {
    /// The integers by which the session names users: the one who is logged in, and the one whose login has begun.
    pub(crate) fn user_numbers(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let Some(opened) = self.opened.get() else {
            return Ok(Vec::new());
        };
        let begun = opened.open.session_value(pending::KEY);
        let begun = begun.map(|json| pending::user_number(py, &json));
        let current = opened.open.session_value("_user_id");
        Ok(current
            .into_iter()
            .chain(begun.transpose()?.flatten())
            .collect())
    }

    /// Keeps an integer in the session as an integer, as Flask-Login does. The rules have written it as text.
    pub(crate) fn keep_number(&self, py: Python<'_>, user_id: &Bound<'_, PyAny>) -> PyResult<()> {
        if pending::is_number(user_id) {
            self.with_values(py, |values| values.set_item("_user_id", user_id))?;
        }
        self.modified.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The same for a login that has begun.
    pub(crate) fn keep_pending_number(
        &self,
        py: Python<'_>,
        user_id: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        // The rules read larger ones as text only.
        if pending::is_number(user_id) && user_id.extract::<i64>().is_ok() {
            self.with_values(py, |values| {
                let begun = values.get_item(pending::KEY)?.call_method0("copy")?;
                begun.set_item(pending::USER, user_id)?;
                // A new value: a change inside the old one is not noticed.
                values.set_item(pending::KEY, begun)
            })?;
        }
        self.modified.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Keeps where a finished login leads, because the session no longer knows.
    pub(crate) fn keep_next(&self, next: NextUrl) {
        let _ = self.next.set(next);
    }

    /// The session's values, wherever Python keeps them.
    fn with_values(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<()>,
    ) -> PyResult<()> {
        match &self.session {
            Some(session) => act(session.bind(py)),
            None => act(self.mapping(py)?.as_any()),
        }
    }

    /// Runs a rule, with Python's changes to the session put in before and the rule's changes shown to Python afterwards.
    pub(crate) fn act<T>(
        &self,
        py: Python<'_>,
        rule: impl FnOnce(&Opened) -> PyResult<T>,
    ) -> PyResult<T> {
        let opened = self.opened(py)?;
        if !self.identified.swap(true, Ordering::Relaxed)
            && let Some(identity) = self.door.get().own_identity(py)?
        {
            opened.open.identify_client(identity);
        }
        let this = std::ptr::from_ref(self).addr();
        if opened.open.is_loading() {
            if Loading::is_under_way(py, this)? {
                return Err(CurrentUserAsked::new_err(
                    "a user_loader, request_loader or login store asked for current_user, which it is called to find",
                ));
            }
            wait_while(py, || opened.open.is_loading())?;
        }
        self.hand_in(py, opened)?;
        let loading = Loading::enter(py, this)?;
        let result = rule(opened);
        loading.leave()?;
        let_go();
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

    /// Uses the login's handle, once the current user is known.
    pub(super) fn with_login<T>(
        &self,
        py: Python<'_>,
        ask: impl FnOnce(&Login<PyUser>) -> Result<T, Error>,
    ) -> PyResult<T> {
        self.act(py, |opened| {
            self.current(py, opened)?;
            let login = Login::<PyUser>::new(opened.open.clone());
            ask(&login).map_err(|error| exception(py, &error))
        })
    }

    pub(super) fn current(
        &self,
        py: Python<'_>,
        opened: &Opened,
    ) -> PyResult<Option<housekey::Current<PyUser>>> {
        let current = drive(py, opened.open.current_user::<PyUser>(&opened.parts));
        current.map_err(|error| exception(py, &error))
    }

    pub(super) fn hand_in(&self, py: Python<'_>, opened: &Opened) -> PyResult<()> {
        self.with_mapping(py, |mapping| self.known.hand_in(py, mapping, &opened.open))?;
        Ok(())
    }

    /// Does something with the session as Python sees it. `None` if Python has not looked yet.
    pub(super) fn with_mapping<T>(
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

    /// The session as a dict, decoded at first use.
    pub(super) fn mapping<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyDict>> {
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

    /// Reads the cookies, unless that has been done.
    pub(super) fn opened(&self, py: Python<'_>) -> PyResult<&Opened> {
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
                let mut incoming = Incoming::new(json.collect::<Vec<_>>());
                if let Some(cookie) = &self.cookie {
                    incoming = incoming.session_cookie(cookie.as_bytes());
                }
                self.known.remember(values);
                visit.open_with(&parts, incoming)
            }
        };
        let open = open.map_err(|error| exception(py, &error))?;
        if self.saved.load(Ordering::Relaxed) {
            // The response is on its way. Later changes would be lost, so they are an error.
            let late = visit.finish(&mut HeaderMap::new());
            late.map_err(|error| exception(py, &error))?;
        }
        Ok(self.opened.get_or_init(|| Opened {
            built,
            parts,
            visit,
            open,
        }))
    }
}

//! The session as Python sees it, beside the one that the rules have.
//!
//! Before a rule runs, Python's changes to the login's keys go in; afterwards, the rule's changes come out. Of other keys,
//! the rules only know which of those that came are still there.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use housekey::OpenVisit;
use housekey::door::{SESSION_KEYS, SessionChanges};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyInt, PyString};

use crate::errors::exception;

/// The key of flashed messages, which Flask handles itself.
const FLASHES: &str = "_flashes";

/// Python's values that the rules have, and their JSON in the rules.
#[derive(Default)]
pub(crate) struct Known(Mutex<Entries>);

type Entries = HashMap<String, (Option<Py<PyAny>>, String)>;

/// Where Python keeps the session.
pub(crate) enum Mapping<'a, 'py> {
    /// In the dict that a session of this crate was decoded into.
    Own(&'a Bound<'py, PyDict>),
    /// In the session of another interface.
    Foreign(&'a Bound<'py, PyAny>),
}

type Values<'py> = Vec<(String, Option<Bound<'py, PyAny>>, String)>;

impl Known {
    /// Records a session that was just decoded.
    pub(crate) fn begin(
        &self,
        dict: &Bound<'_, PyDict>,
        values: Vec<(String, String)>,
    ) -> PyResult<()> {
        let mut known = HashMap::with_capacity(values.len());
        for (key, json) in values {
            let value = dict.get_item(&key)?.map(Bound::unbind);
            known.insert(key, (value, json));
        }
        self.put(known);
        Ok(())
    }

    /// The session as the rules may see it: the login's keys with their values, and what is known of the others.
    pub(crate) fn read<'py>(&self, mapping: &Mapping<'_, 'py>) -> PyResult<Values<'py>> {
        let mut values = Vec::with_capacity(SESSION_KEYS.len());
        match mapping {
            Mapping::Own(dict) => {
                // Collected before Python runs, since that may change the dict.
                let there: Vec<_> = dict.iter().collect();
                for (key, value) in there {
                    let Ok(key) = key.extract::<String>() else {
                        continue;
                    };
                    if is_of_login(&key) {
                        values.push(self.with_json(key, value)?);
                    } else if let Some(json) = self.json_of(&key) {
                        values.push((key, None, json));
                    }
                }
            }
            Mapping::Foreign(session) => {
                for key in SESSION_KEYS.into_iter().filter(|key| is_of_login(key)) {
                    if session.contains(key)? {
                        let value = session.get_item(key)?;
                        values.push(self.with_json(key.to_owned(), value)?);
                    }
                }
            }
        }
        Ok(values)
    }

    /// Passes Python's changes to the rules.
    pub(crate) fn hand_in(
        &self,
        py: Python<'_>,
        mapping: &Mapping<'_, '_>,
        open: &OpenVisit,
    ) -> PyResult<()> {
        let values = self.read(mapping)?;
        if self.is_up_to_date(&values) {
            return Ok(());
        }
        let json = values
            .iter()
            .map(|(key, _, json)| (key.clone(), json.clone()));
        match open.replace_session(json.collect::<Vec<_>>()) {
            // It is not sent any more, but can still be read.
            Err(error) if error.kind() == housekey::ErrorKind::TooLate => return Ok(()),
            result => result.map_err(|error| exception(py, &error))?,
        }
        self.remember(values);
        Ok(())
    }

    /// Records the values that the rules were given.
    pub(crate) fn remember(&self, values: Values<'_>) {
        let known = values.into_iter();
        self.put(
            known
                .map(|(key, value, json)| (key, (value.map(Bound::unbind), json)))
                .collect(),
        );
    }

    /// Puts the rules' changes into the mapping. `true` if there were any.
    pub(crate) fn take_out(
        &self,
        py: Python<'_>,
        mapping: &Mapping<'_, '_>,
        changes: SessionChanges,
    ) -> PyResult<bool> {
        if changes.is_empty() {
            return Ok(false);
        }
        if changes.cleared {
            mapping.clear()?;
            self.put(HashMap::new());
        }
        for (key, json) in changes.values {
            match json {
                Some(json) => {
                    let value = loads(py, &json)?;
                    mapping.set(&key, &value)?;
                    let value = Some(value.unbind());
                    let before = self.with(|known| known.insert(key, (value, json)));
                    drop(before);
                }
                None => {
                    mapping.remove(&key)?;
                    let before = self.with(|known| known.remove(&key));
                    drop(before);
                }
            }
        }
        Ok(true)
    }

    fn with_json<'py>(
        &self,
        key: String,
        value: Bound<'py, PyAny>,
    ) -> PyResult<(String, Option<Bound<'py, PyAny>>, String)> {
        let same = self.with(|known| match known.get(&key) {
            Some((Some(before), json)) if value.is(before) => Some(json.clone()),
            _ => None,
        });
        let json = match same {
            Some(json) => json,
            None => dumps(&value)?,
        };
        Ok((key, Some(value), json))
    }

    fn json_of(&self, key: &str) -> Option<String> {
        self.with(|known| known.get(key).map(|(_, json)| json.clone()))
    }

    fn is_up_to_date(&self, values: &Values<'_>) -> bool {
        self.with(|known| {
            let same = |(key, _, json): &(String, _, String)| {
                known.get(key).is_some_and(|(_, before)| before == json)
            };
            known.len() == values.len() && values.iter().all(same)
        })
    }

    fn put(&self, known: Entries) {
        let before = self.with(|it| std::mem::replace(it, known));
        drop(before);
    }

    /// Does something quick that runs no Python.
    fn with<T>(&self, act: impl FnOnce(&mut Entries) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Mapping<'_, '_> {
    fn clear(&self) -> PyResult<()> {
        match self {
            Self::Own(dict) => {
                dict.clear();
                Ok(())
            }
            Self::Foreign(session) => session.call_method0("clear").map(drop),
        }
    }

    fn set(&self, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        match self {
            Self::Own(dict) => dict.set_item(key, value),
            Self::Foreign(session) => session.set_item(key, value),
        }
    }

    fn remove(&self, key: &str) -> PyResult<()> {
        let is_there = match self {
            Self::Own(dict) => dict.contains(key)?,
            Self::Foreign(session) => session.contains(key)?,
        };
        match (is_there, self) {
            (false, _) => Ok(()),
            (true, Self::Own(dict)) => dict.del_item(key),
            (true, Self::Foreign(session)) => session.del_item(key),
        }
    }

    pub(crate) fn get<'py>(
        &self,
        py: Python<'py>,
        key: &str,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self {
            Self::Own(dict) => Ok(dict
                .get_item(key)?
                .map(|value| value.unbind().into_bound(py))),
            Self::Foreign(session) => match session.contains(key)? {
                true => Ok(Some(session.get_item(key)?.unbind().into_bound(py))),
                false => Ok(None),
            },
        }
    }
}

fn is_of_login(key: &str) -> bool {
    key != FLASHES && SESSION_KEYS.contains(&key)
}

/// The text of a value or a whole session, as Flask writes it, including tags.
pub(crate) fn dumps(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Some(json) = plain(value) {
        return Ok(json);
    }
    let text = serializer(value.py())?.call_method1("dumps", (value,))?;
    Ok(text.cast::<PyString>()?.to_str()?.to_owned())
}

/// The text of the values that a login's keys nearly always hold.
fn plain(value: &Bound<'_, PyAny>) -> Option<String> {
    if let Ok(truth) = value.cast_exact::<PyBool>() {
        return Some(truth.is_true().to_string());
    }
    if let Ok(number) = value.cast_exact::<PyInt>() {
        return number
            .extract::<i64>()
            .ok()
            .map(|number| number.to_string());
    }
    let text = value.cast_exact::<PyString>().ok()?;
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    // A lone surrogate is not text for Rust.
    let text = text.to_string_lossy();
    let is_plain = text.bytes().all(is_plain);
    is_plain.then(|| format!("\"{text}\""))
}

/// The value of such a text.
pub(crate) fn loads<'py>(py: Python<'py>, json: &str) -> PyResult<Bound<'py, PyAny>> {
    serializer(py)?.call_method1("loads", (json,))
}

fn serializer(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static SERIALIZER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    SERIALIZER.import(py, "flask.sessions", "session_json_serializer")
}

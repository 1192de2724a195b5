//! Records, limits and answers of stores, as Python sees them. Ids are 16 `bytes`; times are whole seconds since 1970.

use housekey::records::{self, LoginId, Standing};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// One login of one browser, as a login store keeps it. A store needs all fields except `data` to find and expire records;
/// it neither reads nor changes `data`, which is JSON.
#[pyclass(
    frozen,
    eq,
    hash,
    name = "LoginRecord",
    module = "flask_housekey.stores"
)]
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Record(pub(crate) records::LoginRecord);

impl std::hash::Hash for Record {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.0.id, self.0.version).hash(state);
    }
}

#[pymethods]
impl Record {
    #[new]
    #[pyo3(signature = (*, id, user_id, version, created_at, last_seen_at, expires_at, data))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        id: &Bound<'_, PyAny>,
        user_id: String,
        version: u64,
        created_at: u64,
        last_seen_at: u64,
        expires_at: u64,
        data: String,
    ) -> PyResult<Self> {
        Ok(Self(records::LoginRecord {
            id: login_id(id)?,
            user_id,
            version,
            created_at,
            last_seen_at,
            expires_at,
            data,
        }))
    }

    /// The id of the login.
    #[getter]
    fn id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        id_bytes(py, &self.0.id)
    }

    /// The id of the user.
    #[getter]
    fn user_id(&self) -> &str {
        &self.0.user_id
    }

    /// How often the record has changed. The store increments it at each `update`.
    #[getter]
    fn version(&self) -> u64 {
        self.0.version
    }

    /// When the login was made.
    #[getter]
    fn created_at(&self) -> u64 {
        self.0.created_at
    }

    /// When it was last used, to within a step.
    #[getter]
    fn last_seen_at(&self) -> u64 {
        self.0.last_seen_at
    }

    /// When the record expires and may be deleted.
    #[getter]
    fn expires_at(&self) -> u64 {
        self.0.expires_at
    }

    /// Everything else, as JSON. At most 4 KiB.
    #[getter]
    fn data(&self) -> &str {
        &self.0.data
    }

    /// Without the data, which does not belong in a log.
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let record = &self.0;
        Ok(format!(
            "LoginRecord(id={}, user_id={}, version={}, created_at={}, last_seen_at={}, expires_at={}, data=...)",
            self.id(py).repr()?,
            record.user_id.as_str().into_pyobject(py)?.repr()?,
            record.version,
            record.created_at,
            record.last_seen_at,
            record.expires_at,
        ))
    }
}

/// How many logins a user may have, including the new one: at most `count`. Records that have expired by `now` do not
/// count. Only logins that were last seen before `spared_since` may be ended to make room.
#[pyclass(frozen, eq, module = "flask_housekey.stores")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) records::Limit);

#[pymethods]
impl Limit {
    /// No limit: for programs that fill a store, and for tests.
    #[classattr]
    const NONE: Self = Self(records::Limit::NONE);

    #[new]
    #[pyo3(signature = (*, count, now, spared_since))]
    fn new(count: usize, now: u64, spared_since: u64) -> Self {
        Self(records::Limit {
            count,
            now,
            spared_since,
        })
    }

    #[getter]
    fn count(&self) -> usize {
        self.0.count
    }

    #[getter]
    fn now(&self) -> u64 {
        self.0.now
    }

    #[getter]
    fn spared_since(&self) -> u64 {
        self.0.spared_since
    }

    /// How many of a user's records a store has to look at, newest first, to make room for a record that replaces this many
    /// others.
    fn looks_at(&self, replacing: usize) -> usize {
        self.0.looks_at(replacing)
    }

    /// The records that have to go to make room for a new one. `None` when that is not possible: the user is full.
    ///
    /// `newest_first` holds `(id, last_seen_at, expires_at)` of the user's records, in the order of `list_by_user`,
    /// including expired and replaced ones: as many as `looks_at` says, or all if there are fewer.
    fn room(
        &self,
        newest_first: &Bound<'_, PyAny>,
        replacing: &Bound<'_, PyAny>,
    ) -> PyResult<Option<Room>> {
        let mut standing = Vec::new();
        for record in newest_first.try_iter()? {
            let (id, last_seen_at, expires_at): (Bound<'_, PyAny>, u64, u64) = record?.extract()?;
            standing.push(Standing {
                id: login_id(&id)?,
                last_seen_at,
                expires_at,
            });
        }
        let replacing = login_ids(replacing, usize::MAX)?;
        Ok(self.0.room(&standing, &replacing).map(Room))
    }

    fn __repr__(&self) -> String {
        let records::Limit {
            count,
            now,
            spared_since,
        } = self.0;
        format!("Limit(count={count}, now={now}, spared_since={spared_since})")
    }
}

/// The records that go, to make room for a new one.
#[pyclass(frozen, module = "flask_housekey.stores")]
pub(crate) struct Room(records::Room);

#[pymethods]
impl Room {
    /// The logins in excess.
    #[getter]
    fn ended<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        all_bytes(py, &self.0.ended)
    }

    /// Records that had expired.
    #[getter]
    fn expired<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        all_bytes(py, &self.0.expired)
    }

    /// Whether there may be more. If so, delete only these and return `Created.crowded`.
    #[getter]
    fn crowded(&self) -> bool {
        self.0.crowded
    }
}

/// Notes that a login was used. `now` is the new `last_seen_at`; `expires_at` replaces the record's if it is later. Only a
/// record that was last seen before `unless_since` changes.
#[pyclass(frozen, eq, module = "flask_housekey.stores")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Touch(pub(crate) records::Touch);

#[pymethods]
impl Touch {
    #[new]
    #[pyo3(signature = (*, now, unless_since, expires_at))]
    fn new(now: u64, unless_since: u64, expires_at: u64) -> Self {
        Self(records::Touch {
            now,
            unless_since,
            expires_at,
        })
    }

    #[getter]
    fn now(&self) -> u64 {
        self.0.now
    }

    #[getter]
    fn unless_since(&self) -> u64 {
        self.0.unless_since
    }

    #[getter]
    fn expires_at(&self) -> u64 {
        self.0.expires_at
    }

    fn __repr__(&self) -> String {
        let records::Touch {
            now,
            unless_since,
            expires_at,
        } = self.0;
        format!("Touch(now={now}, unless_since={unless_since}, expires_at={expires_at})")
    }
}

/// The result of a `create`: `Created.done(ended)`, `Created.crowded(ended)`, `Created.FULL` or `Created.TAKEN`.
#[pyclass(frozen, eq, module = "flask_housekey.stores")]
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Created(pub(crate) records::Created);

#[pymethods]
impl Created {
    /// The user has as many logins as allowed, and all of them are spared. Nothing was done.
    #[classattr]
    const FULL: Self = Self(records::Created::Full);

    /// A record with this id exists and has not expired. Nothing was done.
    #[classattr]
    const TAKEN: Self = Self(records::Created::Taken);

    /// The record was created. These logins were ended as excess; those that the record replaces are not listed.
    #[staticmethod]
    fn done(ended: &Bound<'_, PyAny>) -> PyResult<Self> {
        let ended = login_ids(ended, usize::MAX)?;
        Ok(Self(records::Created::Done { ended }))
    }

    /// The user has too many logins to end them all in one operation. These have ended, and nothing else was done: the
    /// caller tries again.
    #[staticmethod]
    fn crowded(ended: &Bound<'_, PyAny>) -> PyResult<Self> {
        let ended = login_ids(ended, usize::MAX)?;
        Ok(Self(records::Created::Crowded { ended }))
    }

    /// Whether the record was created.
    #[getter]
    fn is_done(&self) -> bool {
        self.0.is_done()
    }

    /// The logins that have ended.
    #[getter]
    fn ended<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        match &self.0 {
            records::Created::Done { ended } | records::Created::Crowded { ended } => {
                all_bytes(py, ended)
            }
            records::Created::Full | records::Created::Taken => Vec::new(),
        }
    }

    fn __repr__(&self) -> String {
        match &self.0 {
            records::Created::Done { ended } => format!("Created.done(<{} ended>)", ended.len()),
            records::Created::Crowded { ended } => {
                format!("Created.crowded(<{} ended>)", ended.len())
            }
            records::Created::Full => "Created.FULL".to_owned(),
            records::Created::Taken => "Created.TAKEN".to_owned(),
        }
    }
}

/// The result of an `update`.
#[pyclass(
    frozen,
    eq,
    hash,
    module = "flask_housekey.stores",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Updated {
    /// The record was updated.
    Done,
    /// Something else changed it first; it is unchanged by this call.
    Conflict,
    /// The record does not exist (any more).
    Gone,
}

impl From<Updated> for records::Updated {
    fn from(updated: Updated) -> Self {
        match updated {
            Updated::Done => Self::Done,
            Updated::Conflict => Self::Conflict,
            Updated::Gone => Self::Gone,
        }
    }
}

impl From<records::Updated> for Updated {
    fn from(updated: records::Updated) -> Self {
        match updated {
            records::Updated::Done => Self::Done,
            records::Updated::Conflict => Self::Conflict,
            records::Updated::Gone => Self::Gone,
        }
    }
}

pub(crate) fn login_id(id: &Bound<'_, PyAny>) -> PyResult<LoginId> {
    let Ok(bytes) = id.cast::<PyBytes>() else {
        let kind = id.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "the id of a login is bytes, not {kind}"
        )));
    };
    let bytes = bytes.as_bytes().try_into();
    let bytes = bytes.map_err(|_| PyValueError::new_err("the id of a login has 16 bytes"))?;
    Ok(LoginId::from_bytes(bytes))
}

/// At most this many ids.
pub(crate) fn login_ids(ids: &Bound<'_, PyAny>, most: usize) -> PyResult<Vec<LoginId>> {
    let mut all = Vec::new();
    for id in ids.try_iter()? {
        if all.len() == most {
            return Err(PyValueError::new_err(format!(
                "more than {most} logins were deleted, which was the most allowed"
            )));
        }
        all.push(login_id(&id?)?);
    }
    Ok(all)
}

pub(crate) fn id_bytes<'py>(py: Python<'py>, id: &LoginId) -> Bound<'py, PyBytes> {
    PyBytes::new(py, id.as_bytes())
}

pub(crate) fn all_bytes<'py>(py: Python<'py>, ids: &[LoginId]) -> Vec<Bound<'py, PyBytes>> {
    ids.iter().map(|id| id_bytes(py, id)).collect()
}

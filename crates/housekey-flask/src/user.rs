//! The application's users, and how to find them: its `user_loader` and its `request_loader`.

use std::cell::RefCell;

use housekey::{BoxError, User, UserLoader};
use http::request::Parts;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyInt, PyString};

use crate::visit::Visit;

thread_local! {
    /// User objects that the rules have released on this thread, maybe while they held their lock: a `__del__` would run
    /// there.
    static LET_GO: RefCell<Vec<Py<PyAny>>> = const { RefCell::new(Vec::new()) };
}

/// Drops them for good, whichever request they belong to. Call it without a lock.
pub(crate) fn let_go() {
    drop(LET_GO.take());
}

/// Calls that when it is dropped: the last field of anything that holds users.
pub(crate) struct LetsGo;

impl Drop for LetsGo {
    fn drop(&mut self) {
        let_go();
    }
}

/// An application's user object. The rules get their answers from a copy beside it, so that no Python runs while they hold
/// their lock.
pub(crate) struct PyUser {
    object: Option<Py<PyAny>>,
    /// The signal to send if the request proved the user.
    pub(crate) signal: Option<Py<PyAny>>,
    id: String,
    is_active: bool,
    auth_hash: Option<Vec<u8>>,
}

impl PyUser {
    pub(crate) fn new(object: &Bound<'_, PyAny>, id: &str) -> PyResult<Self> {
        let is_active = match object.getattr_opt(intern!(object.py(), "is_active"))? {
            Some(is_active) => is_active.is_truthy()?,
            None => true,
        };
        Ok(Self {
            object: Some(object.clone().unbind()),
            signal: None,
            id: id.to_owned(),
            is_active,
            auth_hash: auth_hash(object)?,
        })
    }

    pub(crate) fn is_active_now(&self) -> bool {
        self.is_active
    }

    /// Shows Python's garbage collection the references.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.object)
    }

    pub(crate) fn object(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.object.as_ref().map(|object| object.clone_ref(py))
    }
}

impl Drop for PyUser {
    fn drop(&mut self) {
        let object = self.object.take();
        // When a thread ends, the list is gone, and so are the locks.
        let _ = LET_GO.try_with(|objects| objects.borrow_mut().extend(object));
    }
}

impl User for PyUser {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn is_active(&self) -> bool {
        self.is_active
    }

    fn session_auth_hash(&self) -> Option<Vec<u8>> {
        self.auth_hash.clone()
    }
}

/// The value or result of the user's `session_auth_hash`: text or bytes; `None` for nothing.
fn auth_hash(object: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    let Some(mut hash) = object.getattr_opt(intern!(object.py(), "session_auth_hash"))? else {
        return Ok(None);
    };
    if hash.is_callable() {
        hash = hash.call0()?;
    }
    if hash.is_none() {
        return Ok(None);
    }
    if let Ok(text) = hash.cast::<PyString>() {
        return Ok(Some(text.to_str()?.as_bytes().to_vec()));
    }
    match hash.cast::<PyBytes>() {
        Ok(bytes) => Ok(Some(bytes.as_bytes().to_vec())),
        Err(_) => Err(PyTypeError::new_err(
            "session_auth_hash of a user must be, or return, text, bytes or None",
        )),
    }
}

/// The loaders of a login manager. It calls Python while the rules hold no lock.
pub(crate) struct PyLoader {
    /// A weak reference, since the login manager refers to this.
    pub(crate) manager: Py<PyAny>,
    pub(crate) name: Option<String>,
    /// The `user_loader`, made synchronous if it is async.
    pub(crate) by_id: Option<Py<PyAny>>,
}

impl PyLoader {
    fn by_id(&self, py: Python<'_>, id: &str) -> PyResult<Option<PyUser>> {
        let Some(callback) = &self.by_id else {
            return Ok(None);
        };
        let callback = callback.bind(py);
        let found = match self.number_in_session(py, id)? {
            Some(number) => callback.call1((number,))?,
            None => callback.call1((id,))?,
        };
        match found.is_none() {
            true => Ok(None),
            false => PyUser::new(&found, id).map(Some),
        }
    }

    /// The id as an integer, if the session of this request holds it as one.
    fn number_in_session<'py>(
        &self,
        py: Python<'py>,
        id: &str,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        static OF_REQUEST: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        if !id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            return Ok(None);
        }
        let visit = OF_REQUEST
            .import(py, "flask_housekey.visits", "visit_of")?
            .call1((&self.name,))?;
        let numbers = visit.cast::<Visit>()?.get().user_numbers(py)?;
        match numbers.iter().any(|number| number == id) {
            true => py.get_type::<PyInt>().call1((id,)).map(Some),
            false => Ok(None),
        }
    }

    fn by_request(&self, py: Python<'_>) -> PyResult<Option<PyUser>> {
        let manager = self.manager.bind(py).call0()?;
        let found = manager.call_method0("_find_by_request")?;
        if found.is_none() {
            return Ok(None);
        }
        let (object, signal): (Bound<'_, PyAny>, Py<PyAny>) = found.extract()?;
        let mut user = PyUser::new(&object, "")?;
        user.signal = Some(signal);
        Ok(Some(user))
    }
}

impl UserLoader<PyUser> for PyLoader {
    async fn load_user(&self, id: &str) -> Result<Option<PyUser>, BoxError> {
        Ok(Python::attach(|py| self.by_id(py, id))?)
    }

    fn finds_by_id(&self) -> bool {
        self.by_id.is_some()
    }

    async fn load_from_request(&self, _: &Parts) -> Result<Option<PyUser>, BoxError> {
        Ok(Python::attach(|py| self.by_request(py))?)
    }
}

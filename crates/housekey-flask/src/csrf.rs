//! Cross-site request forgery: the rule of all doors, for Python.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::environ::whole_head;
use crate::errors::exception;

/// Which requests may change something, by the origin of the page that sent them.
#[pyclass(frozen, module = "flask_housekey._core")]
pub(crate) struct CsrfRules(housekey::door::CsrfRules);

#[pymethods]
impl CsrfRules {
    #[new]
    fn new(py: Python<'_>, trusted: Vec<String>) -> PyResult<Self> {
        let mut rules = housekey::door::CsrfRules::new();
        for origin in trusted {
            let added = rules.trust_origin(&origin);
            rules = added.map_err(|error| exception(py, &error))?;
        }
        Ok(Self(rules))
    }

    /// Raises `ForeignOrigin` for a request that a page of another origin made its visitor send.
    fn admit(&self, environ: &Bound<'_, PyDict>) -> PyResult<()> {
        let admitted = self.0.admit(&whole_head(environ, "/")?);
        admitted.map_err(|error| exception(environ.py(), &error))
    }
}

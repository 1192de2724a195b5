//! The Flask door: the part of the Python package `flask_housekey` that follows housekey's rules.
//!
//! The package makes every call into Flask that goes by name. This crate keeps the session, reads and writes the cookies,
//! and finds the current user.
//!
//! - `visit`: one request, its session and its login. `mapping` is the session as Python sees it.
//! - `door`: the login manager of one app, rebuilt when the app's configuration changes. `config` reads that, and
//!   `settings` turns it into housekey's settings.
//! - `store`: where login records are kept; `logins`: a login as users see it.
//! - `attempt`: attempts that are counted before they are verified. `pending`: logins in two steps.
//! - `user`: the application's user objects and its loaders.
//! - `csrf`: requests that pages of other origins make their visitors send.
//! - `environ`: what a WSGI request contains; `headers`: what goes back.
//! - `drive`: waiting, for a synchronous caller. `errors`: how errors appear in Python. `text`: Flask-Login's helpers.
//!
//! This crate holds no lock while it calls Python: another thread, or another greenlet of this one, may need it.

mod attempt;
mod config;
mod csrf;
mod door;
mod drive;
mod environ;
mod errors;
mod headers;
mod logins;
mod mapping;
mod pending;
mod settings;
mod store;
mod text;
mod user;
mod visit;

use pyo3::pymodule;

/// The part of `flask_housekey` that is written in Rust.
#[pymodule]
mod _core {
    #[pymodule_export]
    use super::attempt::{PyAttempt, begin_attempt, forgive_attempts};
    #[pymodule_export]
    use super::csrf::CsrfRules;
    #[pymodule_export]
    use super::door::Door;
    #[pymodule_export]
    use super::logins::PyLoginInfo;
    #[pymodule_export]
    use super::pending::{
        begin_confirmation, begin_login, cancel_login, finish_login, pending_login,
    };
    #[pymodule_export]
    use super::store::{
        LoginStoreError, MemoryStore, NativeStore, PostgresStatements, PyAttemptSchedule,
        PyCreated, PyLimit, PyRecord, PyRoom, PyTouch, PyUpdated, RedisScripts, SqliteStore,
        check_attempt_store, check_login_store,
    };
    #[pymodule_export]
    use super::text::{decode_cookie, encode_cookie, login_url, make_next_param};
    #[pymodule_export]
    use super::visit::Visit;
}

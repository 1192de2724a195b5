//! The session, for the application.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::OpenVisit;
use crate::error::{Error, ErrorKind};
use crate::session::{FLASHES, OWNER, PERMANENT, keys};
use crate::signing::json;

/// The session of the current request. Clones are the same session.
///
/// A value is anything that `serde` can turn into JSON. A Flask peer sees the matching Python value. What the peer stored
/// (tuples, dates, bytes) survives when housekey rewrites the cookie, byte for byte.
///
/// All of it goes into one cookie of at most 4093 bytes, which its holder can read. Of two requests at the same time the
/// later response wins, so do not keep anything here that must be counted or used up. After the response, for instance in a
/// task that outlives the handler, changes fail ([`ErrorKind::TooLate`]).
#[derive(Clone, Debug)]
pub struct Session {
    visit: OpenVisit,
}

impl Session {
    pub(crate) fn new(visit: OpenVisit) -> Self {
        Self { visit }
    }

    /// The value under this key, `None` if there is none. The values that remember the login can be read too, and prove
    /// nothing: ask for the current user instead. The one value that proves something, the secret of a login with a record,
    /// is not shown, so that a page that prints its session does not print it.
    ///
    /// Flask's tagged values come as plain ones: a tuple as a sequence; markup, dates, UUIDs and bytes (in base64) as text.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionValue`] if the value is of another type.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.visit.with(|view| {
            let Some(raw) = view.session.get(key).filter(|_| key != keys::TOKEN) else {
                return Ok(None);
            };
            json::from_raw(raw).map(Some).map_err(|error| {
                Error::new(
                    ErrorKind::SessionValue,
                    format!("the session value {key:?} is not of the type asked for"),
                )
                .caused_by(error.into())
            })
        })
    }

    /// Stores a value under this key, replacing any other.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionValue`] if `serde` cannot make JSON of it, if it is nested more than 126 levels deep, or if
    /// housekey or Flask use the key to remember the login. [`ErrorKind::SessionTooLarge`] if the cookie would become larger
    /// than browsers keep; the session is then unchanged.
    pub fn insert<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        not_reserved(key)?;
        let raw = json::to_raw(value).map_err(|error| {
            Error::new(
                ErrorKind::SessionValue,
                format!("the session value {key:?} cannot be written as JSON"),
            )
            .caused_by(error.into())
        })?;
        self.visit
            .change(|view| view.if_it_fits(|view| view.session.set(key, raw)))
    }

    /// Removes the value under this key; `true` if there was one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SessionValue`] for a key that remembers the login: log the user out instead.
    pub fn remove(&self, key: &str) -> Result<bool, Error> {
        not_reserved(key)?;
        self.visit.change(|view| Ok(view.session.remove(key)))
    }

    /// Whether there is a value under this key.
    pub fn contains(&self, key: &str) -> bool {
        self.visit
            .with(|view| key != keys::TOKEN && view.session.get(key).is_some())
    }

    /// The keys of the application's values, in order.
    pub fn keys(&self) -> Vec<String> {
        let mut keys = self.visit.with(|view| view.session.names());
        keys.retain(|key| not_reserved(key).is_ok());
        keys
    }

    /// Removes all values of the application. A logged-in user stays logged in.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLate`] after the response, as for every change.
    pub fn clear(&self) -> Result<(), Error> {
        self.visit.change(|view| {
            view.session.retain(|key| not_reserved(key).is_err());
            Ok(())
        })
    }

    /// Whether the cookie survives closing the browser, until the session's lifetime ends (Flask's `session.permanent`).
    pub fn is_permanent(&self) -> bool {
        self.visit.with(|view| view.session.is_permanent())
    }

    /// Makes the cookie survive closing the browser. A login of another user empties the session, including this, so call it
    /// after `login_user`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLate`] after the response, as for every change.
    pub fn make_permanent(&self) -> Result<(), Error> {
        self.visit.change(|view| {
            view.session.set(PERMANENT, "true".to_owned());
            Ok(())
        })
    }

    /// Makes the cookie end with the browser, as it does by default.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLate`] after the response, as for every change.
    pub fn make_temporary(&self) -> Result<(), Error> {
        self.visit.change(|view| {
            view.session.remove(PERMANENT);
            Ok(())
        })
    }
}

fn not_reserved(key: &str) -> Result<(), Error> {
    if keys::LOGIN.contains(&key)
        || [keys::NEXT, keys::PENDING, PERMANENT, FLASHES, OWNER].contains(&key)
    {
        return Err(Error::new(
            ErrorKind::SessionValue,
            format!("the session key {key:?} belongs to the login; choose another name"),
        ));
    }
    Ok(())
}
